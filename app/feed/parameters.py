"""The parameters of requests to the feed and for a snapshot, and their bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import InvalidValue

MOST = 1_000
"""Elements of a page at most."""
LONGEST_WAIT = 15
NOW = "now"
CURRENT = "current"
_TYPE = re.compile(r"scimd\.[a-z0-9._-]*\*?|\*", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
Query = Mapping[str, Sequence[str]]
"""The parameters of a URL, each with all its values."""


@dataclass(frozen=True)
class ChangesRequest:
    """A request to the feed."""

    after: str | None = None
    """A cursor, `now`, or None for the oldest event that is kept."""
    limit: int = 100
    wait: int = 0
    """Seconds for which an empty page may be held back."""
    types: tuple[str, ...] = ()
    """Types of events; a `*` at the end of one stands for any end. None means all."""
    with_current: bool = False
    """Whether each event comes with the resource as it is now."""

    @classmethod
    def from_query(cls, query: Query) -> ChangesRequest:
        """Return the request in the parameters of a URL; raises InvalidValue."""
        given = _single(query, ("after", "limit", "wait", "types", "resource"))
        if given.get("resource", CURRENT) != CURRENT:
            raise InvalidValue(f"resource: can only be {CURRENT}.")
        return cls(
            given.get("after"), _number(given, "limit", 1, MOST, cls.limit), _number(given, "wait", 0, LONGEST_WAIT, 0),
            read_types(given.get("types", "*")), "resource" in given,
        )


@dataclass(frozen=True)
class SnapshotRequest:
    """A request for a page of a snapshot."""

    page: str | None = None
    """What the page before said; None for the first one."""
    limit: int = 100
    group: str | None = None
    """The group whose memberships alone are in the snapshot; None for everything."""

    @classmethod
    def from_query(cls, query: Query) -> SnapshotRequest:
        """Return the request in the parameters of a URL; raises InvalidValue."""
        given = _single(query, ("page", "limit", "group"))
        return cls(given.get("page"), _number(given, "limit", 1, MOST, cls.limit), given.get("group"))


def _single(query: Query, known: Sequence[str]) -> dict[str, str]:
    """Return the value of each parameter; raises InvalidValue for an unknown one and for one that is repeated."""
    for name, values in query.items():
        if name not in known:
            raise InvalidValue(f"There is no such parameter here; the parameters are {', '.join(known)}.")
        if len(values) > 1:
            raise InvalidValue(f"{name}: is given more than once.")
    return {name: values[0] for name, values in query.items()}


def _number(given: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise InvalidValue(f"{name}: must be a whole number from {least} to {most}.")
    return int(text)


def read_types(text: str) -> tuple[str, ...]:
    """Return the types in a list with commas, none for all of them; raises InvalidValue."""
    types = tuple(dict.fromkeys(text.split(",")))
    if not all(map(_TYPE.fullmatch, types)):
        example = "scimd.user.*,scimd.group.deleted"
        raise InvalidValue(f"types: must be types of events, which begin with scimd., with commas, such as {example}.")
    return () if "*" in types else types
