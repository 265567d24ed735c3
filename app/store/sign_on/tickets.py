"""The tickets: links that work once and for a quarter of an hour, for an operator's test of a connection.

The links into the web pages (`operators.links`) are in this collection, too.

A ticket is 256 random bits, of which only the hash is stored. What the test has found is stored with it, so that the
command that made the ticket can show it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now

_TEXTS = ("_id", "tenant", "use", "connection", "role", "who", "code")
SPEC = CollectionSpec(
    name="tickets",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "use", "expires"],
            "additionalProperties": False,
            "properties": {
                **{each: {"bsonType": "string"} for each in _TEXTS},
                "outcome": {"bsonType": "object"},
                **{each: {"bsonType": "date"} for each in ("expires", "used", "last", "revoked")},
                **{each: {"bsonType": "int"} for each in ("opened", "wrong")},
                "handover": {"bsonType": "bool"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("tenant", 1),), name="tenant"),
        IndexSpec(keys=(("expires", 1),), name="expires", expire_after_seconds=0),
    ),
)
COLLECTIONS = (SPEC,)

TEST = "test"
LIFETIME = timedelta(minutes=15)


class Tickets:
    """The tickets of all tenants; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def create(self, tenant: str, connection: str, use: str = TEST, session: Session = None) -> str:
        """Store a ticket and return its secret, which cannot be read again."""
        secret = secrets.token_urlsafe(32)
        document = {"tenant": tenant, "connection": connection, "use": use, "expires": self._clock() + LIFETIME}
        self._collection.insert_one({"_id": hash_of(secret), **document}, session=session)
        return secret

    def take(self, tenant: str, secret: str, use: str = TEST) -> tuple[str, str] | None:
        """Use a ticket, and return its id and its connection; None if it is unknown, used or too old."""
        moment = self._clock()
        good = {"use": use, "used": {"$exists": False}, "expires": {"$gt": moment}}
        query = {"_id": hash_of(secret), "tenant": tenant, **good}
        document = self._collection.find_one_and_update(query, {"$set": {"used": moment}})
        return (document["_id"], document["connection"]) if document else None

    def report(self, tenant: str, ticket: str, outcome: Mapping[str, Any]) -> None:
        """Store what the test with a ticket, given by its id, has found."""
        change = {"$set": {"outcome": dict(outcome), "expires": self._clock() + LIFETIME}}
        self._collection.update_one({"_id": ticket, "tenant": tenant}, change)

    def outcome(self, tenant: str, secret: str) -> dict[str, Any] | None:
        """Return what the test with this ticket has found, or None as long as it has found nothing."""
        document = self._collection.find_one({"_id": hash_of(secret), "tenant": tenant}, {"outcome": 1}) or {}
        found: dict[str, Any] | None = document.get("outcome")
        return found
