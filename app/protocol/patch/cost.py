"""How much a PATCH compares: each operation may compare every stored value of an attribute with a filter or new values.

The cost of a request with many operations on many long values is the product of the two, so it is counted (D-52).
"""

from __future__ import annotations

from typing import Any

from app.errors import PayloadTooLarge
from app.protocol.patch.message import ABSENT
from app.protocol.patch.selection import Selection

MAX_WORK = 20_000_000
"""Of one request, in units of about 50 nanoseconds (measured): a second, or two for text that is slow to fold."""
_VALUE, _PAIR = 20, 8
"""The cost of a stored value, and of comparing it with one new value."""
_SHORTEST_TERM = 8
"""The length of the shortest term of a filter, ` or a pr`."""


class Work:
    """What the operations of one request have compared so far."""

    def __init__(self) -> None:
        self._done = 0

    def add(self, selection: Selection, stored: list[Any], value: Any, path: str) -> None:
        """Count an operation on the stored values of an attribute before it is applied; raises PayloadTooLarge."""
        self._done += _VALUE * len(stored)
        if selection.where is not None:
            self._done += _weight(stored) * (1 + selection.length // _SHORTEST_TERM)
        elif value is not ABSENT:  # one value is compared as an array of one
            self._done += _weight(stored) + _PAIR * len(stored) * (len(value) if isinstance(value, list) else 1)
        if self._done > MAX_WORK:
            raise PayloadTooLarge(f"{path}: one request must not compare so many values with each other.")


def _weight(value: Any) -> int:
    """Return the cost of folding a stored value for comparison."""
    if isinstance(value, str):
        return len(value) // 256 if value.isascii() else 2 * len(value)
    if isinstance(value, dict):
        return _VALUE + sum(map(_weight, value.values()))
    return sum(map(_weight, value)) if isinstance(value, list) else 0
