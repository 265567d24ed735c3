"""How much a PATCH compares: each operation may hold all stored values of an attribute against a filter or new values.

A request of many operations on many long values would cost the product of the two, so that it is counted.
"""

from __future__ import annotations

from typing import Any

from app.errors import PayloadTooLarge
from app.protocol.patch.target import Selection

MAX_WORK = 20_000_000
"""Of one request, in units of about 50 nanoseconds (measured): a second, or two for what is dearest to fold."""
_VALUE, _PAIR = 20, 8
_SHORTEST_TERM = 8
"""Characters of ` or a pr`."""


class Work:
    """What the operations of one request have compared so far."""

    def __init__(self) -> None:
        self._done = 0

    def add(self, selection: Selection, stored: list[Any], value: Any, path: str) -> None:
        """Count one operation on the stored values of an attribute, before it is done; raises PayloadTooLarge."""
        self._done += _VALUE * len(stored)
        if selection.where is not None:
            self._done += _weight(stored) * (1 + selection.length // _SHORTEST_TERM)
        elif isinstance(value, list):
            self._done += _weight(stored) + _PAIR * len(stored) * len(value)
        if self._done > MAX_WORK:
            raise PayloadTooLarge(f"{path}: too many values are compared with each other in one request.")


def _weight(value: Any) -> int:
    """Return how long it takes to bring a stored value into the form in which it is compared."""
    if isinstance(value, str):
        return len(value) // 256 if value.isascii() else 2 * len(value)
    if isinstance(value, dict):
        return _VALUE + sum(map(_weight, value.values()))
    return sum(map(_weight, value)) if isinstance(value, list) else 0
