"""What was deleted and can still be restored: the documents, apart, with the memberships that they had.

SCIM sees nothing of it, and its names are free again. When the time of a group is over its own memberships, left where
they were, are cleared first and it goes after them, so that it does not matter who is killed in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.schemas.collection import CollectionSpec, IndexSpec
from app.schemas.resource_type import ResourceType
from app.store.database import Database, Session
from app.store.memberships import BATCH, Memberships

SPEC = CollectionSpec(
    name="deleted",
    validator=None,
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("deleted", -1)), name="tenant_deleted"),
        IndexSpec(keys=(("expires", 1),), name="expires"),
    ),
)
COLLECTIONS = (SPEC,)


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
        row = {
            "_id": document["_id"],
            "tenant": self._tenant,
            "type": resource_type.name,
            "name": str(document.get(resource_type.identifier, "")),
            "deleted": now,
            "expires": now + timedelta(days=self._days),
            "document": document,
            "memberships": list(memberships),
        }
        self._collection.insert_one(row, session=session)

    def list(self) -> list[dict[str, Any]]:
        """Give what can be restored, the last deleted first: id, type, name, deleted, expires."""
        fields = {"type": 1, "name": 1, "deleted": 1, "expires": 1}
        return list(self._collection.find({"tenant": self._tenant}, fields, sort=[("deleted", -1)]))

    def get(self, resource_id: str) -> dict[str, Any] | None:
        """Give one deleted resource with its document and memberships, or None."""
        return self._collection.find_one({"_id": resource_id, "tenant": self._tenant})

    def forget(self, resource_id: str, session: Session = None) -> None:
        """Take a resource out of what can be restored."""
        self._collection.delete_one({"_id": resource_id, "tenant": self._tenant}, session=session)


def clear_expired(database: Database, now: datetime) -> int:
    """Delete for good what is kept longer than it should be, of every tenant; give how many resources that were."""
    collection = database.db[SPEC.name]
    cleared = 0
    for row in collection.find({"expires": {"$lte": now}}, {"tenant": 1}):
        memberships = Memberships(database, row["tenant"])
        while memberships.clear(row["_id"], BATCH):
            continue
        collection.delete_one({"_id": row["_id"]})
        cleared += 1
    return cleared
