"""How often: a tenant's requests, its token requests, and wrong credentials from one address.

Each is a bucket (`buckets`) that all workers share. A tenant that sends no more than its rate is never refused; one
that sends more uses up its room first, and has beyond that a tenth of a second's requests at most for each worker.

Good credentials are never refused for the sake of wrong ones: behind a proxy all clients may have one address, and a
secret of 256 bits is not guessed. The limit on wrong ones keeps their noise out of database and log.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache

from app.auth.buckets import Buckets, Rate
from app.errors import TooManyRequests
from app.store.accounts.shared_buckets import SharedBuckets
from app.store.mongo.database import Database

TOKEN_REQUESTS = 300
"""A minute, of one tenant: a client needs one in an hour, a rotation or a test a few more."""
WRONG_CREDENTIALS = 100
"""A minute, from one address (D-109)."""
DEFAULT = 100
"""Requests a second of one tenant, as the settings have it."""
ROOM = 1_500
"""Requests at once, at least: what an outage of a minute holds back at 25 a second, and more than one Bulk has."""
ROOM_SECONDS = 15
"""The room of those with a higher rate than the default, in seconds of it."""
REPORTS = 10
"""Times a second that a worker tells the others of a tenant that uses its whole rate."""


class Limits:
    """The limits of this server; `per_second` is the rate of a tenant that has none of its own, None for no limit.

    Who lets tenants do more than the default lets them do more of the rest in the same measure.
    """

    def __init__(self, database: Database, per_second: int | None, clock: Callable[[], float] = time.time) -> None:
        self._per_second = per_second
        measure = max(1.0, (per_second or 0) / DEFAULT)
        self._token_rate = _a_minute(round(TOKEN_REQUESTS * measure))
        self._wrong_rate = _a_minute(round(WRONG_CREDENTIALS * measure))
        shared = SharedBuckets(database)
        self._requests = Buckets(shared, "requests", clock)
        self._tokens = Buckets(shared, "tokens", clock)
        self._wrong = Buckets(shared, "wrong", clock)
        self._missing = Buckets(shared, "missing", clock)
        self._noted = Buckets(shared, "noted", clock)

    def request(self, tenant: str, own: int | None = None, amount: int = 1) -> None:
        """Count a request, or `amount` operations, of a tenant that has been let in; `own` is its own rate, if any.

        Raises TooManyRequests, which names it.
        """
        per_second = own or self._per_second
        if per_second is None:
            return
        wait = self._requests.take(tenant, rate_of(per_second), amount)
        if wait:
            raise _refusal(f"More than {per_second} requests a second.", wait, tenant=tenant, limit="rate")

    def noted(self, tenant: str) -> bool:
        """Return whether the log has room for a refused request of a tenant: one a minute is enough to be found."""
        return not self._noted.take(tenant, _a_minute(1))

    def token_request(self, tenant: str) -> None:
        """Count an access token that a tenant is issued; raises TooManyRequests."""
        if self._per_second and (wait := self._tokens.take(tenant, self._token_rate)):
            raise _refusal("Too many requests for access tokens.", wait)

    def wrong_credential(self, address: str) -> None:
        """Count a wrong credential; raises TooManyRequests."""
        if self._per_second and (wait := self._wrong.take(_neighbourhood(address), self._wrong_rate)):
            raise _refusal("Too many wrong credentials.", wait)

    def missing_credential(self, address: str) -> bool:
        """Count a request without a credential, and return whether the log has room for it."""
        return not (self._per_second and self._missing.take(_neighbourhood(address), self._wrong_rate))


@lru_cache(256)
def rate_of(per_second: int) -> Rate:
    """Return what a tenant with this rate may take."""
    return Rate(per_second, max(ROOM, ROOM_SECONDS * per_second), max(1, per_second // REPORTS))


def _a_minute(number: int) -> Rate:
    return Rate(number / 60, number)


def _refusal(sentence: str, wait: float, **about: str) -> TooManyRequests:
    return TooManyRequests(f"{sentence} Try again later.", retry_after=max(1, math.ceil(wait)), **about)


def _neighbourhood(address: str) -> str:
    """Return what is counted as one address: of IPv6 the network, since a single host has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
