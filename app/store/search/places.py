"""The places that walks by `startIndex` have reached, so that the next page continues there and nobody is lost.

A place belongs to a tenant, a credential, a query and the index of the next page. It is kept for ten minutes. It may be
lost with a primary, so no request waits until a majority of the replica set has it; the page is then counted from the
beginning, as every page is that no walk leads to.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.mongo.database import Database
from app.store.search.order import Position

SPEC = CollectionSpec(
    name="places",
    validator=None,
    indexes=(IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),),
)
COLLECTIONS = (SPEC,)
KEPT = timedelta(minutes=10)
"""How long the next page of a walk may take to be asked for."""


@dataclass(frozen=True)
class Place:
    """Where a walk goes on."""

    position: Position
    """That of the last resource on the page before."""
    total: int
    """The `totalResults` of the page before."""


class Places:
    """The places of one tenant's walks; `walk` identifies the credential and the query."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name].with_options(
            write_concern=WriteConcern(w=1), read_concern=ReadConcern("local")
        )
        self._tenant = tenant

    def find(self, walk: str, index: int) -> Place | None:
        """Return the place from which a walk reads the page that begins at `index`, or None."""
        row = self._collection.find_one({"_id": self._id(walk, index), "tenant": self._tenant})
        return Place(Position(row["id"], row.get("key")), row["total"]) if row else None

    def remember(self, walk: str, index: int, place: Place) -> None:
        """Store the place from which a walk reads the page that begins at `index`; the newest one counts."""
        query = {"_id": self._id(walk, index), "tenant": self._tenant}
        values = {"id": place.position.id, "key": place.position.key, "total": place.total}
        now = datetime.now(UTC)
        # Clients that ask for the same page again and again would wait for each other's writes: a page of 100 took half
        # as long again with eight of them.
        if self._collection.find_one({**query, **values, "forget": {"$gt": now + KEPT / 2}}, {"_id": 1}):
            return
        values["forget"] = now + KEPT
        with suppress(DuplicateKeyError):  # the same page was read at the same moment
            self._collection.update_one(query, {"$set": values}, upsert=True)

    def _id(self, walk: str, index: int) -> str:
        digest = hashlib.sha256(f"{self._tenant}\n{walk}".encode()).hexdigest()
        return f"{digest[:32]} {index}"
