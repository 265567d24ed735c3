"""The order of a query's results, and the position of a resource in it (RFC 7644 section 3.4.2.3).

Ascending, a resource without a value comes last; descending is the exact reverse. MongoDB sorts missing values first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from scim_filter import Query


@dataclass(frozen=True)
class Order:
    """What a query is sorted by; the default is the id alone."""

    field: str = "_id"
    """The document's field with the value to compare; "" for an attribute that no document has."""
    container: str = ""
    """For a multi-valued attribute, the field with its elements: the primary one's value counts, else the first's."""
    descending: bool = False
    always: bool = True
    """Whether every resource has a value."""
    indexed: bool = True
    """Whether an index has the documents in this order."""

    def reversed(self) -> Order:
        """Return the opposite order."""
        return replace(self, descending=not self.descending)

    @property
    def direction(self) -> int:
        """1 for ascending, -1 for descending, as MongoDB writes it."""
        return -1 if self.descending else 1


@dataclass(frozen=True)
class Position:
    """The position of a resource in an order."""

    id: str
    key: Any = None
    """The value that is compared; None for a resource without one."""


_LOWEST = (-math.inf, "", False, datetime.min)
"""The lowest value of each type, in MongoDB's order of types: numbers, strings, booleans, dates."""


def rank(position: Position) -> tuple[bool, int, Any, str]:
    """Return the sort key of a position in ascending order: type, value and id; without a value it comes last."""
    if position.key is None:
        return True, 0, "", position.id
    return False, _type_rank(position.key), position.key, position.id


def of_later_types(field: str, order: Order, key: Any) -> list[Query]:
    """Return the conditions for values whose type sorts after that of `key`: `$gt` and `$lt` compare one type only."""
    own = _type_rank(key)
    lowest = _LOWEST[:own] if order.descending else _LOWEST[own + 1 :]
    return [{"$or": [{field: {"$gte": each}} for each in lowest]}] if lowest else []


def _type_rank(key: Any) -> int:
    """Return the index of a value's type in `_LOWEST`."""
    if isinstance(key, bool):  # bool is a subclass of int
        return 2
    if isinstance(key, int | float):
        return 0
    return 1 if isinstance(key, str) else 3
