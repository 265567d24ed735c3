"""The places that walks by `startIndex` have reached: the next page continues there, so that it misses no resource.

A place belongs to a tenant, a credential, a query and the index of the next page, and is kept for ten minutes. It may
be lost if the primary fails, so no request waits until a majority of the replica set has it. Without a place, a page is
counted from the beginning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.directory.commands import read_few
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
    forget: datetime = field(default=datetime.min, compare=False)
    """When it is forgotten; set once it is stored."""


class Places:
    """The places of one tenant's walks; `walk` identifies the credential and the query."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name].with_options(
            write_concern=WriteConcern(w=1), read_concern=ReadConcern("local")
        )
        self._tenant = tenant

    def find(self, walk: str, indexes: Iterable[int]) -> dict[int, Place]:
        """Return where the pages of a walk that have these `startIndex`es begin, as far as that is stored."""
        index_of = {self._id(walk, index): index for index in indexes}
        query = {"_id": {"$in": list(index_of)}, "tenant": self._tenant}
        rows = read_few(self._collection, query, None, len(index_of))
        return {
            index_of[row["_id"]]: Place(Position(row["id"], row.get("key")), row["total"], row["forget"])
            for row in rows
        }

    def remember(self, walk: str, index: int, place: Place, stored: Mapping[int, Place] | None) -> None:
        """Store where the page of a walk that has `index` as its `startIndex` begins, in place of what was stored.

        `stored` is what `find` has returned for this index and perhaps others, None if it was not called.
        """
        now = datetime.now(UTC)
        before = (self.find(walk, [index]) if stored is None else stored).get(index)
        # Not written again: clients that request the same page would wait for each other's writes, and with eight of
        # them a page of 100 took half as long again.
        if before and before == place and before.forget > now + KEPT / 2:
            return
        query = {"_id": self._id(walk, index), "tenant": self._tenant}
        values = {"id": place.position.id, "key": place.position.key, "total": place.total, "forget": now + KEPT}
        with suppress(DuplicateKeyError):  # another request has just stored it
            self._collection.update_one(query, {"$set": values}, upsert=True)

    def forget(self, walk: str, index: int) -> None:
        """Delete what is stored for a page that does not follow, since an earlier walk has come that far."""
        self._collection.delete_one({"_id": self._id(walk, index), "tenant": self._tenant})

    def _id(self, walk: str, index: int) -> str:
        digest = hashlib.sha256(f"{self._tenant}\n{walk}".encode()).hexdigest()
        return f"{digest[:32]} {index}"
