"""Filters with other names: a client's name for an attribute is replaced by the caller's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scim_filter.ast import And, Filter, Not, Or, Path


def rename_paths(condition: Filter, rename: Callable[[str], str]) -> Filter:
    """Return the filter with every path renamed, except those of sub-attributes inside brackets."""
    if isinstance(condition, And | Or):
        return replace(condition, terms=tuple(rename_paths(term, rename) for term in condition.terms))
    if isinstance(condition, Not):
        return Not(rename_paths(condition.term, rename))
    path, name = condition.path, rename(condition.path.text)
    return condition if name == path.text else replace(condition, path=Path(name, path.column))
