"""How often: a tenant's requests, its token requests, and wrong credentials from one address.

The workers share what they count, since one that counted for itself would either allow a multiple of the limit or
refuse a client whose connection always meets the same worker. They do not ask the database for each request: a worker
reports its count a tenth of the limit at a time and is told the sum. So nobody is refused below his limit, somebody is
above it by a tenth for each worker at most, and a tenant that makes few requests costs nothing.

Good credentials are never refused for the sake of wrong ones: behind a proxy all clients may have one address, and a
secret of 256 bits is not guessed. The limit on wrong ones keeps their noise out of database and log.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from app.errors import TooManyRequests
from app.store.counters import Counters
from app.store.database import Database

TOKEN_REQUESTS = 300
"""A minute, of one tenant: a client needs one in an hour, a rotation or a test a few more."""
WRONG_CREDENTIALS = 100
"""A minute, from one address (D-109)."""
DEFAULT = 100
"""Requests a second of one tenant, as the settings have it."""
REPORTS = 10
"""Times that a worker reports on its way to the limit."""
_MOST_COUNTS = 10_000


class Limits:
    """The limits of this server; `per_second` is None where there are none.

    Whoever allows tenants more than the default allows more of the rest in the same measure.
    """

    def __init__(self, database: Database, per_second: int | None, clock: Callable[[], float] = time.time) -> None:
        self._off = per_second is None
        self._clock = clock
        measure = max(1.0, (per_second or 0) / DEFAULT)
        self._requests = RateLimitItemPerSecond(per_second or 1, namespace="requests")
        self._token_requests = RateLimitItemPerMinute(round(TOKEN_REQUESTS * measure), namespace="token")
        self._wrong = RateLimitItemPerMinute(round(WRONG_CREDENTIALS * measure), namespace="wrong")
        self._missing = RateLimitItemPerMinute(round(WRONG_CREDENTIALS * measure), namespace="missing")
        self._refused = RateLimitItemPerMinute(1, namespace="refused")
        self._often = FixedWindowRateLimiter(
            _SharedCounts(Counters(database), batch=max(1, self._requests.amount // REPORTS), clock=clock)
        )
        self._seldom = FixedWindowRateLimiter(_SharedCounts(Counters(database), batch=1, clock=clock))

    def request(self, tenant: str) -> None:
        """Count a request of a tenant that has been let in; raises TooManyRequests, which names it."""
        try:
            self._hit(self._often, self._requests, tenant, f"More than {self._requests.amount} requests a second.")
        except TooManyRequests as error:
            error.tenant = tenant
            raise

    def noted(self, tenant: str) -> bool:
        """Tell whether the log has room for a refused request of a tenant: one a minute is enough to be found."""
        try:
            self._hit(self._seldom, self._refused, tenant, "")
        except TooManyRequests:
            return False
        return True

    def token_request(self, tenant: str) -> None:
        """Count an access token that a tenant is issued; raises TooManyRequests."""
        self._hit(self._seldom, self._token_requests, tenant, "Too many requests for access tokens.")

    def wrong_credential(self, address: str) -> None:
        """Count a wrong credential; raises TooManyRequests."""
        self._hit(self._seldom, self._wrong, _neighbourhood(address), "Too many wrong credentials.")

    def missing_credential(self, address: str) -> bool:
        """Count a request without a credential, and tell whether the log has room for it."""
        try:
            self._hit(self._seldom, self._missing, _neighbourhood(address), "")
        except TooManyRequests:
            return False
        return True

    def _hit(self, limiter: FixedWindowRateLimiter, limit: RateLimitItem, who: str, sentence: str) -> None:
        # `test` first: what is refused is not counted, and so costs nothing but the refusal.
        if self._off or (limiter.test(limit, who) and limiter.hit(limit, who)):
            return
        seconds = limit.get_expiry()
        raise TooManyRequests(
            f"{sentence} Try again later.", retry_after=max(1, math.ceil(seconds - self._clock() % seconds))
        )


@dataclass
class _Count:
    seconds: int
    window: int
    total: int = 0
    """Of all workers, as the database last said."""
    unreported: int = 0


class _SharedCounts(Storage):
    """Counts for the library's strategies: in memory, and in the database a batch at a time."""

    STORAGE_SCHEME = None

    def __init__(self, counters: Counters, *, batch: int, clock: Callable[[], float]) -> None:
        super().__init__()
        self._counters = counters
        self._batch = batch
        self._clock = clock
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        with self._lock:
            count = self._current(key, expiry)
            count.unreported += amount
            report = count.unreported if count.unreported >= self._batch else 0
            count.unreported -= report
            count.total += report
        if report:
            total = self._counters.add(key, count.window, expiry, report)
            with self._lock:
                count.total = max(count.total, total)
        return count.total + count.unreported

    def get(self, key: str) -> int:
        count = self._counts.get(key)
        if count is None or count.window != int(self._clock() // count.seconds):
            return 0
        return count.total + count.unreported

    def get_expiry(self, key: str) -> float:
        count = self._counts.get(key)
        return (count.window + 1) * count.seconds if count else self._clock()

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._counts)
            self._counts.clear()
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)

    def _current(self, key: str, expiry: int) -> _Count:
        window = int(self._clock() // expiry)
        count = self._counts.get(key)
        if count is None or count.window != window:
            while len(self._counts) >= _MOST_COUNTS:
                self._counts.pop(next(iter(self._counts)))
            count = self._counts[key] = _Count(expiry, window)
        return count


def _neighbourhood(address: str) -> str:
    """Give what is counted as one address: of IPv6 the network, since a single host has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
