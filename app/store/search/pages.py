"""One page of a sorted query (RFC 7644 section 3.4.2.3).

Ascending, a resource without a value comes last; descending is the exact reverse (MongoDB has it the other way round).
There are two ways to a page. *In order*, where an index has the documents in the order of the query: a place in the
order is what the next page starts after, so that a page costs the same wherever it is, and who is there all the time is
seen exactly once. *Ranked*, where another index finds fewer documents: those are sorted, and counted on the way where
the total is needed too, so that nothing is read twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pymongo.collection import Collection

from app.store.mongo.indexes import Access, Index, Reach, by_index, index_on

Document = dict[str, Any]
Query = Mapping[str, Any]
Steps = list[dict[str, Any]]

MANY = 10_000
"""Resources from which on a walk reads the index that has its order, not the one that its filter would choose."""


@dataclass(frozen=True)
class Order:
    """What a query is sorted by; by id alone where nothing is said."""

    field: str = "_id"
    """Where the document keeps the value that is compared; "" for an attribute that no document has."""
    container: str = ""
    """Of a multi-valued attribute: where its elements are; the primary one's value counts, or else the first one's."""
    descending: bool = False
    always: bool = True
    """Every resource has a value."""
    indexed: bool = True
    """An index has the documents in this order."""

    def reversed(self) -> Order:
        """Return the opposite order."""
        return replace(self, descending=not self.descending)

    @property
    def direction(self) -> int:
        """1, or -1 for descending."""
        return -1 if self.descending else 1


@dataclass(frozen=True)
class Place:
    """Where in the order a resource stands."""

    id: str
    key: Any = None
    """The value that is compared; None for a resource without one."""


_LOWEST = (-math.inf, "", False, datetime.min)
"""The lowest value of each type, in MongoDB's order of types: numbers, strings, booleans, dates."""


def rank(place: Place) -> tuple[bool, int, Any, str]:
    """Return what places compare by in ascending order: type, value and id; those without a value come last."""
    if place.key is None:
        return True, 0, "", place.id
    return False, _kind(place.key), place.key, place.id


def _kind(key: Any) -> int:
    """Return the position of a value's type in `_LOWEST`."""
    if isinstance(key, bool):  # which is an int in Python
        return 2
    if isinstance(key, int | float):
        return 0
    return 1 if isinstance(key, str) else 3


def _of_later_types(field: str, order: Order, key: Any) -> list[Query]:
    """Return the condition for values whose type comes after that of `key`: MongoDB compares within a type alone."""
    here = _kind(key)
    lowest = _LOWEST[:here] if order.descending else _LOWEST[here + 1 :]
    return [{"$or": [{field: {"$gte": each}} for each in lowest]}] if lowest else []


@dataclass(frozen=True)
class Found:
    """A document of the page and its place."""

    document: Document
    place: Place


@dataclass(frozen=True)
class Plan:
    """How the documents of a query are read."""

    index: Index | None
    """The index to name; None leaves it to MongoDB."""
    in_order: bool
    """The index has the documents in the order of the query."""


def plan(found: Access, query: Query, order: Order, *, many: bool = False) -> Plan:
    """Return how to read a page; `found` is the access to what matches, `many` says that more than `MANY` do."""
    everything = query.keys() <= {"tenant"}
    if order.indexed and (everything or (found.reach is not Reach.POINT and (many or found.reach is Reach.ALL))):
        return Plan(index_on(order.field), in_order=True)
    return Plan(found.index, in_order=False)


class Pages:
    """The documents of one query in one order, read as planned."""

    def __init__(self, collection: Collection[Document], query: Query, order: Order, plan: Plan) -> None:
        self._collection = collection
        self._query = query
        self._order = order
        self._plan = plan

    def page(self, *, after: Place | None, skip: int, limit: int, fields: Mapping[str, int]) -> list[Found]:
        """Return up to `limit` documents, from behind `after`, leaving out the first `skip` of them."""
        if not self._plan.in_order:
            room: Steps = [{"$skip": skip}, {"$limit": limit}]
            return self._rows([*self._ranked(after), self._sort(), *room, *_shape(self._order, fields, ranked=True)])
        found: list[Found] = []
        for missing, part in _parts(self._order, after):
            steps = self._in_order(part, missing=missing)
            room = [{"$skip": skip}, {"$limit": limit - len(found)}]
            here = self._rows([*steps, *room, *_shape(self._order, fields, ranked=False)])
            found += here
            if len(found) == limit:
                break
            # Where nothing is left of this part, what was not skipped here is skipped in the next one.
            skip = 0 if here or not skip else max(0, skip - self._length(steps))
        return found

    def page_and_total(self, *, skip: int, limit: int) -> tuple[list[Place], int]:
        """Return the places of a page and how many documents match, from one reading."""
        key = {} if self._order.field == "_id" else {"_key": 1}
        page = [self._sort(), {"$skip": skip}, {"$limit": limit}, {"$project": {"_id": 1, **key}}]
        steps = [*self._ranked(None), {"$facet": {"page": page, "total": [{"$count": "number"}]}}]
        (row,) = self._aggregate(steps)
        total = row["total"][0]["number"] if row["total"] else 0
        return [_found(each).place for each in row["page"]], total

    def _aggregate(self, steps: Steps) -> list[Document]:
        def run(**named: Any) -> list[Document]:
            return list(self._collection.aggregate(steps, allowDiskUse=True, **named))

        return by_index(self._collection, self._plan.index, run)

    def _rows(self, steps: Steps) -> list[Found]:
        return [_found(row) for row in self._aggregate(steps)]

    def _length(self, steps: Steps) -> int:
        rows = self._aggregate([*steps[:-1], {"$count": "number"}])
        return int(rows[0]["number"]) if rows else 0

    def _in_order(self, part: Query, *, missing: bool) -> Steps:
        """Return the steps that read a part of the order from its index."""
        direction = self._order.direction
        # All are of one tenant; naming it keeps MongoDB to an index that begins with it.
        by = {"tenant": direction, "_id": direction}
        if not missing and self._order.field != "_id":
            by = {"tenant": direction, self._order.field: direction, "_id": direction}
        return [{"$match": {"$and": [self._query, part]} if part else self._query}, {"$sort": by}]

    def _ranked(self, after: Place | None) -> Steps:
        """Return the steps that find what matches behind `after`, each with what it is sorted by."""
        beyond = "$lt" if self._order.descending else "$gt"
        if self._order.field == "_id":
            return [{"$match": {"$and": [self._query, {"_id": {beyond: after.id}}]} if after else self._query}]
        steps: Steps = [
            {"$match": self._query}, {"$set": {"_key": _value(self._order)}},
            {"$set": {"_missing": {"$eq": ["$_key", None]}}},
        ]
        if after is None:
            return steps
        here = {"_missing": after.key is None, "_key": after.key}
        later: list[Query] = [{**here, "_id": {beyond: after.id}}, {"_missing": {beyond: after.key is None}}]
        if after.key is not None:
            later.append({"_missing": False, "_key": {beyond: after.key}})
            later += _of_later_types("_key", self._order, after.key)
        return [*steps, {"$match": {"$or": later}}]

    def _sort(self) -> dict[str, Any]:
        by = ["_id"] if self._order.field == "_id" else ["_missing", "_key", "_id"]
        return {"$sort": dict.fromkeys(by, self._order.direction)}


def _parts(order: Order, after: Place | None) -> list[tuple[bool, Query]]:
    """Return the parts that are left behind `after`, in the order: whether it is those without a value, and which."""
    beyond = "$lt" if order.descending else "$gt"
    if order.field == "_id" or (not order.field and (after is None or after.key is None)):
        return [(not order.field, {"_id": {beyond: after.id}} if after else {})]
    if not order.field:  # `after` has a value, and what has none comes last
        return [] if order.descending else [(True, {})]
    key = order.field
    parts: list[tuple[bool, Query]] = [(False, {key: {"$ne": None}})]
    if not order.always:
        parts.append((True, {key: None}))
    if order.descending:
        parts.reverse()
    if after is None:
        return parts
    missing = after.key is None
    if missing:
        left: list[Query] = [{key: None, "_id": {beyond: after.id}}]
    else:  # the range lets the index find the place; the rest is for those with the same value
        same = {key: {f"{beyond}e": after.key}, "$or": [{key: {beyond: after.key}}, {"_id": {beyond: after.id}}]}
        left = [same, *_of_later_types(key, order, after.key)]
    here = [is_missing for is_missing, _ in parts].index(missing) if not order.always else 0
    return [*((missing, each) for each in left), *parts[here + 1 :]]


def _value(order: Order) -> dict[str, Any]:
    """Return the expression for what a document is sorted by, null where it has no value.

    Of a multi-valued attribute it is the value of the primary element, or else of the first (RFC 7644 section 3.4.2.3).
    """
    if not order.field:
        return {"$literal": None}
    if not order.container:
        return {"$ifNull": [f"${order.field}", None]}
    if order.field == order.container:  # values that are no objects, perhaps in each of several elements
        values = {"$ifNull": [{"$arrayElemAt": [{"$ifNull": [f"${order.field}", []]}, 0]}, None]}
        return {"$cond": [{"$isArray": [values]}, {"$ifNull": [{"$arrayElemAt": [values, 0]}, None]}, values]}
    name = order.field.removeprefix(order.container + ".")
    elements = {"$ifNull": [f"${order.container}", []]}
    primary = {"$filter": {"input": elements, "as": "e", "cond": {"$eq": ["$$e.primary", True]}}}

    def first(items: Any) -> dict[str, Any]:
        return {"$arrayElemAt": [{"$map": {"input": items, "as": "e", "in": f"$$e.{name}"}}, 0]}

    return {"$ifNull": [first(primary), {"$ifNull": [first(elements), None]}]}


def _shape(order: Order, fields: Mapping[str, int], *, ranked: bool) -> Steps:
    """Return the steps that leave of a document what is wanted of it, and its key."""
    if order.field == "_id":
        return [{"$project": dict(fields)}] if fields else []
    keep: Steps = [] if ranked else [{"$set": {"_key": _value(order)}}]
    named = any(fields.values())  # named fields: the key is one of them
    return [*keep, {"$project": {**fields, **({"_key": 1} if named else {"_missing": 0})}}]


def _found(row: Document) -> Found:
    key = row.pop("_key", None)
    return Found(row, Place(row["_id"], key))
