"""What an attribute and an operator mean together, for `to_mongo` and for `matches`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scim_filter.ast import Comparison, Literal, Path, Present, ValuePath
from scim_filter.bare import Bare
from scim_filter.column import Column, Resolve
from scim_filter.errors import FilterError

_ALL = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"})
_EQUALITY = frozenset({"eq", "ne", "pr"})
_ORDER = _EQUALITY | {"gt", "ge", "lt", "le"}
# RFC 7644 section 3.4.2.2: gt, ge, lt and le fail for boolean and binary. co, sw and ew apply to text (D-134).
OPERATORS = {
    "string": _ALL, "reference": _ALL, "boolean": _EQUALITY, "binary": _EQUALITY,
    "integer": _ORDER, "decimal": _ORDER, "dateTime": _ORDER,
}


def look_up(path: Path, resolve: Resolve) -> Column:
    """Return the column for a path; raises FilterError if there is no such attribute."""
    column = resolve(path.text)
    if column is None:
        raise FilterError(f"There is no attribute {path.text}", path.column)
    return column


def compared(comparison: Comparison, resolve: Resolve) -> tuple[Comparison, Column]:
    """Return the comparison with a value that its attribute takes, and the column whose values are compared.

    A complex attribute stands for its `value`. Raises FilterError.
    """
    column = look_up(comparison.path, resolve)
    if isinstance(comparison.value, Bare):
        comparison = replace(comparison, value=_fitted(comparison, column))
    if column.type == "complex":
        if comparison.value is None and comparison.operator in _EQUALITY:
            return comparison, column  # whether there is any value
        if column.value is None:
            raise FilterError(f"{column.path} is complex; name one of its sub-attributes", comparison.path.column)
        column = column.value
    if comparison.operator not in (OPERATORS[column.type] if column.operators is None else column.operators):
        raise _misfit(comparison.operator, column, comparison.path)
    return comparison, column


def _fitted(comparison: Comparison, column: Column) -> Literal:
    """Return a value without quotes as text if the attribute takes it as text, otherwise as JSON reads it."""
    bare = comparison.value
    assert isinstance(bare, Bare)
    if column.type == "complex" and bare != "null":
        column = column.value or column
    try:
        column.key(bare)
        return str(bare)
    except ValueError:
        pass
    try:
        return bare.as_json()
    except ValueError as error:
        raise FilterError(f"Expected {error}", comparison.column) from None


def check_presence(condition: Present, column: Column) -> None:
    """Raise FilterError if a filter may not even test the presence of the attribute."""
    if column.operators is not None and "pr" not in column.operators:
        raise _misfit("pr", column, condition.path)


def _misfit(operator: str, column: Column, path: Path) -> FilterError:
    allowed = OPERATORS[column.type] if column.operators is None else column.operators
    if not allowed:
        return FilterError(f"{column.path} cannot be used in a filter", path.column)
    known = ", ".join(sorted(allowed))
    return FilterError(f"{column.path} ({column.type}) does not take {operator}; expected {known}", path.column)


def check_element(condition: ValuePath, column: Column) -> None:
    """Raise FilterError if the attribute has no elements that brackets could select (RFC 7644 table 5).

    Values that are not objects have one sub-attribute, `value`, which is the value itself (RFC 7643 section 2.4).
    """
    if column.type != "complex" and not column.multi_valued:
        raise FilterError(f"{column.path} has one value; brackets select among several", condition.path.column)


def literal(comparison: Comparison, column: Column) -> Any:
    """Return the comparison key of the literal; raises FilterError if it is of another type."""
    try:
        return column.key(comparison.value)
    except ValueError as error:
        raise FilterError(f"Expected {error} for {column.path}", comparison.column) from None
