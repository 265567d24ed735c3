"""The end of a log as it grows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from app.store.mongo.database import REQUEST_SECONDS

LATEST = timedelta(seconds=2 * REQUEST_SECONDS)
"""How long after its time stamp a line may be committed: the time of a request, and as much for clocks that differ."""


class Tail:
    """The end of a log as it grows: each line once, in whatever order they are committed.

    A line gets its time before its transaction is committed, so that a later one may be visible before it: each reading
    goes back LATEST behind the newest one. Only the workers' clocks matter, not the reader's.

    `find` is `Events.find`, which may have been given what selects the lines; the tail adds `since` and `limit`.
    """

    def __init__(
        self, find: Callable[..., list[dict[str, Any]]], *, since: datetime | None = None, limit: int = 1_000
    ) -> None:
        self._find = find
        self._since, self._limit = since, limit
        self.left_out = False
        """Whether the limit has left out older lines."""
        self._seen: dict[str, datetime] = {}

    def read(self) -> list[dict[str, Any]]:
        """Return the newest `limit` lines; from the second call on, those that were not returned before."""
        one_more = self._limit and self._limit + 1
        found = self._find(since=self._since, limit=one_more)
        if self._limit and len(found) > self._limit:
            self.left_out = True
            del found[0]
        new = [event for event in found if event["_id"] not in self._seen]
        self._seen |= {event["_id"]: event["time"] for event in new}
        if self._seen:
            oldest = found[0]["time"] if self._limit and self.left_out else None
            bounds = [max(self._seen.values()) - LATEST, self._since, oldest]
            self._since = since = max(bound for bound in bounds if bound)
            self._seen = {key: time for key, time in self._seen.items() if time >= since}
        self._limit = 0
        return new
