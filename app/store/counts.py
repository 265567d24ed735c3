"""How many resources a tenant has of each type, without counting: changed in the transaction of each create and delete.

One number would be written by all at once, and transactions that write the same document fail each other; so it is kept
in several parts, one for each thread that writes, and the parts are added up. (With 32 parts that threads shared by
chance, eight clients got a tenth fewer creates through.)
"""

from __future__ import annotations

import os
from itertools import count
from threading import local
from typing import Any

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.database import Database, Session

SPEC = CollectionSpec(
    name="counts",
    validator=None,
    indexes=(IndexSpec(keys=(("tenant", 1), ("type", 1), ("part", 1)), name="tenant_type_part", unique=True),),
)
COLLECTIONS = (SPEC,)
PARTS = 256

_numbers = count()


class _Thread(local):
    """The number of a thread: a process's first one is 0, the next one 1, ..."""

    def __init__(self) -> None:
        self.number = next(_numbers)


_thread = _Thread()


def _part() -> int:
    """Give a part that no other thread of this process writes, nor most likely one of another process."""
    return (os.getpid() * 97 + _thread.number) % PARTS


class Counts:
    """The numbers of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant

    def add(self, resource_type: str, number: int, session: Session = None) -> None:
        """Add to the number of resources of a type, or take away."""
        query = {"tenant": self._tenant, "type": resource_type, "part": _part()}
        self._collection.update_one(query, {"$inc": {"number": number}}, upsert=True, session=session)

    def of(self, resource_type: str) -> int:
        """Tell how many resources of a type there are."""
        match = {"$match": {"tenant": self._tenant, "type": resource_type}}
        rows = self._collection.aggregate([match, {"$group": {"_id": None, "number": {"$sum": "$number"}}}])
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
