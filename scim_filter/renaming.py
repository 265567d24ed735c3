"""Filters with other names in them: what a client calls an attribute, turned into what the caller calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scim_filter.ast import And, Comparison, Filter, Not, Or, Path, Present, ValuePath


def rename_paths(condition: Filter, rename: Callable[[str], str]) -> Filter:
    """Give the filter with every path renamed; paths inside brackets are names of sub-attributes, and stay."""
    if isinstance(condition, And | Or):
        return replace(condition, terms=tuple(rename_paths(term, rename) for term in condition.terms))
    if isinstance(condition, Not):
        return Not(rename_paths(condition.term, rename))
    return replace(condition, path=_renamed(condition, rename))


def _renamed(condition: Comparison | Present | ValuePath, rename: Callable[[str], str]) -> Path:
    return Path(rename(condition.path.text), condition.path.column)
