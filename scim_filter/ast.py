"""A filter as a tree of small frozen objects (RFC 7644 section 3.4.2.2); `str()` returns text that parses to its equal.

A `column` is a position in the text; it serves error messages only and is no part of equality.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from scim_filter.bare import Bare

Literal = str | bool | int | float | None
"""A JSON value; a `Bare` if it has no quotes and only the attribute decides what it is."""


@dataclass(frozen=True, slots=True)
class Path:
    """An attribute as the filter spells it: `title`, `name.givenName`, `urn:...:User:manager.value`."""

    text: str
    column: int = field(default=1, compare=False)
    """The position of its first character, counted from 1."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator value`; the operator is in lower case."""

    path: Path
    operator: str
    value: Literal
    column: int = field(default=1, compare=False)
    """The position of the value."""

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, Bare) else json.dumps(self.value, ensure_ascii=False)
        return f"{self.path} {self.operator} {value}"


@dataclass(frozen=True, slots=True)
class Present:
    """`path pr`."""

    path: Path

    def __str__(self) -> str:
        return f"{self.path} pr"


@dataclass(frozen=True, slots=True)
class Not:
    """`not (term)`."""

    term: Filter

    def __str__(self) -> str:
        return f"not ({self.term})"


@dataclass(frozen=True, slots=True)
class And:
    """`term and term ...`, two terms or more."""

    terms: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(_inside(term) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Or:
    """`term or term ...`, two terms or more."""

    terms: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(str(term) if isinstance(term, And) else _inside(term) for term in self.terms)


@dataclass(frozen=True, slots=True)
class ValuePath:
    """`path[filter]`: one element meets the whole filter."""

    path: Path
    filter: Filter

    def __str__(self) -> str:
        return f"{self.path}[{self.filter}]"


Filter = Comparison | Present | Not | And | Or | ValuePath


@dataclass(frozen=True, slots=True)
class PatchPath:
    """The path of a PATCH operation: `path`, `path[filter]` or `path[filter].sub` (RFC 7644 section 3.5.2)."""

    path: Path
    filter: Filter | None = None
    sub: str | None = None

    def __str__(self) -> str:
        condition = f"[{self.filter}]" if self.filter is not None else ""
        return f"{self.path}{condition}" + (f".{self.sub}" if self.sub else "")


def _inside(term: Filter) -> str:
    return f"({term})" if isinstance(term, And | Or) else str(term)
