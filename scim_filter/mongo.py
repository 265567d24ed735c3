"""A filter as a MongoDB query.

Text is data: no string of a filter becomes a field, an operator or a pattern. Fields come from columns; a value follows
`$eq` or another operator written here, or is escaped in a pattern. The comparison is with the comparable value that the
document stores, so that `eq` and `sw` can use an index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from scim_filter.ast import And, Comparison, Filter, Not, Or, Present, ValuePath
from scim_filter.column import Column, Query, Resolve
from scim_filter.errors import FilterError
from scim_filter.match import predicate
from scim_filter.moments import compared_in_milliseconds
from scim_filter.semantics import check_element, check_presence, compared, literal, look_up
from scim_filter.values import alternatives, operators

NOTHING: Query = {"_id": {"$in": []}}
EVERYTHING: Query = {}
LONGEST_PATTERN = 30_000
"""Bytes in a pattern; MongoDB accepts 32,764."""

_CONSTANT = {"never": NOTHING, "always": EVERYTHING}
_ORDER = {"gt": "$gt", "ge": "$gte", "lt": "$lt", "le": "$lte"}


def to_mongo(
    condition: Filter, resolve: Resolve, *, absent_if_unknown: bool = False, others: Sequence[Resolve] = ()
) -> Query:
    """Return the query for the documents that match the filter; raises FilterError.

    With `absent_if_unknown`, an unknown attribute counts as one without a value (RFC 7644 section 3.4.2.1), and so does
    one of another kind than the attribute of that name which the condition is for: that of one of the `others`.
    """
    return _query(condition, resolve, absent_if_unknown, others)


def _query(condition: Filter, resolve: Resolve, absent: bool, others: Sequence[Resolve] = ()) -> Query:
    if isinstance(condition, And):
        return {"$and": [_query(term, resolve, absent, others) for term in condition.terms]}
    if isinstance(condition, Or):
        return {"$or": [_query(term, resolve, absent, others) for term in condition.terms]}
    if isinstance(condition, Not):  # the plain complement (D-119)
        return {"$nor": [_query(condition.term, resolve, absent, others)]}
    if absent and (
        resolve(condition.path.text) is None
        or (not _fits(condition, resolve) and any(_fits(condition, other) for other in others))
    ):
        return _comparison_with_nothing(condition) if isinstance(condition, Comparison) else NOTHING
    if isinstance(condition, Comparison):
        return _comparison(*compared(condition, resolve))
    column = look_up(condition.path, resolve)
    if isinstance(condition, Present):
        check_presence(condition, column)
        return _present(column)
    return _element(condition, column)


def _fits(condition: Filter, resolve: Resolve) -> bool:
    """Return whether the attribute exists and takes the condition."""
    try:
        predicate(condition, resolve)
    except FilterError:
        return False
    return True


def _comparison_with_nothing(comparison: Comparison) -> Query:
    """Return the query for a comparison with an attribute that never has a value (D-118, D-120)."""
    always = comparison.operator == ("eq" if comparison.value is None else "ne")
    return EVERYTHING if always else NOTHING


def _comparison(comparison: Comparison, column: Column) -> Query:
    if comparison.value is None:  # D-120
        present = _present(column)
        return {"eq": {"$nor": [present]}, "ne": present}.get(comparison.operator, NOTHING)
    operator, value = compared_in_milliseconds(comparison.operator, literal(comparison, column))
    if operator in _CONSTANT:
        return _CONSTANT[operator]
    if operator == "eq":
        return _equal(column, value)
    if operator == "ne":  # universal: no value is equal, and a missing one is not (D-118)
        return {"$nor": [_equal(column, value)]}
    if operator == "sw":
        return _some(column, _prefixed(value))
    if operator in _ORDER:
        return _some(column, {_ORDER[operator]: value})
    pattern = re.escape(value)
    if len(pattern.encode()) > LONGEST_PATTERN:
        raise FilterError("The value is too long to be searched for inside others", comparison.column)
    # `$` alone also matches before a final line feed.
    return _some(column, {"$regex": pattern + r"$(?!\n)" if operator == "ew" else pattern})


def _equal(column: Column, value: Any) -> Query:
    if column.absent is not None and value == column.absent:
        return _some(column, {"$in": [value, None]}, of_one_element=True)
    return _some(column, {"$eq": value})


def _prefixed(text: str) -> Query:
    """Return the range of the strings that begin with a text: up to the next string that does not."""
    for end in range(len(text), 0, -1):
        code = ord(text[end - 1])
        if code < 0x10FFFF:
            after = 0xE000 if code == 0xD7FF else code + 1  # skips the surrogates, which are no characters
            return {"$gte": text, "$lt": text[: end - 1] + chr(after)}
    return {"$gte": text}


def _some(column: Column, condition: Query, *, of_one_element: bool = False) -> Query:
    """Return the query for: some value of the attribute meets the condition.

    `$elemMatch` makes one value meet two bounds, where MongoDB would let a different value meet each. With
    `of_one_element`, null must be the value of an element, where MongoDB would accept that there is no element.
    """
    parent = column.parent
    if parent is not None and parent.join is not None:
        return parent.join({column.name: condition})
    if of_one_element or len(condition) > 1:
        if column.multi_valued:
            condition = {"$elemMatch": condition}
        if parent is not None and parent.multi_valued:
            return {parent.field: {"$elemMatch": {column.name: condition}}}
    return {column.field: condition}


def _element(condition: ValuePath, column: Column) -> Query:
    """Return the query for: one element meets the whole filter (RFC 7644 table 5)."""
    check_element(condition, column)
    if column.type != "complex":
        return _value(condition, column)
    if not column.multi_valued:
        return {"$and": [{column.field: {"$exists": True}}, _query(condition.filter, column.sub, False)]}
    inside = _query(condition.filter, column.inside, False)
    return column.join(inside) if column.join is not None else {column.field: {"$elemMatch": inside}}


def _value(condition: ValuePath, column: Column) -> Query:
    """Return the query for: one value, which is not an object, meets the whole filter."""
    found: list[Query] = []
    for terms in alternatives(condition.filter, condition.path.column):
        one = operators(terms, column)
        if one is not None:
            if len(one.get("$regex", "").encode()) > LONGEST_PATTERN:
                raise FilterError("The value is too long to be searched for inside others", condition.path.column)
            found.append(_some(column, one, of_one_element=True))
    return {"$or": found} if found else NOTHING


def _present(column: Column) -> Query:
    """Return the query for: the attribute has a value; the empty string does not count (D-121)."""
    if column.always:
        return EVERYTHING
    if column.join is not None:
        return column.join({})
    if column.type == "complex":
        return {"$or": [_present(sub) for sub in column.subs if sub.operators != frozenset()]}
    if column.type in ("string", "reference", "binary"):
        return _some(column, {"$gt": ""})
    return _some(column, {"$exists": True})
