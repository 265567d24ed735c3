"""Waiting for new events: a request with nothing to read is held back until there is something or its time is over.

Nobody waits on the database: while somebody waits, one thread of the process looks for new events each tenth of a
second, and at once if the relay of this process says that it has numbered some.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from contextvars import Context
from typing import Protocol, TypeVar

from app.errors import Unavailable
from app.store.log.sequence import EventSequence, News
from app.store.mongo.database import Database

MOST_WAITING = 16
"""Requests of a process that may wait at once: a quarter of its threads, as many as one tenant may use."""
PAUSE = 0.1
LEAST_PAUSE = 0.02
Aside = Callable[[], AbstractContextManager[None]]
"""Runs a block without what a waiting request must not hold."""


class Page(Protocol):
    """What a request reads."""

    @property
    def place(self) -> int:
        """The place behind it."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it to answer with."""


P = TypeVar("P", bound=Page)


class Waiters:
    """The requests of one process that wait.

    `sequence` is where they look; `count` is called with the change of their number.
    """

    def __init__(self, database: Database, sequence: EventSequence, count: Callable[[int], object]) -> None:
        self._database = database
        self._sequence = sequence
        self._count = count
        self._changed = threading.Condition()
        self._waiting = 0
        self._looking = False
        self._stopped = False
        self._known = 0
        """The place up to which the looks have gone; 0 before the first one."""
        self._everyone = 0
        """A place behind which any tenant may have events."""
        self._tenants: dict[str, int] = {}
        """The number of the last event of each tenant, as far as it is known."""

    def hold(self, page: P, tenant: str | None, until: float, aside: Aside, read_on: Callable[[int], P]) -> P:
        """Return the page, or if it is empty the first later one that is not, which `read_on` reads behind a place.

        It returns an empty page if the time `until` of `time.monotonic` is over, or as soon as nobody may wait. The
        waiting is done inside `aside`.
        """
        while page.is_empty and (left := until - time.monotonic()) > 0:
            with aside():
                news = self.wait(tenant, page.place, left)
            if not news:
                break
            # The time that the request has for the database may have been spent with waiting.
            page = Context().run(self._read, read_on, page.place)
        return page

    def _read(self, read_on: Callable[[int], P], place: int) -> P:
        with self._database.budget():
            return read_on(place)

    def wait(self, tenant: str | None, place: int, seconds: float) -> bool:
        """Wait until the tenant, None for any, may have events behind a place; return whether it may.

        It is False if the time is over, and at once if too many wait already or the process stops.
        """
        with self._changed:
            if self._stopped or self._waiting >= MOST_WAITING:
                return False
            self._waiting += 1
            self._count(1)
            try:
                self._begin_to_look()
                self._changed.wait_for(lambda: self._stopped or self._has_news(tenant, place), seconds)
                return self._has_news(tenant, place) and not self._stopped
            finally:
                self._waiting -= 1
                self._count(-1)

    def stop(self) -> None:
        """Let nobody wait any longer: the process stops."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _has_news(self, tenant: str | None, place: int) -> bool:
        if tenant is None:
            return self._known > place
        return max(self._everyone, self._tenants.get(tenant, 0)) > place

    def _begin_to_look(self) -> None:
        if not self._looking:
            self._looking = True
            threading.Thread(target=self._keep_looking, name="waiting for events", daemon=True).start()

    def _keep_looking(self) -> None:
        try:
            while self._is_wanted():
                with suppress(Unavailable), self._database.budget():  # the next look tries again
                    self._take(self._sequence.news(self._known or None))
                time.sleep(LEAST_PAUSE)
                with self._database.moved:
                    self._database.moved.wait(PAUSE - LEAST_PAUSE)
        except BaseException:
            self._looking = False
            raise

    def _is_wanted(self) -> bool:
        """Return whether somebody waits; if not, forget what is known, since nobody looks from now on."""
        with self._changed:
            wanted = bool(self._waiting) and not self._stopped
            if not wanted:
                self._looking, self._known, self._everyone, self._tenants = False, 0, 0, {}
            return wanted

    def _take(self, news: News) -> None:
        with self._changed:
            self._known = news.published
            if news.tenants is None:
                self._everyone = news.published
            else:
                self._tenants.update(news.tenants)
            self._changed.notify_all()
