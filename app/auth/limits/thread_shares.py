"""How many of a process's threads one tenant may use at once, so that it cannot starve the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition

from app.errors import TooManyRequests

SCAN_SECONDS = 1.0
"""How long a query without an index waits for another one of its tenant to finish."""
SECONDS = 0.5
"""How long a request beyond its tenant's share waits for a thread, and how long other refusals are delayed."""


class Shares:
    """The threads of a process, shared among tenants.

    A tenant uses a quarter of them at most (D-15). An eighth of that quarter may run queries without an index, each of
    which keeps a core of MongoDB busy (D-16). A further quarter, for all tenants together, may wait: for a thread
    during a burst, or before a refusal is sent, since a client that repeats a refused request at once would keep the
    process busy (D-17).
    """

    def __init__(self, threads: int) -> None:
        most = max(1, min(max(2, threads // 4), threads - 1))
        self._threads = _Slots(most)
        self._scans = _Slots(max(1, most // 8))
        self._waiting = BoundedSemaphore(most)

    def enter(self, tenant: str) -> None:
        """Take a thread for a request; raises TooManyRequests."""
        if not (self._threads.take(tenant) or self._wait(lambda: self._threads.take(tenant, SECONDS))):
            raise _refusal(tenant, "share", "Too many requests at once.")

    def leave(self, tenant: str) -> None:
        """Return the thread that `enter` took."""
        self._threads.give_back(tenant)

    @contextmanager
    def scan(self, tenant: str) -> Iterator[None]:
        """Run a query without an index inside the block; raises TooManyRequests."""
        if not self._scans.take(tenant, SCAN_SECONDS):
            raise _refusal(tenant, "scans", "Too many queries at once on attributes without an index.")
        try:
            yield
        finally:
            self._scans.give_back(tenant)

    def hold_back(self) -> None:
        """Delay a refusal for a moment, if a thread can be spared for that."""
        self._wait(lambda: time.sleep(SECONDS))

    def _wait(self, wait: Callable[[], bool | None]) -> bool | None:
        """Return what `wait` returns, or False if no thread can be spared for waiting."""
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            return wait()
        finally:
            self._waiting.release()


class _Slots:
    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, int] = {}
        self._changed = Condition()

    def take(self, tenant: str, seconds: float = 0.0) -> bool:
        """Take a slot and return True, or False if none is free within the time."""
        with self._changed:
            if self._held.get(tenant, 0) >= self._most and not self._changed.wait_for(
                lambda: self._held.get(tenant, 0) < self._most, seconds
            ):
                return False
            self._held[tenant] = self._held.get(tenant, 0) + 1
            return True

    def give_back(self, tenant: str) -> None:
        """Give a slot back."""
        with self._changed:
            left = self._held[tenant] - 1
            if left:
                self._held[tenant] = left
            else:
                del self._held[tenant]
            self._changed.notify_all()


def _refusal(tenant: str, limit: str, sentence: str) -> TooManyRequests:
    return TooManyRequests(f"{sentence} Try again later.", retry_after=1, tenant=tenant, limit=limit)
