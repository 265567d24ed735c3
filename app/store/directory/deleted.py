"""What was deleted and can still be restored: the documents, apart, with the memberships that they had.

SCIM sees nothing of it, and its names are free again. When the time of a resource is over it is marked first: from then
on it cannot be restored, however long it takes, and a restore that is on its way fails the mark, or the other way
round. A group's own memberships, left where they were, are cleared next, and those that it was given in the moment in
which it was deleted; it goes after them, so that it does not matter who is killed in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from app.schemas.collection import CollectionSpec, IndexSpec
from app.schemas.comparison import fold
from app.schemas.resource_type import ResourceType
from app.store.directory.memberships import BATCH, Memberships
from app.store.mongo.database import TRANSACTION_SECONDS, Database, Session
from app.store.mongo.indexes import by_ids

SPEC = CollectionSpec(
    name="deleted",
    validator=None,
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("deleted", -1)), name="tenant_deleted"),
        IndexSpec(keys=(("tenant", 1), ("keys", 1)), name="tenant_keys"),
        IndexSpec(keys=(("expires", 1),), name="expires"),
        IndexSpec(keys=(("unsettled", 1),), name="unsettled", partial={"unsettled": {"$exists": True}}),
    ),
)
COLLECTIONS = (SPEC,)

SETTLED = timedelta(seconds=2 * TRANSACTION_SECONDS)
"""Nothing that began before the deletion is still on its way then, with some seconds for clocks that differ."""
_GOING = "going"
"""The mark of what is being cleared."""


class Deleted:
    """The deleted resources of one tenant."""

    def __init__(self, database: Database, tenant: str, *, days: int) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._days = days

    def keep(
        self, resource_type: ResourceType, document: dict[str, Any], memberships: Iterable[dict[str, Any]],
        session: Session = None,
    ) -> None:
        """Put a deleted document aside, with the memberships that it had in others."""
        now = datetime.now(UTC)
        known_by = [document.get(each) for each in resource_type.names]
        row = {
            "_id": document["_id"],
            "tenant": self._tenant,
            "type": resource_type.name,
            "name": str(document.get(resource_type.identifier, "")),
            "keys": sorted({fold(name) for name in known_by if isinstance(name, str)}),
            "deleted": now,
            "expires": now + timedelta(days=self._days),
            "unsettled": now + SETTLED,
            "document": document,
            "memberships": list(memberships),
        }
        self._collection.insert_one(row, session=session)

    def list(self) -> list[dict[str, Any]]:
        """Give what can be restored, the last deleted first: id, type, name, deleted, expires."""
        query = {"tenant": self._tenant, "expires": {"$gt": datetime.now(UTC)}, _GOING: None}
        fields = {"type": 1, "name": 1, "deleted": 1, "expires": 1}
        return list(self._collection.find(query, fields, sort=[("deleted", -1)]))

    def named(self, name: str, limit: int) -> set[str]:
        """Give the ids of up to `limit` resources that had the name or externalId, in any letter case."""
        query = {"tenant": self._tenant, "keys": fold(name)}
        return {row["_id"] for row in self._collection.find(query, {"_id": 1}, limit=limit)}

    def claim(self, resource_id: str, session: Session = None) -> dict[str, Any] | None:
        """Give one deleted resource with its document and memberships, or None; nobody else gets it meanwhile."""
        now = datetime.now(UTC)
        query = {"_id": resource_id, "tenant": self._tenant, "expires": {"$gt": now}, _GOING: None}
        # A write, so that another restore and the janitor's mark conflict with this transaction.
        return self._collection.find_one_and_update(query, {"$set": {"claimed": now}}, session=session)

    def forget(self, resource_id: str, session: Session = None) -> None:
        """Take a resource out of what can be restored."""
        self._collection.delete_one({"_id": resource_id, "tenant": self._tenant}, session=session)

    def kept(self, ids: Iterable[str], session: Session = None) -> set[str]:
        """Tell which of the ids are those of resources that can be restored."""
        query = {"tenant": self._tenant, "_id": {"$in": list(ids)}, _GOING: None}
        rows = self._collection.find(query, {"_id": 1}, session=session, **by_ids(self._collection))
        return {row["_id"] for row in rows}


def kept_for(database: Database, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give for each id that a deleted resource still has, in whichever tenant, the tenant and the resource's type."""
    rows = database.db[SPEC.name].find({"_id": {"$in": list(ids)}}, {"tenant": 1, "type": 1})
    return {row["_id"]: (row["tenant"], row["type"]) for row in rows}


def settle(database: Database, now: datetime) -> int:
    """Put aside what was made a member while it was deleted, of every tenant; give how many memberships that were."""
    collection = database.db[SPEC.name]
    settled = 0
    while row := collection.find_one({"unsettled": {"$lte": now}}, {"tenant": 1}):
        settled += database.transaction(partial(_settle, database, row))
    return settled


def _settle(database: Database, row: dict[str, Any], session: Session) -> int:
    collection = database.db[SPEC.name]
    # A write, so that a restore conflicts with this transaction; what is restored is a member again.
    if not collection.update_one(row, {"$unset": {"unsettled": ""}}, session=session).matched_count:
        return 0
    memberships = Memberships(database, row["tenant"])
    strays = [each for each in memberships.of_member(row["_id"], session) if "type" in each]
    if strays:
        collection.update_one(row, {"$push": {"memberships": {"$each": strays}}}, session=session)
        memberships.clear_member(row["_id"], session)
    return len(strays)


def clear_expired(database: Database, now: datetime) -> int:
    """Delete for good what is kept longer than it should be, of every tenant; give how many resources that were."""
    collection = database.db[SPEC.name]
    cleared = 0
    # One after the other, and no cursor over all: the next one may be minutes away, and a cursor does not wait.
    while row := collection.find_one({"expires": {"$lte": now}}, {"tenant": 1}):
        if not collection.update_one(row | {"expires": {"$lte": now}}, {"$set": {_GOING: True}}).matched_count:
            continue  # somebody else was quicker
        memberships = Memberships(database, row["tenant"])
        while memberships.clear(row["_id"], BATCH):
            continue
        cleared += collection.delete_one(row).deleted_count
    return cleared
