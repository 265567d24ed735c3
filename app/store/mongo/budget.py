"""Time budgets: all database calls inside one share a deadline, so that no request waits without end."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any

import pymongo

from app.store.mongo.failures import translating

REQUEST_SECONDS = 20.0
"""The time for all database calls of one request together (D-103)."""
TRANSACTION_SECONDS = 12.0
"""The share of `REQUEST_SECONDS` that a transaction may take; the rest is for finding out whether it was committed.

MongoDB's own limit (`transactionLifetimeLimitSeconds`) is the same. It ends the transaction of a killed process;
MongoDB looks for those twice in that time, so that their locks are held for at most 18 seconds (D-31).
"""

_LEAST = 0.001
"""Seconds: to PyMongo, 0 means that there is no limit."""
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def budget(seconds: float = REQUEST_SECONDS) -> Budget:
    """Limit all database calls inside the block to `seconds` together; of nested budgets the shorter one counts.

    Raises Unavailable if the database does not answer in that time or cannot be reached.
    """
    return Budget(seconds)


def current_deadline() -> float | None:
    """Return the deadline of the innermost budget, as a time of `time.monotonic`; None outside of any."""
    return _deadline.get()


def out_of_time() -> bool:
    """Return whether the deadline of the innermost budget has passed."""
    end = _deadline.get()
    return end is not None and time.monotonic() >= end


class Budget(translating):
    """A deadline for the block, whose database failures are raised as SCIM errors."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        outer = _deadline.get()
        own = time.monotonic() + self._seconds
        self._is_shorter = outer is None or own < outer
        if self._is_shorter:
            self._begin(own, self._seconds)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._is_shorter:
            self._end()
            self._is_shorter = False
        super().__exit__(kind, error, trace)

    def extend(self, seconds: float) -> None:
        """Move the deadline by `seconds`, for which the block waited for something other than the database."""
        if self._is_shorter:
            end = (_deadline.get() or 0.0) + seconds
            self._end()
            self._begin(end, max(end - time.monotonic(), _LEAST))

    def _begin(self, end: float, seconds: float) -> None:
        self._token = _deadline.set(end)
        self._timeout = pymongo.timeout(seconds)
        self._timeout.__enter__()

    def _end(self) -> None:
        self._timeout.__exit__(None, None, None)
        _deadline.reset(self._token)
