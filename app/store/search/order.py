"""The order of a query's results, and the position of a resource in it (RFC 7644 section 3.4.2.3).

Ascending, a resource without a value comes last; descending is the exact reverse. MongoDB sorts missing values first.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from app.errors import InvalidValue
from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import indexed_fields
from scim_filter import Column, Query

ALWAYS = ("_id", "meta.lastModified", "meta.created")
"""Fields that every document has."""
LONGEST = 8_192
"""Characters of a position in a URL."""


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


_BY_ID = Order()


class Position(NamedTuple):
    """The position of a resource in an order."""

    id: str
    key: Any = None
    """The value that is compared; None for a resource without one."""

    def __str__(self) -> str:
        """Return the position as it is in a URL; its value must be a text, or None."""
        return base64.urlsafe_b64encode(json.dumps([self.id, self.key]).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Return the position that a URL names, None if it names none."""
        if len(text) > LONGEST:
            return None
        try:
            found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair cannot be compared
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, list) or len(found) != 2:
            return None
        return cls(*found) if isinstance(found[0], str) and isinstance(found[1], str | None) else None


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


def order_of(
    column: Column | None, sort_by: str | None, resource_type: ResourceType, *, descending: bool, absent: bool
) -> Order:
    """Return the order that `sortBy` asks for, None for none; raises InvalidValue for an attribute without an order.

    `column` is the one of the attribute. With `absent`, an attribute that the type lacks has no value anywhere.
    """
    if sort_by is None:
        return _BY_ID
    if column is None:
        if absent:  # an attribute that the type does not have counts as one without a value
            return Order("", descending=descending, always=False)
        raise InvalidValue(f"sortBy: there is no attribute {sort_by}.", cause="bad-filter")
    if column.type == "complex" and column.value is not None:
        column = column.value
    joined = column.join or (column.parent.join if column.parent else None)
    if column.type in ("complex", "binary") or joined or column.operators == frozenset():
        advice = "name a sub-attribute or another attribute"
        raise InvalidValue(f"sortBy: {column.path} cannot be sorted by; {advice}.", cause="bad-filter")
    container = column.parent.field if column.parent is not None and column.parent.multi_valued else ""
    if column.multi_valued:
        container = column.field
    indexed = not container and column.field in indexed_fields(resource_type)
    return Order(column.field, container, descending, always=column.field in ALWAYS, indexed=indexed)
