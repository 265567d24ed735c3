"""The endpoints that the sender knows: it claims them, reads their events, and writes what has happened."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from app.delivery.sending.run import Run
from app.errors import Gone, ScimError
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.delivery.endpoint import ON, Gap
from app.store.delivery.progress import Marks, Progress, Step
from app.store.delivery.put_aside import BEHIND, WAITING, PutAsides
from app.store.log.sequence import EventSequence, Reading, Scope
from app.store.mongo.database import Database, Session, translate
from app.store.mongo.moments import now

log = logging.getLogger("scimd")
REFRESH_SECONDS = 1.0
"""How often the sender looks for endpoints that are new or have changed."""
LOOK_SECONDS = 0.05
"""How often it looks for new events, at most."""
AGAIN = timedelta(minutes=1)
"""The time after which an endpoint is tried again that could not be read or written."""
MOST_CLAIMS = 20
"""Endpoints that are claimed at a time, each in a few milliseconds."""


class Rest(NamedTuple):
    """An endpoint of which nothing is in memory, since it stands still."""

    marks: Marks
    until: datetime
    """When an event is tried."""


class Turns:
    """The present turn of each endpoint; `days` is how long given up events are shown.

    `session` returns the session for transactions.
    """

    def __init__(self, database: Database, days: int, session: Callable[[], Session]) -> None:
        self._progress = Progress(database, session)
        self._tenants = Tenants(database)
        self._put_asides = PutAsides(database)
        self._days = days
        self._runs: dict[str, Run] = {}
        self._resting: dict[str, Rest] = {}
        self._broken: dict[str, datetime] = {}
        """Endpoints that failed because of a fault of ours or of their documents, and when they are tried again."""
        self._refreshed = -REFRESH_SECONDS
        self._looked = -LOOK_SECONDS
        self._known: int | None = None
        """The last number that was known at the last look for news."""

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.values())

    @property
    def sent(self) -> int:
        """How many attempts are under way."""
        return sum(run.sent for run in self)

    def refresh(self, moment: datetime) -> None:
        """Take in which endpoints are new, or have been changed by others; done once a second."""
        if time.monotonic() - self._refreshed < REFRESH_SECONDS:
            return
        self._refreshed = time.monotonic()
        live = self._progress.live()
        for run in self:
            marks = live.get(run.endpoint.id)
            run.is_over |= marks is None or marks.turn != run.endpoint.turn
            run.is_closing |= marks is not None and marks.revision != run.endpoint.revision
        self._resting = {
            name: rest for name, rest in self._resting.items() if live.get(name) == rest.marks and rest.until > moment
        }
        self._broken = {name: until for name, until in self._broken.items() if until > moment}
        known = self._runs.keys() | self._resting.keys() | self._broken.keys()
        new = [name for name in live if name not in known]
        for name in new[:MOST_CLAIMS]:
            with self._alone(name, moment):
                self._claim(name)
        if len(new) > MOST_CLAIMS:
            self._refreshed = -REFRESH_SECONDS

    def _claim(self, endpoint_id: str) -> None:
        endpoint = self._progress.claim(endpoint_id)
        if endpoint is None:
            return
        scope = None
        if endpoint.tenant != ALL_TENANTS:
            tenant = self._tenants.get(endpoint.tenant)
            if tenant is None:  # it is being deleted, with its endpoints
                return
            scope = Scope(tenant.name, tenant.tenant_id)
        asides = self._put_asides.of(endpoint_id, (WAITING, BEHIND))
        self._runs[endpoint_id] = Run(endpoint, scope, asides, self._days)
        self._known = None  # so that the next look is for this one, too

    def read_events(self, sequence: EventSequence, moment: datetime) -> None:
        """Read the next events of all endpoints that have room for them."""
        if not self._runs:
            return
        self._look(sequence)
        wanting = [run for run in self if run.wants_events]
        if wanting:
            with sequence.reading() as reading:
                for run in wanting:
                    with self._alone(run.endpoint.id, moment):
                        self._read(run, reading)

    def _look(self, sequence: EventSequence) -> None:
        if self._known is not None and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        news = sequence.news(self._known)
        self._known = news.published
        for run in self:
            if news.tenants is None or run.scope is None or run.scope.tenant in news.tenants:
                run.news = news.published
            elif run.window.reached == run.news:
                run.window.reached = run.news = news.published

    def _read(self, run: Run, reading: Reading) -> None:
        try:
            run.read(reading)
        except Gone:
            if run.window.fresh:  # what was read before is sent first
                return
            place = run.window.reached
            to = reading.bounds.nearest(place)
            gap = Gap(place=place, to=to, time=now())
            log.error("events are no longer in the log that the endpoint %s has not got", run.endpoint.id)
            self._progress.write(run.endpoint, Step(fields={"place": to, "done": [], "gap": gap}))
            run.is_over = True

    def save(self, moment: datetime, *, at_once: bool = False) -> None:
        """Write what has happened, and forget the endpoints that nothing more is to be done for."""
        for run in list(self):
            ends = run.is_closing or run.health.state != ON
            with self._alone(run.endpoint.id, moment):
                run.save(self._progress, moment, at_once=at_once or (ends and not run.sent))
            if not run.sent and (run.is_over or (ends and not run.health.may_send(moment)) or run.is_closing):
                self._remove(run)

    def _remove(self, run: Run) -> None:
        endpoint = run.endpoint
        del self._runs[endpoint.id]
        if run.is_over or run.is_closing:
            self._refreshed = -REFRESH_SECONDS
        elif run.health.next:
            self._resting[endpoint.id] = Rest(Marks(endpoint.turn, endpoint.revision), run.health.next)

    @contextmanager
    def _alone(self, endpoint_id: str, moment: datetime) -> Iterator[None]:
        """Let what fails for one endpoint, such as a document that was changed by hand, fail for that one alone."""
        try:
            yield
        except Exception as error:
            if isinstance(error, ScimError) or translate(error):  # the database, for all endpoints
                raise
            log.exception("the endpoint %s cannot be sent to", endpoint_id)
            if run := self._runs.get(endpoint_id):
                run.is_over = True
            self._broken[endpoint_id] = moment + AGAIN

    def close(self) -> None:
        """Send nothing more to any endpoint."""
        for run in self:
            run.is_closing = True

    def forget(self) -> None:
        """Forget everything but the attempts that are under way, since the database may know better."""
        for run in self:
            run.is_over = True
        self._resting, self._known = {}, None
