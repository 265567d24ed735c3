"""Leaky buckets in MongoDB, which all workers share to keep rate limits.

They may be lost if the primary fails, so no request waits until a majority of the replica set has them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.mongo.database import Database

SPEC = CollectionSpec(
    name="counters",
    validator=None,
    indexes=(IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),),
)
COLLECTIONS = (SPEC,)
_KEPT = 60_000
"""Milliseconds for which an empty bucket is kept."""


class SharedBuckets:
    """Buckets by key; each drains at a given rate until it is empty."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name].with_options(write_concern=WriteConcern(w=1))

    def add(self, key: str, amount: int, rate: float, now: float) -> float:
        """Add `amount` to a bucket and return its new level.

        `rate` is how much it drains per second, `now` the time in seconds since 1970.
        """
        moment = datetime.fromtimestamp(now, UTC)
        # A worker whose clock is behind drains nothing, and never sets the bucket's time back.
        passed = {"$max": [0, {"$divide": [{"$subtract": [moment, {"$ifNull": ["$at", moment]}]}, 1000]}]}
        left = {"$max": [0, {"$subtract": [{"$ifNull": ["$level", 0]}, {"$multiply": [passed, rate]}]}]}
        change = [
            {"$set": {"level": {"$add": [left, amount]}, "at": {"$max": ["$at", moment]}}},
            {"$set": {"forget": {"$add": ["$at", {"$multiply": [{"$divide": ["$level", rate]}, 1000]}, _KEPT]}}},
        ]
        try:
            return self._upsert(key, change)
        except DuplicateKeyError:  # another worker has inserted it at the same moment
            return self._upsert(key, change)

    def _upsert(self, key: str, change: list[dict[str, Any]]) -> float:
        row = self._collection.find_one_and_update(
            {"_id": key}, change, upsert=True, return_document=ReturnDocument.AFTER
        )
        return float(row["level"])
