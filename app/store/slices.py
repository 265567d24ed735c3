"""Reading what a query finds where it has to be put in slices, since too many memberships answer it.

In the order of the ids, one slice comes after the other, and only those are asked that a page needs. In any other order
each slice has a part in the page: the places are found in each, and what is on the page is read at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from pymongo.errors import ExecutionTimeout

from app.errors import TooMany
from app.store.joins import Joins, asks
from app.store.pages import Order, Place, rank
from app.store.resources import Resource, Resources

Query = dict[str, Any]


class Slices:
    """The resources that a query finds."""

    def __init__(self, resources: Resources, joins: Joins, query: Query) -> None:
        self._resources = resources
        self._joins = joins
        self._query = query

    def count(self) -> int:
        """Tell how many resources match; raises TooMany where that cannot be told in time."""
        with self._in_time():
            return sum(self._resources.count(query) for query in self._queries())

    def page(
        self, order: Order, *, after: Place | None, skip: int, limit: int, keys: frozenset[str] | None
    ) -> list[tuple[Resource, Place]]:
        """Give up to `limit` of the resources that match, each with its place in the order; raises TooMany."""
        with self._in_time():
            query, end = self._first
            if end is None:
                return self._resources.page(query, order, after=after, skip=skip, limit=limit, keys=keys)
            if _by_id(order):
                return self._in_turn(order, after, skip, limit, keys)
            return self._read(self.places(order, skip + limit, after)[skip:], keys)

    def _in_turn(
        self, order: Order, after: Place | None, skip: int, limit: int, keys: frozenset[str] | None
    ) -> list[tuple[Resource, Place]]:
        found: list[tuple[Resource, Place]] = []
        for query in self._queries(after):
            left_out = min(skip, self._resources.count(query)) if skip else 0
            room = limit - len(found)
            found += self._resources.page(query, order, after=after, skip=left_out, limit=room, keys=keys)
            skip -= left_out
            if len(found) == limit:
                break
        return found

    def places(self, order: Order, limit: int, after: Place | None = None) -> list[Place]:
        """Give the places of the first `limit` resources that match, from behind `after`; raises TooMany."""
        found: list[Place] = []
        with self._in_time():
            for query in self._queries(after if _by_id(order) else None):
                found += self._resources.places(query, order, limit, after)
                if _by_id(order) and len(found) >= limit:
                    break
                found = sorted(found, key=rank, reverse=order.descending)[:limit]
        return found[:limit]

    @cached_property
    def _first(self) -> tuple[Query, str | None]:
        return next(self._joins.answered(self._resources.type, self._query))

    def _queries(self, after: Place | None = None) -> Iterator[Query]:
        """Give the query of each slice, those before `after` left out."""
        start = after.id if after else None
        if start is None:
            query, start = self._first
            yield query
            if start is None:
                return
        for query, _ in self._joins.answered(self._resources.type, self._query, start):
            yield query

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Say what to do where the database is well, but has too much to do for this query."""
        try:
            yield
        except ExecutionTimeout as error:
            if not asks(self._query):
                raise
            raise TooMany("The filter asks for too many memberships to be answered in time; narrow it.") from error

    def _read(self, places: list[Place], keys: frozenset[str] | None) -> list[tuple[Resource, Place]]:
        found = {each["id"]: each for each in self._resources.several([place.id for place in places], keys)}
        return [(found[place.id], place) for place in places if place.id in found]


def _by_id(order: Order) -> bool:
    return order.field == "_id" and not order.descending
