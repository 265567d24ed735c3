"""The outbox: the events of a document that are not in the log yet.

A change is written together with its event: the event is appended to the array `_outbox` of the changed document, by
the same command or in the same transaction. The relay moves events from there to `events`, oldest first, and numbers
them. Writers only append, and the relay only removes from the front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from app.schemas.storage.collection import OUTBOX, PENDING, CollectionSpec
from app.schemas.tables.common import EXTERNAL_ID
from app.store.mongo.database import Database
from app.store.mongo.indexes import Index, by_index

__all__ = [
    "DELETED", "LEASES", "MOST_PENDING", "OUTBOX", "PENDING", "RELAY", "ROOM", "SPEC", "TIME", "Outboxes", "Pending",
    "appended", "changed_by", "pending_collections",
]

Pending = dict[str, Any]
"""An event in an outbox: the document of `events` that it becomes, and `more`, which is then added to `counts`."""

TIME = f"{OUTBOX}.time"
DELETED = "deleted"
"""The collection to which a document moves with its outbox when it is deleted."""
BY_PENDING: Index = PENDING.keys
SPEC = CollectionSpec(name="outbox", indexes=(PENDING,))
"""The collection for events that have no document of their own, such as the deletion of a tenant."""
LEASES = CollectionSpec(name="leases")
"""The collection with what one process does or gets at a time, such as the relay's lease."""
COLLECTIONS = (SPEC, LEASES)
RELAY = "relay"
"""The `_id` of that lease. Its `moving` names the events that are in the log already and may still be in an outbox."""

MOST_PENDING = 1_000
MOST_BYTES = 4 * 1024 * 1024
ROOM: dict[str, Any] = {
    f"{OUTBOX}.{MOST_PENDING - 1}": {"$exists": False},
    "$expr": {"$lt": [{"$bsonSize": {OUTBOX: f"${OUTBOX}"}}, MOST_BYTES]},
}
"""The condition on a document whose outbox has room for one more event.

A document ends at 16 MB. An outbox is only that full if no relay has run for a while.
"""


def pending_collections(specs: Iterable[CollectionSpec]) -> list[str]:
    """Return the names of the collections whose documents may have an outbox."""
    return [spec.name for spec in specs if PENDING in spec.indexes]


def changed_by(event: Pending, name: str, keys: Sequence[str]) -> dict[str, Any]:
    """Return the stage of an update that gives a document its next version and appends the event.

    The document need not have been read: the event gets the version, the resource's name from the field `name`, its
    externalId, and what it is found by from the fields `keys`.
    """
    version = {"$add": ["$meta.version", 1]}
    return {"meta.version": version, **appended(event, name, keys, version)}


def appended(event: Pending, name: str, keys: Sequence[str], version: Any = "$meta.version") -> dict[str, Any]:
    """Return the stage of an update that appends an event, which gets what `changed_by` says and this version."""
    called = {"name": f"${name}", EXTERNAL_ID.name: f"${EXTERNAL_ID.name}"}
    resource = {"$mergeObjects": [{"$literal": event["resource"]}, called]}
    names = [{"$toLower": f"${field}"} for field in keys]  # folded already, but for what is compared exactly
    found_by = {"$setDifference": [{"$setUnion": [{"$literal": event["keys"]}, names]}, [""]]}
    complete = {"$mergeObjects": [{"$literal": event}, {"version": version, "resource": resource, "keys": found_by}]}
    return {OUTBOX: {"$concatArrays": [{"$ifNull": [f"${OUTBOX}", []]}, [complete]]}}


class Outboxes:
    """The outboxes of documents in the collections `sources`; `scope` is a condition that all of these meet."""

    def __init__(self, database: Database, scope: Mapping[str, Any], sources: Iterable[str]) -> None:
        self._database = database
        self._scope = scope
        self._sources = tuple(sources)

    def read(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the pending events that match a query on `events`, of each document in their order."""
        return [event for source in self._sources for event in self._read(source, query)]

    def contains(self, event_id: str, source: str, document_id: str) -> bool:
        """Return whether a document of the collection `source` has the event in its outbox, or had it when deleted."""
        query = {"_id": document_id, **self._scope, f"{OUTBOX}._id": event_id}
        collections = (self._database.db[name] for name in (source, DELETED))
        return any(collection.find_one(query, {"_id": 1}) for collection in collections)

    def _read(self, source: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        collection = self._database.db[source]
        steps = [
            {"$match": {TIME: {"$exists": True}, **self._scope}},
            {"$unwind": f"${OUTBOX}"}, {"$replaceRoot": {"newRoot": f"${OUTBOX}"}}, {"$match": dict(query)},
        ]
        find = partial(collection.aggregate, steps)
        return by_index(collection, BY_PENDING, lambda **named: list(find(**named)))
