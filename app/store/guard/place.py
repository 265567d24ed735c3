"""How far the events have been counted: the number of the last one."""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from app.store.accounts.sealing import SPEC as SERVER
from app.store.mongo.database import Database, Session

_PLACE = "guard"


class Place:
    """The place, which several workers may advance."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SERVER.name]

    def get(self) -> int | None:
        """Return the number, None if none has been stored."""
        row = self._collection.find_one({"_id": _PLACE}) or {}
        number: int | None = row.get("number")
        return number

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
