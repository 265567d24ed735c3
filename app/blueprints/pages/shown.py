"""How text of others is shown: so that none of it can disguise what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_JOINERS = "\u200c\u200d"
"""They have no shape either, but words of some languages need them."""


def shown(value: Any) -> str:
    """Return a value as text, with an escape for each character that is not printable, such as one that turns text."""
    text = value if isinstance(value, str) else str(value)
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in _JOINERS else each.encode("unicode_escape", "backslashreplace").decode()
        for each in text
    )


def within(parts: Iterable[str], most: int) -> Iterator[str]:
    """Yield the first `most` characters of a text that comes in parts, in the same parts."""
    for part in parts:
        if most > 0:
            yield part[:most]
        most -= len(part)
