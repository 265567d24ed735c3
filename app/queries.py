"""Queries: one page of what a search finds, over one resource type or several, by index or by cursor.

RFC 7644 section 3.4.2, RFC 9865. The database filters, sorts and cuts; several types are merged by their positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from app.errors import InvalidFilter
from app.protocol.cursor import Cursor, Cursors
from app.protocol.messages import list_response
from app.protocol.search_request import SearchRequest
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.returned import Projection
from app.store.directory.directory import Directory
from app.store.mongo.indexes import unindexed
from app.store.search.order import Position, order_of, rank
from app.store.search.pages import MANY, Window
from app.store.search.places import Place
from app.store.search.results import check_depth
from app.store.search.search import Search
from scim_filter import Comparison, FilterError

Row = tuple[Resource, Position, ResourceType]


@dataclass(frozen=True)
class Stretch:
    """Some resources of a search, without a total."""

    resources: list[Resource]
    first: Position | None
    last: Position | None
    more: bool
    """Whether there are more in the direction that was asked for."""


class Queries:
    """The queries of one tenant."""

    def __init__(
        self, directory: Directory, cursors: Cursors, tenant: str,
        scan: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Make the queries of a tenant; one that no index answers runs inside `scan`, which raises TooManyRequests."""
        self._directory = directory
        self._search = Search(directory)
        self._cursors = cursors
        self._tenant = tenant
        self._scan = scan

    def page(self, types: Sequence[ResourceType], search: SearchRequest, credential: str = "") -> dict[str, Any]:
        """Return one page as a ListResponse; raises InvalidFilter, InvalidValue, InvalidCursor, TooManyRequests, ...

        Pages by `startIndex` that one `credential` reads in turn are a walk, which misses no resource.
        """
        absent = len(types) > 1
        parts = [_Part(self._directory, self._search, each, search, absent=absent) for each in types]
        if len(parts) == 1 and parts[0].looks_up_a_name(search):  # what Entra sends most of all
            found = parts[0].named(search.count)
            return list_response(found, len(found), search.start_index)
        with self._scan() if any(part.unindexed for part in parts) else nullcontext():
            return self._page(parts, search, credential)

    def stretch(
        self, resource_type: ResourceType, search: SearchRequest, after: Position | None = None, limit: int = 50,
        *, backwards: bool = False,
    ) -> Stretch:
        """Return the resources behind a position, or in front of it, in the order of an indexed attribute."""
        part = _Part(self._directory, self._search, resource_type, search, absent=False)
        with self._scan() if part.unindexed else nullcontext():
            rows = part.rows(after, limit + 1, MANY + 1, backwards=backwards)
        more, rows = len(rows) > limit, rows[:limit][:: -1 if backwards else 1]
        first, last = (rows[0][1], rows[-1][1]) if rows else (None, None)
        return Stretch(self._rendered([part], rows), first, last, more)

    def _page(self, parts: list[_Part], search: SearchRequest, credential: str) -> dict[str, Any]:
        if search.cursor is not None:
            return self._by_cursor(parts, search)
        if not search.count:
            return list_response([], sum(part.total() for part in parts), search.start_index)
        rows, total = self._step(parts, search, credential)
        return list_response(self._rendered(parts, rows), total, search.start_index)

    def _step(self, parts: list[_Part], search: SearchRequest, credential: str) -> tuple[list[Row], int]:
        """Return the page at `startIndex`, and the total (D-220).

        After a full page of the same walk, it begins behind that page's last resource; otherwise it is counted from the
        beginning. In a walk, the total says whether more follow, since clients stop once `startIndex` exceeds it.
        """
        start, count = search.start_index, search.count
        walk = f"{credential}\n{replace(search, attributes=None, excluded=None).identity(_endpoints(parts))}"
        # With the place of the next page, which is written only if it has changed.
        places = self._search.places.find(walk, (start, start + count)) if start > 1 else None
        place = places.get(start) if places else None
        if place is None:
            counted = parts[0].first_page if len(parts) == 1 else partial(_merged_by_index, parts)
            rows, total = counted(start - 1, count)
        else:
            total = place.total if any(part.unindexed for part in parts) else sum(part.total() for part in parts)
            rows = _behind(parts, place.position, count + 1, total)
            more, rows = len(rows) > count, rows[:count]
            total = max(total, start + len(rows)) if more else start - 1 + len(rows)
        following = start + len(rows)  # after the last page too, where an earlier walk may have gone on
        if len(rows) == count:
            self._search.places.remember(walk, following, Place(rows[-1][1], total), places)
        elif len(rows) > 1 or not search.filter:  # a lookup of one resource is not worth a write
            self._search.places.forget(walk, following)
        return rows, total

    def _by_cursor(self, parts: list[_Part], search: SearchRequest) -> dict[str, Any]:
        identity = self._tenant + "\n" + search.identity(_endpoints(parts))
        start, backwards = None, False
        if search.cursor:
            cursor = self._cursors.open(search.cursor, identity, search.count)
            start, backwards, total = Position(cursor.id, cursor.key), cursor.backwards, cursor.total
            found = _behind(parts, start, search.count + 1, total, backwards=backwards)
        elif search.count:
            pages = [part.first_page(0, search.count + 1) for part in parts]
            found, total = _sorted(parts, [row for rows, _ in pages for row in rows]), sum(each for _, each in pages)
        else:
            return list_response([], sum(part.total() for part in parts), None)
        more, found = len(found) > search.count, found[: search.count]
        if backwards:
            found.reverse()

        def seal(row: Row, *, back: bool) -> str:
            return self._cursors.seal(Cursor(row[1].id, row[1].key, total, back), identity, search.count)

        ahead, behind = (True, more) if backwards else (more, start is not None)
        return list_response(
            self._rendered(parts, found), total, None,
            next_cursor=seal(found[-1], back=False) if found and ahead else None,
            previous_cursor=seal(found[0], back=True) if found and behind else None,
        )

    def _rendered(self, parts: list[_Part], rows: list[Row]) -> list[Resource]:
        for part in parts:
            mine = [resource for resource, _, resource_type in rows if resource_type is part.type]
            self._directory.fill(mine, part.type, part.keys)
        projections = {part.type.name: part.projection for part in parts}
        return [projections[resource_type.name].apply(resource) for resource, _, resource_type in rows]


class _Part:
    """One resource type's part in a query."""

    def __init__(
        self, directory: Directory, searches: Search, resource_type: ResourceType, search: SearchRequest, *,
        absent: bool,
    ) -> None:
        self.type = resource_type
        self.projection = Projection.parse(resource_type, search.attributes, search.excluded)
        self.keys = self.projection.top_level()
        self._directory = directory
        self._resolve = searches.resolve(resource_type)
        self._resources = directory.resources(resource_type)
        try:
            self._query = searches.query(resource_type, search.filter, absent=absent)
        except FilterError as error:
            raise InvalidFilter(str(error)) from error
        self._results = searches.results(resource_type, self._query)
        column = self._resolve(search.sort_by) if search.sort_by else None
        self.order = order_of(
            column, search.sort_by, resource_type, descending=search.descending, absent=absent
        )

    @cached_property
    def unindexed(self) -> tuple[str, ...]:
        """The attributes of the filter and the sort because of which every resource of the type is read."""
        return unindexed(self._query, self.type, "" if self.order.indexed else self.order.field)

    def total(self) -> int:
        return self._results.count() if self._query else self._directory.count(self.type)

    def rows(self, after: Position | None, limit: int, total: int, *, backwards: bool) -> list[Row]:
        """Return the resources behind a position; `total` match."""
        order = self.order.reversed() if backwards else self.order
        found = self._results.page(order, Window(limit, after=after), self.keys, many=total > MANY)
        return [(resource, position, self.type) for resource, position in found]

    def first_page(self, skip: int, limit: int) -> tuple[list[Row], int]:
        """Return a page by index, and how many resources match."""
        found, total = self._results.first_page(self.order, skip, limit, self.keys)
        if total is None:
            whole = 0 < len(found) < limit or (not found and not skip)
            total = skip + len(found) if whole else self.total()
        return [(resource, position, self.type) for resource, position in found], total

    def looks_up_a_name(self, search: SearchRequest) -> bool:
        """Return whether the search asks for the one resource with a name."""
        wanted, name = search.filter, self.type.identifier
        if search.cursor is not None or search.start_index > 1 or not search.count:
            return False
        if not isinstance(wanted, Comparison) or wanted.operator != "eq":
            return False
        row, column = self.type.schema.by_name.get(name.lower()), self._resolve(str(wanted.path))
        is_unique = row is not None and row.uniqueness != "none"
        return is_unique and column is not None and column.path == name

    def named(self, limit: int) -> list[Resource]:
        """Return the resource with the name; in the same round trip its groups are read, if the response shows them."""
        found, groups, attribute = list[Resource](), None, self.type.groups
        if attribute is not None and self.projection.wants(attribute.name):
            found, groups = self._directory.find_with_groups(self.type, self._query, self.keys, limit)
        else:
            found = self._resources.find(self._query, self.keys, limit)
        self._directory.fill(found, self.type, self.keys, groups)
        return [self.projection.apply(resource) for resource in found]

    def positions(self, limit: int) -> tuple[list[tuple[Position, _Part]], int]:
        """Return the positions of the first resources, each with this part, and how many match."""
        found, total = self._results.first_positions(self.order, limit)
        return [(position, self) for position in found], self.total() if total is None else total

    def several(self, positions: list[Position]) -> list[Row]:
        by_id = {position.id: position for position in positions}
        found = self._resources.several(list(by_id), self.keys)
        return [(resource, by_id[resource["id"]], self.type) for resource in found]


def _endpoints(parts: list[_Part]) -> str:
    return ",".join(part.type.endpoint for part in parts)


def _behind(parts: list[_Part], after: Position, limit: int, total: int, *, backwards: bool = False) -> list[Row]:
    """Return the resources of all types behind a position; `total` match."""
    rows = [row for part in parts for row in part.rows(after, limit, total, backwards=backwards)]
    return _sorted(parts, rows, backwards=backwards)


def _sorted(parts: list[_Part], rows: list[Row], *, backwards: bool = False) -> list[Row]:
    return sorted(rows, key=lambda row: rank(row[1]), reverse=parts[0].order.descending != backwards)


def _merged_by_index(parts: list[_Part], skip: int, count: int) -> tuple[list[Row], int]:
    """Return the page among several types, found by the positions alone before what is on it is read, and the total."""
    check_depth(skip)
    descending = parts[0].order.descending
    found = [part.positions(skip + count) for part in parts]
    positions = [item for items, _ in found for item in items]
    positions.sort(key=lambda item: rank(item[0]), reverse=descending)
    wanted = positions[skip : skip + count]
    rows = [row for part in parts for row in part.several([position for position, owner in wanted if owner is part])]
    return _sorted(parts, rows), sum(total for _, total in found)
