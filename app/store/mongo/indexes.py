"""Which index answers a query, and which of its attributes have none.

Eight indexes or more of a collection begin with `tenant`, and MongoDB chooses among them by trying them all: at 200,000
users that took five times as long as the query itself, at a million longer than a request may (docs/decisions.md D-20).
So a query whose index is known names it. One rule says which it is: of conditions that must all hold, the most
selective one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from app.schemas.collection import indexed_fields
from app.schemas.columns import paths
from app.schemas.resource_type import ResourceType

T = TypeVar("T")
Query = Mapping[str, Any]
Index = tuple[tuple[str, int], ...]
BY_ID: Index = (("tenant", 1), ("_id", 1))
IDS: Index = (("_id", 1),)
"""MongoDB's own index, for documents whose ids are known."""
_POINTS = frozenset({"$eq", "$in"})
_BOUNDS = frozenset({"$gt", "$gte", "$lt", "$lte"})
_BAD_VALUE = 2
"""MongoDB's code for a hint that names no index, among others."""
_LOGIC = ("$and", "$or", "$nor")


class Reach(IntEnum):
    """How much of an index a condition reads, the least first."""

    POINT = 1
    """The entries of one value, or of several."""
    RANGE = 2
    """The entries between two values."""
    SCAN = 3
    """All entries, and no document of those that do not match."""
    ALL = 4
    """No index helps: every document of the tenant is read."""


@dataclass(frozen=True)
class Access:
    """How the documents that match a condition are found."""

    reach: Reach
    field: str = ""
    """The field whose index is read; "" where it is several fields, or none."""
    missing: frozenset[str] = frozenset()
    """With `ALL`: the fields because of which every document is read."""

    @property
    def index(self) -> Index | None:
        """The index to name; None leaves it to MongoDB, which reads several of them for an `or`."""
        if self.field == "_id" and self.reach is Reach.POINT:
            return IDS
        if self.reach is Reach.ALL:
            return BY_ID
        return index_on(self.field) if self.field else None


def index_on(field: str) -> Index:
    """Return the keys of the index that has a type's documents in the order of a field."""
    return BY_ID if field in ("", "_id") else (("tenant", 1), (field, 1), ("_id", 1))


def by_ids(collection: Any) -> dict[str, Any]:
    """Return the option for a command on documents whose ids are known, so that it reads those and nothing else."""
    return {"hint": dict(IDS)} if isinstance(collection, Collection) else {}  # mongomock has no indexes to choose among


def by_index(collection: Any, index: Index | None, run: Callable[..., T]) -> T:
    """Return what `run` returns, called with the option that names the index by its keys.

    Where an operator has dropped that index `run` is called again without: slow, but answered. So `run` must have read
    all that it returns; and this is not for transactions, which the first failure ends.
    """
    if index is None or not isinstance(collection, Collection):
        return run()
    try:
        return run(hint=dict(index))
    except OperationFailure as error:
        if error.code != _BAD_VALUE or "hint" not in str(error):
            raise
        return run()


def access(query: Query, indexed: Mapping[str, bool], prefix: str = "") -> Access:
    """Return the best access to what matches; `indexed` has the fields with an index (`indexed_fields`)."""
    return _best([_access(field, each, indexed, prefix) for field, each in query.items() if field != "tenant"])


def unindexed(query: Query, resource_type: ResourceType, sorted_by: str = "") -> tuple[str, ...]:
    """Return the attributes because of which a query reads every resource of the type, since no index answers them.

    `query` is one that the filter compiler made, {} for none; `sorted_by` is the field of a sort that no index has,
    which counts where the filter leaves more than a few. Attributes are spelled as their paths: `title`,
    `urn:...:User:department`.
    """
    found = access(query, indexed_fields(resource_type))
    missing = set(found.missing)
    if sorted_by and found.reach is not Reach.POINT:
        missing.add(sorted_by)
    known = paths(resource_type)
    return tuple(sorted({known[field] for field in missing if field in known}))


def scanned(query: Query, resource_type: ResourceType) -> tuple[str, ...]:
    """Return the attribute whose index a query reads as a whole, as its path; none where it does not."""
    found = access(query, indexed_fields(resource_type))
    return (paths(resource_type)[found.field],) if found.reach is Reach.SCAN else ()


def indexed_attributes(resource_type: ResourceType) -> tuple[str, ...]:
    """Return the attributes that have an index, as their paths."""
    known = paths(resource_type)
    return tuple(sorted(known[field] for field in indexed_fields(resource_type)))


def _best(parts: Sequence[Access]) -> Access:
    """Return the access to what meets all conditions."""
    least = min((part.reach for part in parts), default=Reach.ALL)
    found = [part for part in parts if part.reach is least]
    if least is Reach.ALL:
        return Access(Reach.ALL, missing=_missing(found))
    # Of several MongoDB finds out which is the best: its trial ends with the first one that does.
    return found[0] if len({part.field for part in found}) == 1 else Access(least)


def _any_of(parts: Sequence[Access]) -> Access:
    """Return the access to what meets at least one condition: that of the worst."""
    worst = max((part.reach for part in parts), default=Reach.ALL)
    if worst is Reach.SCAN and len({part.field for part in parts}) == 1:
        return Access(worst, parts[0].field)
    if worst >= Reach.SCAN:
        return Access(Reach.ALL, missing=_missing([part for part in parts if part.reach >= Reach.SCAN]))
    return Access(worst)


def _none_of(fields: frozenset[str], indexed: Mapping[str, bool]) -> Access:
    """Return the access to what meets none of some conditions on `fields`: to most documents, as a rule."""
    if len(fields) == 1:
        return _through(next(iter(fields)), Reach.SCAN, indexed)
    return Access(Reach.ALL, missing=fields - indexed.keys() or fields)


def _access(field: str, condition: Any, indexed: Mapping[str, bool], prefix: str) -> Access:
    if field == "$and":
        return _best([access(part, indexed, prefix) for part in condition])
    if field == "$or":
        return _any_of([access(part, indexed, prefix) for part in condition])
    if field == "$nor":
        return _none_of(frozenset(_fields(condition, prefix)), indexed)
    name = prefix + field
    if not isinstance(condition, Mapping):
        return _through(name, Reach.POINT, indexed)
    if _is_of_element(condition):
        return access(condition["$elemMatch"], indexed, f"{name}.")
    condition = condition.get("$elemMatch", condition)
    reach = Reach.POINT if condition.keys() & _POINTS else Reach.RANGE if condition.keys() & _BOUNDS else Reach.SCAN
    return _through(name, reach, indexed)


def _through(field: str, reach: Reach, indexed: Mapping[str, bool]) -> Access:
    # The index of a multi-valued attribute does not tell which values are one document's: a scan reads them all.
    if field not in indexed or (reach is Reach.SCAN and indexed[field]):
        return Access(Reach.ALL, missing=frozenset({field}))
    return Access(reach, field)


def _missing(parts: Sequence[Access]) -> frozenset[str]:
    return frozenset(field for part in parts for field in part.missing or {part.field} - {""})


def _is_of_element(condition: Any) -> bool:
    """Return whether a condition is one on the sub-attributes of an element."""
    inner = condition.get("$elemMatch", {}) if isinstance(condition, Mapping) else {}
    return any(key in _LOGIC or not key.startswith("$") for key in inner)


def _fields(queries: Sequence[Query], prefix: str) -> Iterator[str]:
    """Yield the fields on which some queries have conditions."""
    for query in queries:
        for field, condition in query.items():
            if field in _LOGIC:
                yield from _fields(condition, prefix)
            elif _is_of_element(condition):
                yield from _fields([condition["$elemMatch"]], f"{prefix}{field}.")
            else:
                yield prefix + field
