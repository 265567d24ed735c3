"""One page of a sorted query (RFC 7644 section 3.4.2.3), found by its place in the order and not by counting up to it.

Ascending, a resource without a value comes last; descending is the exact reverse (MongoDB has it the other way round).
So a query has two stretches, resources with a value by (value, id) and those without by id, each in the order of an
index where there is one. A place in the order is what the next page starts after: a page costs the same wherever it is,
and who is there all the time is seen exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pymongo.collection import Collection

Document = dict[str, Any]
Query = Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    """What a query is sorted by; by id alone where nothing is said."""

    field: str = "_id"
    """Where the document keeps the value that is compared."""
    container: str = ""
    """Of a multi-valued attribute: where its elements are; the primary one's value counts, or else the first one's."""
    descending: bool = False
    always: bool = True
    """Every resource has a value."""

    def reversed(self) -> Order:
        """Give the opposite order."""
        return replace(self, descending=not self.descending)


@dataclass(frozen=True)
class Place:
    """Where in the order a resource stands."""

    id: str
    key: Any = None
    """The value that is compared; None for a resource without one."""


def rank(place: Place) -> tuple[bool, Any, str]:
    """Give what places compare by in ascending order: who has no value comes last."""
    return place.key is None, "" if place.key is None else place.key, place.id


@dataclass(frozen=True)
class Found:
    """A document of the page and its place."""

    document: Document
    place: Place


def page(
    collection: Collection[Document], query: Query, order: Order, *, after: Place | None, skip: int, limit: int,
    fields: Mapping[str, int],
) -> list[Found]:
    """Give up to `limit` documents that match, from behind `after`, leaving out the first `skip` of them."""
    found: list[Found] = []
    for missing, stretch in _stretches(order, after):
        steps = _pipeline(query, stretch, order, missing)
        room: list[dict[str, Any]] = [{"$skip": skip}, {"$limit": limit - len(found)}]
        here = [_found(row) for row in collection.aggregate([*steps, *room, *_shape(order, fields)])]
        found += here
        if len(found) == limit:
            break
        # Where nothing is left of this stretch, what was not skipped here is skipped in the next one.
        skip = 0 if here or not skip else max(0, skip - _length(collection, steps))
    return found


def _stretches(order: Order, after: Place | None) -> list[tuple[bool, dict[str, Any]]]:
    """Give the stretches that are left behind `after`, in the order: whether it is those without a value, and which."""
    beyond = "$lt" if order.descending else "$gt"
    if order.field == "_id":
        return [(False, {"_id": {beyond: after.id}} if after else {})]
    key = "_key" if order.container else order.field
    stretches: list[tuple[bool, dict[str, Any]]] = [(False, {key: {"$ne": None}})]
    if not order.always:
        stretches.append((True, {key: None}))
    if order.descending:
        stretches.reverse()
    if after is None:
        return stretches
    if after.key is None:
        left: dict[str, Any] = {key: None, "_id": {beyond: after.id}}
    else:  # the range lets the index find the place; the rest is for those with the same value
        left = {key: {f"{beyond}e": after.key}, "$or": [{key: {beyond: after.key}}, {"_id": {beyond: after.id}}]}
    missing = after.key is None
    here = [is_missing for is_missing, _ in stretches].index(missing) if not order.always else 0
    return [(missing, left), *stretches[here + 1 :]]


def _pipeline(query: Query, stretch: Query, order: Order, missing: bool) -> list[dict[str, Any]]:
    direction = -1 if order.descending else 1
    # All are of one tenant; to name it has the planner take an index that begins with it, and not the one on `_id`
    # alone, in which everybody's documents are.
    by = {"tenant": direction, "_id": direction}
    if order.field != "_id" and not missing:
        by = {"tenant": direction, "_key" if order.container else order.field: direction, "_id": direction}
    if order.container:
        return [{"$match": query}, {"$set": {"_key": _preferred(order)}}, {"$match": stretch}, {"$sort": by}]
    return [{"$match": {"$and": [query, stretch]} if stretch else query}, {"$sort": by}]


def _length(collection: Collection[Document], steps: list[dict[str, Any]]) -> int:
    rows = list(collection.aggregate([*steps[:-1], {"$count": "number"}]))
    return rows[0]["number"] if rows else 0


def _preferred(order: Order) -> dict[str, Any]:
    """Give the expression for the value of the primary element, or else of the first (RFC 7644 section 3.4.2.3)."""
    if order.field == order.container:  # values that are no objects, perhaps in each of several elements
        values = {"$ifNull": [{"$arrayElemAt": [{"$ifNull": [f"${order.field}", []]}, 0]}, None]}
        return {"$cond": [{"$isArray": [values]}, {"$ifNull": [{"$arrayElemAt": [values, 0]}, None]}, values]}
    name = order.field.removeprefix(order.container + ".")
    elements = {"$ifNull": [f"${order.container}", []]}
    primary = {"$filter": {"input": elements, "as": "e", "cond": {"$eq": ["$$e.primary", True]}}}

    def first(items: Any) -> dict[str, Any]:
        return {"$arrayElemAt": [{"$map": {"input": items, "as": "e", "in": f"$$e.{name}"}}, 0]}

    return {"$ifNull": [first(primary), {"$ifNull": [first(elements), None]}]}


def _shape(order: Order, fields: Mapping[str, int]) -> list[dict[str, Any]]:
    if order.field == "_id":
        return [{"$project": dict(fields)}] if fields else []
    if any(fields.values()):  # named fields: the key is one of them
        key = "$_key" if order.container else f"${order.field}"
        return [{"$set": {"_key": key}}, {"$project": {**fields, "_key": 1}}]
    keep = [] if order.container else [{"$set": {"_key": f"${order.field}"}}]
    return [*keep, {"$project": dict(fields)}]


def _found(row: Document) -> Found:
    key = row.pop("_key", None)
    return Found(row, Place(row["_id"], key))
