"""Does a filter hold for this value: the reference that the compiler is tested against, and what PATCH selects with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scim_filter.ast import And, Comparison, Filter, Not, Or, Present, ValuePath
from scim_filter.column import Column, Resolve
from scim_filter.semantics import check_operator, compared, literal, look_up


def matches(condition: Filter, resource: Mapping[str, Any], resolve: Resolve) -> bool:
    """Tell whether the filter holds for a resource, or for one element of an attribute; raises FilterError."""
    if isinstance(condition, And):
        return all([matches(term, resource, resolve) for term in condition.terms])
    if isinstance(condition, Or):
        return any([matches(term, resource, resolve) for term in condition.terms])
    if isinstance(condition, Not):
        return not matches(condition.term, resource, resolve)
    column = look_up(condition.path, resolve)
    assert column is not None
    if isinstance(condition, ValuePath):
        inside = inner_columns(column)
        return any([matches(condition.filter, _element(item), inside) for item in _items(resource, column.keys)])
    if isinstance(condition, Present):
        check_operator("pr", column, condition.path)
        return _is_present(list(_items(resource, column.keys)))
    return _compare(condition, column, resource)


def inner_columns(column: Column) -> Resolve:
    """Give the columns of the inside of a value path."""
    if column.type != "complex":
        value = Column(path=column.path, type=column.type, keys=("value",), field="value", key=column.key,
                       case_exact=column.case_exact, operators=column.operators)
        return lambda path: value if path.lower() == "value" else None
    subs = {sub.name.lower(): _inner(sub) for sub in column.subs}
    # A `$ref` is kept as the id in `value`; both names lead there.
    return lambda path: subs.get(path.lower())


def _inner(sub: Column) -> Column:
    return Column(
        path=sub.path, type=sub.type, keys=(sub.keys[-1],), field=sub.field.rpartition(".")[2], key=sub.key,
        multi_valued=sub.multi_valued, case_exact=sub.case_exact, operators=sub.operators, absent=sub.absent,
    )


def _compare(comparison: Comparison, column: Column, resource: Mapping[str, Any]) -> bool:
    column = compared(comparison, column)
    items = list(_items(resource, column.keys, column.absent))
    if comparison.value is None:  # standards FI-25
        return {"eq": not _is_present(items), "ne": _is_present(items)}.get(comparison.operator, False)
    wanted = literal(comparison, column)
    found = [column.key(item) for item in items]
    if comparison.operator == "ne":  # universal: no value equals (standards A-19)
        return wanted not in found
    return any(_holds(comparison.operator, value, wanted) for value in found)


def _holds(operator: str, value: Any, wanted: Any) -> bool:
    if operator == "eq":
        return bool(value == wanted)
    if operator == "co":
        return wanted in value
    if operator == "sw":
        return bool(value.startswith(wanted))
    if operator == "ew":
        return bool(value.endswith(wanted))
    return bool({"gt": value > wanted, "ge": value >= wanted, "lt": value < wanted, "le": value <= wanted}[operator])


def _is_present(items: list[Any]) -> bool:
    """Tell whether there is a value: `false` and 0 are some, an empty string and an empty object are none (FI-12)."""
    for item in items:
        if isinstance(item, Mapping):
            if _is_present(list(item.values())):
                return True
        elif isinstance(item, list):
            if _is_present(item):
                return True
        elif item is not None and item != "":
            return True
    return False


def _items(value: Any, keys: tuple[str, ...], absent: Any = None) -> Iterator[Any]:
    """Give every value at the end of the keys; of a list, those of each element."""
    if isinstance(value, list):
        for element in value:
            yield from _items(element, keys, absent)
    elif not keys:
        if value is not None:
            yield value
    elif isinstance(value, Mapping):
        if keys[0] in value:
            yield from _items(value[keys[0]], keys[1:], absent)
        elif absent is not None and len(keys) == 1:
            yield absent


def _element(item: Any) -> Mapping[str, Any]:
    return item if isinstance(item, Mapping) else {"value": item}
