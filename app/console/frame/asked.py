"""What the address of a page asks for: a text, a moment, a place in a list."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, datetime

from flask import request

from app.store.log.reading.page import LogPage, Place, Window

ROWS = 50
_LONGEST = 300
Places = list[tuple[str, dict[str, str]]]
"""The pages beside one: what a button says, and what its address has."""


def asked(name: str) -> str:
    """Return what was typed into a box, or ""."""
    return request.args.get(name, "").strip()[:_LONGEST]


def moment(name: str) -> datetime | None:
    """Return a moment, or None if there is none or it cannot be read.

    In the first and the last year of the calendar, the time in another zone or a day later may not exist.
    """
    try:
        found = datetime.fromisoformat(asked(name).replace(" ", "+"))
    except ValueError:
        return None
    if not MINYEAR < found.year < MAXYEAR:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def day(name: str) -> datetime | None:
    """Return the beginning of a day, such as 2026-11-28, in UTC, or None."""
    found = moment(name)
    return found.replace(hour=0, minute=0, second=0, microsecond=0) if found else None


def window() -> Window:
    """Return which page of a log the address asks for."""
    newer = Place.parse(request.args.get("newer", ""))
    return Window(newer or Place.parse(request.args.get("older", "")), ROWS, newer=newer is not None)


def beside(log: LogPage) -> Places:
    """Return the newer and the older page of a log, as far as they exist."""
    ends = (("Newer", "newer", log.newer), ("Older", "older", log.older))
    return [(text, {name: str(place)}) for text, name, place in ends if place]


def before_and_after(first: object, last: object, *, before: bool, after: bool, more: bool) -> Places:
    """Return the previous and the next page of a list; `more` is whether it goes on in the direction that was read."""
    previous = [("Previous 50", {"before": str(first)})] if after or (before and more) else []
    return previous + ([("Next 50", {"after": str(last)})] if before or more else [])
