"""Filters on `members` and `groups`: memberships are documents of their own, so these conditions are looked up first.

The filter compiler passes the condition on one element, such as {"value": ..., "type": ..., "display": ...}. It stays
in the query as a `MembershipCondition` until the query runs; then the ids of the resources that meet it replace it. If
there are too many ids for one query, the query runs once for each range of ids. The database does all the filtering.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from app.schemas.attribute import DISPLAY, TYPE, VALUE
from app.schemas.comparison import fold
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.storage.columns import FOLDED
from app.store.directory.membership_reader import MembershipReader, has_condition_on
from app.store.directory.resources import Resources
from app.store.search.id_ranges import IdRange
from scim_filter import Query

T = TypeVar("T")
Join = Callable[[Query], Query]
"""Condition on an element -> query on the resource."""
Field = Callable[[Any], Query]
"""Condition on a sub-attribute -> query on the memberships or resources that hold it."""
NOTHING: Query = {"_id": {"$in": []}}
LOGIC = ("$and", "$or", "$nor")


@dataclass(frozen=True, eq=False)
class MembershipCondition:
    """A condition on one element of `members` or `groups`; it stands where a condition on `_id` will stand."""

    element: Query
    find_ids: Callable[[Query, IdRange], list[str]]
    """Returns the matching ids in a range, which it shortens if there are too many."""


class MembershipFilters:
    """The lookups of membership conditions in one tenant."""

    def __init__(self, catalogue: Catalogue, resources: dict[str, Resources], memberships: MembershipReader) -> None:
        self._resources = resources
        self._all = [resources[resource_type.name] for resource_type in catalogue.types]
        self._groups = [found for found in self._all if found.type.members]
        self._memberships = memberships

    def joins(self, resource_type: ResourceType) -> dict[str, Join]:
        """Return the joins of a resource type, by attribute name."""
        owner = self._resources[resource_type.name]
        joins: dict[str, Join] = {}
        if resource_type.members:
            joins[resource_type.members.name] = partial(_condition, partial(self._having, owner))
        if resource_type.groups:
            joins[resource_type.groups.name] = partial(_condition, partial(self._belonging, owner))
        return joins

    def resolve(
        self, resource_type: ResourceType, query: Query, start: str | None = None, most: int | None = None
    ) -> Iterator[tuple[Query, str | None]]:
        """Yield the query with ids in place of its membership conditions, once for each range of ids in turn.

        Each comes with the end of its range, None for the last one. `start` is the first id to look at, `most` how
        many ids the first query may hold.
        """
        if not has_membership_condition(query):
            yield query, None
            return
        owner = [self._resources[resource_type.name]]
        for id_range, found in _in_ranges(owner, partial(_resolved, query), start, most):
            yield id_range.limit("_id", found), id_range.end

    def _having(self, owner: Resources, element: Query, id_range: IdRange) -> list[str]:
        """Return the ids of the groups that have such a member."""
        fields: dict[str, Field] = {VALUE: _of_field("member"), TYPE: self._of_type}
        if not has_condition_on(element, DISPLAY):
            return self._distinct("group", _translated(element, fields), id_range, owner)
        found: list[str] = []

        def named(inner: IdRange) -> Query:
            return _translated(element, fields | {DISPLAY: partial(self._named, inner)})

        for inner, query in _in_ranges(self._all, named):
            found = _joined(found, self._distinct("group", inner.limit("member", query), id_range, owner), id_range)
        return found

    def _belonging(self, owner: Resources, element: Query, id_range: IdRange) -> list[str]:
        """Return the ids of the resources in such a group, directly or through a nested group."""
        found: list[str] = []
        kinds = {"direct": self._direct, "indirect": self._indirect}
        for kind, members in kinds.items() if has_condition_on(element, TYPE) else [("", self._in_any)]:
            for holder in self._groups:
                label = f"{FOLDED}.{holder.type.label}"
                query = _translated(
                    element, {VALUE: _of_field("_id"), DISPLAY: _of_field(label), TYPE: partial(_constant, kind)}
                )
                for _, groups in _in_ranges([holder], partial(_ids, holder, query)):
                    if groups:
                        found = _joined(found, members(groups, id_range, owner), id_range)
        return found

    def _direct(self, groups: Iterable[str], id_range: IdRange, owner: Resources) -> list[str]:
        return self._distinct("member", {"group": {"$in": sorted(groups)}}, id_range, owner)

    def _in_any(self, groups: Iterable[str], id_range: IdRange, owner: Resources) -> list[str]:
        return self._direct(self._memberships.groups_within(groups), id_range, owner)

    def _indirect(self, groups: Iterable[str], id_range: IdRange, owner: Resources) -> list[str]:
        found: list[str] = []
        for group in self._memberships.nesting(groups):
            inner = self._memberships.groups_within([group]) - {group}
            members = self._direct(inner, id_range, owner)
            direct = self._memberships.ids("member", {"group": group, "member": {"$in": members}}, 0)
            found = _joined(found, sorted(set(members).difference(direct)), id_range)
        return found

    def _distinct(self, field: str, query: Query, id_range: IdRange, owner: Resources) -> list[str]:
        """Return the distinct groups or members, as `field` says, of the memberships that match."""
        return _within(id_range, owner, field, query, partial(self._memberships.ids, field))

    def _named(self, id_range: IdRange, condition: Any) -> Query:
        """Return the query for the memberships of members whose name meets the condition."""
        found = [_ids(one, {f"{FOLDED}.{one.type.label}": condition}, id_range) for one in self._all]
        return {"member": {"$in": [each for ids in found for each in ids]}}

    def _of_type(self, condition: Any) -> Query:
        """Return the query for the memberships of members whose type meets it; a missing member has none."""
        return {"type": {"$in": [kind for kind in (*self._resources, None) if _holds(condition, kind)]}}


def _condition(find_ids: Callable[[Query, IdRange], list[str]], element: Query) -> Query:
    return {"_id": MembershipCondition(element, find_ids)}


def has_membership_condition(query: Query) -> bool:
    """Return whether a query has a membership condition anywhere."""
    return any(
        isinstance(condition, MembershipCondition) or (key in LOGIC and any(map(has_membership_condition, condition)))
        for key, condition in query.items()
    )


def _resolved(query: Query, id_range: IdRange) -> Query:
    """Return the query with the ids found in the range in place of each membership condition."""
    result: Query = {}
    for key, condition in query.items():
        if isinstance(condition, MembershipCondition):
            result[key] = {"$in": condition.find_ids(condition.element, id_range)}
        else:
            result[key] = [_resolved(part, id_range) for part in condition] if key in LOGIC else condition
    return result


def _in_ranges(
    owners: list[Resources], find: Callable[[IdRange], T], start: str | None = None, most: int | None = None
) -> Iterator[tuple[IdRange, T]]:
    """Yield what `find` returns, in as many ranges as it takes to cover all ids; the first holds up to `most` ids.

    After a first range that was cut, each next one spans as many resources as a query can hold.
    """
    id_range = IdRange(start, most)
    while True:
        found = find(id_range)
        yield id_range, found
        if id_range.end is None:
            return
        id_range = IdRange(id_range.end, 2 * id_range.most)
        for owner in owners:
            id_range.cut(owner.id_after(id_range.start, id_range.most))


def _within(id_range: IdRange, owner: Resources, field: str, query: Query, read: Callable[..., list[str]]) -> list[str]:
    """Return the ids in the range that match, each once; shorten the range if a query cannot hold them all."""
    most = id_range.most + 1
    if id_range.end is None:
        found = read(id_range.limit(field, query), most)
        if len(found) < most:
            return sorted(set(found))
        id_range.cut(owner.id_after(id_range.start, id_range.most))
    found = read(id_range.limit(field, query), most, ordered=True)
    if len(found) == most:
        id_range.cut(found[-1])
    return sorted(each for each in set(found) if id_range.end is None or each < id_range.end)


def _ids(resources: Resources, query: Query, id_range: IdRange) -> list[str]:
    return _within(id_range, resources, "_id", query, resources.ids)


def _joined(found: list[str], more: list[str], id_range: IdRange) -> list[str]:
    return id_range.fit(sorted({*found, *more}))


def _translated(query: Query, fields: Mapping[str, Field]) -> Query:
    """Return the query with each condition on a sub-attribute replaced by what `fields` makes of it."""
    parts: list[Query] = []
    for key, condition in query.items():
        if key in LOGIC:
            parts.append({key: [_translated(part, fields) for part in condition]})
        else:
            parts.append(fields[key](condition) if key in fields else NOTHING)
    return {"$and": parts} if parts else {}


def _of_field(name: str) -> Field:
    """Return the function from a condition to the query that a field of a document meets it."""
    return lambda condition: {name: condition}


def _constant(value: str, condition: Any) -> Query:
    """Return the query for everything if the condition holds for `value`, for nothing otherwise."""
    return {} if _holds(condition, value) else NOTHING


def _holds(condition: Any, value: str | None) -> bool:
    """Return whether a condition holds for a value; these are all the operators that the filter compiler writes."""
    folded = fold(value) if value is not None else None
    if not isinstance(condition, dict):
        return bool(condition == folded)
    return all(_one(operator, operand, folded) for operator, operand in condition.items())


def _one(operator: str, operand: Any, value: str | None) -> bool:
    if operator == "$eq":
        return bool(value == operand)
    if operator == "$ne":
        return bool(value != operand)
    if operator == "$in":
        return value in operand
    if operator == "$nin":
        return value not in operand
    if operator == "$exists":
        return (value is not None) == operand
    if operator == "$not":
        return not _holds(operand, value)
    if operator == "$regex":
        return value is not None and re.search(operand, value, re.DOTALL) is not None
    if value is None:
        return False
    order = {"$gt": value > operand, "$gte": value >= operand, "$lt": value < operand, "$lte": value <= operand}
    return bool(order[operator])
