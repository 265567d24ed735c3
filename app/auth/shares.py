"""How much of a process one tenant may hold at once, so that it cannot take the service from the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition

from app.errors import TooManyRequests

SCAN_SECONDS = 1.0
"""How long a query that no index answers waits for another one of its tenant to end."""
SECONDS = 0.5
"""How long a request beyond the share waits for another one to end, and how long another refusal is held back."""


class Shares:
    """The threads of a process, as tenants hold them.

    A tenant holds a quarter of them at most (D-15). Of those, an eighth may run queries that no index answers: each of
    them keeps a core of MongoDB busy, whatever else there is to do (D-16). Another quarter, of all tenants together, is
    for waiting: a burst waits for its turn, and a refusal is held back, since a client that asks again at once would
    keep the process busy with refusing it (D-17).
    """

    def __init__(self, threads: int) -> None:
        most = max(1, min(max(2, threads // 4), threads - 1))
        self._threads = _Places(most)
        self._scans = _Places(max(1, most // 8))
        self._waiting = BoundedSemaphore(most)

    def enter(self, tenant: str) -> None:
        """Take a thread for a request; raises TooManyRequests."""
        if not (self._threads.take(tenant) or self._wait(lambda: self._threads.take(tenant, SECONDS))):
            raise _refusal(tenant, "share", "Too many requests at once.")

    def leave(self, tenant: str) -> None:
        """Give a thread back."""
        self._threads.give_back(tenant)

    @contextmanager
    def scan(self, tenant: str) -> Iterator[None]:
        """Run a query that no index answers; raises TooManyRequests."""
        if not self._scans.take(tenant, SCAN_SECONDS):
            raise _refusal(tenant, "scans", "Too many queries at once on attributes without an index.")
        try:
            yield
        finally:
            self._scans.give_back(tenant)

    def hold_back(self) -> None:
        """Let a refusal wait a moment where a thread can be spared for it."""
        self._wait(lambda: time.sleep(SECONDS))

    def _wait(self, wait: Callable[[], bool | None]) -> bool | None:
        """Return what the waiting comes to; False where no thread can be spared for it."""
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            return wait()
        finally:
            self._waiting.release()


class _Places:
    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, int] = {}
        self._changed = Condition()

    def take(self, tenant: str, seconds: float = 0.0) -> bool:
        """Take a place; False where there is none within some seconds."""
        with self._changed:
            if self._held.get(tenant, 0) >= self._most and not self._changed.wait_for(
                lambda: self._held.get(tenant, 0) < self._most, seconds
            ):
                return False
            self._held[tenant] = self._held.get(tenant, 0) + 1
            return True

    def give_back(self, tenant: str) -> None:
        """Give a place back."""
        with self._changed:
            left = self._held[tenant] - 1
            if left:
                self._held[tenant] = left
            else:
                del self._held[tenant]
            self._changed.notify_all()


def _refusal(tenant: str, limit: str, sentence: str) -> TooManyRequests:
    return TooManyRequests(f"{sentence} Try again later.", retry_after=1, tenant=tenant, limit=limit)
