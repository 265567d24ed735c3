"""One page of a sorted query.

There are two ways to read a page. *In order*, if an index has the documents in the order of the query: the next page
starts after the last position of this one. So a page costs the same wherever it is, and a resource that exists during
the whole walk is seen exactly once. *Ranked*, if another index matches fewer documents: those are sorted, and counted
in the same reading if the total is wanted too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

from app.schemas.tables.common import PRIMARY
from app.store.mongo.indexes import Access, Index, Reach, by_index, index_on
from app.store.search.order import Order, Position, of_later_types

Document = dict[str, Any]
Query = Mapping[str, Any]
Steps = list[dict[str, Any]]

_SNAPSHOT = ReadConcern("snapshot")
MANY = 10_000
"""With more resources than this, pages are read from the index of their order, not from that of the filter."""


class Found(NamedTuple):
    """A document of the page and its position in the order."""

    document: Document
    position: Position


@dataclass(frozen=True)
class Window:
    """Which part of the results to read: `limit` of those that follow `after`, without the first `skip` of them."""

    limit: int
    skip: int = 0
    after: Position | None = None


@dataclass(frozen=True)
class Plan:
    """How the documents of a query are read."""

    index: Index | None
    """The index for the hint; None lets MongoDB choose."""
    in_order: bool
    """Whether the index has the documents in the order of the query."""


def plan(access: Access, query: Query, order: Order, *, many: bool = False) -> Plan:
    """Return how to read a page; `access` is how the query's matches are found, `many` says that they exceed `MANY`."""
    everything = query.keys() <= {"tenant"}
    if order.indexed and (everything or (access.reach is not Reach.POINT and (many or access.reach is Reach.ALL))):
        return Plan(index_on(order.field), in_order=True)
    return Plan(access.index, in_order=False)


class Pages:
    """The documents of one query in one order, read as planned."""

    def __init__(self, collection: Collection[Document], query: Query, order: Order, plan: Plan) -> None:
        self._collection = collection
        self._query = query
        self._order = order
        self._plan = plan

    def page(self, window: Window, fields: Mapping[str, int]) -> list[Found]:
        """Return the documents in the window, with these fields (a MongoDB projection)."""
        after, skip, limit = window.after, window.skip, window.limit
        if not self._plan.in_order:
            room: Steps = [*_skipping(skip), {"$limit": limit}]
            steps = [*self._ranked(after), self._sort(), *room, *_shape(self._order, fields, ranked=True)]
            return self._rows(steps, limit)
        found: list[Found] = []
        for missing, part in _parts(self._order, after):
            steps = self._in_order(part, missing=missing)
            room = [*_skipping(skip), {"$limit": limit - len(found)}]
            here = self._rows([*steps, *room, *_shape(self._order, fields, ranked=False)], limit)
            found += here
            if len(found) == limit:
                break
            # If this part ends before `skip` does, the next part skips the rest.
            skip = 0 if here or not skip else max(0, skip - self._length(steps))
        return found

    def page_beside(self, window: Window, fields: Mapping[str, int], more: Steps) -> tuple[list[Found], list[Document]]:
        """Return a page in the order of the ids, and what the steps `more` add to it, which has no `_id`.

        Both are of one moment, and of one round trip.
        """
        ((_, part),) = _parts(self._order, window.after)
        room = [*_skipping(window.skip), {"$limit": window.limit}]
        steps = [*self._in_order(part, missing=False), *room, *_shape(self._order, fields, ranked=False), *more]
        rows = self._aggregate(steps, window.limit + len(more), self._collection.with_options(read_concern=_SNAPSHOT))
        return [_found(row) for row in rows if "_id" in row], [row for row in rows if "_id" not in row]

    def page_and_total(self, *, skip: int, limit: int) -> tuple[list[Position], int]:
        """Return the positions of a page and how many documents match, from one reading."""
        key = {} if self._order.field == "_id" else {"_key": 1}
        page = [self._sort(), {"$skip": skip}, {"$limit": limit}, {"$project": {"_id": 1, **key}}]
        steps = [*self._ranked(None), {"$facet": {"page": page, "total": [{"$count": "number"}]}}]
        (row,) = self._aggregate(steps)
        total = row["total"][0]["number"] if row["total"] else 0
        return [_found(each).position for each in row["page"]], total

    def _aggregate(self, steps: Steps, most: int = 1, collection: Any = None) -> list[Document]:
        """Return what the steps lead to, which is at most `most` documents, in one round trip.

        MongoDB's own first batch has 101, and is followed by another one if it is full, even if that is empty. The next
        page of a walk, which reads 101 to show 100, took 8 % more time of the processor because of that.
        """
        source = self._collection if collection is None else collection

        def run(**named: Any) -> list[Document]:
            return list(source.aggregate(steps, allowDiskUse=True, batchSize=most + 1, **named))

        return by_index(source, self._plan.index, run)

    def _rows(self, steps: Steps, most: int) -> list[Found]:
        return [_found(row) for row in self._aggregate(steps, most)]

    def _length(self, steps: Steps) -> int:
        rows = self._aggregate([*steps[:-1], {"$count": "number"}])
        return int(rows[0]["number"]) if rows else 0

    def _in_order(self, part: Query, *, missing: bool) -> Steps:
        """Return the steps that read a part of the order from its index."""
        direction = self._order.direction
        # All documents are of one tenant; sorting by it, too, lets MongoDB use an index that begins with it.
        by = {"tenant": direction, "_id": direction}
        if not missing and self._order.field != "_id":
            by = {"tenant": direction, self._order.field: direction, "_id": direction}
        return [{"$match": {"$and": [self._query, part]} if part else self._query}, {"$sort": by}]

    def _ranked(self, after: Position | None) -> Steps:
        """Return the steps that find the matches after a position, each with its sort key in `_key`."""
        beyond = "$lt" if self._order.descending else "$gt"
        if self._order.field == "_id":
            return [{"$match": {"$and": [self._query, {"_id": {beyond: after.id}}]} if after else self._query}]
        value = _value(self._order)
        key = _simple(value) if isinstance(self._collection, Collection) else value  # mongomock has no $type
        steps: Steps = [
            {"$match": self._query}, {"$set": {"_key": key}},
            {"$set": {"_missing": {"$eq": ["$_key", None]}}},
        ]
        if after is None:
            return steps
        here = {"_missing": after.key is None, "_key": after.key}
        later: list[Query] = [{**here, "_id": {beyond: after.id}}, {"_missing": {beyond: after.key is None}}]
        if after.key is not None:
            later.append({"_missing": False, "_key": {beyond: after.key}})
            later += of_later_types("_key", self._order, after.key)
        return [*steps, {"$match": {"$or": later}}]

    def _sort(self) -> dict[str, Any]:
        by = ["_id"] if self._order.field == "_id" else ["_missing", "_key", "_id"]
        return {"$sort": dict.fromkeys(by, self._order.direction)}


def _parts(order: Order, after: Position | None) -> list[tuple[bool, Query]]:
    """Return the parts of the order that follow `after`, in turn: whether its documents lack a value, and its query."""
    beyond = "$lt" if order.descending else "$gt"
    if order.field == "_id" or (not order.field and (after is None or after.key is None)):
        return [(not order.field, {"_id": {beyond: after.id}} if after else {})]
    if not order.field:  # `after` has a value, and documents without one come last
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
    else:  # the range takes the index to the position; the $or is for documents with the same value
        same = {key: {f"{beyond}e": after.key}, "$or": [{key: {beyond: after.key}}, {"_id": {beyond: after.id}}]}
        left = [same, *of_later_types(key, order, after.key)]
    here = [is_missing for is_missing, _ in parts].index(missing) if not order.always else 0
    return [*((missing, each) for each in left), *parts[here + 1 :]]


def _value(order: Order) -> dict[str, Any]:
    """Return the expression for the value that a document is sorted by, null if it has none.

    For a multi-valued attribute it is the primary element's value, or else the first's (RFC 7644 section 3.4.2.3).
    """
    if not order.field:
        return {"$literal": None}
    if not order.container:
        return {"$ifNull": [f"${order.field}", None]}
    if order.field == order.container:  # plain values rather than objects, possibly arrays of them
        values = {"$ifNull": [{"$arrayElemAt": [_array(order.field), 0]}, None]}
        return {"$cond": [{"$isArray": [values]}, {"$ifNull": [{"$arrayElemAt": [values, 0]}, None]}, values]}
    name = order.field.removeprefix(order.container + ".")
    elements = _array(order.container)
    primary = {"$filter": {"input": elements, "as": "e", "cond": {"$eq": [f"$$e.{PRIMARY.name}", True]}}}

    def first(items: Any) -> dict[str, Any]:
        return {"$arrayElemAt": [{"$map": {"input": items, "as": "e", "in": f"$$e.{name}"}}, 0]}

    return {"$ifNull": [first(primary), {"$ifNull": [first(elements), None]}]}


def _simple(value: dict[str, Any]) -> dict[str, Any]:
    """Return the expression for a value, null for an object or array: what its file said before of the attribute."""
    is_other = {"$in": [{"$type": "$$v"}, ["object", "array"]]}
    return {"$let": {"vars": {"v": value}, "in": {"$cond": [is_other, None, "$$v"]}}}


def _array(field: str) -> dict[str, Any]:
    """Return the expression for an array, empty if the field has none: one value, as its file said before, is none."""
    return {"$cond": [{"$isArray": f"${field}"}, f"${field}", []]}


def _shape(order: Order, fields: Mapping[str, int], *, ranked: bool) -> Steps:
    """Return the steps that reduce a document to the wanted fields and its sort key."""
    if order.field == "_id":
        return [{"$project": dict(fields)}] if fields else []
    keep: Steps = [] if ranked else [{"$set": {"_key": _value(order)}}]
    named = any(fields.values())  # an inclusion must name the key as well, an exclusion must not
    return [*keep, {"$project": {**fields, **({"_key": 1} if named else {"_missing": 0})}}]


def _found(row: Document) -> Found:
    key = row.pop("_key", None)
    if isinstance(key, datetime):
        key = key.replace(tzinfo=UTC)  # `Resources` reads times without a time zone
    return Found(row, Position(row["_id"], key))


def _skipping(skip: int) -> Steps:
    return [{"$skip": skip}] if skip else []
