"""The members of groups: one document for each membership, never an array.

A membership is {_id, tenant, group, member, type}. `members` of a group and `groups` of a user are both read from here,
so adding a member costs the same in a group of ten and in one of a million. `type` is the member's resource type; it is
missing if the member does not exist (profiles may allow a client to name members before it creates them).

If more members leave a group than one transaction can delete, the group gets a clearance: {_id, tenant, group: "",
member: the group's id, since, due}. While it exists, only memberships with the same `since` count. The others are
deleted in batches (`clearances`), and then the clearance itself. Queries find it beside the rows that they read anyway,
as if the group were a member of ""; and it is announced a moment before it counts, as a clearance without `since`. So
reading costs nothing more while there is none (D-32).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from bson import ObjectId
from pymongo.errors import BulkWriteError

from app.errors import Unavailable
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.directory.commands import insert_few
from app.store.mongo.database import REQUEST_SECONDS, Database, Session
from app.store.mongo.indexes import Index

T = TypeVar("T")
Row = dict[str, Any]
Clearances = dict[str, ObjectId]
"""Id of a group -> the `since` of the memberships that count."""

GROUP = "Group"
"""The resource type that has members."""
CLEARED = ""
"""The `group` of a clearance; no resource has this id, and it sorts before all others."""
BY_GROUP: Index = (("tenant", 1), ("group", 1), ("member", 1))
BY_MEMBER: Index = (("tenant", 1), ("member", 1), ("group", 1))
NESTED: Index = (*BY_GROUP, ("type", 1))
SINCE: Index = (("tenant", 1), ("group", 1), ("since", 1), ("member", 1))
HINT = dict(BY_GROUP)
"""The unique index, which always exists, so that it can be named in a transaction, too."""
PAIR = {"_id": 0, "group": 1, "member": 1}
SPEC = CollectionSpec(
    name="memberships",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "group", "member"],
            "additionalProperties": False,
            "properties": {
                "_id": {},
                **{field: {"bsonType": "string"} for field in ("tenant", "group", "member", "type")},
                "since": {"bsonType": "objectId"},
                "due": {"bsonType": "date"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=BY_GROUP, name="tenant_group_member", unique=True),
        IndexSpec(keys=BY_MEMBER, name="tenant_member_group"),
        # The few nested groups, which queries would otherwise look for among a group's million members.
        IndexSpec(keys=NESTED, name="tenant_group_nested", partial={"type": GROUP}),
        # The memberships that count after a clearance, among a million that do not.
        IndexSpec(keys=SINCE, name="tenant_group_since", partial={"since": {"$exists": True}}),
        IndexSpec(keys=(("due", 1),), name="due", partial={"due": {"$exists": True}}),
    ),
)
COLLECTIONS = (SPEC,)

BATCH = 1_000
"""Memberships that are read or written at a time."""
BELIEVED = 1.0
"""Seconds for which a process relies on having found no clearance in a tenant."""
LEASE = timedelta(seconds=2 * REQUEST_SECONDS)
"""How long a worker that sweeps a clearance keeps it from the others; it renews the lease after half the time.

So a clearance exists for at least REQUEST_SECONDS after the last membership was deleted, and a request that has read
one of those still finds the clearance.
"""
_DUPLICATE = 11_000
"""The code of MongoDB's error for a key that a unique index has already."""


class AlreadyMember(Exception):
    """A member to add is in the group already; the transaction that was to add it is lost."""


class Memberships:
    """The memberships of one tenant, as they are changed; `MembershipReader` reads them."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant

    def present(self, group: str, members: Collection[str], session: Session) -> tuple[set[str], ObjectId | None]:
        """Return which of `members` are in the group, and its clearance; independent of the group's size."""
        found, since = set[str](), None
        for batch in [*_batches(members)] or [[]]:
            query = {"tenant": self._tenant, "group": {"$in": [CLEARED, group]}, "member": {"$in": [group, *batch]}}
            rows = list(self._collection.find(query, PAIR, hint=HINT, session=session))
            if any(row["group"] == CLEARED for row in rows) and (since := self._clearances(session).get(group)):
                query, hint = of_group(self._tenant, group, since)
                query["member"] = {"$in": batch}
                rows = list(self._collection.find(query, PAIR, hint=hint, session=session))
            # A clearance of one of `members`, itself a group, is among the rows and no membership.
            found.update(row["member"] for row in rows if row["group"] == group)
        return found, since

    def add(
        self, group: str, members: Mapping[str, str | None], since: ObjectId | None = None, session: Session = None
    ) -> None:
        """Add members that are not in the group yet: id -> resource type, or None if there is no such resource.

        `since` is the group's clearance. Raises AlreadyMember if one of them is in the group.
        """
        if since is not None:  # memberships that no longer count would violate the unique index
            self.remove(group, members, session)
        for batch in _batches(sorted(members)):  # in the order of the indexes it takes a quarter less time
            try:
                insert_few(self._collection, [self._row(group, each, members[each], since) for each in batch], session)
            except BulkWriteError as error:
                if any(each["code"] == _DUPLICATE for each in error.details["writeErrors"]):
                    raise AlreadyMember from error
                raise

    def put(self, rows: Iterable[tuple[str, str, str | None]], session: Session = None) -> list[tuple[str, str]]:
        """Add memberships (group, member, type) that do not exist yet; return group and member of those."""
        cleared, rows = self._clearances(session), list(rows)
        new = [row[:2] for row in rows if row[0] in cleared and self._add_to_cleared(*row, cleared[row[0]], session)]
        for batch in _batches(row for row in rows if row[0] not in cleared):
            missing = {row[:2]: self._row(*row) for row in batch}
            any_of = [
                {"tenant": self._tenant, "group": group, "member": {"$in": [member for _, member in keys]}}
                for group, keys in groupby(sorted(missing), itemgetter(0))
            ]
            for row in self._collection.find({"$or": any_of}, PAIR, hint=HINT, session=session):
                del missing[row["group"], row["member"]]
            if missing:  # another transaction that adds one of them conflicts with this one, which is then run again
                self._collection.insert_many([missing[key] for key in sorted(missing)], session=session)
            new += missing
        return new

    def remove(self, group: str, members: Iterable[str], session: Session = None) -> None:
        """Remove members from the group."""
        for batch in _batches(members):
            query = {"tenant": self._tenant, "group": group, "member": {"$in": batch}}
            self._collection.delete_many(query, hint=HINT, session=session)

    def others(
        self, group: str, keep: Iterable[str], limit: int, since: ObjectId | None, session: Session
    ) -> list[str]:
        """Return up to `limit` members of the group that are not among `keep`, by their ids."""
        query, hint = of_group(self._tenant, group, since)
        query["member"] = {"$nin": list(keep)}
        rows = self._collection.find(query, {"_id": 0, "member": 1}, hint=hint, session=session)
        return [row["member"] for row in rows.sort("member").limit(limit)]

    def count(self, group: str, since: ObjectId | None, session: Session) -> int:
        """Return how many members the group has."""
        query, hint = of_group(self._tenant, group, since)
        return self._collection.count_documents(query, hint=hint, session=session)

    def has_more(self, group: str, number: int) -> bool:
        """Return whether the group has more than `number` members."""
        query, hint = of_group(self._tenant, group, self._clearances(None).get(group))
        return self._collection.find_one(query, {"_id": 0, "member": 1}, hint=hint, skip=number) is not None

    def announce(self, group: str) -> ObjectId:
        """Announce a clearance of the group and return it once every process knows of it."""
        due = datetime.now(UTC) + LEASE
        self._collection.update_one(self._row(CLEARED, group), {"$max": {"due": due}}, upsert=True)
        time.sleep(BELIEVED)
        return ObjectId()

    def keep_only(self, group: str, keep: Iterable[str], since: ObjectId, session: Session) -> None:
        """Let only the members `keep` count from now on; the cost does not depend on the group's size.

        `since` is the result of `announce`. Raises Unavailable if the announcement is gone.
        """
        change = {"$set": {"since": since, "due": datetime.now(UTC)}}
        if not self._collection.update_one(self._row(CLEARED, group), change, session=session).matched_count:
            raise Unavailable("The group is changed by others at the same time; try again.", retry_after=1)
        for batch in _batches(keep):
            query = {"tenant": self._tenant, "group": group, "member": {"$in": batch}}
            self._collection.update_many(query, {"$set": {"since": since}}, hint=HINT, session=session)

    def _add_to_cleared(
        self, group: str, member: str, kind: str | None, since: ObjectId, session: Session
    ) -> bool:
        """Add a member to a group with a clearance; return False if it is in the group already."""
        key = self._row(group, member)
        stored = self._collection.find_one(key, session=session)
        if stored and stored.get("since") == since:
            return False
        self._collection.replace_one(key, self._row(group, member, kind, since), upsert=True, session=session)
        return True

    def _row(self, group: str, member: str, kind: str | None = None, since: ObjectId | None = None) -> Row:
        row: Row = {"tenant": self._tenant, "group": group, "member": member}
        more = {"type": kind, "since": since}
        return row | {key: value for key, value in more.items() if value is not None}

    def _clearances(self, session: Session) -> Clearances:
        return read_clearances(self._collection, self._tenant, session)

    def clear(self, group: str, limit: int) -> int:
        """Delete up to `limit` memberships of the group; return how many were found, others may delete them, too."""
        query = {"tenant": self._tenant, "group": group}
        ids = [row["_id"] for row in self._collection.find(query, {"_id": 1}).limit(limit)]
        self._collection.delete_many({"_id": {"$in": ids}})
        return len(ids)


def number_of_members(database: Database, tenant: str, group: str) -> int:
    """Return how many members a group has."""
    collection = database.db[SPEC.name]
    query, hint = of_group(tenant, group, read_clearances(collection, tenant, None).get(group))
    return collection.count_documents(query, hint=hint)


def clearances(rows: Iterable[Row]) -> Clearances:
    """Return the clearances among some rows, without those that are only announced."""
    return {row["member"]: row["since"] for row in rows if row["group"] == CLEARED and "since" in row}


def read_clearances(collection: Any, tenant: str, session: Session) -> Clearances:
    """Return the clearances of a tenant, without those that are only announced."""
    return clearances(collection.find({"tenant": tenant, "group": CLEARED}, hint=HINT, session=session))


def of_group(tenant: str, group: str, since: ObjectId | None) -> tuple[Row, dict[str, int]]:
    """Return the query for a group's members, given its clearance, and the index that answers it."""
    query: Row = {"tenant": tenant, "group": group}
    return (query, HINT) if since is None else (query | {"since": since}, dict(SINCE))


def counts(row: Row, cleared: Clearances) -> bool:
    """Return whether a membership with its `group` and `since` counts."""
    return row["group"] not in cleared or row.get("since") == cleared[row["group"]]


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    ordered = list(items)
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]
