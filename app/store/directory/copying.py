"""Reading for consumers that keep a copy: resources and memberships in the order of their ids, page by page.

A page costs the same wherever it begins, and each resource or membership that exists all the time is on exactly one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import ROLES
from app.store.directory.documents import HIDDEN, decode
from app.store.directory.memberships import CLEARED, HINT, SPEC, Clearances, Row, clearances, of_group
from app.store.directory.resources import Resource, Resources
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import BY_ID, by_ids, by_index

GROUPS = 100
"""Groups whose memberships are read with one query."""
_IN_ORDER = [("tenant", 1), ("_id", 1)]


class Copied(NamedTuple):
    """A resource, and the roles that it has been given."""

    resource: Resource
    roles: list[str]


def resources_after(store: Resources, resource_id: str, limit: int, session: Session) -> list[Copied]:
    """Return up to `limit` resources behind an id, "" for the first ones, in the order of their ids."""
    query = {"tenant": store.tenant, "_id": {"$gt": resource_id}}
    fields = {field: 0 for field in HIDDEN if field != ROLES}
    find = partial(
        store.collection.find, query, fields, sort=_IN_ORDER, limit=limit, batch_size=limit, session=session
    )
    documents = by_index(store.collection, BY_ID, lambda **named: list(find(**named)))
    roles = [document.pop(ROLES, []) for document in documents]
    return [Copied(decode(document, store.type), given) for document, given in zip(documents, roles, strict=True)]


def ids_after(store: Resources, resource_id: str, limit: int, session: Session) -> list[str]:
    """Return up to `limit` ids of resources behind an id, "" for the first ones, in their order."""
    query = {"tenant": store.tenant, "_id": {"$gt": resource_id}}
    find = partial(store.collection.find, query, {"_id": 1}, sort=_IN_ORDER, limit=limit, session=session)
    documents = by_index(store.collection, BY_ID, lambda **named: list(find(**named)))
    return [document["_id"] for document in documents]


def resources_by_id(
    database: Database, collection: str, wanted: Mapping[tuple[str, str], ResourceType], session: Session
) -> dict[tuple[str, str], Resource]:
    """Return those of the resources that exist, with one query; `wanted` has the type for each tenant and id."""
    rows = database.db[collection]
    query = {"tenant": {"$in": sorted({tenant for tenant, _ in wanted})}, "_id": {"$in": [each for _, each in wanted]}}
    hidden = {field: 0 for field in HIDDEN if field != "tenant"}
    found = {}
    for document in rows.find(query, hidden, session=session, **by_ids(rows)):
        key = (document.pop("tenant"), document["_id"])
        if key in wanted:
            found[key] = decode(document, wanted[key])
    return found


class MembershipPlace(NamedTuple):
    """Where the memberships of groups go on: behind a member of a group, "" for its first one."""

    group: str = ""
    member: str | None = None
    """None if all memberships of the group have been read."""


def memberships_after(
    database: Database, store: Resources, place: MembershipPlace, limit: int, session: Session
) -> tuple[list[Row], MembershipPlace | None]:
    """Return up to `limit` memberships of existing groups behind a place, and the place behind those; None at the end.

    `store` has the groups; all queries of the session must read the same snapshot. The memberships have `group`,
    `member` and, if known, `type`, in the order of group and member. Fewer than `limit` are returned if the next groups
    have few members.
    """
    begins = {"$gt": place.group} if place.member is None else {"$gte": place.group}
    query = {"tenant": store.tenant, "_id": begins}
    cursor = store.collection.find(query, {"_id": 1}, sort=_IN_ORDER, limit=GROUPS, session=session)
    groups = [row["_id"] for row in cursor]
    rows = _Reader(database, store.tenant, session).first(groups, place, limit)
    if len(rows) == limit:
        return rows, MembershipPlace(rows[-1]["group"], rows[-1]["member"])
    return rows, MembershipPlace(groups[-1]) if len(groups) == GROUPS else None


def memberships_of(
    database: Database, tenant: str, place: MembershipPlace, limit: int, session: Session
) -> tuple[list[Row], MembershipPlace | None]:
    """Return up to `limit` memberships of one group behind a place, and the place behind those; None at the end."""
    rows = _Reader(database, tenant, session).first([place.group], place, limit)
    return rows, MembershipPlace(place.group, rows[-1]["member"]) if len(rows) == limit else None


class _Reader:
    """Reads memberships as of one moment."""

    def __init__(self, database: Database, tenant: str, session: Session) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._session = session

    def first(self, groups: Sequence[str], place: MembershipPlace, limit: int) -> list[Row]:
        """Return the first `limit` memberships of some groups that count, behind a place."""
        cleared = self._clearances(groups)
        alone = {*cleared, place.group}  # groups that need a query of their own
        together = [group for group in groups if group not in alone]
        rows = self._find({"tenant": self._tenant, "group": {"$in": together}}, HINT, limit) if together else []
        for group in groups:
            if group in alone:
                query, hint = of_group(self._tenant, group, cleared.get(group))
                if group == place.group:
                    query["member"] = {"$gt": place.member or ""}
                rows += self._find(query, hint, limit)
        rows.sort(key=lambda row: (row["group"], row["member"]))
        return rows[:limit]

    def _clearances(self, groups: Iterable[str]) -> Clearances:
        query = {"tenant": self._tenant, "group": CLEARED, "member": {"$in": list(groups)}}
        return clearances(self._collection.find(query, hint=HINT, session=self._session))

    def _find(self, query: Row, hint: dict[str, Any], limit: int) -> list[Row]:
        fields = {"_id": 0, "group": 1, "member": 1, "type": 1}
        by = [("group", 1), ("member", 1)]
        find = partial(self._collection.find, query, fields, sort=by, limit=limit, session=self._session)
        return list(find(hint=hint, batch_size=limit))
