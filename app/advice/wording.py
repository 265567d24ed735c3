"""Numbers and times in words: one form of each for pages, sentences, and what commands print."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def number(value: int) -> str:
    """Return a number with commas between thousands."""
    return f"{value:,}"


def plural(value: int, noun: str) -> str:
    """Return a number with a noun, such as 3 users."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def utc(moment: datetime) -> str:
    """Return a moment in UTC, such as 28 Nov 2026, 16:41:07 UTC; one without a zone is in UTC."""
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%-d %b %Y, %H:%M:%S UTC")


def day(moment: datetime) -> str:
    """Return the day of a moment in UTC, such as 28 Nov 2026."""
    return utc(moment).partition(",")[0]


def moment(text: str) -> datetime | None:
    """Return the moment that a text in ISO 8601 names, in UTC if it has no zone, or None if it cannot be read.

    In the first and the last year of the calendar, the time in another zone or a day later may not exist.
    """
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus in an address is a blank
    except ValueError:
        return None
    if not MINYEAR < found.year < MAXYEAR:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def lasted(time: timedelta) -> str:
    """Return a span of time in one unit, at least a minute: `2 minutes`, `26 hours`, `3 days`."""
    minutes = max(1, round(time / _MINUTE))
    if minutes < 120:
        return plural(minutes, "minute")
    return plural(minutes // 60, "hour") if minutes < 48 * 60 else plural(time // _DAY, "day")


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before `now` a moment was, or how far after it, such as `5 minutes ago`, `in 3 days`."""
    if abs(now - moment) < _MINUTE:
        return "just now" if moment <= now else "in a moment"
    return f"{lasted(now - moment)} ago" if moment < now else f"in {lasted(moment - now)}"
