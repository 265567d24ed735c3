"""A filter as a MongoDB query.

Kept here: text is data. No string of a filter becomes a field, an operator or a pattern; a value stands behind `$eq`, or
escaped in a pattern. What is compared is the comparable value that the document keeps, so that `eq` and `sw` use an index.
"""

from __future__ import annotations

import re
from typing import Any

from scim_filter.ast import And, Comparison, Filter, Not, Or, Present, ValuePath
from scim_filter.column import Column, Query, Resolve
from scim_filter.match import inner_columns
from scim_filter.semantics import check_operator, compared, literal, look_up

NOTHING: Query = {"_id": {"$in": []}}
EVERYTHING: Query = {}
_OPERATORS = {"gt": "$gt", "ge": "$gte", "lt": "$lt", "le": "$lte"}


def to_mongo(condition: Filter, resolve: Resolve, *, absent_if_unknown: bool = False) -> Query:
    """Give the query that finds the documents for which the filter holds.

    With `absent_if_unknown` an attribute that there is not counts as one without a value (RFC 7644 section 3.4.2.1).
    Raises FilterError.
    """
    return _Compiler(resolve, absent_if_unknown).compile(condition)


class _Compiler:
    def __init__(self, resolve: Resolve, absent: bool = False) -> None:
        self._resolve = resolve
        self._absent = absent

    def compile(self, condition: Filter) -> Query:
        if isinstance(condition, And):
            return {"$and": [self.compile(term) for term in condition.terms]}
        if isinstance(condition, Or):
            return {"$or": [self.compile(term) for term in condition.terms]}
        if isinstance(condition, Not):  # the plain complement (standards FI-27)
            return {"$nor": [self.compile(condition.term)]}
        column = look_up(condition.path, self._resolve, absent_if_unknown=self._absent)
        if column is None:
            return _without_value(condition)
        if isinstance(condition, ValuePath):
            return _in_element(column, _Compiler(inner_columns(column)).compile(condition.filter))
        if isinstance(condition, Present):
            check_operator("pr", column, condition.path)
            return _present(column)
        return _comparison(condition, compared(condition, column))


def _without_value(condition: Comparison | Present | ValuePath) -> Query:
    """Give what a condition on an attribute without a value is: `ne` holds, and `eq null` (standards FI-25, FI-26)."""
    if isinstance(condition, Comparison) and (condition.operator == "ne") != (condition.value is None):
        return EVERYTHING if condition.operator in ("ne", "eq") else NOTHING
    return NOTHING


def _comparison(comparison: Comparison, column: Column) -> Query:
    if comparison.value is None:
        present = _present(column)
        return {"eq": {"$nor": [present]}, "ne": present}.get(comparison.operator, NOTHING)
    value = literal(comparison, column)
    if comparison.operator == "ne":  # universal: no value equals (standards A-19)
        return {"$nor": [_any(column, _equal(column, value))]}
    if comparison.operator == "eq":
        return _any(column, _equal(column, value))
    return _any(column, _condition(comparison.operator, value))


def _equal(column: Column, value: Any) -> Query:
    # Where a missing value counts as `false`, what is not true is false.
    return {"$ne": not value} if column.absent is not None and value == column.absent else {"$eq": value}


def _condition(operator: str, value: Any) -> Query:
    if operator in _OPERATORS:
        return {_OPERATORS[operator]: value}
    if operator == "sw":
        return _prefix(value)
    pattern = re.escape(value) + (r"\z" if operator == "ew" else "")
    return {"$regex": pattern.replace(r"\z", "$(?!\\n)") if operator == "ew" else pattern}


def _prefix(text: str) -> Query:
    """Give the range of strings that begin with a text; an index answers it."""
    for end in range(len(text), 0, -1):
        code = ord(text[end - 1])
        if code < 0x10FFFF:
            following = 0xE000 if code == 0xD7FF else code + 1
            return {"$gte": text, "$lt": text[: end - 1] + chr(following)}
    return {"$gte": text}


def _any(column: Column, condition: Query) -> Query:
    """Give the query for: some value of the attribute meets the condition."""
    parent = column.parent
    name = column.field.rpartition(".")[2]
    if parent is not None and parent.join is not None:
        return parent.join({name: condition})
    if parent is not None and parent.multi_valued and (len(condition) > 1 or "$ne" in condition):
        # Each bound on its own could be met by another element.
        return {parent.field: {"$elemMatch": {name: condition}}}
    if column.multi_valued and len(condition) > 1:
        return {column.field: {"$elemMatch": condition}}
    return {column.field: condition}


def _in_element(column: Column, element: Query) -> Query:
    """Give the query for: one element meets all of `element`."""
    if column.join is not None:
        return column.join(element)
    if column.multi_valued:
        if column.type != "complex":
            return _simple_elements(column.field, element)
        return {column.field: {"$elemMatch": element}}
    return _prefixed(element, column.field)


def _simple_elements(field: str, element: Query) -> Query:
    """Give the query on an array of plain values for a query on `value`."""
    return {field: {"$elemMatch": _bare(element)}}


def _bare(element: Query) -> Query:
    # Only conditions on `value` can be in it; MongoDB takes no $and, $or or $nor on a plain value, but $not and $in.
    parts: Query = {}
    for key, condition in element.items():
        if key == "value":
            parts |= condition
        elif key == "$nor" and len(condition) == 1:
            parts["$not"] = _bare(condition[0])
        elif key == "$and":
            for part in condition:
                parts |= _bare(part)
        else:
            parts["$not"] = {"$not": _bare(condition[0])}
    return parts


def _prefixed(element: Query, field: str) -> Query:
    logic = ("$and", "$or", "$nor")
    return {
        (key if key in logic or key == "_id" else f"{field}.{key}"): (
            [_prefixed(part, field) for part in condition] if key in logic else condition
        )
        for key, condition in element.items()
    }


def _present(column: Column) -> Query:
    """Give the query for: the attribute has a value (standards FI-12)."""
    if column.join is not None:
        return column.join({})
    if column.type == "complex":
        if not column.subs:
            return {column.field: {"$exists": True}}
        names = {sub.field.rpartition(".")[2]: sub for sub in column.subs if sub.operators != frozenset()}
        parts = [{name: _not_empty(sub)} for name, sub in names.items()]
        if column.multi_valued:
            return {column.field: {"$elemMatch": {"$or": parts}}}
        return {"$or": [{f"{column.field}.{name}": condition} for part in parts for name, condition in part.items()]}
    return _any(column, _not_empty(column))


def _not_empty(column: Column) -> Query:
    return {"$nin": [None, ""]} if column.type in ("string", "reference", "binary") else {"$ne": None}
