"""Places in lists, as addresses hold them."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, datetime


def moment_in(text: str) -> datetime | None:
    """Return the moment in an address, None for none and for what is no moment.

    In the first and the last year of the calendar, the time in another zone or a day later may not exist.
    """
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    if not MINYEAR < found.year < MAXYEAR:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def day_in(text: str) -> datetime | None:
    """Return the beginning of the day in an address, such as 2026-11-28, in UTC; None for none."""
    found = moment_in(text[:10])
    return found.replace(hour=0, minute=0, second=0, microsecond=0) if found else None
