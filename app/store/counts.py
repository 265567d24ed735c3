"""How many resources a tenant has of each type, without counting: changed in the transaction of each create and delete.

One number would be written by all at once, and transactions that write the same document fail each other; so it is kept
in several parts, one for each thread that writes, and the parts are added up.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.database import Database, Session

SPEC = CollectionSpec(
    name="counts",
    validator=None,
    indexes=(IndexSpec(keys=(("tenant", 1), ("type", 1), ("part", 1)), name="tenant_type_part", unique=True),),
)
COLLECTIONS = (SPEC,)
PARTS = 32


class Counts:
    """The numbers of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant

    def add(self, resource_type: str, number: int, session: Session = None) -> None:
        """Add to the number of resources of a type, or take away."""
        part = (os.getpid() * 31 + threading.get_native_id()) % PARTS
        query = {"tenant": self._tenant, "type": resource_type, "part": part}
        self._collection.update_one(query, {"$inc": {"number": number}}, upsert=True, session=session)

    def of(self, resource_type: str) -> int:
        """Tell how many resources of a type there are."""
        rows = self._collection.find({"tenant": self._tenant, "type": resource_type}, {"_id": 0, "number": 1})
        return sum(row["number"] for row in rows)

    def set(self, resource_type: str, number: int) -> None:
        """Put the number right, after documents were brought in or taken out by other ways than SCIM's."""
        query: dict[str, Any] = {"tenant": self._tenant, "type": resource_type}
        self._collection.delete_many(query)
        self._collection.insert_one(query | {"part": 0, "number": number})


def every_tenant(database: Database) -> dict[tuple[str, str], int]:
    """Give the number of resources of each tenant and type."""
    rows = database.db[SPEC.name].aggregate(
        [{"$group": {"_id": {"tenant": "$tenant", "type": "$type"}, "number": {"$sum": "$number"}}}]
    )
    return {(row["_id"]["tenant"], row["_id"]["type"]): row["number"] for row in rows}
