"""Counts that all workers share, each for a stretch of time: what limits are kept with.

Nobody's data: a count may be lost with a primary, and no request waits for a majority to have it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.database import Database

SPEC = CollectionSpec(
    name="counters",
    validator=None,
    indexes=(IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),),
)
COLLECTIONS = (SPEC,)


class Counters:
    """Counts by key and window, a window being a number of seconds that divides time."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name].with_options(write_concern=WriteConcern(w=1))

    def add(self, key: str, window: int, seconds: int, amount: int) -> int:
        """Add to a count and give what it is then."""
        query = {"_id": f"{key}@{window}"}
        forget = datetime.fromtimestamp((window + 1) * seconds, UTC) + timedelta(seconds=seconds)
        change: dict[str, Any] = {"$inc": {"count": amount}, "$setOnInsert": {"forget": forget}}
        try:
            found = self._upsert(query, change)
        except DuplicateKeyError:  # another worker has begun the window at the same moment
            found = self._upsert(query, change)
        return int(found["count"])

    def _upsert(self, query: dict[str, str], change: dict[str, Any]) -> dict[str, int]:
        row: dict[str, int] = self._collection.find_one_and_update(
            query, change, upsert=True, return_document=ReturnDocument.AFTER
        )
        return row
