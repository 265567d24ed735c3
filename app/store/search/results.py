"""The results of a query, which may have to run once for each of several ranges of ids (`id_ranges`).

In the order of the ids, the ranges are read one after another, as far as the page needs. In any other order every range
may contribute to the page: first the positions are collected from all of them, then the resources on the page are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from app.errors import TooMany, Unavailable
from app.store.directory.documents import decode
from app.store.directory.resources import Resource, Resources
from app.store.mongo.database import Database
from app.store.mongo.failures import took_too_long
from app.store.mongo.indexes import Reach, indexed_attributes, scanned, unindexed
from app.store.search.id_ranges import FIRST_IDS
from app.store.search.membership_filters import MembershipFilters, has_membership_condition
from app.store.search.order import Order, Position, rank
from app.store.search.pages import Pages, plan

Query = dict[str, Any]
Found = list[tuple[Resource, Position]]

SEARCH_SECONDS = 15.0
"""The database's share, for a page and its total, of a request's 20 s; the rest is for the answer, even a refusal."""
MOST_POSITIONS = 10_000
"""How far into the results such a page may begin: its request holds the positions of all before it, 6 MB."""
MOST_ROWS = 1_000
"""Resources that one reading of page and total may return: more than any page has."""
TOO_DEEP = (
    f"startIndex: for this query it can be {MOST_POSITIONS + 1} at most; use a cursor to read further, beginning with "
    "an empty one: ?cursor= (RFC 9865)."
)


class Results:
    """The resources that match one query."""

    def __init__(self, database: Database, resources: Resources, memberships: MembershipFilters, query: Query) -> None:
        self._database = database
        self._resources = resources
        self._memberships = memberships
        self._query = query

    def count(self) -> int:
        """Return how many resources match; raises TooMany if counting takes too long."""
        with self._in_time():
            return sum(self._resources.count(query) for query in self._queries())

    def first_page(self, order: Order, skip: int, limit: int, keys: frozenset[str] | None) -> tuple[Found, int | None]:
        """Return a page by `startIndex`, and how many match or None if it was not counted; raises TooMany."""
        with self._in_time(order):
            if self._reads_much(limit):
                positions, total = self._pages(self._first[0], order).page_and_total(skip=skip, limit=limit)
                return self._read(positions, keys), total
            return self.page(order, after=None, skip=skip, limit=limit, keys=keys), None

    def first_positions(self, order: Order, limit: int) -> tuple[list[Position], int | None]:
        """Return the positions of the first `limit` matches, and the total as in `first_page`; raises TooMany."""
        with self._in_time(order):
            if self._reads_much(limit):
                return self._pages(self._first[0], order).page_and_total(skip=0, limit=limit)
            return self.positions(order, limit), None

    def page(
        self, order: Order, *, after: Position | None, skip: int, limit: int, keys: frozenset[str] | None,
        many: bool = False,
    ) -> Found:
        """Return up to `limit` matching resources that follow `after`, each with its position; raises TooMany.

        `many` says that more than `pages.MANY` match.
        """
        with self._in_time(order):
            if after and _by_id(order) and has_membership_condition(self._query):
                return self._in_turn(order, after, skip, limit, keys)
            query, end = self._first
            if end is None:
                return self._page(query, order, keys, after=after, skip=skip, limit=limit, many=many)
            if _by_id(order):
                return self._in_turn(order, after, skip, limit, keys)
            check_depth(skip)
            return self._read(self.positions(order, skip + limit, after)[skip:], keys)

    def _in_turn(
        self, order: Order, after: Position | None, skip: int, limit: int, keys: frozenset[str] | None
    ) -> Found:
        found: Found = []
        for query in self._queries(after):
            left_out = min(skip, self._resources.count(query)) if skip else 0
            room = limit - len(found)
            found += self._page(query, order, keys, after=after, skip=left_out, limit=room)
            skip -= left_out
            if len(found) == limit:
                break
        return found

    def positions(self, order: Order, limit: int, after: Position | None = None) -> list[Position]:
        """Return the positions of the first `limit` matches that follow `after`; raises TooMany."""
        found: list[Position] = []
        with self._in_time(order):
            for query in self._queries(after if _by_id(order) else None):
                page = self._pages(query, order).page(after=after, skip=0, limit=limit, fields={"_id": 1})
                found += [item.position for item in page]
                if _by_id(order) and len(found) >= limit:
                    break
                found = sorted(found, key=rank, reverse=order.descending)[:limit]
        return found[:limit]

    def _page(
        self, query: Query, order: Order, keys: frozenset[str] | None, *, after: Position | None, skip: int, limit: int,
        many: bool = False,
    ) -> Found:
        fields = self._resources.fields(keys)
        found = self._pages(query, order, many=many).page(after=after, skip=skip, limit=limit, fields=fields)
        return [(decode(item.document, self._resources.type, keys), item.position) for item in found]

    def _pages(self, query: Query, order: Order, *, many: bool = False) -> Pages:
        resources = self._resources
        how = plan(resources.access(query), query, order, many=many)
        return Pages(resources.collection, {"tenant": resources.tenant, **query}, order, how)

    def _reads_much(self, limit: int) -> bool:
        """Return whether one reading should give both page and total, since no index leads straight to the matches."""
        query, end = self._first
        if not query or end is not None or limit > MOST_ROWS:
            return False
        return self._resources.access(query).reach is not Reach.POINT

    @cached_property
    def _first(self) -> tuple[Query, str | None]:
        return next(self._memberships.resolve(self._resources.type, self._query))

    def _queries(self, after: Position | None = None) -> Iterator[Query]:
        """Yield the query for each range of ids, from the one of `after` on."""
        start = after.id if after else None
        if start is None:
            query, start = self._first
            yield query
            if start is None:
                return
        most = FIRST_IDS if after else None
        for query, _ in self._memberships.resolve(self._resources.type, self._query, start, most):
            yield query

    @contextmanager
    def _in_time(self, order: Order | None = None) -> Iterator[None]:
        """Raise TooMany, with advice, if the query takes too long on a database that otherwise responds."""
        try:
            with self._database.budget(SEARCH_SECONDS):
                yield
        except Unavailable as error:
            why = self._too_much(order)
            if not (why and took_too_long(error.__cause__) and self._database.answers()):
                raise
            raise TooMany(why) from error

    def _too_much(self, order: Order | None) -> str:
        """Return what makes the query slow and what to do about it, "" if an index covers it."""
        if has_membership_condition(self._query):
            return "The filter matches too many memberships to be evaluated in time; narrow it."
        sorted_by = order.field if order and not order.indexed else ""
        resource_type = self._resources.type
        attributes = unindexed(self._query, resource_type, sorted_by) or scanned(self._query, resource_type)
        if not attributes:
            return ""
        return (
            f"There is no suitable index for {', '.join(attributes)}, and there are too many resources to look at each "
            f"in time. Narrow the filter with `and` and eq or sw on an attribute that has an index, or sort by one: "
            f"{', '.join(indexed_attributes(resource_type))}."
        )

    def _read(self, positions: list[Position], keys: frozenset[str] | None) -> Found:
        found = {each["id"]: each for each in self._resources.several([position.id for position in positions], keys)}
        return [(found[position.id], position) for position in positions if position.id in found]


def _by_id(order: Order) -> bool:
    return order.field == "_id" and not order.descending


def check_depth(skip: int) -> None:
    """Check that a page does not begin too deep for a query that holds all positions before it; raises TooMany."""
    if skip > MOST_POSITIONS:
        raise TooMany(TOO_DEEP)
