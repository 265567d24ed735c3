"""Which index answers a query, and which of its attributes have none.

Eight indexes or more of a collection begin with `tenant`, and MongoDB chooses among them by trying them all, which at a
million documents takes longer than the query itself. So a query whose index is known names it. One rule says which it
is: of conditions that must all hold the most selective one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from pymongo.errors import OperationFailure

from app.schemas.collection import indexed_fields
from app.schemas.columns import paths
from app.schemas.resource_type import ResourceType

T = TypeVar("T")
Query = Mapping[str, Any]
Index = tuple[tuple[str, int], ...]
BY_ID: Index = (("tenant", 1), ("_id", 1))
_BAD_VALUE = 2
_POINTS = frozenset({"$eq", "$in"})
_BOUNDS = frozenset({"$gt", "$gte", "$lt", "$lte"})
_LOGIC = ("$and", "$or", "$nor")


class Reach(IntEnum):
    """How much of an index a condition reads, the least first."""

    POINT = 1
    """The entries of one value, or of several."""
    RANGE = 2
    """The entries between two values."""
    SCAN = 3
    """All entries; the documents of those that match."""
    ALL = 4
    """No index helps: every document is read."""


@dataclass(frozen=True)
class Access:
    """How the documents that match a condition are found."""

    reach: Reach
    field: str = ""
    """The field whose index is read; "" where it is several fields, or none."""
    missing: frozenset[str] = frozenset()
    """With `ALL`: the fields without an index because of which every document is read."""

    @property
    def index(self) -> Index | None:
        """The index to name; None leaves it to MongoDB, which reads several indexes for an `or`."""
        if self.reach is Reach.ALL:
            return BY_ID
        return index_of(self.field) if self.field else None


def index_of(field: str) -> Index:
    """Return the keys of the index on a field of a resource."""
    return BY_ID if field == "_id" else (("tenant", 1), (field, 1), ("_id", 1))


def access(query: Query, indexed: Collection[str], prefix: str = "") -> Access:
    """Return the best access to the documents that match; `indexed` has the fields with an index."""
    parts = [_access(field, condition, indexed, prefix) for field, condition in query.items() if field != "tenant"]
    return _best(parts)


def unindexed(query: Query, resource_type: ResourceType, sort_field: str = "_id") -> tuple[str, ...]:
    """Return the attributes because of which a query reads every resource of the type, since no index answers them.

    `query` is one that the filter compiler made, {} for none; `sort_field` is the field that is sorted by. A sort
    counts where the filter leaves more than a few. The attributes are spelled as their paths: `title`,
    `urn:...:User:department`.
    """
    indexed = indexed_fields(resource_type)
    found = access(query, indexed)
    missing = set(found.missing)
    if found.reach is not Reach.POINT and sort_field not in indexed:
        missing.add(sort_field)
    known = paths(resource_type)
    return tuple(sorted({known[field] for field in missing if field in known}))


def naming(index: Index | None, run: Callable[[Index | None], T]) -> T:
    """Run a query with the index named, or without where an operator has dropped the index: slow, but answered.

    Not inside a transaction, which the first failure ends.
    """
    try:
        return run(index)
    except OperationFailure as error:
        if index is None or error.code != _BAD_VALUE or "hint" not in str(error):
            raise
        return run(None)


def _best(parts: Sequence[Access]) -> Access:
    """Return the access to what meets all conditions."""
    least = min((part.reach for part in parts), default=Reach.ALL)
    found = [part for part in parts if part.reach is least]
    if least is Reach.ALL:
        return Access(Reach.ALL, missing=frozenset[str]().union(*(part.missing for part in found)))
    # Of several MongoDB finds out which is the best: their trial ends with the first of them.
    return found[0] if len({part.field for part in found}) == 1 else Access(least)


def _access(field: str, condition: Any, indexed: Collection[str], prefix: str) -> Access:
    if field == "$and":
        return _best([access(part, indexed, prefix) for part in condition])
    if field == "$or":
        return _any_of([access(part, indexed, prefix) for part in condition])
    if field == "$nor":
        return _none_of(frozenset(_fields(condition, prefix)), indexed)
    name = prefix + field
    if not isinstance(condition, Mapping):
        return _through(name, Reach.POINT, indexed)
    if "$elemMatch" in condition:
        inner = condition["$elemMatch"]
        if any(key.startswith("$") and key not in _LOGIC for key in inner):
            return _access(field, inner, indexed, prefix)
        return access(inner, indexed, f"{name}.")
    reach = Reach.POINT if condition.keys() & _POINTS else Reach.RANGE if condition.keys() & _BOUNDS else Reach.SCAN
    return _through(name, reach, indexed)


def _any_of(parts: Sequence[Access]) -> Access:
    """Return the access to what meets one of the conditions: no better than that of the worst."""
    worst = max((part.reach for part in parts), default=Reach.ALL)
    return Access(worst, missing=frozenset[str]().union(*(part.missing for part in parts)))


def _none_of(fields: frozenset[str], indexed: Collection[str]) -> Access:
    """Return the access to what meets none of the conditions: most documents, as a rule."""
    return Access(Reach.ALL, missing=fields - set(indexed))


def _through(field: str, reach: Reach, indexed: Collection[str]) -> Access:
    return Access(reach, field) if field in indexed else Access(Reach.ALL, missing=frozenset({field}))


def _fields(queries: Sequence[Query], prefix: str) -> Iterator[str]:
    """Give the fields on which some queries have conditions."""
    for query in queries:
        for field, condition in query.items():
            inner = condition.get("$elemMatch") if isinstance(condition, Mapping) else None
            if field in _LOGIC:
                yield from _fields(condition, prefix)
            elif inner is not None and not any(key.startswith("$") and key not in _LOGIC for key in inner):
                yield from _fields([inner], f"{prefix}{field}.")
            else:
                yield prefix + field
