"""What an attribute and an operator mean together: looked up once, for both readers of a filter."""

from __future__ import annotations

from typing import Any

from scim_filter.ast import Comparison, Path
from scim_filter.column import Column, Resolve
from scim_filter.errors import FilterError

_ALL = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"})
_EQUALITY = frozenset({"eq", "ne", "pr"})
_ORDER = _EQUALITY | {"gt", "ge", "lt", "le"}
_TEXT = _EQUALITY | {"co", "sw", "ew"}
# RFC 7644 section 3.4.2.2: gt, ge, lt, le are refused for boolean and binary; co, sw, ew are for text (FI-10, FI-11).
OPERATORS = {
    "string": _ALL, "reference": _ALL, "boolean": _EQUALITY, "binary": _EQUALITY, "complex": frozenset({"pr"}),
    "integer": _ORDER, "decimal": _ORDER, "dateTime": _ORDER,
}
LONGEST_TEXT = 8_192
"""Characters of a value that is looked for inside of others; no stored string is longer."""


def look_up(path: Path, resolve: Resolve, *, absent_if_unknown: bool = False) -> Column | None:
    """Give the column that a path means; None, where that is wanted, for an attribute that there is not.

    Raises FilterError.
    """
    column = resolve(path.text)
    if column is None and not absent_if_unknown:
        raise FilterError(f"There is no attribute {path.text}", path.column)
    return column


def compared(comparison: Comparison, column: Column) -> Column:
    """Give the column whose values are compared: that of `value` where a complex attribute is named; raises FilterError."""
    if column.type == "complex":
        if column.value is None:
            raise FilterError(f"{column.path} is complex; name one of its sub-attributes", comparison.path.column)
        column = column.value
    check_operator(comparison.operator, column, comparison.path)
    return column


def check_operator(operator: str, column: Column, path: Path) -> None:
    """Check that the attribute takes the operator; raises FilterError."""
    allowed = OPERATORS[column.type] if column.operators is None else column.operators
    if operator not in allowed:
        if not allowed:
            raise FilterError(f"{column.path} cannot be filtered by", path.column)
        raise FilterError(
            f"{operator} does not go with {column.path}, which takes {', '.join(sorted(allowed))}", path.column
        )


def literal(comparison: Comparison, column: Column) -> Any:
    """Give what the stored values are compared with; raises FilterError for a value of another type."""
    if isinstance(comparison.value, str) and comparison.operator in _TEXT - _EQUALITY and len(comparison.value) > LONGEST_TEXT:
        raise FilterError(f"The value has more than {LONGEST_TEXT} characters", comparison.column)
    try:
        if column.type == "integer" and isinstance(comparison.value, float):
            return comparison.value
        return column.key(comparison.value)
    except ValueError as error:
        raise FilterError(f"{column.path} is compared with {error}", comparison.column) from None
