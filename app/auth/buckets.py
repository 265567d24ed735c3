"""Leaky buckets that the workers share: each taking pours something in, and time takes it out again.

A bucket has room for a burst and loses `per_second` all the time, so that in the long run nobody has more than that.
The workers do not ask the database for each request: a worker pours what it has taken a batch at a time and learns what
is in the bucket then. What it knows is never more than the truth, and less by one batch, at most, of each other worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.store.accounts.shared_buckets import SharedBuckets

MOST_BUCKETS = 10_000
"""Buckets that a worker keeps in mind."""


@dataclass(frozen=True)
class Rate:
    """What may be taken: steadily, at once, and by one worker before it tells the others."""

    per_second: float
    room: int
    batch: int = 1


@dataclass
class _Bucket:
    at: float
    level: float = 0.0
    untold: int = 0
    """What the database has not been told of."""


class Buckets:
    """The buckets of one kind, by a name."""

    def __init__(self, shared: SharedBuckets, kind: str, clock: Callable[[], float]) -> None:
        self._shared = shared
        self._kind = kind
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, name: str, rate: Rate, amount: int = 1) -> float:
        """Take `amount` and return 0; where there is no room, take nothing and return the seconds until there is."""
        now = self._clock()
        with self._lock:
            bucket = self._at(name, now, rate)
            excess = bucket.level + amount - rate.room
            if excess > 0:
                return excess / rate.per_second
            bucket.level += amount
            bucket.untold += amount
            tell = bucket.untold if bucket.untold >= rate.batch else 0
            bucket.untold -= tell
        return self._told(name, rate, tell, amount, now) if tell else 0.0

    def _told(self, name: str, rate: Rate, tell: int, amount: int, now: float) -> float:
        """Tell the others of `tell`, the last `amount` of which is given back where they have used up the room."""
        key = f"{self._kind}:{name}"
        level = self._shared.add(key, tell, rate.per_second, now)
        excess = max(0.0, level - rate.room)
        if excess:
            level = self._shared.add(key, -amount, rate.per_second, now)
        with self._lock:
            bucket = self._at(name, now, rate)
            bucket.level = max(bucket.level - (amount if excess else 0), level + bucket.untold)
        return excess / rate.per_second

    def _at(self, name: str, now: float, rate: Rate) -> _Bucket:
        """Return the bucket as it is now."""
        bucket = self._buckets.get(name)
        if bucket is None:
            while len(self._buckets) >= MOST_BUCKETS:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[name] = _Bucket(now)
        passed = max(0.0, now - bucket.at)
        bucket.level = max(0.0, bucket.level - passed * rate.per_second)
        bucket.at += passed
        return bucket
