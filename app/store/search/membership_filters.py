"""Filters on `members` and `groups`: memberships are documents of their own, so their conditions are asked there first.

The filter compiler hands over the query on one element ({"value": ..., "type": ..., "display": ...}). It stays in the
query, as `Asked`, until the query is put to the database; then the ids that answer it take its place. Where there are
too many of them the query is put several times, for one stretch of ids after the other. Everything is found by the
database; nothing is filtered afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from app.schemas.comparison import fold
from app.schemas.resource_type import Catalogue, ResourceType
from app.store.directory.membership_reader import MembershipReader, mentions
from app.store.directory.resources import Resources
from app.store.search.id_ranges import Span
from scim_filter import Query

T = TypeVar("T")
Join = Callable[[Query], Query]
Field = Callable[[Any], Query]
"""Condition on a sub-attribute -> query on what holds it."""
NOTHING: Query = {"_id": {"$in": []}}
LOGIC = ("$and", "$or", "$nor")


@dataclass(frozen=True, eq=False)
class Asked:
    """A condition on one element, in the place of one on `_id`."""

    element: Query
    answer: Callable[[Query, Span], list[str]]
    """Gives the ids in a stretch, which it may have to shorten."""


class MembershipFilters:
    """The sub-queries of one tenant."""

    def __init__(self, catalogue: Catalogue, resources: dict[str, Resources], memberships: MembershipReader) -> None:
        self._resources = resources
        self._all = [resources[resource_type.name] for resource_type in catalogue.types]
        self._groups = [found for found in self._all if found.type.members]
        self._memberships = memberships

    def of(self, resource_type: ResourceType) -> dict[str, Join]:
        """Give the joins of a resource type: attribute name -> query on an element -> query on the resource."""
        owner = self._resources[resource_type.name]
        joins: dict[str, Join] = {}
        if resource_type.members:
            joins[resource_type.members.name] = partial(_asked, partial(self._having, owner))
        if resource_type.groups:
            joins[resource_type.groups.name] = partial(_asked, partial(self._belonging, owner))
        return joins

    def answered(
        self, resource_type: ResourceType, query: Query, start: str | None = None, most: int | None = None
    ) -> Iterator[tuple[Query, str | None]]:
        """Yield the query with its conditions on memberships answered, for one range of ids after the other.

        With each comes the id that its range ends before, None for the last one. `most` is how many ids the first of
        them names at most.
        """
        if not asks(query):
            yield query, None
            return
        owner = [self._resources[resource_type.name]]
        for span, found in _walk(owner, partial(_answered, query), start, most):
            yield span.of("_id", found), span.end

    def _having(self, owner: Resources, element: Query, span: Span) -> list[str]:
        """Give the groups that have such a member."""
        fields: dict[str, Field] = {"value": lambda condition: {"member": condition}, "type": self._of_type}
        if not mentions(element, "display"):
            return self._distinct("group", _translated(element, fields), span, owner)
        found: list[str] = []

        def named(inner: Span) -> Query:
            return _translated(element, fields | {"display": partial(self._named, inner)})

        for inner, query in _walk(self._all, named):
            found = _joined(found, self._distinct("group", inner.of("member", query), span, owner), span)
        return found

    def _belonging(self, owner: Resources, element: Query, span: Span) -> list[str]:
        """Give those who are in such a group, directly or through a group in it."""
        found: list[str] = []
        kinds = {"direct": self._direct, "indirect": self._indirect}
        for kind, members in kinds.items() if mentions(element, "type") else [("", self._in_any)]:
            query = _translated(element, {
                "value": lambda condition: {"_id": condition},
                "display": lambda condition: {"_folded.displayName": condition},
                "type": partial(_constant, kind),
            })  # fmt: skip
            for holder in self._groups:
                for _, groups in _walk([holder], partial(_ids, holder, query)):
                    if groups:
                        found = _joined(found, members(groups, span, owner), span)
        return found

    def _direct(self, groups: Iterable[str], span: Span, owner: Resources) -> list[str]:
        return self._distinct("member", {"group": {"$in": sorted(groups)}}, span, owner)

    def _in_any(self, groups: Iterable[str], span: Span, owner: Resources) -> list[str]:
        return self._direct(self._memberships.groups_within(groups), span, owner)

    def _indirect(self, groups: Iterable[str], span: Span, owner: Resources) -> list[str]:
        found: list[str] = []
        for group in self._memberships.nesting(groups):
            inner = self._memberships.groups_within([group]) - {group}
            members = self._direct(inner, span, owner)
            direct = self._memberships.ids("member", {"group": group, "member": {"$in": members}}, 0)
            found = _joined(found, sorted(set(members).difference(direct)), span)
        return found

    def _distinct(self, give: str, query: Query, span: Span, owner: Resources) -> list[str]:
        """Give the different groups or members of the memberships that match."""
        return _within(span, owner, give, query, partial(self._memberships.ids, give))

    def _named(self, span: Span, condition: Any) -> Query:
        """Give the memberships of those whose name meets the condition."""
        found = [_ids(one, {f"_folded.{one.type.label}": condition}, span) for one in self._all]
        return {"member": {"$in": [each for ids in found for each in ids]}}

    def _of_type(self, condition: Any) -> Query:
        """Give the memberships of those whose resource type meets the condition; who does not exist has none."""
        return {"type": {"$in": [kind for kind in (*self._resources, None) if _holds(condition, kind)]}}


def _asked(answer: Callable[[Query, Span], list[str]], element: Query) -> Query:
    return {"_id": Asked(element, answer)}


def asks(query: Query) -> bool:
    """Tell whether a query has a condition that is to be answered first."""
    return any(
        isinstance(condition, Asked) or (key in LOGIC and any(map(asks, condition)))
        for key, condition in query.items()
    )


def _answered(query: Query, span: Span) -> Query:
    """Put the ids that answer it in the place of each condition that is asked."""
    result: Query = {}
    for key, condition in query.items():
        if isinstance(condition, Asked):
            result[key] = {"$in": condition.answer(condition.element, span)}
        else:
            result[key] = [_answered(part, span) for part in condition] if key in LOGIC else condition
    return result


def _walk(
    owners: list[Resources], answer: Callable[[Span], T], start: str | None = None, most: int | None = None
) -> Iterator[tuple[Span, T]]:
    """Yield the answer for all ids, in as many ranges as it takes; `most` ids are named in the first.

    Where the first range was too long, the next ones begin with as many resources as a query can name.
    """
    span = Span(start, most)
    while True:
        found = answer(span)
        yield span, found
        if span.end is None:
            return
        span = Span(span.end, 2 * span.most)
        for owner in owners:
            span.cut(owner.id_after(span.start, span.most))


def _within(span: Span, owner: Resources, field: str, query: Query, ask: Callable[..., list[str]]) -> list[str]:
    """Give the ids in a stretch that match, each once; shorten the stretch where a query cannot name them all."""
    most = span.most + 1
    if span.end is None:
        found = ask(span.of(field, query), most)
        if len(found) < most:
            return sorted(set(found))
        span.cut(owner.id_after(span.start, span.most))
    found = ask(span.of(field, query), most, ordered=True)
    if len(found) == most:
        span.cut(found[-1])
    return sorted(each for each in set(found) if span.end is None or each < span.end)


def _ids(resources: Resources, query: Query, span: Span) -> list[str]:
    return _within(span, resources, "_id", query, resources.ids)


def _joined(found: list[str], more: list[str], span: Span) -> list[str]:
    return span.fitting(sorted({*found, *more}))


def _translated(query: Query, fields: Mapping[str, Field]) -> Query:
    """Give the query with each condition on a sub-attribute turned into what `fields` makes of it."""
    parts: list[Query] = []
    for key, condition in query.items():
        if key in LOGIC:
            parts.append({key: [_translated(part, fields) for part in condition]})
        else:
            parts.append(fields[key](condition) if key in fields else NOTHING)
    return {"$and": parts} if parts else {}


def _constant(value: str, condition: Any) -> Query:
    """Give everything or nothing, as the condition holds for a value or not."""
    return {} if _holds(condition, value) else NOTHING


def _holds(condition: Any, value: str | None) -> bool:
    """Tell whether a condition of the compiler holds for a value; it makes no others than these."""
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
