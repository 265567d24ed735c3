"""The relay: moves pending events from the outboxes to the log, and numbers them in one sequence for all tenants.

A round chooses a batch, moves it in one transaction, and then removes it from the outboxes. The transaction inserts the
events, adds to `counts`, and writes to the lease, which names the batch until the next one. Emptying is not part of it,
since SCIM's own writes would have to wait. A relay that ends in between leaves a batch that the next one removes first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from pymongo import UpdateOne
from pymongo.read_concern import ReadConcern

from app.errors import PayloadTooLarge, Unavailable, describe
from app.store.log.batch import Batch, next_batch
from app.store.log.emptying import Emptying
from app.store.log.event import new_id
from app.store.log.events import SPEC as EVENTS
from app.store.log.lease import Deposed, Lease
from app.store.log.outbox import SPEC as OUTBOXES
from app.store.mongo.database import Database, Session
from app.store.mongo.failures import REFUSED_WRITES
from app.store.mongo.indexes import by_ids
from app.store.mongo.moments import now

log = logging.getLogger("scimd")
TAKE_SECONDS = 5.0
"""The time for taking the lease, and for giving it back."""
COUNTS = "counts"
_REFUSED = (*REFUSED_WRITES, PayloadTooLarge)


class Observer(Protocol):
    """Counts what a relay does, for metrics."""

    def moved(self, seconds: Sequence[float]) -> None:
        """Count events, each with the time from the change to its number."""

    def parked(self) -> None:
        """Count an event that was put aside."""

    def taken_over(self) -> None:
        """Count that this process has become the one that relays."""


class Relay:
    """The relay as one process runs it: by `round` as long as it holds the lease, or by `drain` from time to time.

    `collections` are the names of those whose documents may have an outbox.
    """

    def __init__(self, database: Database, collections: Sequence[str], observer: Observer | None = None) -> None:
        self._database = database
        self._collections = collections
        self._observer = observer
        self._lease = Lease(database)
        self._emptying = Emptying(database, collections)
        self._known = False
        """Whether the lease is known to say what this relay remembers, and no batch is left to be removed."""

    def take(self) -> bool:
        """Take the lease if it is free, and return whether that succeeded; raises Unavailable."""
        with self._database.budget(TAKE_SECONDS):
            taken = self._lease.take()
        self._known = False
        if taken and self._observer:
            self._observer.taken_over()
        return taken

    def give_back(self) -> None:
        """Let another process take the lease at once; raises Unavailable, and then it is free after some seconds."""
        with self._database.budget(TAKE_SECONDS):
            self._lease.give_back()

    def round(self) -> int:
        """Move one batch and return how many events it had, 0 if none are pending.

        Raises Deposed if the lease is lost. Raises Unavailable if the database does not answer; the next round finds
        out how far this one came.
        """
        known, self._known = self._known, False
        try:
            with self._database.budget(self._lease.seconds_left()):
                if not known:
                    self._lease.read()
                    self._emptying.remove_wherever(self._lease.moving)
                moved = self._advance()
        except Deposed:
            self._lease.forget()
            raise
        self._known = True
        return moved

    def drain(self) -> int:
        """Move everything that is pending, and return how many events there were; 0 if another process relays.

        Raises Unavailable.
        """
        if not self.take():
            return 0
        try:
            moved = sum(iter(self.round, 0))
        except Deposed:  # another process goes on
            return 0
        self.give_back()
        return moved

    def _advance(self) -> int:
        batch = next_batch(self._database, self._collections)
        if not batch.pending:
            self._lease.prolong()
            return 0
        batch = self._move(batch)
        with self._database.moved:
            self._database.moved.notify_all()
        self._emptying.remove(batch.moved())
        return len(batch.pending)

    def _move(self, batch: Batch) -> Batch:
        """Move the batch, or as much of it as MongoDB takes, and return what was moved.

        MongoDB does not always say which event it refuses, so the batch is halved, down to one event, which is parked.
        """
        while True:
            try:
                self._commit(batch, partial(self._store, batch), len(batch.events))
                break
            except _REFUSED as error:
                if stored := self._stored(batch) - batch.stored:
                    batch = Batch(batch.pending, batch.stored | stored)
                elif len(batch.pending) > 1:
                    batch = batch.first(len(batch.pending) // 2)
                else:
                    self._park(batch, error)
                    return batch
        if self._observer:
            moment = datetime.now(UTC)
            self._observer.moved([(moment - event["time"]).total_seconds() for event in batch.events])
        return batch

    def _commit(self, batch: Batch, write: Callable[[Session], None], numbers: int = 0) -> None:
        moving = [moved for moved, _ in batch.moved()]
        self._lease.commit(self._lease.published + numbers, moving, write)

    def _store(self, batch: Batch, session: Session) -> None:
        """Insert the events with their numbers, and count."""
        numbered = [
            {name: value for name, value in event.items() if name != "more"} | {"seq": number}
            for number, event in enumerate(batch.events, self._lease.published + 1)
        ]
        if numbered:
            self._database.db[EVENTS.name].insert_many(numbered, session=session)
        self._count(batch, session)

    def _count(self, batch: Batch, session: Session) -> None:
        increments = [
            UpdateOne(
                {"_id": f"{tenant} {kind}", "tenant": tenant, "type": kind}, {"$inc": more._asdict()}, upsert=True
            )
            for (tenant, kind), more in batch.more().items()
        ]
        if increments:
            self._database.db[COUNTS].bulk_write(increments, session=session)

    def _stored(self, batch: Batch) -> frozenset[str]:
        """Return the ids of the batch's events that are in the log already."""
        # As the primary has it, like the insert that was refused: what a majority is known to have may be less.
        events = self._database.db[EVENTS.name].with_options(read_concern=ReadConcern("local"))
        query = {"_id": {"$in": [event["_id"] for event in batch.events]}}
        return frozenset(row["_id"] for row in events.find(query, {"_id": 1}, **by_ids(events)))

    def _park(self, batch: Batch, error: Exception) -> None:
        """Put the only event of a batch aside, for an operator to look at; it is still counted, if that is possible."""
        [pending] = batch.pending
        row = {
            "_id": new_id(), "tenant": pending.event["tenant"], "parked": True, "time": now(),
            "reason": describe(error), "collection": pending.outbox.collection, "document": pending.outbox.document,
            "event": pending.event,
        }

        def put_aside(session: Session, *, counted: bool = True) -> None:
            self._database.db[OUTBOXES.name].insert_one(row, session=session)
            if counted:
                self._count(batch, session)

        try:
            self._commit(batch, put_aside)
        except _REFUSED:
            self._commit(batch, partial(put_aside, counted=False))
        log.error("an event cannot be moved to the log and is in `outbox` as %s: %s", row["_id"], row["reason"])
        if self._observer:
            self._observer.parked()


def drain_unless_running(database: Database, collections: Sequence[str]) -> int:
    """Move everything that is pending, unless another process relays, and return how many events there were.

    For commands, which change something and end. If the database does not answer, nothing is lost: the next relay moves
    it.
    """
    with suppress(Unavailable):
        return Relay(database, collections).drain()
    return 0
