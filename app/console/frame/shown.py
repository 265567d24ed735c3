"""How values are shown: times, ages, numbers, and bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby

from app.blueprints.pages.shown import shown
from app.store.mongo.moments import now
from app.store.operators.reports.lines import result, summary, what
from app.store.operators.reports.values import readable

_AGES = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
WIDTH, HEIGHT = 112, 24
"""Of bars, in pixels."""


def utc(moment: datetime) -> str:
    """Return a moment in UTC, such as 28 Nov 2026, 16:41:07 UTC."""
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, or how far ahead it is, in one unit."""
    seconds = (now() - moment).total_seconds()
    length, unit = next(((length, unit) for length, unit in _AGES if abs(seconds) >= length), (1, ""))
    if not unit:
        return "just now" if seconds >= 0 else "in a moment"
    words = plural(int(abs(seconds) // length), unit)
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def number(value: int) -> str:
    """Return a number with commas between thousands."""
    return f"{value:,}"


def plural(value: int, word: str) -> str:
    """Return a number with a noun, such as 3 users."""
    return f"{value:,} {word}{'' if value == 1 else 's'}"


def bars(values: Sequence[int], most: int) -> str:
    """Return the outline of a bar for each value, in SVG's notation; the one of `most` is as high as the picture.

    The style draws the gaps between them, since a page has a hundred of these pictures, and each gap is ten characters.
    """
    step = WIDTH // max(len(values), 1)
    heights = [max(round(HEIGHT * value / most), 1) if value and most else 0 for value in values]
    outline = "".join(f"V{HEIGHT - height}h{step * len([*same])}" for height, same in groupby(heights))
    return f"M0 {HEIGHT}{outline}V{HEIGHT}" if any(heights) else ""


FILTERS: tuple[Callable[..., str], ...] = (shown, utc, ago, number, plural, bars, result, summary, what, readable)
"""The filters of templates."""
