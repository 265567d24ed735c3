"""What has happened with an endpoint since it was last written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.store.delivery.endpoint import MOST_ATTEMPTS, Attempt
from app.store.delivery.progress import Step
from app.store.delivery.put_aside import PutAside

WRITE_EVERY = timedelta(seconds=1)
"""How often the place of an endpoint is written, and so how much is sent again after a crash."""
WRITE_IDLE = timedelta(minutes=1)
"""How often it is written if nothing was sent, because the endpoint gets none of the events."""


class Unwritten:
    """What is to be written of one endpoint, whose place was `place` at `moment`."""

    def __init__(self, place: int, moment: datetime) -> None:
        self._place = place
        self._written = moment
        self.is_urgent = False
        """Whether it is to be written at once, because something failed or the state has changed."""
        self._clear()

    def add(self, attempt: Attempt) -> None:
        """Add an attempt."""
        self._attempts.append(attempt)
        self._failed += bool(attempt["reason"])
        self._delivered += not attempt["reason"]

    def put(self, aside: PutAside) -> None:
        """Add what is put aside, or was and has changed."""
        self._put[aside.id] = aside
        self._gone.discard(aside.id)
        self.is_urgent = True

    def take_out(self, aside: PutAside) -> None:
        """Note that an event is put aside no longer."""
        self._put.pop(aside.id, None)
        self._gone.add(aside.id)

    def is_due(self, place: int, moment: datetime, *, at_once: bool) -> bool:
        """Return whether it is time to write, with the present place; `at_once` if there is anything to write."""
        has_moved, since = place > self._place, moment - self._written
        if self.is_urgent:
            return True
        if self._attempts or self._gone:
            return at_once or since >= WRITE_EVERY
        return has_moved and (at_once or since >= WRITE_IDLE)

    def take(self, place: int, fields: Mapping[str, Any], moment: datetime) -> Step:
        """Return what is to be written, with the present place and the other fields of the endpoint."""
        step = Step(
            fields={"place": place, **fields}, attempts=self._attempts[-MOST_ATTEMPTS:], delivered=self._delivered,
            failed=self._failed, put=tuple(self._put.values()), gone=tuple(self._gone),
        )
        self._place, self._written, self.is_urgent = place, moment, False
        self._clear()
        return step

    def _clear(self) -> None:
        self._attempts: list[Attempt] = []
        self._delivered = self._failed = 0
        self._put: dict[str, PutAside] = {}
        self._gone: set[str] = set()
