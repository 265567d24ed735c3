"""The sender as one process runs it: by `round` as long as it has the lease.

One thread calls it. That thread alone decides and writes; the others only send, and put what became of it into a
queue. What is kept in memory can be forgotten at any time: the database has it, but for the work of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from app.delivery.message import Outcome
from app.delivery.sending.health import given_up
from app.delivery.sending.run import Run
from app.delivery.sending.threads import MOST, Threads
from app.delivery.sending.turns import Turns
from app.delivery.sending.window import Item
from app.errors import Unavailable
from app.store.delivery.delivery_lease import DeliveryLease
from app.store.delivery.endpoint import Endpoint
from app.store.log.lease import Deposed
from app.store.log.sequence import EventSequence, Scope
from app.store.mongo.database import Database
from app.store.mongo.moments import now

TAKE_SECONDS = 5.0
"""The time for taking the lease, and for giving it back."""
UNPROVEN = MOST // 2
"""The most threads that send to endpoints whose last attempt failed, or of which nothing is known."""
SPARE = MOST // 4
"""Free threads that an endpoint leaves to the others if it has one already."""


class Ended(NamedTuple):
    """An attempt that has ended; without an outcome it was not made, since lease or database were lost."""

    run: Run
    item: Item
    outcome: Outcome | None
    seconds: float


def _observe_nothing(endpoint: str, result: str, seconds: float) -> None:
    """Do nothing, where no metrics are kept."""


@dataclass(frozen=True)
class Parts:
    """What the sender works with."""

    database: Database
    attempt: Callable[[Endpoint, Scope | None, Mapping[str, Any]], Outcome]
    """Sends an event to an endpoint; raises only Unavailable, before anything is sent."""
    days: int
    """How long what was given up is shown."""
    observe: Callable[[str, str, float], object] = _observe_nothing
    """Counts an attempt: the endpoint's id, `done` or `failed`, seconds."""
    clock: Callable[[], datetime] = now


class Sender:
    """Sends the events of all endpoints."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lease = DeliveryLease(parts.database)
        self._sequence = EventSequence(parts.database)
        self._turns = Turns(parts.database, parts.days, self._lease.session)
        self._threads = Threads()
        self._ended: SimpleQueue[Ended] = SimpleQueue()
        self._first = 0
        self._unproven = 0
        """How many attempts are under way at endpoints that may not answer."""

    def take(self) -> bool:
        """Take the lease if it is free, and return whether that succeeded; raises Unavailable."""
        with self._parts.database.budget(TAKE_SECONDS):
            taken = self._lease.take()
        if taken:
            self._turns.forget()
        return taken

    def round(self, seconds: float) -> bool:
        """Do what is to be done now, and wait up to `seconds` for attempts to end; return whether anything is going on.

        Raises Deposed if the lease is lost, and Unavailable if the database does not answer. After any failure what is
        known is forgotten, and read again.
        """
        try:
            with self._parts.database.budget(self._lease.seconds_left()):
                self._lease.prolong()
                moment = self._parts.clock()
                self._turns.refresh(moment)
                self._turns.read_events(self._sequence, moment)
                begun = self._begin(moment)
            ended = self._collect(seconds)
            with self._parts.database.budget(self._lease.seconds_left()):
                self._turns.save(self._parts.clock())
        except Exception:
            self._turns.forget()
            raise
        return begun or ended

    def give_back(self, seconds: float) -> None:
        """Begin no more attempts, wait up to `seconds` for those under way, and let another process take the lease.

        If some do not end, the lease is not given back but ends by itself, so that no event is sent by two processes at
        once. Raises Deposed, Unavailable.
        """
        end = time.monotonic() + seconds
        self._turns.close()
        while self._turns.sent and (left := end - time.monotonic()) > 0:
            self._collect(left)
        with self._parts.database.budget(self._lease.seconds_left()):
            self._turns.save(self._parts.clock(), at_once=True)
            if not self._turns.sent:
                self._lease.give_back()

    def _begin(self, moment: datetime) -> bool:
        """Begin attempts, of each endpoint one after the other; return whether there were any."""
        runs, begun = self._in_turn(), False
        self._unproven = sum(run.sent for run in runs if not run.pace.is_proven)
        while waiting := [run for run in runs if self._has_room(run) and self._begin_one(run, moment)]:
            runs, begun = waiting, True
        return begun

    def _in_turn(self) -> list[Run]:
        """Return the endpoints, another one first each time."""
        runs = list(self._turns)
        self._first = (self._first + 1) % max(len(runs), 1)
        return runs[self._first :] + runs[: self._first]

    def _has_room(self, run: Run) -> bool:
        """Return whether the endpoint may have another thread, so that no endpoint keeps the others waiting."""
        if not run.pace.is_proven and self._unproven >= UNPROVEN:
            return False
        return self._threads.free > (SPARE if run.sent else 0)

    def _begin_one(self, run: Run, moment: datetime) -> bool:
        item = run.next(moment)
        if item is None:
            return False
        document = item.document or self._stored(run, item)
        if document is not None:
            run.begin(item)
            self._unproven += not run.pace.is_proven
            self._threads.begin(partial(self._send, run, item, document))
        return True

    def _stored(self, run: Run, item: Item) -> Mapping[str, Any] | None:
        """Return an event that was put aside; one that is no longer in the log is given up."""
        aside = item.aside
        assert aside is not None
        document = aside.document or self._sequence.event(aside.tenant, aside.event)
        if document is None:
            run.put(item, given_up(aside, "no longer in the log", self._parts.clock(), self._parts.days))
        return document

    def _send(self, run: Run, item: Item, document: Mapping[str, Any]) -> None:
        """Make an attempt; runs in a thread of its own."""
        begun, outcome = time.monotonic(), None
        try:
            self._lease.seconds_left()
            outcome = self._parts.attempt(run.endpoint, run.scope, document)
        except (Deposed, Unavailable):
            pass
        self._ended.put(Ended(run, item, outcome, time.monotonic() - begun))

    def _collect(self, seconds: float) -> bool:
        """Take in the attempts that have ended, and wait for the first one; return whether there were any."""
        try:
            self._take_in(self._ended.get(timeout=seconds))
        except Empty:
            return False
        while not self._ended.empty():
            self._take_in(self._ended.get())
        return True

    def _take_in(self, ended: Ended) -> None:
        self._threads.ended()
        ended.run.ended(ended.item, ended.outcome, ended.seconds, self._parts.clock())
        if ended.outcome is not None:
            result = "done" if ended.outcome.succeeded else "failed"
            self._parts.observe(ended.run.endpoint.id, result, ended.seconds)
