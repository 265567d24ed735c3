"""The results of a query, which may have to run once for each of several ranges of ids (`id_ranges`).

In the order of the ids, the ranges are read one after another, as far as the page needs. In any other order every range
may contribute to the page: first the positions are collected from all of them, then the resources on the page are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from app.errors import TooMany
from app.schemas.storage.collection import indexed_fields
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.directory import quick_total
from app.store.directory.documents import decode
from app.store.directory.resources import Resource, Resources
from app.store.mongo.database import Database
from app.store.mongo.indexes import Reach
from app.store.search.id_ranges import FIRST_IDS
from app.store.search.membership_filters import MembershipFilters, has_membership_condition
from app.store.search.order import ALWAYS, Order, Position, rank
from app.store.search.other_shapes import holds_other_shapes
from app.store.search.pages import Found as FoundDocument
from app.store.search.pages import Pages, Plan, Window, plan
from app.store.search.time_limit import TimeLimit
from scim_filter import Query

Found = list[tuple[Resource, Position]]

_BUILT_IN = {each.name: frozenset(indexed_fields(each)) for each in (USER_TYPE, GROUP_TYPE)}
"""By type, the fields with an index that no schema file describes."""
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
        self._time_limit = TimeLimit(database, resources.type, query)
        self._resources = resources
        self._memberships = memberships
        self._query = query

    def count(self) -> int:
        """Return how many resources match; raises TooMany if counting takes too long."""
        with self._time_limit.applied():
            return sum(self._resources.count(query) for query in self._queries())

    def page_and_total(self, order: Order, window: Window, keys: frozenset[str] | None) -> tuple[Found, int | None]:
        """Return a page, and how many match or None if it was not counted with it; raises TooMany."""
        resources, (query, _) = self._resources, self._first
        with self._time_limit.applied(order):
            if not query and order.field == "_id":
                more = quick_total.beside(resources.tenant, resources.type)
                found, rows = self._pages(query, order).page_beside(window, resources.fields(keys), more)
                return _decoded(found, resources, keys), quick_total.total(rows)
            if window.after is None and self._reads_much(window.limit):
                pages = self._pages(query, order)
                positions, total = pages.page_and_total(skip=window.skip, limit=window.limit)
                return _read(resources, positions, keys), total
            return self.page(order, window, keys), None

    def first_positions(self, order: Order, limit: int) -> tuple[list[Position], int | None]:
        """Return the positions of the first `limit` matches, and the total as in `page_and_total`; raises TooMany."""
        with self._time_limit.applied(order):
            if self._reads_much(limit):
                return self._pages(self._first[0], order).page_and_total(skip=0, limit=limit)
            return self.positions(order, limit), None

    def page(self, order: Order, window: Window, keys: frozenset[str] | None, *, many: bool = False) -> Found:
        """Return the matching resources in the window, each with its position; raises TooMany.

        `keys` are the attributes to read, None for all; `many` says that more than `pages.MANY` resources match.
        """
        with self._time_limit.applied(order):
            if window.after and _by_id(order) and has_membership_condition(self._query):
                return self._in_turn(order, window, keys)
            query, end = self._first
            if end is None:
                return self._page(query, order, window, keys, many=many)
            if _by_id(order):
                return self._in_turn(order, window, keys)
            check_depth(window.skip)
            positions = self.positions(order, window.skip + window.limit, window.after)
            return _read(self._resources, positions[window.skip :], keys)

    def _in_turn(self, order: Order, window: Window, keys: frozenset[str] | None) -> Found:
        """Return the page from one range of ids after another, until it is full."""
        found: Found = []
        skip = window.skip
        for query in self._queries(window.after):
            left_out = min(skip, self._resources.count(query)) if skip else 0
            rest = Window(window.limit - len(found), left_out, window.after)
            found += self._page(query, order, rest, keys)
            skip -= left_out
            if len(found) == window.limit:
                break
        return found

    def positions(self, order: Order, limit: int, after: Position | None = None) -> list[Position]:
        """Return the positions of the first `limit` matches that follow `after`; raises TooMany."""
        found: list[Position] = []
        with self._time_limit.applied(order):
            for query in self._queries(after if _by_id(order) else None):
                page = self._pages(query, order).page(Window(limit, after=after), {"_id": 1})
                found += [item.position for item in page]
                if _by_id(order) and len(found) >= limit:
                    break
                found = sorted(found, key=rank, reverse=order.descending)[:limit]
        return found[:limit]

    def _page(
        self, query: Query, order: Order, window: Window, keys: frozenset[str] | None, *, many: bool = False
    ) -> Found:
        found = self._pages(query, order, many=many).page(window, self._resources.fields(keys))
        return _decoded(found, self._resources, keys)

    def _pages(self, query: Query, order: Order, *, many: bool = False) -> Pages:
        resources = self._resources
        access = resources.access(query)
        how = plan(access, query, order, many=many)
        if how.in_order and order.field not in _BUILT_IN.get(resources.type.name, ALWAYS) and holds_other_shapes(
            resources.collection, resources.tenant, order.field
        ):
            how = Plan(access.index, in_order=False)
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


def _decoded(found: Sequence[FoundDocument], resources: Resources, keys: frozenset[str] | None) -> Found:
    return [(decode(document, resources.type, keys), position) for document, position in found]


def _read(resources: Resources, positions: list[Position], keys: frozenset[str] | None) -> Found:
    found = {each["id"]: each for each in resources.several([position.id for position in positions], keys)}
    return [(found[position.id], position) for position in positions if position.id in found]


def _by_id(order: Order) -> bool:
    return order.field == "_id" and not order.descending


def check_depth(skip: int) -> None:
    """Check that a page does not begin too deep for a query that holds all positions before it; raises TooMany."""
    if skip > MOST_POSITIONS:
        raise TooMany(TOO_DEEP)
