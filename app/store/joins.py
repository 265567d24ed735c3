"""Filters on `members` and `groups`: memberships are documents of their own, so their conditions are asked there first.

The filter compiler hands over the query on one element ({"value": ..., "type": ..., "display": ...}); the answer is a
query on the resource's `_id`. Everything is found by the database; nothing is filtered afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from app.schemas.comparison import fold
from app.schemas.resource_type import Catalogue, ResourceType
from app.store.memberships import MOST_IDS, Memberships, mentions
from app.store.resources import Resources
from scim_filter import Query

Join = Callable[[Query], Query]
NOTHING: Query = {"_id": {"$in": []}}


class Joins:
    """The sub-queries of one tenant."""

    def __init__(self, catalogue: Catalogue, resources: dict[str, Resources], memberships: Memberships) -> None:
        self._catalogue = catalogue
        self._resources = resources
        self._memberships = memberships

    def of(self, resource_type: ResourceType) -> dict[str, Join]:
        """Give the joins of a resource type: attribute name -> query on an element -> query on the resource."""
        joins: dict[str, Join] = {}
        if resource_type.members:
            joins[resource_type.members.name] = self._has_member
        if resource_type.groups:
            joins[resource_type.groups.name] = self._is_in
        return joins

    def _has_member(self, element: Query) -> Query:
        """Give the groups that have such a member."""
        if not mentions(element, "type"):
            query = self._translate(element, {"value": "member"}, {}, self._named)
            return _ids(self._memberships.distinct("group", query))
        found: set[str] = set()
        for kind in (*self._resources, None):  # None: members that do not exist
            query = self._translate(element, {"value": "member"}, {"type": kind}, self._named)
            found.update(self._memberships.distinct("group", {"$and": [query, {"type": kind}]}))
        return _ids(found)

    def _is_in(self, element: Query) -> Query:
        """Give those who are in such a group, directly or through a group in it."""
        found: set[str] = set()
        for kind in ("direct", "indirect"):
            query = self._translate(element, {"value": "_id", "display": "_folded.displayName"}, {"type": kind}, None)
            for resource_type in self._catalogue.types:
                if resource_type.members:
                    groups = self._resources[resource_type.name].ids(query, MOST_IDS)
                    found.update(self._in_groups(groups, kind))
        return _ids(found)

    def _in_groups(self, groups: list[str], kind: str) -> Iterable[str]:
        if not groups:
            return
        if kind == "direct":
            yield from self._memberships.distinct("member", {"group": {"$in": groups}})
            return
        for group in groups:
            inner = self._memberships.groups_within([group]) - {group}
            if inner:
                direct = set(self._memberships.distinct("member", {"group": group}))
                yield from set(self._memberships.distinct("member", {"group": {"$in": sorted(inner)}})) - direct

    def _named(self, condition: Any) -> Query:
        """Give the memberships of those whose name meets the condition."""
        ids: list[str] = []
        for resource_type in self._catalogue.types:
            query = {f"_folded.{resource_type.label}": condition}
            ids.extend(self._resources[resource_type.name].ids(query, MOST_IDS))
        return {"member": {"$in": ids}}

    def _translate(
        self, query: Query, fields: dict[str, str], constants: dict[str, str | None],
        named: Callable[[Any], Query] | None,
    ) -> Query:
        """Rename the fields of a query; one on a constant becomes everything or nothing."""
        parts: list[Query] = []
        for key, condition in query.items():
            if key in ("$and", "$or", "$nor"):
                parts.append({key: [self._translate(part, fields, constants, named) for part in condition]})
            elif key in constants:
                parts.append({} if _holds(condition, constants[key]) else NOTHING)
            elif key in fields:
                parts.append({fields[key]: condition})
            elif named:
                parts.append(named(condition))
            else:
                parts.append(NOTHING)
        return {"$and": parts} if parts else {}


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


def _ids(found: Iterable[str]) -> Query:
    return {"_id": {"$in": sorted(found)}}
