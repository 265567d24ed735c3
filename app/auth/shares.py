"""How much of a process one tenant may hold at once, so that it cannot take the service from the others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition

from app.errors import TooManyRequests

PATIENCE = 1.0
"""Seconds that a query which no index answers waits for another one of its tenant to end."""

DELAY = 0.5
"""Seconds that a refusal is held back."""


class Shares:
    """The threads of a process, as tenants hold them.

    A tenant holds a quarter of them at most. Of those, an eighth may run queries that no index answers: each of them
    keeps a core of MongoDB busy, whatever else there is to do. Another quarter, of all tenants together, is for
    refusals that are held back: a client that asks again at once would keep the process busy with refusing it.
    """

    def __init__(self, threads: int) -> None:
        most = max(1, min(max(2, threads // 4), threads - 1))
        self._threads = _Places(most, 0)
        self._scans = _Places(max(1, most // 8), PATIENCE)
        self._held_back = BoundedSemaphore(most)

    def enter(self, tenant: str) -> None:
        """Take a thread for a request; raises TooManyRequests."""
        if not self._threads.take(tenant):
            raise _refusal(tenant, "share", "Too many requests at once.")

    def leave(self, tenant: str) -> None:
        """Give a thread back."""
        self._threads.give_back(tenant)

    @contextmanager
    def scan(self, tenant: str) -> Iterator[None]:
        """Run a query that no index answers; raises TooManyRequests."""
        if not self._scans.take(tenant):
            raise _refusal(tenant, "scans", "Too many queries at once on attributes without an index.")
        try:
            yield
        finally:
            self._scans.give_back(tenant)

    def hold_back(self) -> None:
        """Let a refusal wait a moment where a thread can be spared for it."""
        if self._held_back.acquire(blocking=False):
            try:
                time.sleep(DELAY)
            finally:
                self._held_back.release()


class _Places:
    def __init__(self, most: int, patience: float) -> None:
        self._most = most
        self._patience = patience
        self._held: dict[str, int] = {}
        self._changed = Condition()

    def take(self, tenant: str) -> bool:
        """Take a place; False where there is none, after some patience."""
        with self._changed:
            if self._held.get(tenant, 0) >= self._most and not self._changed.wait_for(
                lambda: self._held.get(tenant, 0) < self._most, self._patience
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
