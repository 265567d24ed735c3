"""Limits on the web pages, shared by all workers: on links that are not good, and on the requests of one visit."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.auth.limits.buckets import Buckets, Rate
from app.auth.limits.rate_limits import neighbourhood, per_minute, refusal
from app.store.accounts.shared_buckets import SharedBuckets
from app.store.mongo.database import Database

WRONG_LINKS = 60
"""Per minute and address."""
REQUESTS = Rate(per_second=20, room=40, batch=20)
"""Of one visit."""


class ConsoleLimits:
    """These limits."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        shared = SharedBuckets(database)
        self._wrong = Buckets(shared, "links", clock)
        self._noted = Buckets(shared, "links-noted", clock)
        self._requests = Buckets(shared, "visits", clock)

    def count_wrong_link(self, address: str) -> bool:
        """Count a link that is not good, and return whether to note it, once a minute; raises TooManyRequests."""
        near = neighbourhood(address)
        if wait := self._wrong.take(near, per_minute(WRONG_LINKS)):
            raise refusal("Too many links that are not good.", wait)
        return not self._noted.take(near, per_minute(1))

    def count_request(self, visit: str) -> None:
        """Count a request of a visit; raises TooManyRequests."""
        if wait := self._requests.take(visit, REQUESTS):
            raise refusal("Too many requests.", wait)
