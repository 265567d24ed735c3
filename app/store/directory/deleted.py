"""Deleted resources that can still be restored: their documents, with the memberships that they had.

SCIM does not see them, and their names are free again. When the retention of a resource ends, it is first marked: from
then on it cannot be restored, and a restore at the same moment conflicts with the mark. Next, a group's own memberships
are deleted, which were left in place, and so are those that it got at the moment of its deletion. The resource itself
is deleted last, so that a process that is killed in between leaves work that another one can finish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from app.errors import NotFound
from app.schemas.comparison import fold
from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import PENDING, CollectionSpec, IndexSpec
from app.store.directory.member_groups import MemberGroups
from app.store.directory.memberships import BATCH, Memberships
from app.store.log.outbox import DELETED, OUTBOX, TIME, Pending
from app.store.log.reading.page import LogPage, Window, read_page
from app.store.mongo.database import TRANSACTION_SECONDS, Database, Session
from app.store.mongo.indexes import Index, by_ids
from app.store.mongo.moments import aware

_BY_DELETION: Index = (("tenant", 1), ("deleted", -1))
_BY_GROUP: Index = (("tenant", 1), ("memberships.group", 1))
SPEC = CollectionSpec(
    name=DELETED,
    validator=None,
    indexes=(
        IndexSpec(keys=_BY_DELETION, name="tenant_deleted"),
        IndexSpec(keys=(("tenant", 1), ("keys", 1)), name="tenant_keys"),
        IndexSpec(keys=_BY_GROUP, name="tenant_group"),
        IndexSpec(keys=(("expires", 1),), name="expires"),
        IndexSpec(keys=(("unsettled", 1),), name="unsettled", partial={"unsettled": {"$exists": True}}),
        PENDING,
    ),
)
COLLECTIONS = (SPEC,)

SETTLED = timedelta(seconds=2 * TRANSACTION_SECONDS)
"""After this time, nothing that began before a deletion is still under way; some seconds are for clocks that differ."""
Leave = Callable[[str, str, Sequence[str], Session], None]
"""Notes that groups have lost a deleted member: tenant, member and groups; called inside a transaction."""
LATEST = Window()
_GOING = "going"
"""The field that marks what is being deleted for good."""


class Deleted:
    """The deleted resources of one tenant."""

    def __init__(self, database: Database, tenant: str, *, days: int) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._days = days

    def keep(
        self, resource_type: ResourceType, document: dict[str, Any], memberships: Iterable[dict[str, Any]],
        outbox: list[Pending], session: Session = None,
    ) -> None:
        """Store a deleted document, with its memberships in groups and its events that are not in the log yet."""
        now = datetime.now(UTC)
        known_by = [document.get(each) for each in resource_type.names]
        row = {
            "_id": document["_id"],
            "tenant": self._tenant,
            "type": resource_type.name,
            "name": str(document.get(resource_type.identifier, "")),
            "keys": sorted({fold(name) for name in known_by if isinstance(name, str)}),
            "deleted": now,
            "by": outbox[-1]["credential"] if outbox else "",
            "expires": now + timedelta(days=self._days),
            "unsettled": now + SETTLED,
            "document": document,
            "memberships": list(memberships),
            OUTBOX: outbox,
        }
        self._collection.insert_one(row, session=session)

    def list(self) -> list[dict[str, Any]]:
        """Return what can be restored, the latest first: id, type, name, deleted, expires."""
        query = {"tenant": self._tenant, "expires": {"$gt": datetime.now(UTC)}, _GOING: None}
        fields = {"type": 1, "name": 1, "deleted": 1, "expires": 1}
        return list(self._collection.find(query, fields, sort=[("deleted", -1)]))

    def page(self, window: Window = LATEST) -> LogPage:
        """Return a page of what can be restored, the latest first, each as `find_with` returns it."""
        query = {"tenant": self._tenant, "expires": {"$gt": datetime.now(UTC)}, _GOING: None}
        found = read_page(self._collection, query, _BY_DELETION, {}, replace(window, by="deleted"))
        return replace(found, events=[_shown(row) for row in found.events])

    def named(self, name: str, limit: int) -> set[str]:
        """Return the ids of up to `limit` resources that had the name or externalId, case-insensitively."""
        query = {"tenant": self._tenant, "keys": fold(name)}
        return {row["_id"] for row in self._collection.find(query, {"_id": 1}, limit=limit)}

    def find(self, resource_id: str) -> dict[str, Any] | None:
        """Return what is known of a deleted resource that can be restored (its `type`), or None."""
        return self._collection.find_one(self._restorable(resource_id), {"type": 1})

    def find_with(self, resource_id: str) -> dict[str, Any] | None:
        """Return a deleted resource that can be restored, or None.

        It has its id, `type` and `name`, when it was `deleted` and `by` whom ("" if unknown), when that `expires`, the
        ids of the groups that it was in (`memberships`), and its `document`.
        """
        row = self._collection.find_one(self._restorable(resource_id))
        return _shown(row) if row else None

    def claim(self, resource_id: str, session: Session = None) -> dict[str, Any] | None:
        """Return a deleted resource with its document and memberships, or None, and lock it for this transaction."""
        # A write, so that another restore and the janitor's mark conflict with this transaction.
        mark = {"$set": {"claimed": datetime.now(UTC)}}
        return self._collection.find_one_and_update(self._restorable(resource_id), mark, session=session)

    def part(self, group: str, members: Iterable[str] | None, session: Session) -> None:
        """Let deleted members, all for None, return without their membership in a group."""
        query: dict[str, Any] = {"tenant": self._tenant, "memberships.group": group}
        if members is not None:
            query["_id"] = {"$in": sorted(members)}
        # Without ids, no hint: where an operator has dropped the index, every replacement of members would fail.
        hint = {} if members is None else by_ids(self._collection)
        self._collection.update_many(query, {"$pull": {"memberships": {"group": group}}}, session=session, **hint)

    def forget(self, resource_id: str, session: Session = None) -> None:
        """Remove a resource from those that can be restored."""
        self._collection.delete_one({"_id": resource_id, "tenant": self._tenant}, session=session)

    def kept(self, ids: Iterable[str], session: Session = None) -> set[str]:
        """Return those of the ids whose resources were deleted and are still kept."""
        query = {"tenant": self._tenant, "_id": {"$in": list(ids)}, _GOING: None}
        rows = self._collection.find(query, {"_id": 1}, session=session, **by_ids(self._collection))
        return {row["_id"] for row in rows}

    def _restorable(self, resource_id: str) -> dict[str, Any]:
        return {"_id": resource_id, "tenant": self._tenant, "expires": {"$gt": datetime.now(UTC)}, _GOING: None}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shown = {key: row[key] for key in ("_id", "type", "name", "deleted", "expires", "document")}
    return shown | {"by": row.get("by", ""), "memberships": [each["group"] for each in row["memberships"]]}


def not_kept(resource_id: str) -> NotFound:
    """Return the error for an id with which nothing can be restored."""
    return NotFound(f"Nothing with the id {resource_id} can be restored.")


class Kept(NamedTuple):
    """What is known of a deleted resource."""

    tenant: str
    type: str
    can_be_restored: bool


def kept_for(database: Database, ids: Iterable[str]) -> dict[str, Kept]:
    """Return what is known of each id that a deleted resource has, in any tenant."""
    now, fields = datetime.now(UTC), {"tenant": 1, "type": 1, "expires": 1, _GOING: 1}
    rows = database.db[SPEC.name].find({"_id": {"$in": list(ids)}}, fields)
    return {
        row["_id"]: Kept(row["tenant"], row["type"], _GOING not in row and aware(row["expires"]) > now) for row in rows
    }


def settle(database: Database, now: datetime, leave: Leave) -> int:
    """Move memberships added while their member was being deleted to the deleted one; return how many there were.

    `leave` is called for their groups: to consumers, they may have been added after the deletion.
    """
    collection = database.db[SPEC.name]
    settled = 0
    while row := collection.find_one({"unsettled": {"$lte": now}}, {"tenant": 1}):
        settled += database.transaction(partial(_settle, database, row, leave))
    return settled


def _settle(database: Database, row: dict[str, Any], leave: Leave, session: Session) -> int:
    collection = database.db[SPEC.name]
    # A write, so that a restore conflicts with this transaction: a restored resource is a member again.
    if not collection.update_one(row, {"$unset": {"unsettled": ""}}, session=session).matched_count:
        return 0
    groups = MemberGroups(database, row["tenant"])
    strays = [each for each in groups.of(row["_id"], session) if "type" in each]
    if strays:
        collection.update_one(row, {"$push": {"memberships": {"$each": strays}}}, session=session)
        groups.clear(row["_id"], session)
        leave(row["tenant"], row["_id"], [each["group"] for each in strays], session)
    return len(strays)


def clear_expired(
    database: Database, now: datetime, forget: Callable[[str, str], object] = lambda tenant, resource_id: None
) -> int:
    """Delete for good the resources of all tenants whose retention has ended; return how many there were.

    `forget` is called with tenant and id of each, to delete what is stored of it elsewhere.
    """
    collection = database.db[SPEC.name]
    cleared = 0
    # Not before its events are in the log, and not before `settle` has run (D-671).
    expired = {"expires": {"$lte": now}, TIME: {"$exists": False}, "unsettled": {"$exists": False}}
    # One query for each, not one cursor: a large group takes minutes, and the cursor would time out.
    while row := collection.find_one(expired, {"tenant": 1}):
        if not collection.update_one(row | expired, {"$set": {_GOING: True}}).matched_count:
            continue  # another worker was first
        memberships = Memberships(database, row["tenant"])
        while memberships.clear(row["_id"], BATCH):
            continue
        forget(row["tenant"], row["_id"])
        cleared += collection.delete_one(row).deleted_count
    return cleared
