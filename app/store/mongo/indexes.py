"""Which index suits a query, and which of its attributes have none.

Eight or more indexes of a collection begin with `tenant`, and MongoDB chooses one by trying them all: with 200,000
users that took five times as long as the query itself, with a million users longer than a request may take (D-20). So a
query whose index is known gets a hint. The rule: of conditions that must all hold, the most selective one decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import indexed_fields
from app.schemas.storage.columns import paths

T = TypeVar("T")
Query = Mapping[str, Any]
Index = tuple[tuple[str, int], ...]
BY_ID: Index = (("tenant", 1), ("_id", 1))
IDS: Index = (("_id", 1),)
"""MongoDB's own index on `_id`, for documents whose ids are known."""
_POINTS = frozenset({"$eq", "$in"})
_BOUNDS = frozenset({"$gt", "$gte", "$lt", "$lte"})
_BAD_VALUE = 2
"""MongoDB's code for several bad arguments, among them a hint for an index that does not exist."""
_LOGIC = ("$and", "$or", "$nor")


class Reach(IntEnum):
    """How much of an index a condition reads, the least first."""

    POINT = 1
    """The entries of one or several values."""
    RANGE = 2
    """The entries between two values."""
    SCAN = 3
    """All entries, but only documents that match."""
    ALL = 4
    """Every document of the tenant: no index helps."""


@dataclass(frozen=True)
class Access:
    """How the documents that match a condition are found."""

    reach: Reach
    field: str = ""
    """The field whose index is read; "" if there are several or none."""
    missing: frozenset[str] = frozenset()
    """With `Reach.ALL`, the fields that lack an index."""

    @property
    def index(self) -> Index | None:
        """The index for the hint; None lets MongoDB choose, which reads several indexes for an `or`."""
        if self.field == "_id" and self.reach is Reach.POINT:
            return IDS
        if self.reach is Reach.ALL:
            return BY_ID
        return index_on(self.field) if self.field else None


def index_on(field: str) -> Index:
    """Return the keys of the index that has documents in the order of a field."""
    return BY_ID if field in ("", "_id") else (("tenant", 1), (field, 1), ("_id", 1))


def by_ids(collection: Any) -> dict[str, Any]:
    """Return the hint for a command on documents whose ids are known, so that it reads nothing else."""
    return {"hint": dict(IDS)} if isinstance(collection, Collection) else {}  # mongomock has no hints


def by_index(collection: Any, index: Index | None, run: Callable[..., T]) -> T:
    """Return what `run` returns when called with the hint for the index.

    If an operator has dropped that index, `run` is called again without a hint, which is slow but works. So `run` must
    have read everything that it returns. Not for use in transactions, which the first failure aborts.
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
    """Return the best access to a query's matches; `indexed` has the fields with an index (`indexed_fields`)."""
    return _best([_access(field, each, indexed, prefix) for field, each in query.items() if field != "tenant"])


def unindexed(query: Query, resource_type: ResourceType, sorted_by: str = "") -> tuple[str, ...]:
    """Return the attributes without an index because of which a query reads every resource of the type.

    `query` comes from the filter compiler, {} for no filter. `sorted_by` is the field to sort by if no index has that
    order; it counts unless the filter leads straight to a few resources. Attributes are given as paths: `title`,
    `urn:...:User:department`.
    """
    found = access(query, indexed_fields(resource_type))
    missing = set(found.missing)
    if sorted_by and found.reach is not Reach.POINT:
        missing.add(sorted_by)
    known = paths(resource_type)
    return tuple(sorted({known[field] for field in missing if field in known}))


def scanned(query: Query, resource_type: ResourceType) -> tuple[str, ...]:
    """Return the path of the attribute whose whole index a query reads, () if it reads none as a whole."""
    found = access(query, indexed_fields(resource_type))
    return (paths(resource_type)[found.field],) if found.reach is Reach.SCAN else ()


def indexed_attributes(resource_type: ResourceType) -> tuple[str, ...]:
    """Return the paths of the attributes that have an index."""
    known = paths(resource_type)
    return tuple(sorted(known[field] for field in indexed_fields(resource_type)))


def _best(parts: Sequence[Access]) -> Access:
    """Return the access to documents that meet all conditions."""
    if len(parts) == 1:
        return parts[0]
    least = min((part.reach for part in parts), default=Reach.ALL)
    found = [part for part in parts if part.reach is least]
    if least is Reach.ALL:
        return Access(Reach.ALL, missing=_missing(found))
    # Of several, MongoDB finds the best: its trial ends as soon as one of them is done.
    return found[0] if len({part.field for part in found}) == 1 else Access(least)


def _any_of(parts: Sequence[Access]) -> Access:
    """Return the access to documents that meet at least one condition, which is that of the worst one."""
    worst = max((part.reach for part in parts), default=Reach.ALL)
    if worst is Reach.SCAN and len({part.field for part in parts}) == 1:
        return Access(worst, parts[0].field)
    if worst >= Reach.SCAN:
        return Access(Reach.ALL, missing=_missing([part for part in parts if part.reach >= Reach.SCAN]))
    return Access(worst)


def _none_of(fields: frozenset[str], indexed: Mapping[str, bool]) -> Access:
    """Return the access to documents that meet no condition on `fields`, which are most documents as a rule."""
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
    # The index of a multi-valued attribute does not say which values belong together, so a scan reads all documents.
    if field not in indexed or (reach is Reach.SCAN and indexed[field]):
        return Access(Reach.ALL, missing=frozenset({field}))
    return Access(reach, field)


def _missing(parts: Sequence[Access]) -> frozenset[str]:
    return frozenset(field for part in parts for field in part.missing or {part.field} - {""})


def _is_of_element(condition: Any) -> bool:
    """Return whether a condition is on the sub-attributes of an element."""
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
