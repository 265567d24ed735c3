"""Filters with other names: a client's name for an attribute is replaced by the caller's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scim_filter.ast import And, Comparison, Filter, Not, Or, Path, Present, ValuePath


def rename_paths(condition: Filter, rename: Callable[[str], str]) -> Filter:
    """Return the filter with every path renamed, except those of sub-attributes inside brackets."""
    if isinstance(condition, And | Or):
        return replace(condition, terms=tuple(rename_paths(term, rename) for term in condition.terms))
    if isinstance(condition, Not):
        return Not(rename_paths(condition.term, rename))
    return replace(condition, path=_renamed(condition, rename))


def _renamed(condition: Comparison | Present | ValuePath, rename: Callable[[str], str]) -> Path:
    return Path(rename(condition.path.text), condition.path.column)
