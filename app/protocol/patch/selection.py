"""What the path of a PATCH operation selects: PATH = attrPath / valuePath [subAttr] (RFC 7644 section 3.5.2, figure 7).

A malformed path, or one that names no attribute, is `invalidPath`; an error between the brackets is `invalidFilter`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.errors import InvalidFilter, InvalidPath, Problem
from app.schemas.attribute import VALUE, Attribute
from app.schemas.paths import Target
from app.schemas.resource_type import ResourceType
from app.schemas.storage.columns import element_columns
from scim_filter import And, Comparison, Filter, FilterError, PathError, parse_path, predicate

MAX_SHOWN = 200
"""Characters of a path that an error repeats."""


@dataclass(frozen=True)
class Selection:
    """An attribute, one of its sub-attributes, or an extension; with a filter, only the values that match it."""

    target: Target
    where: Filter | None = None
    length: int = 0
    """Characters of the path: the cost of comparing the filter with a value."""


class Misfit(Exception):
    """A well-formed path that makes no sense for the resource type; `error` says why."""

    def __init__(self, error: InvalidPath | InvalidFilter) -> None:
        super().__init__(error.detail)
        self.error = error


def select(path: object, resource_type: ResourceType, *, bare_words: bool = False) -> Selection:
    """Return what `path` selects.

    Raises InvalidPath and InvalidFilter if it is malformed, and Misfit if it makes no sense: the attribute is unknown,
    or has a single value and a filter, or the filter does not fit its values.
    """
    if not isinstance(path, str):
        raise InvalidPath("path: must be a string.")
    try:
        parsed = parse_path(path, bare_words=bare_words)
    except PathError as error:
        raise InvalidPath(f"path {path[:MAX_SHOWN]}: {error}") from error
    except FilterError as error:
        raise InvalidFilter(f"path {path[:MAX_SHOWN]}: {error}") from error
    target = resource_type.resolve(f"{parsed.path}.{parsed.sub}" if parsed.sub else parsed.path.text)
    if target is None:
        detail = f"path {path[:MAX_SHOWN]}: {resource_type.name} has no such attribute."
        problem = Problem(path[:MAX_SHOWN], "no such attribute", "it")
        raise Misfit(InvalidPath(detail, problem, cause="unknown-attribute"))
    if parsed.filter is not None:
        if target.sub and not parsed.sub:  # the parser sees it only without a URN
            raise InvalidPath(f"path {path[:MAX_SHOWN]}: Expected an attribute without a sub-attribute before [.")
        if target.attribute is None or not target.attribute.multi_valued:
            raise Misfit(InvalidPath(f"{target.path} has one value only; a filter selects among several."))
        try:
            find(target.attribute, [{}], parsed.filter)  # a filter that does not fit is an error, even without values
        except InvalidFilter as error:
            if target.attribute.stored_in == "memberships":
                raise  # if it were skipped, members to be removed would stay (D-69)
            raise Misfit(error) from error
    return Selection(target, parsed.filter, len(path))


def find(attribute: Attribute, values: list[Any], where: Filter) -> list[int]:
    """Return the positions of the values that match a filter; raises InvalidFilter if it does not fit them.

    A value that is not an object is compared as its own `value` (held erratum 7122 of RFC 7644).
    """
    resolve = element_columns(attribute)
    elements = [value if isinstance(value, dict) else {VALUE: value} for value in values]
    try:
        holds = predicate(where, resolve)
        return [index for index, element in enumerate(elements) if holds(element)]
    except FilterError as error:
        raise InvalidFilter(f"{attribute.name}[{str(where)[:MAX_SHOWN]}]: {error}") from error


def conditions(where: Filter | None) -> dict[str, Any] | None:
    """Return the sub-attributes of an element that matches a filter of `eq` and `and` only; None for any other filter.

    Without a filter, there are none.
    """
    if where is None:
        return {}
    if isinstance(where, And):
        found = [conditions(part) for part in where.terms]
        return None if None in found else {name: value for part in found if part for name, value in part.items()}
    if isinstance(where, Comparison) and where.operator == "eq":
        return {where.path.text: str(where.value) if isinstance(where.value, str) else where.value}
    return None
