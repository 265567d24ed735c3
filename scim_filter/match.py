"""Whether a filter matches a value. PATCH selects elements with it, and the tests compare `to_mongo` with it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from scim_filter.ast import And, Comparison, Filter, Not, Or, Present, ValuePath
from scim_filter.column import Column, Resolve
from scim_filter.semantics import check_element, check_presence, compared, literal, look_up

Predicate = Callable[[Any], bool]

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
    "co": operator.contains, "sw": str.startswith, "ew": str.endswith,
}


def matches(condition: Filter, resource: Any, resolve: Resolve) -> bool:
    """Return whether the filter matches a resource, or one element of an attribute; raises FilterError.

    An element that is no object is its own `value`.
    """
    return predicate(condition, resolve)(resource if isinstance(resource, Mapping) else {"value": resource})


def predicate(condition: Filter, resolve: Resolve) -> Predicate:
    """Return the function that tests a resource or an element against the filter.

    Raises FilterError if the filter does not fit the attributes, whatever the resources are.
    """
    if isinstance(condition, Comparison):
        return _comparison(*compared(condition, resolve))
    if isinstance(condition, And):
        terms = [predicate(term, resolve) for term in condition.terms]
        return lambda resource: all(term(resource) for term in terms)
    if isinstance(condition, Or):
        terms = [predicate(term, resolve) for term in condition.terms]
        return lambda resource: any(term(resource) for term in terms)
    if isinstance(condition, Not):  # the plain complement (D-119)
        inner = predicate(condition.term, resolve)
        return lambda resource: not inner(resource)
    column = look_up(condition.path, resolve)
    if isinstance(condition, Present):
        check_presence(condition, column)
        return _present(column)
    return _element(condition, column)


def _element(condition: ValuePath, column: Column) -> Predicate:
    check_element(condition, column)
    inside = predicate(condition.filter, column.inside)
    if column.type != "complex":
        return lambda resource: any(inside({"value": value}) for value in _values(resource, column.keys))
    return lambda resource: any(inside(element) for element in _values(resource, column.keys))


def _comparison(comparison: Comparison, column: Column) -> Predicate:
    if comparison.value is None:  # D-120
        present = _present(column)
        if comparison.operator == "eq":
            return lambda resource: not present(resource)
        return present if comparison.operator == "ne" else lambda resource: False
    wanted = literal(comparison, column)
    if comparison.operator == "ne":  # universal: no value is equal, and a missing one is not (D-118)
        return lambda resource: not any(key == wanted for key in _keys(resource, column))
    holds = _HOLDS[comparison.operator]
    return lambda resource: any(holds(key, wanted) for key in _keys(resource, column))


def _keys(resource: Any, column: Column) -> Iterator[Any]:
    """Yield the comparison keys of an attribute's values; a value of another type matches nothing, as in MongoDB.

    The attribute had that other type when the value was stored.
    """
    for value in _values(resource, column.keys, column.absent):
        with suppress(ValueError):
            yield column.key(value)


def _present(column: Column) -> Predicate:
    if column.always:
        return lambda resource: True
    return lambda resource: any(_is_present(value) for value in _values(resource, column.keys))


def _is_present(value: Any) -> bool:
    """Return whether a value counts as present: `false` and 0 do, the empty string does not (D-121)."""
    if isinstance(value, Mapping):
        return any(_is_present(part) for part in value.values())
    if isinstance(value, list):
        return any(_is_present(part) for part in value)
    return value is not None and value != ""


def _values(value: Any, keys: tuple[str, ...], absent: Any = None) -> Iterator[Any]:
    """Yield the values at the end of the keys; an array on the way yields those of each element."""
    if isinstance(value, list):
        for element in value:
            yield from _values(element, keys, absent)
    elif not keys:
        if value is not None:
            yield value
    elif isinstance(value, Mapping):
        if value.get(keys[0]) is not None:
            yield from _values(value[keys[0]], keys[1:], absent)
        elif absent is not None and len(keys) == 1:
            yield absent
