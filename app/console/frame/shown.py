"""How values are shown: text that cannot disguise itself, times, ages, numbers, and bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from app.store.mongo.moments import now

_JOINERS = "\u200c\u200d"
"""They have no shape either, but words of some languages need them."""
_AGES = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
WIDTH, HEIGHT = 120, 24
"""Of bars, in pixels."""


def shown(value: Any) -> str:
    """Return a value as text, with an escape for each character that is not printable, such as one that turns text."""
    text = value if isinstance(value, str) else str(value)
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in _JOINERS else each.encode("unicode_escape", "backslashreplace").decode()
        for each in text
    )


def utc(moment: datetime) -> str:
    """Return a moment in UTC, such as 28 Nov 2026, 16:41:07 UTC."""
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, or how far ahead it is, in one unit."""
    seconds = (now() - moment).total_seconds()
    length, unit = next(((length, unit) for length, unit in _AGES if abs(seconds) >= length), (1, ""))
    if not unit:
        return "just now" if seconds >= 0 else "in a moment"
    count = int(abs(seconds) // length)
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def number(value: int) -> str:
    """Return a number with commas between thousands."""
    return f"{value:,}"


def plural(value: int, word: str) -> str:
    """Return a number with a noun, such as 3 users."""
    return f"{value:,} {word}{'' if value == 1 else 's'}"


def bars(values: Sequence[int], most: int) -> str:
    """Return the path of a bar for each value, in SVG's notation; the one of `most` is as high as the picture."""
    step = WIDTH / max(len(values), 1)
    heights = [round(HEIGHT * value / most, 1) if most else 0 for value in values]
    return "".join(
        f"M{index * step:.1f} {HEIGHT}v-{max(height, 1)}h{step - 1:.1f}v{max(height, 1)}z"
        for index, height in enumerate(heights) if height
    )


FILTERS: dict[str, Callable[..., str]] = {
    "shown": shown, "utc": utc, "ago": ago, "number": number, "plural": plural, "bars": bars,
}
"""The filters of templates, by their names there."""
