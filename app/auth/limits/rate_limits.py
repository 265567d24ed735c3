"""Rate limits: on a tenant's requests, on its token requests, and on wrong credentials from one address.

Each limit is a bucket (`buckets`) that all workers share. A tenant that keeps to its rate is never refused. One that
exceeds it uses up its burst first, and gets no more than that plus a tenth of a second's requests for each worker.

Wrong credentials never cause valid ones to be refused: behind a proxy all clients may have one address, and a secret of
256 bits cannot be guessed. The limit on wrong ones protects the database and the log from them.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable

from app.auth.limits.buckets import Buckets, Rate
from app.errors import TooManyRequests
from app.store.accounts.shared_buckets import SharedBuckets
from app.store.mongo.database import Database

TOKEN_REQUESTS = 300
"""Per minute and tenant: a client needs one per hour, and a few more during a rotation or a test."""
APP_REQUESTS = 6_000
"""Per minute and tenant: at nine in the morning a whole company signs in; each app asks for a token and userinfo."""
WRONG_CREDENTIALS = 100
"""Per minute and address (D-109)."""
DEFAULT = 100
"""Requests per second and tenant in the default settings."""
ROOM = 1_500
"""The smallest burst, in requests: what builds up in an outage of a minute at 25 per second, and more than one bulk
request has."""
ROOM_SECONDS = 15
"""The burst of a tenant with a higher rate, in seconds of that rate."""
REPORTS = 10
"""How often per second a worker updates the shared bucket of a tenant that uses its whole rate."""


class Limits:
    """The limits of this server; `per_second` is the rate of a tenant without a rate of its own, None for no limit.

    If that is above the default, the other limits grow in proportion.
    """

    def __init__(self, database: Database, per_second: int | None, clock: Callable[[], float] = time.time) -> None:
        self._per_second = per_second
        factor = max(1.0, (per_second or 0) / DEFAULT)
        self._token_rate = per_minute(round(TOKEN_REQUESTS * factor))
        self._app_rate = per_minute(round(APP_REQUESTS * factor))
        self._wrong_rate = per_minute(round(WRONG_CREDENTIALS * factor))
        shared = SharedBuckets(database)
        self._requests = Buckets(shared, "requests", clock)
        self._tokens = Buckets(shared, "tokens", clock)
        self._apps = Buckets(shared, "apps", clock)
        self._wrong = Buckets(shared, "wrong", clock)
        self._missing = Buckets(shared, "missing", clock)
        self._logged = Buckets(shared, "noted", clock)

    def count_request(self, tenant: str, own: int | None = None, amount: int = 1) -> None:
        """Count a request, or `amount` operations, of an authenticated tenant; `own` is its own rate, if any.

        Raises TooManyRequests, which names the tenant.
        """
        per_second = own or self._per_second
        if per_second is None:
            return
        wait = self._requests.take(tenant, rate_of(per_second), amount)
        if wait:
            raise refusal(f"More than {per_second} requests a second.", wait, tenant=tenant, limit="rate")

    def may_log(self, tenant: str, lines: int = 1) -> bool:
        """Return whether a refused request of a tenant may be logged: so many lines a minute are enough to notice it.
        """
        return not self._logged.take(tenant, per_minute(lines))

    def count_token_request(self, tenant: str) -> None:
        """Count an access token that is issued to a tenant; raises TooManyRequests."""
        if self._per_second and (wait := self._tokens.take(tenant, self._token_rate)):
            raise refusal("Too many requests for access tokens.", wait)

    def count_app_request(self, tenant: str) -> None:
        """Count an app's exchange of a code, or its request for userinfo; raises TooManyRequests."""
        if self._per_second and (wait := self._apps.take(tenant, self._app_rate)):
            raise refusal("Too many requests of apps.", wait)

    def count_wrong_credential(self, address: str) -> None:
        """Count a wrong credential; raises TooManyRequests."""
        if self._per_second and (wait := self._wrong.take(neighbourhood(address), self._wrong_rate)):
            raise refusal("Too many wrong credentials.", wait)

    def count_missing_credential(self, address: str) -> bool:
        """Count a request without a credential, and return whether it may be logged."""
        return not (self._per_second and self._missing.take(neighbourhood(address), self._wrong_rate))


def rate_of(per_second: int) -> Rate:
    """Return the limit for a tenant with this rate."""
    return Rate(per_second, max(ROOM, ROOM_SECONDS * per_second), max(1, per_second // REPORTS))


def per_minute(number: int) -> Rate:
    """Return the limit of so many in a minute, all of which may come at once."""
    return Rate(number / 60, number)


def refusal(sentence: str, wait: float, **about: str) -> TooManyRequests:
    """Return the error for a limit that is reached; `wait` are the seconds until it is not."""
    return TooManyRequests(f"{sentence} Try again later.", retry_after=max(1, math.ceil(wait)), **about)


def neighbourhood(address: str) -> str:
    """Return what counts as one address: for IPv6 the /64 network, since a single host can use all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
