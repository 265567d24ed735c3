"""The places that walks by `startIndex` have reached: the next page continues there, so that it misses no resource.

A place belongs to a tenant, a credential, a query and the index of the next page, and is kept for ten minutes. It may
be lost if the primary fails, so no request waits until a majority of the replica set has it. Without a place, a page is
counted from the beginning.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.mongo.database import Database
from app.store.search.order import Position

SPEC = CollectionSpec(
    name="places",
    validator=None,
    indexes=(IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),),
)
COLLECTIONS = (SPEC,)
KEPT = timedelta(minutes=10)
"""How long after one page of a walk the next may be requested."""


@dataclass(frozen=True)
class Place:
    """Where the next page of a walk begins."""

    position: Position
    """The position of the last resource on the previous page."""
    total: int
    """The `totalResults` of the previous page."""


class Places:
    """The places of one tenant's walks; `walk` identifies the credential and the query."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name].with_options(
            write_concern=WriteConcern(w=1), read_concern=ReadConcern("local")
        )
        self._tenant = tenant

    def find(self, walk: str, index: int) -> Place | None:
        """Return where the page of a walk that has `index` as its `startIndex` begins, or None."""
        row = self._collection.find_one({"_id": self._id(walk, index), "tenant": self._tenant})
        return Place(Position(row["id"], row.get("key")), row["total"]) if row else None

    def remember(self, walk: str, index: int, place: Place) -> None:
        """Store where the page of a walk that has `index` as its `startIndex` begins, in place of what was stored."""
        query = {"_id": self._id(walk, index), "tenant": self._tenant}
        values = {"id": place.position.id, "key": place.position.key, "total": place.total}
        now = datetime.now(UTC)
        # Not written again: clients that request the same page would wait for each other's writes, and with eight of
        # them a page of 100 took half as long again.
        if self._collection.find_one({**query, **values, "forget": {"$gt": now + KEPT / 2}}, {"_id": 1}):
            return
        values["forget"] = now + KEPT
        with suppress(DuplicateKeyError):  # another request has just stored it
            self._collection.update_one(query, {"$set": values}, upsert=True)

    def forget(self, walk: str, index: int) -> None:
        """Delete what is stored for a page that does not follow, since an earlier walk has come that far."""
        self._collection.delete_one({"_id": self._id(walk, index), "tenant": self._tenant})

    def _id(self, walk: str, index: int) -> str:
        digest = hashlib.sha256(f"{self._tenant}\n{walk}".encode()).hexdigest()
        return f"{digest[:32]} {index}"
