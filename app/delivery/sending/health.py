"""How an endpoint fares: when a single event is tried again, when the endpoint stands still, and when it is turned off.

While it stands still, one event is tried from time to time, and its first success sets it going again.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.delivery.message import Outcome
from app.store.delivery.endpoint import OFF, ON, STANDING_STILL, Endpoint
from app.store.delivery.put_aside import GIVEN_UP, WAITING, PutAside

log = logging.getLogger("scimd")
PAUSES = tuple(
    timedelta(seconds=each) for each in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""The times between the attempts for one event, give or take a fifth; after the last one it is given up."""
SPREAD = 0.2
PROBES = tuple(timedelta(seconds=each) for each in (5, 30, 120, 300))
"""The times between the attempts for an endpoint that stands still; the last one is repeated."""
MOST_FAILING = 5
"""After failures of this many different events in a row an endpoint stands still."""
MOST_PUT_ASIDE = 1_000
"""No more events are read while this many are put aside; an endpoint that can send none of them stands still."""
OFF_AFTER = timedelta(days=5)
"""After this time without success an endpoint that fails is turned off."""
BUSY = (429, 502, 504)
"""The statuses of an endpoint that has too much to do: it gets fewer events at once for `EASE`."""
EASE = timedelta(minutes=10)

_LINES = {
    ON: (logging.INFO, "the endpoint %s takes events again%s"),
    STANDING_STILL: (logging.WARNING, "the endpoint %s stands still: %s"),
    OFF: (logging.ERROR, "the endpoint %s is turned off: %s"),
}
"""The line of the log for each change."""


def after_failure(aside: PutAside, outcome: Outcome, moment: datetime, days: int) -> PutAside:
    """Return an event as it is put aside after one more failure: with its next attempt, or given up.

    `days` is how long one that was given up is shown.
    """
    attempts = aside.attempts + 1
    failed = replace(aside, attempts=attempts, status=outcome.status, reason=outcome.reason)
    if attempts > len(PAUSES):
        return given_up(failed, outcome.reason, moment, days)
    return replace(failed, state=WAITING, next=moment + _spread(PAUSES[attempts - 1]))


def after_probe(aside: PutAside, outcome: Outcome, moment: datetime) -> PutAside:
    """Return an event after it was tried for an endpoint that stands still: nothing of its schedule is used up."""
    pause = _spread(PAUSES[max(aside.attempts - 1, 0)])
    return replace(aside, status=outcome.status, reason=outcome.reason, next=moment + pause)


def given_up(aside: PutAside, reason: str, moment: datetime, days: int) -> PutAside:
    """Return an event that is not tried any more; `days` is how long it is shown."""
    log.error("the event %s is given up for the endpoint %s: %s", aside.event, aside.endpoint, reason)
    return replace(aside, state=GIVEN_UP, reason=reason, forget=moment + timedelta(days=days))


def _spread(pause: timedelta) -> timedelta:
    return pause * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311


@dataclass
class Health:
    """The state of an endpoint, as its document has it."""

    endpoint: str
    """Its id."""
    state: str
    reason: str
    since: datetime
    failing: list[str]
    failing_since: datetime | None
    probes: int
    next: datetime | None

    @classmethod
    def of(cls, endpoint: Endpoint) -> Health:
        """Return the state of an endpoint."""
        return cls(
            endpoint.id, endpoint.state, endpoint.reason, endpoint.since, list(endpoint.failing),
            endpoint.failing_since, endpoint.probes, endpoint.next,
        )

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the document."""
        return {
            "state": self.state, "reason": self.reason, "since": self.since, "failing": self.failing,
            "failingSince": self.failing_since, "probes": self.probes, "next": self.next,
        }

    def may_send(self, moment: datetime) -> bool:
        """Return whether anything may be sent now."""
        return self.state != OFF and (self.next is None or self.next <= moment)

    def succeeded(self, moment: datetime) -> bool:
        """Note that the endpoint has taken an event; return whether that changes anything."""
        if self.state == ON and not self.failing:
            return False
        if self.state == STANDING_STILL:
            self._change(ON, "", moment)
        self.failing, self.failing_since, self.probes, self.next = [], None, 0, None
        return True

    def failed(self, event: str, outcome: Outcome, moment: datetime) -> None:
        """Note that an attempt for an event has failed."""
        if self.state == OFF:
            return
        self.failing_since = self.failing_since or moment
        if event not in self.failing and len(self.failing) < MOST_FAILING:
            self.failing.append(event)
        if outcome.retry_after:
            self._wait(timedelta(seconds=outcome.retry_after), moment)
        if outcome.is_gone:
            self._change(OFF, outcome.reason, moment)
        elif moment - self.failing_since >= OFF_AFTER:
            self._change(OFF, f"no success for {OFF_AFTER.days} days; the last attempt: {outcome.reason}", moment)
        elif self.state == STANDING_STILL:
            self.probes += 1
            self.reason = outcome.reason
            self._wait(PROBES[min(self.probes, len(PROBES) - 1)], moment)
        elif outcome.endpoint_fails or len(self.failing) >= MOST_FAILING:
            self.stand_still(outcome.reason, moment)

    def stand_still(self, reason: str, moment: datetime) -> None:
        """Send nothing but one event from time to time."""
        self._change(STANDING_STILL, reason, moment)
        self.probes = 0
        self._wait(PROBES[0], moment)

    def _change(self, state: str, reason: str, moment: datetime) -> None:
        self.state, self.reason, self.since = state, reason, moment
        log.log(*_LINES[state], self.endpoint, reason)

    def _wait(self, pause: timedelta, moment: datetime) -> None:
        self.next = max(self.next or moment, moment + pause)


@dataclass
class Pace:
    """How many events an endpoint gets at once."""

    most: int
    is_proven: bool = False
    """Whether the last attempt succeeded; an endpoint of which that is not known gets one event at a time."""
    _eased: int = 0
    _until: datetime | None = None

    def allowed(self, moment: datetime) -> int:
        """Return how many events may be under way."""
        if not self.is_proven:
            return 1
        if self._until is None or self._until <= moment:
            return self.most
        return min(self._eased, self.most)

    def answered(self, outcome: Outcome, moment: datetime) -> None:
        """Note the outcome of an attempt."""
        if outcome.status in BUSY:
            present = self._eased if self._until and self._until > moment else self.most
            self._eased, self._until = max(present // 2, 1), moment + EASE
        self.is_proven = outcome.succeeded
