"""Limits on signing in, each shared by all workers: they protect the database and the log, not the people.

At nine in the morning a whole company signs in at once, from one address where a proxy hides the others (D-312).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.auth.limits.buckets import Buckets
from app.auth.limits.rate_limits import DEFAULT, neighbourhood, per_minute, refusal
from app.store.accounts.shared_buckets import SharedBuckets
from app.store.mongo.database import Database

STARTS_OF_ADDRESS = 60
STARTS_OF_TENANT = 3_000
REFUSALS_OF_ADDRESS = 60
"""All per minute; they grow in proportion to a rate above the default."""


class SignOnLimits:
    """These limits; `per_second` is the rate of a tenant's SCIM requests, None for no limits at all."""

    def __init__(self, database: Database, per_second: int | None, clock: Callable[[], float] = time.time) -> None:
        self._factor = max(1.0, per_second / DEFAULT) if per_second else None
        shared = SharedBuckets(database)
        self._buckets = {
            kind: Buckets(shared, kind, clock) for kind in ("starts", "tenant-starts", "refusals")
        }

    def count_start(self, address: str) -> None:
        """Count a sign-in that an address begins; raises TooManyRequests."""
        self._count("starts", neighbourhood(address), STARTS_OF_ADDRESS, "sign-ins")

    def count_start_of_tenant(self, tenant: str) -> None:
        """Count a sign-in at an existing tenant; raises TooManyRequests."""
        self._count("tenant-starts", tenant, STARTS_OF_TENANT, "sign-ins")

    def count_refusal(self, address: str) -> None:
        """Count an answer of an identity provider that is refused; raises TooManyRequests."""
        self._count("refusals", neighbourhood(address), REFUSALS_OF_ADDRESS, "refused sign-ins")

    def _count(self, kind: str, name: str, number: int, what: str) -> None:
        if self._factor is None:
            return
        wait = self._buckets[kind].take(name, per_minute(round(number * self._factor)))
        if wait:
            raise refusal(f"Too many {what}.", wait)
