"""When two values of a multi-valued attribute are the same one: what `add` finds, and what `remove` takes away."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from app.schemas.attribute import TYPE, VALUE, Attribute
from app.schemas.comparison import comparison_key

Element = dict[str, Any]


def identity(row: Attribute, value: Any) -> Element:
    """Return what a value of the attribute is compared by: its sub-attributes, folded where they ignore case."""
    if row.type != "complex":
        return {VALUE: _comparable(comparison_key(row), value)}
    keys = _keys_of(row)
    return {name: _comparable(keys[name], item) if name in keys else item for name, item in value.items()}


def is_same(new: Element, old: Element) -> bool:
    """Return whether a new value is the old one: everything it has is equal, or value and type are (D-114).

    Both are what `identity` returns.
    """
    if new.items() <= old.items():
        return True
    return VALUE in new and all(new.get(name) == old.get(name) for name in (VALUE, TYPE))


def without(row: Attribute, values: list[Any], listed: list[Any]) -> list[Any]:
    """Return the values of the attribute that are the same as none of the listed ones."""
    gone = [identity(row, value) for value in listed]
    keys = [identity(row, value) for value in values]
    return [value for value, key in zip(values, keys, strict=True) if not any(is_same(each, key) for each in gone)]


def _comparable(key: Callable[[Any], Any], value: Any) -> Any:
    """Return `key(value)`, or the value itself if it was stored when the attribute had another type."""
    try:
        return key(value)
    except ValueError:
        return value


@lru_cache(maxsize=1_024)
def _keys_of(row: Attribute) -> dict[str, Callable[[Any], Any]]:
    return {sub.name: comparison_key(sub) for sub in row.sub_attributes if not sub.multi_valued}
