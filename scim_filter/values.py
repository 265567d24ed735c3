"""Brackets on an attribute whose values are not objects, `tags[value sw "a" and value ne "ab"]`, as MongoDB operators.

The only sub-attribute of such a value is the value itself (RFC 7643 section 2.4). MongoDB has no $and or $or for a
single value, so a filter becomes alternatives: lists of conditions that one value must meet together.
"""

from __future__ import annotations

import re
from itertools import product
from math import prod
from typing import Any

from scim_filter.ast import And, Comparison, Filter, Not, Or, Present, ValuePath
from scim_filter.column import Column, Query
from scim_filter.errors import FilterError
from scim_filter.moments import compared_in_milliseconds
from scim_filter.semantics import check_presence, compared, literal, look_up

MOST_ALTERNATIVES = 100
_OPPOSITE = {"gt": "le", "ge": "lt", "lt": "ge", "le": "gt"}
_BOUNDS = {"gt": ("$gt", max), "ge": ("$gte", max), "lt": ("$lt", min), "le": ("$lte", min)}
_PATTERNS = {"co": r"[\s\S]*%s", "sw": "%s", "ew": r"[\s\S]*%s$(?!\n)"}
_TEXT = ("string", "reference", "binary")

Term = tuple[Comparison | Present, bool]
"""A condition, and whether it must hold (True) or must not (False)."""


def alternatives(condition: Filter, column: int, wanted: bool = True) -> list[list[Term]]:
    """Return lists of terms; a value matches if it meets all terms of one list. Raises FilterError for too many."""
    if isinstance(condition, Not):
        return alternatives(condition.term, column, not wanted)
    if isinstance(condition, And | Or):
        parts = [alternatives(term, column, wanted) for term in condition.terms]
        if isinstance(condition, Or) == wanted:
            return [terms for part in parts for terms in part]
        if prod(map(len, parts)) > MOST_ALTERNATIVES:
            raise FilterError("There are too many conditions in brackets to combine", column)
        return [[term for terms in choice for term in terms] for choice in product(*parts)]
    assert not isinstance(condition, ValuePath)  # the grammar has no brackets inside brackets
    return [[(condition, wanted)]]


def operators(terms: list[Term], column: Column) -> Query | None:
    """Return the MongoDB operators for all the terms together, or None if no value can meet them.

    Raises FilterError if a term does not fit the attribute.
    """
    query: Query = {}
    equal: list[Any] = []
    others: list[Any] = []
    patterns: list[str] = []
    possible = True
    for term, wanted in terms:
        operator, value, wanted = _test(term, wanted, column)
        if operator in ("always", "never"):
            possible &= (operator == "always") == wanted
        elif operator in _BOUNDS:
            name, tightest = _BOUNDS[operator if wanted else _OPPOSITE[operator]]
            query[name] = tightest(query.get(name, value), value)
        elif operator == "eq":
            (equal if wanted else others).append(value)
        else:
            pattern = _PATTERNS[operator] % re.escape(value)
            patterns.append(f"(?{'=' if wanted else '!'}{pattern})")
    if equal:
        possible &= all(value == equal[0] for value in equal)
        query["$eq"] = equal[0]
    if others:
        query["$nin"] = others
    if patterns:
        query["$regex"] = "^" + "".join(patterns)
    return (query or {"$exists": True}) if possible else None


def _test(term: Comparison | Present, wanted: bool, column: Column) -> tuple[str, Any, bool]:
    """Return the operator and the value of one term, and whether it must hold; "always" and "never" have no value."""
    if isinstance(term, Present):
        check_presence(term, look_up(term.path, column.inside))
        return ("gt", "", wanted) if column.type in _TEXT else ("always", None, wanted)
    comparison, inside = compared(term, column.inside)
    if comparison.value is None:
        if comparison.operator not in ("eq", "ne"):
            return "never", None, wanted
        return _test(Present(comparison.path), wanted == (comparison.operator == "ne"), column)
    operator, value = compared_in_milliseconds(comparison.operator, literal(comparison, inside))
    return ("eq", value, not wanted) if operator == "ne" else (operator, value, wanted)
