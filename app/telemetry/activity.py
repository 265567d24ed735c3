"""What a worker has answered since it last told the database, tenant by tenant."""

from __future__ import annotations

import threading

from app.store.accounts.activity import Activity, AnsweredRequest, PendingActivity

__all__ = ["AnsweredRequest", "Book"]

MOST_TENANTS = 10_000
"""Tenants that are added up at a time: a client may make up names faster than they are written."""


class Book:
    """The sums of one worker; several threads write in it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, PendingActivity] = {}

    def add(self, tenant: str, answered: AnsweredRequest) -> None:
        """Count an answer to a tenant; one more tenant than there is room for is not counted."""
        with self._lock:
            sums = self._sums.get(tenant)
            if sums is None:
                if len(self._sums) >= MOST_TENANTS:
                    return
                sums = self._sums[tenant] = PendingActivity()
            sums.add(answered)

    def close(self, activity: Activity) -> None:
        """Write what was added up and begin anew; raises Unavailable, after which those sums are lost."""
        with self._lock:
            sums, self._sums = self._sums, {}
        if sums:
            activity.write(sums)
