"""What the relay moves next: the oldest pending events of all tenants, of each resource in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple

import bson
from pymongo.client_session import ClientSession

from app.store.log.event import More
from app.store.log.lease import Moved
from app.store.log.outbox import OUTBOX, TIME
from app.store.mongo.database import Database, Session

MOST_EVENTS = 500
"""Events of a batch."""
MOST_DOCUMENTS = 500
"""Documents that are read of a collection: no later one can have an event that belongs to the batch."""
MOST_BYTES = 4 << 20
"""The size of a batch of several events."""
_PENDING = {TIME: {"$exists": True}}


class Outbox(NamedTuple):
    """The outbox of one document."""

    collection: str
    document: Any
    """The document's `_id`."""
    tenant: str | None
    size: int
    """The number of events that are in it."""


class Pending(NamedTuple):
    """One event in an outbox."""

    outbox: Outbox
    event: dict[str, Any]
    turn: tuple[datetime, str]
    """What decides which event comes first: its time and id, but never later than those of the next of its resource."""
    size: int
    """The bytes that it takes."""


@dataclass(frozen=True)
class Batch:
    """Events to be moved, in their order."""

    pending: Sequence[Pending]
    stored: frozenset[str] = frozenset()
    """The ids of those that are in the log already."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that are not in the log yet."""
        return [each.event for each in self.pending if each.event["_id"] not in self.stored]

    def first(self, number: int) -> Batch:
        """Return the batch with its first events only."""
        return Batch(self.pending[:number], self.stored)

    def moved(self) -> list[tuple[Moved, bool]]:
        """Return what it takes from each outbox, and whether that is everything that was found there."""
        ids: defaultdict[Outbox, list[str]] = defaultdict(list)
        for each in self.pending:
            ids[each.outbox].append(each.event["_id"])
        return [(_moved(outbox, events), len(events) == outbox.size) for outbox, events in ids.items()]

    def more(self) -> dict[tuple[str, str], More]:
        """Return how many more resources there are of each tenant and type."""
        sums: defaultdict[tuple[str, str], More] = defaultdict(More)
        for event in self.events:
            if more := event.get("more"):
                kind = event["tenant"], event["resource"]["type"]
                sums[kind] = More(sums[kind].number + more["number"], sums[kind].disabled + more["disabled"])
        return {kind: more for kind, more in sorted(sums.items()) if any(more)}


def _moved(outbox: Outbox, ids: list[str]) -> Moved:
    moved = Moved(collection=outbox.collection, document=outbox.document, events=ids)
    if outbox.tenant is not None:
        moved["tenant"] = outbox.tenant
    return moved


def oldest_pending(database: Database, collections: Sequence[str], session: Session = None) -> dict[str, datetime]:
    """Return the collections in which events are pending, each with the time of its oldest event."""

    def steps(name: str) -> list[dict[str, Any]]:
        row = {"_id": 0, "collection": {"$literal": name}, "time": {"$min": f"${TIME}"}}
        return [{"$match": _PENDING}, {"$sort": {TIME: 1}}, {"$limit": 1}, {"$project": row}]

    first, *others = collections
    unions = [{"$unionWith": {"coll": name, "pipeline": steps(name)}} for name in others]
    rows = database.db[first].aggregate([*steps(first), *unions], session=session)
    return {row["collection"]: row["time"] for row in rows}


def next_batch(database: Database, collections: Sequence[str]) -> Batch:
    """Return the oldest MOST_EVENTS events, or fewer if those are large; an empty batch if none are pending.

    All are read in one snapshot, so that the events of a resource that is deleted or restored meanwhile are found once.
    """
    found: list[Pending] = []
    ends: list[datetime] = []
    with database.snapshot_session() as session:
        for name in oldest_pending(database, collections, session):
            pending, end = _read(database.db[name], session)
            found += pending
            ends += [end] if end else []
    if ends:
        # Nothing overtakes what has not been read: the event of a group, for example, that of its new member.
        found = [each for each in found if each.turn[0] <= min(ends)]
    found.sort(key=lambda each: each.turn)  # stable: the events of each resource keep the order of its outbox
    sizes = accumulate(each.size for each in found[:MOST_EVENTS])
    number = sum(size <= MOST_BYTES for size in sizes)
    return Batch(found[: max(number, 1)])


def _read(collection: Any, session: ClientSession) -> tuple[list[Pending], datetime | None]:
    """Return events of the documents with the oldest ones, and the time up to which these are all; None for no limit.

    It stops after a number of documents or bytes.
    """
    found: list[Pending] = []
    number = size = 0
    fields, order, most = {OUTBOX: 1, "tenant": 1}, [(TIME, 1)], MOST_DOCUMENTS + 1
    documents = collection.find(_PENDING, fields, sort=order, limit=most, batch_size=most, session=session)
    with documents:
        for document in documents:
            pending = _pending(collection.name, document)
            if number == MOST_DOCUMENTS or size > MOST_BYTES:
                return found, pending[0].turn[0]
            number += 1
            size += sum(each.size for each in pending)
            found += pending
    return found, None


def _pending(collection: str, document: dict[str, Any]) -> list[Pending]:
    """Return the events of a document, at most as many as a batch may have."""
    events = document[OUTBOX]
    outbox = Outbox(collection, document["_id"], document.get("tenant"), len(events))
    # Clocks of several machines differ, and the index has the earliest time of an outbox, whichever event has it.
    turns = list(accumulate(((event["time"], event["_id"]) for event in reversed(events)), min))[::-1]
    pairs = zip(events[:MOST_EVENTS], turns, strict=False)
    return [Pending(outbox, event, turn, len(bson.encode(event))) for event, turn in pairs]
