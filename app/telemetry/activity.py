"""The requests of each tenant that a worker has answered since it last wrote their sums into the database."""

from __future__ import annotations

import threading

from app.store.accounts.activity import Activity, AnsweredRequest, PendingActivity

__all__ = ["AnsweredRequest", "Book"]

MOST_TENANTS = 10_000
"""The maximum number of tenants to add up: a client may make up names faster than they are written."""


class Book:
    """The sums of one worker; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, PendingActivity] = {}

    def add(self, tenant: str, answered: AnsweredRequest) -> None:
        """Count a request of a tenant; a tenant beyond `MOST_TENANTS` is not counted."""
        with self._lock:
            sums = self._sums.get(tenant)
            if sums is None:
                if len(self._sums) >= MOST_TENANTS:
                    return
                sums = self._sums[tenant] = PendingActivity()
            sums.add(answered)

    def close(self, activity: Activity) -> None:
        """Write the sums and start again from zero; raises Unavailable, which loses the sums."""
        with self._lock:
            sums, self._sums = self._sums, {}
        if sums:
            activity.write(sums)
