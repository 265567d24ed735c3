"""Times as MongoDB stores them: UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time as MongoDB stores it: UTC, cut to milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def aware(moment: datetime) -> datetime:
    """Return a date from the database with its time zone, UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
