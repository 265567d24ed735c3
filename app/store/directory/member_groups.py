"""The groups of a member, as they change when the member is deleted, restored or created."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.store.directory.memberships import CLEARED, SPEC, Memberships, Row, counts, read_clearances
from app.store.mongo.database import Database, Session


class MemberGroups:
    """The memberships of one tenant, by member."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._memberships = Memberships(database, tenant)

    def of(self, member: str, session: Session = None) -> list[Row]:
        """Return the memberships of a member, each with `group` and, if known, `type`."""
        rows = list(self._collection.find(self._groups_of(member), session=session))
        cleared = read_clearances(self._collection, self._tenant, session) if rows else {}
        return [{key: row[key] for key in ("group", "type") if key in row} for row in rows if counts(row, cleared)]

    def rejoin(self, member: str, kind: str, groups: Iterable[str], session: Session = None) -> list[str]:
        """Add a restored member to groups; return those, and the ones that it was added to while it did not exist."""
        there = {row["group"] for row in self.of(member, session)}
        self._collection.update_many(self._groups_of(member), {"$set": {"type": kind}}, session=session)
        missing = sorted(set(groups) - there)
        self._memberships.put([(group, member, kind) for group in missing], session)
        return [*missing, *there]

    def arrive(self, members: Iterable[str], kind: str, session: Session = None) -> list[str]:
        """Set the type of new resources in memberships that named them before; return the groups of those."""
        query = self._groups_of({"$in": list(members)}) | {"type": {"$exists": False}}
        groups = {row["group"] for row in self._collection.find(query, {"_id": 0, "group": 1}, session=session)}
        if groups:
            self._collection.update_many(query, {"$set": {"type": kind}}, session=session)
        return sorted(groups)

    def remove(self, member: str, session: Session = None) -> None:
        """Remove a member from all groups."""
        self._collection.delete_many(self._groups_of(member), session=session)

    def clear(self, member: str, session: Session = None) -> None:
        """Remove a deleted member from all groups, except where a client has added it since.

        Such a membership has no type, because the member did not exist.
        """
        query = self._groups_of(member) | {"type": {"$exists": True}}
        self._collection.delete_many(query, session=session)

    def _groups_of(self, member: Any) -> Row:
        """Return the query for the memberships of a member, or of those that meet a condition; without clearances."""
        return {"tenant": self._tenant, "member": member, "group": {"$gt": CLEARED}}
