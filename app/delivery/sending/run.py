"""One endpoint as the sender knows it for one turn: its window, its health, and what is still to be written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

import orjson

from app.delivery.message import Outcome
from app.delivery.sending.health import MOST_PUT_ASIDE, Health, Pace, after_failure, after_probe
from app.delivery.sending.unwritten import Unwritten
from app.delivery.sending.window import SIZE, Item, Window
from app.store.delivery.endpoint import STANDING_STILL, Attempt, Endpoint
from app.store.delivery.progress import Progress
from app.store.delivery.put_aside import BEHIND, GIVEN_UP, PutAside
from app.store.delivery.requests import put_aside
from app.store.log.sequence import Reading, Scope

FEW = 20
"""The most events that are read ahead for an endpoint that gets one at a time, since its last attempt failed."""
MOST_DONE = 1_000
"""No more events are read while this many after the place are done: one at the place takes long."""
MOST_BYTES = 1024 * 1024
"""About how large the events are that are read at a time; the last one may exceed it."""


class Run:
    """One turn of an endpoint; `scope` says whose events it gets, and `days` how long given up events are shown."""

    def __init__(self, endpoint: Endpoint, scope: Scope | None, asides: Iterable[PutAside], days: int) -> None:
        self.endpoint = endpoint
        self.scope = scope
        self.window = Window(endpoint.place, endpoint.done, asides)
        self.health = Health.of(endpoint)
        self.pace = Pace(endpoint.parallel)
        self.sent = 0
        """How many attempts are under way."""
        self.is_over = False
        """Whether nothing more is sent or written: the endpoint is to be read again."""
        self.is_closing = False
        """Whether nothing more is sent, but what has happened is written."""
        self.news = endpoint.place
        """The number up to which there may be events for it."""
        self._days = days
        self._unwritten = Unwritten(endpoint.place, endpoint.created)

    @property
    def is_standing_still(self) -> bool:
        """Whether only one event is tried from time to time."""
        return self.health.state == STANDING_STILL

    @property
    def wants_events(self) -> bool:
        """Whether there are events to read, and room for them."""
        if self.is_over or self.is_closing or self.window.reached == self.news:
            return False
        few = 0 if self.is_standing_still else self._size // 2
        return self.window.fresh <= few and self.window.put_aside < MOST_PUT_ASIDE and self.window.ahead < MOST_DONE

    @property
    def _size(self) -> int:
        return SIZE if self.pace.is_proven else FEW

    def read(self, reading: Reading) -> None:
        """Read the next events; raises Gone if its place is lost."""
        place = reading.start(self.window.reached)
        reach = reading.reach(place, self.scope) if self.endpoint.types else reading.bounds.published
        room = self._size - self.window.fresh
        if reading.read(place, reach, self.scope, self.endpoint.types, partial(self._take, room)):
            self.window.reached = max(place, reach)
        # Not less than what a look has found: a reading may be of an earlier moment.
        self.news = max(self.news, reading.bounds.published)
        self._put_behind()

    def _take(self, room: int, documents: Iterable[Mapping[str, Any]]) -> bool:
        """Take events in, and return whether there are no more."""
        size = 0
        for document in documents:
            self.window.read(document)
            room, size = room - 1, size + len(orjson.dumps(document, default=str))
            if room <= 0 or size >= MOST_BYTES:
                return False
        return True

    def _put_behind(self) -> None:
        """Put aside what has to wait for an event that was put aside."""
        if self.is_standing_still or not self.window.put_aside:
            return
        for item in self.window.behind():
            assert item.document is not None
            self.put(item, put_aside(self.endpoint, item.document, state=BEHIND))

    def next(self, moment: datetime) -> Item | None:
        """Return the event that is to be sent now, None if there is none."""
        if self.is_over or self.is_closing or not self.health.may_send(moment):
            return None
        if self.is_standing_still:
            return self._probe(moment) if not self.sent else None
        if self.sent >= self.pace.allowed(moment):
            return None
        item = next(self.window.ready(moment), None)
        if item is None and not self.sent and self.window.put_aside >= MOST_PUT_ASIDE:
            self.health.stand_still(f"{MOST_PUT_ASIDE} events are put aside", moment)
            self._unwritten.is_urgent = True
        return item

    def _probe(self, moment: datetime) -> Item | None:
        """Return the event to try: a test, or by turns the one put aside that is due first, and the next new one.

        So neither a few events that are always refused nor a new one can keep an endpoint from going again.
        """
        ready = list(self.window.ready(moment, early=True))
        tests = [item for item in ready if item.seq == 0]
        asides = sorted((item for item in ready if item.aside), key=attrgetter("due"))
        fresh = [item for item in ready if not item.aside]
        by_turns = [*fresh, *asides] if self.health.probes % 2 else [*asides, *fresh]
        return next(iter([*tests, *by_turns]), None)

    def begin(self, item: Item) -> None:
        """Note that an attempt for an event begins."""
        item.is_sent, item.is_probe = True, self.is_standing_still
        self.sent += 1

    def ended(self, item: Item, outcome: Outcome | None, seconds: float, moment: datetime) -> None:
        """Take in how an attempt has ended; None means that it was not made, since lease or database were lost."""
        self.sent -= 1
        item.is_sent = False
        if self.is_over or outcome is None:
            self.is_over = True
            return
        self._unwritten.add(Attempt(
            time=moment, event=item.event, status=outcome.status, reason=outcome.reason, seconds=round(seconds, 3),
        ))
        self.pace.answered(outcome, moment)
        if outcome.succeeded:
            self._unwritten.is_urgent |= self.health.succeeded(moment)
            self.finish(item)
        else:
            self._unwritten.is_urgent = True
            self._fail(item, outcome, moment)

    def finish(self, item: Item) -> None:
        """Note that an event needs no more attempts, and nothing has to be known of it."""
        self.window.remove(item)
        if item.aside:
            self._unwritten.take_out(item.aside)

    def _fail(self, item: Item, outcome: Outcome, moment: datetime) -> None:
        if self.is_standing_still and not item.is_probe:
            return  # it was under way when the endpoint came to stand still, and is tried again
        # Others wait for this event: if it is the one that is always refused, it must not hold them up for ever.
        counts = not item.is_probe or (self.window.put_aside >= MOST_PUT_ASIDE and item.is_due(moment))
        self.health.failed(item.event, outcome, moment)
        if item.seq == 0:
            self.finish(item)
        elif counts and not outcome.is_gone:
            aside = item.aside or put_aside(self.endpoint, item.document or {})
            self.put(item, after_failure(aside, outcome, moment, self._days))
            self._put_behind()
        elif item.aside:
            self.put(item, after_probe(item.aside, outcome, moment))

    def put(self, item: Item, aside: PutAside) -> None:
        """Put an event aside, or give it up."""
        self.window.put(item, aside)
        self._unwritten.put(aside)
        if aside.state == GIVEN_UP:
            self.window.remove(item)

    def save(self, progress: Progress, moment: datetime, *, at_once: bool = False) -> None:
        """Write what has happened, if it is time to; the turn is over if an operator or another sender has begun one.

        `at_once` writes whatever there is.
        """
        place = self.window.place
        if self.is_over or not self._unwritten.is_due(place, moment, at_once=at_once):
            return
        fields = {"done": self.window.done, **self.health.fields}
        self.is_over = not progress.write(self.endpoint, self._unwritten.take(place, fields, moment))
