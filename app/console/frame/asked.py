"""What the address of a page asks for: a text, a day, a place in a list. Nothing that cannot be read is ignored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from flask import request

from app.advice.wording import moment
from app.console.frame.forms import form
from app.console.frame.wrong import Wrong
from app.store.log.reading.page import LogPage, Place, Window

ROWS = 50
_LONGEST = 1_024
"""Characters of a text; no name that is stored has more."""
T = TypeVar("T")
Places = list[tuple[str, dict[str, str]]]
"""The pages beside one: what a button says, and what its address has."""


def asked(name: str) -> str:
    """Return what was typed into a box, or ""."""
    return request.args.get(name, "").strip()[:_LONGEST]


def day(name: str) -> datetime | None:
    """Return the beginning of a day in UTC, or None; that it cannot be read is said at the field."""
    found = moment(asked(name))
    if asked(name) and not found:
        form().faults[name] = f"{asked(name)} is not a date such as 2026-11-28."
    return found.replace(hour=0, minute=0, second=0, microsecond=0) if found else None


def days() -> tuple[datetime | None, datetime | None]:
    """Return the moments between which the days lie that the address asks for, None for an end that is open."""
    first, last = day("from"), day("to")
    if first and last and last < first:
        form().faults["to"] = f"{asked('to')} is before {asked('from')}."
    return first, last + timedelta(days=1) if last else None


def place(name: str, parse: Callable[[str], T | None]) -> T | None:
    """Return where in a list a page begins, None if its address does not say; raises Wrong if that cannot be read."""
    text = request.args.get(name, "")
    found = parse(text) if text else None
    if text and found is None:
        raise Wrong(400, "The address of this page is not complete, or has been changed.", "Begin at the first page.")
    return found


def window() -> Window:
    """Return which page of a log the address asks for."""
    newer = place("newer", Place.parse)
    return Window(newer or place("older", Place.parse), ROWS, newer=newer is not None)


def beside(log: LogPage) -> Places:
    """Return the newer and the older page of a log, as far as they exist."""
    ends = (("Newer", "newer", log.newer), ("Older", "older", log.older))
    return [(text, {name: str(place)}) for text, name, place in ends if place]


def before_and_after(shown: Sequence[object], *, more: bool) -> Places:
    """Return the previous and the next page of a list, whose places those of the first and the last row are.

    `more` is whether the list goes on in the direction that was read.
    """
    before, after = asked("before"), asked("after")
    previous = {"before": str(shown[0])} if shown else {}  # of an empty page: the first one
    found = [("Previous 50", previous)] if after or (before and more) else []
    return found + ([("Next 50", {"after": str(shown[-1])})] if shown and (before or more) else [])
