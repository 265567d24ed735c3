"""How far the events have been counted: the number of the last one.

One worker at a time reads them; the claim is good for some seconds, by MongoDB's clock, and only saves the others the
reading. That each event is counted once is due to `advance`.
"""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from app.store.accounts.sealing import SPEC as SERVER
from app.store.log.event import new_id
from app.store.mongo.database import Database, Session

CLAIM_SECONDS = 5
_PLACE = "guard"
_FREE = {"$expr": {"$lte": [{"$ifNull": ["$until", "$$NOW"]}, "$$NOW"]}}


class Place:
    """The place, which several workers may advance."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SERVER.name]
        self._me = new_id()

    def claim(self, reached: int) -> int | None:
        """Claim the place, and return it; None if another worker has it, or if there is none yet.

        `reached` is the number up to which this worker knows that there is nothing to count, 0 if it knows nothing.
        """
        until = {"$add": ["$$NOW", CLAIM_SECONDS * 1_000]}
        change = {"owner": self._me, "until": until, "number": {"$max": ["$number", reached]}}
        query = {"_id": _PLACE, "$or": [{"owner": self._me}, _FREE]}
        row = self._collection.find_one_and_update(query, [{"$set": change}], return_document=True)
        return int(row["number"]) if row else None

    def begin(self, number: int) -> None:
        """Store the first number, unless another worker has."""
        try:
            self._collection.insert_one({"_id": _PLACE, "number": number})
        except DuplicateKeyError:
            return

    def advance(self, stored: int, number: int, session: Session) -> bool:
        """Store a number; return False if it is not `stored` any more that was stored before."""
        query, change = {"_id": _PLACE, "number": stored}, {"$set": {"number": number}}
        return bool(self._collection.update_one(query, change, session=session).matched_count)
