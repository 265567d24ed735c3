"""Leaky buckets that the workers share: every request adds to a bucket, and time drains it.

A bucket has room for a burst and drains at `per_second`, which is the limit in the long run. Workers do not ask the
database for each request: a worker adds what it has counted in batches, and learns the shared level each time. The
level that it knows is never too high, and too low by one batch of each other worker at most. An update for each
request would take 0.8 ms.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.store.accounts.shared_buckets import SharedBuckets

MOST_BUCKETS = 10_000
"""Buckets that a worker keeps in memory."""


@dataclass(frozen=True)
class Rate:
    """A rate limit."""

    per_second: float
    room: int
    """The burst that is allowed after a pause."""
    batch: int = 1
    """How much a worker counts before it updates the shared bucket."""


@dataclass
class _Bucket:
    at: float
    level: float = 0.0
    unshared: int = 0
    """The part of `level` that is not in the shared bucket yet."""


class Buckets:
    """The buckets of one kind, by name."""

    def __init__(self, shared: SharedBuckets, kind: str, clock: Callable[[], float]) -> None:
        self._shared = shared
        self._kind = kind
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, name: str, rate: Rate, amount: int = 1) -> float:
        """Add `amount` and return 0; if there is no room, add nothing and return the seconds until there is."""
        now = self._clock()
        with self._lock:
            bucket = self._at(name, now, rate)
            excess = bucket.level + amount - rate.room
            if excess > 0:
                return excess / rate.per_second
            bucket.level += amount
            bucket.unshared += amount
            batch = bucket.unshared if bucket.unshared >= rate.batch else 0
            bucket.unshared -= batch
        return self._share(name, rate, batch, amount, now) if batch else 0.0

    def _share(self, name: str, rate: Rate, batch: int, amount: int, now: float) -> float:
        """Add `batch` to the shared bucket; if that is full, take `amount`, the last part, back and refuse it."""
        key = f"{self._kind}:{name}"
        level = self._shared.add(key, batch, rate.per_second, now)
        excess = max(0.0, level - rate.room)
        if excess:
            level = self._shared.add(key, -amount, rate.per_second, now)
        with self._lock:
            bucket = self._at(name, now, rate)
            bucket.level = max(bucket.level - (amount if excess else 0), level + bucket.unshared)
        return excess / rate.per_second

    def _at(self, name: str, now: float, rate: Rate) -> _Bucket:
        """Return the bucket with its level at `now`."""
        bucket = self._buckets.get(name)
        if bucket is None:
            while len(self._buckets) >= MOST_BUCKETS:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[name] = _Bucket(now)
        elapsed = max(0.0, now - bucket.at)
        bucket.level = max(0.0, bucket.level - elapsed * rate.per_second)
        bucket.at += elapsed
        return bucket
