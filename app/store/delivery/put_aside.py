"""Events that were put aside, in the collection `deliveries`: those that an endpoint has not accepted, and behind them
later ones that touch the same resources.

A row has no event, only its id and number: the event is read from the log when it is tried again. A test event is the
exception, because it is in no log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.delivery.touched import Touched
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

WAITING, BEHIND, GIVEN_UP = "waiting", "behind", "given up"
STATES = (WAITING, BEHIND, GIVEN_UP)
"""It is tried again; it comes after another one that is; it is not tried any more."""
TESTING = "scimd.test"
"""The type of a test event."""
_TEXTS = ("endpoint", "event", "tenant", "type", "state", "reason")
_NUMBERS = ("seq", "attempts", "status")
_DATES = ("time", "next")
SPEC = CollectionSpec(
    name="deliveries",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", *_TEXTS, *_NUMBERS, *_DATES, "about", "resource"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                **dict.fromkeys((*_TEXTS, "about"), {"bsonType": "string"}),
                **dict.fromkeys(_NUMBERS, {"bsonType": ["int", "long"]}),
                **dict.fromkeys((*_DATES, "forget"), {"bsonType": "date"}),
                "state": {"enum": list(STATES)},
                "resource": {"bsonType": "array", "items": {"bsonType": "string"}},
                "document": {"bsonType": "object"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("endpoint", 1), ("seq", 1)), name="endpoint_seq"),
        IndexSpec(keys=(("endpoint", 1), ("state", 1), ("next", 1)), name="endpoint_state_next"),
        IndexSpec(keys=(("tenant", 1),), name="tenant"),
        IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0, partial={"forget": {"$exists": True}}),
    ),
)


@dataclass(frozen=True, kw_only=True)
class PutAside:
    """An event that is put aside for an endpoint."""

    endpoint: str
    event: str
    """Its id."""
    seq: int
    """Its number; 0 for a test event."""
    tenant: str
    """Of the event, as the log has it."""
    type: str
    time: datetime
    """When the change took place."""
    touched: Touched
    next: datetime
    """When it is tried again."""
    state: str = WAITING
    attempts: int = 0
    status: int = 0
    """The HTTP status of the last attempt; 0 without an answer."""
    reason: str = ""
    forget: datetime | None = None
    """When the row is deleted; None unless it was given up."""
    document: Mapping[str, Any] | None = field(default=None, repr=False)
    """A test event; None for one that is in the log."""

    @property
    def id(self) -> str:
        """The `_id` of its row."""
        return f"{self.endpoint} {self.event}"


def row_of(each: PutAside) -> dict[str, Any]:
    """Return the document for an event that is put aside."""
    row = {"_id": each.id, **{name: getattr(each, name) for name in (*_TEXTS, *_NUMBERS, *_DATES)}}
    optional = {"forget": each.forget, "document": each.document}
    row |= {"about": each.touched.tenant, "resource": sorted(each.touched.ids)}
    return row | {name: value for name, value in optional.items() if value}


def put_aside_of(row: Mapping[str, Any]) -> PutAside:
    """Return the event for its row."""
    fields: dict[str, Any] = {name: row[name] for name in (*_TEXTS, *_NUMBERS)}
    fields |= {name: aware(row[name]) for name in (*_DATES, "forget") if name in row}
    touched = Touched(row["about"], frozenset(row["resource"]))
    return PutAside(touched=touched, document=row.get("document"), **fields)


def hasten(collection: Any, endpoint_id: str, moment: datetime, session: Session = None) -> None:
    """Let what waits for an endpoint be tried at `moment`, and not as late as a day from now (D-714)."""
    waits = {"endpoint": endpoint_id, "state": WAITING}
    collection.update_many(waits, {"$set": {"next": moment}}, session=session)


class PutAsides:
    """What is put aside for all endpoints; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def of(self, endpoint_id: str, states: Sequence[str] = STATES, limit: int = 0) -> list[PutAside]:
        """Return what is put aside for an endpoint, in the order of the events."""
        query = {"endpoint": endpoint_id, "state": {"$in": list(states)}}
        return [put_aside_of(row) for row in self._collection.find(query, sort=[("seq", 1)], limit=limit)]

    def get(self, endpoint_id: str, event_id: str) -> PutAside | None:
        """Return one of them, or None."""
        row = self._collection.find_one({"_id": f"{endpoint_id} {event_id}"})
        return put_aside_of(row) if row else None

    def numbers(self, endpoint_id: str) -> dict[str, int]:
        """Return how many of an endpoint there are in each state."""
        return {
            state: self._collection.count_documents({"endpoint": endpoint_id, "state": state}) for state in STATES
        }

    def put(self, each: PutAside, session: Session = None) -> None:
        """Store it, in place of what is known of it."""
        self._collection.replace_one({"_id": each.id}, row_of(each), upsert=True, session=session)
