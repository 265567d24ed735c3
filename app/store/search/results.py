"""Reading what a query finds where it has to be put in slices, since too many memberships answer it.

In the order of the ids, one slice comes after the other, and only those are asked that a page needs. In any other order
each slice has a part in the page: the places are found in each, and what is on the page is read at the end.
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
from app.store.mongo.indexes import Reach, answering, scanned, unindexed
from app.store.search.id_ranges import FIRST_IDS
from app.store.search.membership_filters import MembershipFilters, asks
from app.store.search.pages import Order, Pages, Place, plan, rank

Query = dict[str, Any]
Found = list[tuple[Resource, Place]]

SEARCH_SECONDS = 15.0
"""What the database may take for a page and its total, of a request's 20 s: what is left is for saying so."""
MOST_PLACES = 10_000
"""Resources before a page whose places one request may hold: 6 MB."""
MOST_ROWS = 1_000
"""Resources on a page, and some."""
TOO_DEEP = (
    f"startIndex: a page of this query begins at {MOST_PLACES + 1} at most; read on with a cursor instead, beginning "
    "with an empty one: ?cursor= (RFC 9865)."
)


class Results:
    """The resources that a query finds."""

    def __init__(self, database: Database, resources: Resources, memberships: MembershipFilters, query: Query) -> None:
        self._database = database
        self._resources = resources
        self._memberships = memberships
        self._query = query

    def count(self) -> int:
        """Return how many resources match; raises TooMany where that cannot be told in time."""
        with self._in_time():
            return sum(self._resources.count(query) for query in self._queries())

    def first_page(self, order: Order, skip: int, limit: int, keys: frozenset[str] | None) -> tuple[Found, int | None]:
        """Return a page by index, and how many match where the same reading tells it; raises TooMany."""
        with self._in_time(order):
            if self._reads_much(limit):
                places, total = self._pages(self._first[0], order).page_and_total(skip=skip, limit=limit)
                return self._read(places, keys), total
            return self.page(order, after=None, skip=skip, limit=limit, keys=keys), None

    def first_places(self, order: Order, limit: int) -> tuple[list[Place], int | None]:
        """Return the places of the first `limit` that match, and how many do as in `first_page`; raises TooMany."""
        with self._in_time(order):
            if self._reads_much(limit):
                return self._pages(self._first[0], order).page_and_total(skip=0, limit=limit)
            return self.places(order, limit), None

    def page(
        self, order: Order, *, after: Place | None, skip: int, limit: int, keys: frozenset[str] | None,
        many: bool = False,
    ) -> Found:
        """Return up to `limit` of the resources that match, each with its place in the order; raises TooMany.

        `many` says that more than `pages.MANY` match.
        """
        with self._in_time(order):
            if after and _by_id(order) and asks(self._query):
                return self._in_turn(order, after, skip, limit, keys)
            query, end = self._first
            if end is None:
                return self._page(query, order, keys, after=after, skip=skip, limit=limit, many=many)
            if _by_id(order):
                return self._in_turn(order, after, skip, limit, keys)
            check_depth(skip)
            return self._read(self.places(order, skip + limit, after)[skip:], keys)

    def _in_turn(
        self, order: Order, after: Place | None, skip: int, limit: int, keys: frozenset[str] | None
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

    def places(self, order: Order, limit: int, after: Place | None = None) -> list[Place]:
        """Return the places of the first `limit` resources that match, from behind `after`; raises TooMany."""
        found: list[Place] = []
        with self._in_time(order):
            for query in self._queries(after if _by_id(order) else None):
                page = self._pages(query, order).page(after=after, skip=0, limit=limit, fields={"_id": 1})
                found += [item.place for item in page]
                if _by_id(order) and len(found) >= limit:
                    break
                found = sorted(found, key=rank, reverse=order.descending)[:limit]
        return found[:limit]

    def _page(
        self, query: Query, order: Order, keys: frozenset[str] | None, *, after: Place | None, skip: int, limit: int,
        many: bool = False,
    ) -> Found:
        fields = self._resources.fields(keys)
        found = self._pages(query, order, many=many).page(after=after, skip=skip, limit=limit, fields=fields)
        return [(decode(item.document, self._resources.type, keys), item.place) for item in found]

    def _pages(self, query: Query, order: Order, *, many: bool = False) -> Pages:
        resources = self._resources
        how = plan(resources.access(query), query, order, many=many)
        return Pages(resources.collection, {"tenant": resources.tenant, **query}, order, how)

    def _reads_much(self, limit: int) -> bool:
        """Return whether the page and the total are to come from one reading, since no index leads straight to them."""
        query, end = self._first
        if not query or end is not None or limit > MOST_ROWS:
            return False
        return self._resources.access(query).reach is not Reach.POINT

    @cached_property
    def _first(self) -> tuple[Query, str | None]:
        return next(self._memberships.answered(self._resources.type, self._query))

    def _queries(self, after: Place | None = None) -> Iterator[Query]:
        """Give the query of each slice, those before `after` left out."""
        start = after.id if after else None
        if start is None:
            query, start = self._first
            yield query
            if start is None:
                return
        most = FIRST_IDS if after else None
        for query, _ in self._memberships.answered(self._resources.type, self._query, start, most):
            yield query

    @contextmanager
    def _in_time(self, order: Order | None = None) -> Iterator[None]:
        """Raise TooMany, with what to do, where the database is well and has too much to do for this query."""
        try:
            with self._database.budget(SEARCH_SECONDS):
                yield
        except Unavailable as error:
            why = self._too_much(order)
            if not (why and took_too_long(error.__cause__) and self._database.answers()):
                raise
            raise TooMany(why) from error

    def _too_much(self, order: Order | None) -> str:
        """Return what makes the query slow and what to do about it, "" where an index answers it."""
        if asks(self._query):
            return "The filter asks for too many memberships to be answered in time; narrow it."
        sorted_by = order.field if order and not order.indexed else ""
        resource_type = self._resources.type
        attributes = unindexed(self._query, resource_type, sorted_by) or scanned(self._query, resource_type)
        if not attributes:
            return ""
        return (
            f"No index leads straight to {', '.join(attributes)}, and there are too many resources to look at each in "
            f"time. Narrow the filter with `and` and eq or sw on an attribute that has an index, or sort by one: "
            f"{', '.join(answering(resource_type))}."
        )

    def _read(self, places: list[Place], keys: frozenset[str] | None) -> Found:
        found = {each["id"]: each for each in self._resources.several([place.id for place in places], keys)}
        return [(found[place.id], place) for place in places if place.id in found]


def _by_id(order: Order) -> bool:
    return order.field == "_id" and not order.descending


def check_depth(skip: int) -> None:
    """Check that a page whose places are all held at once does not begin too deep; raises TooMany."""
    if skip > MOST_PLACES:
        raise TooMany(TOO_DEEP)
