"""Queries: one page of what a search finds, over one resource type or several, by index or by cursor.

RFC 7644 section 3.4.2, RFC 9865. The database filters, sorts and cuts; several types are merged by their positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from app.protocol.cursor import Cursor, Cursors
from app.protocol.messages import list_response
from app.protocol.search_request import SearchRequest
from app.query_part import Part, Row
from app.schemas.resource_type import Resource, ResourceType
from app.store.directory.directory import Directory
from app.store.search.order import Position, rank
from app.store.search.pages import MANY
from app.store.search.places import Place
from app.store.search.results import check_depth
from app.store.search.search import Search


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
        parts = [Part(self._directory, self._search, each, search, absent=absent) for each in types]
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
        part = Part(self._directory, self._search, resource_type, search, absent=False)
        with self._scan() if part.unindexed else nullcontext():
            rows = part.rows(after, limit + 1, MANY + 1, backwards=backwards)
        more, rows = len(rows) > limit, rows[:limit][:: -1 if backwards else 1]
        first, last = (rows[0][1], rows[-1][1]) if rows else (None, None)
        return Stretch(self._rendered([part], rows), first, last, more)

    def _page(self, parts: list[Part], search: SearchRequest, credential: str) -> dict[str, Any]:
        if search.cursor is not None:
            return self._by_cursor(parts, search)
        if not search.count:
            return list_response([], sum(part.total() for part in parts), search.start_index)
        rows, total = self._step(parts, search, credential)
        return list_response(self._rendered(parts, rows), total, search.start_index)

    def _step(self, parts: list[Part], search: SearchRequest, credential: str) -> tuple[list[Row], int]:
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
            rows, total = _behind_with_total(parts, place, count + 1)
            more, rows = len(rows) > count, rows[:count]
            total = max(total, start + len(rows)) if more else start - 1 + len(rows)
        following = start + len(rows)  # after the last page too, where an earlier walk may have gone on
        if len(rows) == count:
            self._search.places.remember(walk, following, Place(rows[-1][1], total), places)
        elif len(rows) > 1 or not search.filter:  # a lookup of one resource is not worth a write
            self._search.places.forget(walk, following)
        return rows, total

    def _by_cursor(self, parts: list[Part], search: SearchRequest) -> dict[str, Any]:
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

    def _rendered(self, parts: list[Part], rows: list[Row]) -> list[Resource]:
        for part in parts:
            mine = [resource for resource, _, resource_type in rows if resource_type is part.type]
            self._directory.fill(mine, part.type, part.keys)
        projections = {part.type.name: part.projection for part in parts}
        return [projections[resource_type.name].apply(resource) for resource, _, resource_type in rows]


def _endpoints(parts: list[Part]) -> str:
    return ",".join(part.type.endpoint for part in parts)


def _behind_with_total(parts: list[Part], place: Place, limit: int) -> tuple[list[Row], int]:
    """Return the resources of all types behind a place, and how many match."""
    if len(parts) == 1 and parts[0].is_everything:
        return parts[0].next_page(place.position, limit)
    total = place.total if any(part.unindexed for part in parts) else sum(part.total() for part in parts)
    return _behind(parts, place.position, limit, total), total


def _behind(parts: list[Part], after: Position, limit: int, total: int, *, backwards: bool = False) -> list[Row]:
    """Return the resources of all types behind a position; `total` match."""
    rows = [row for part in parts for row in part.rows(after, limit, total, backwards=backwards)]
    return _sorted(parts, rows, backwards=backwards)


def _sorted(parts: list[Part], rows: list[Row], *, backwards: bool = False) -> list[Row]:
    return sorted(rows, key=lambda row: rank(row[1]), reverse=parts[0].order.descending != backwards)


def _merged_by_index(parts: list[Part], skip: int, count: int) -> tuple[list[Row], int]:
    """Return the page among several types, found by the positions alone before what is on it is read, and the total."""
    check_depth(skip)
    descending = parts[0].order.descending
    found = [part.positions(skip + count) for part in parts]
    positions = [item for items, _ in found for item in items]
    positions.sort(key=lambda item: rank(item[0]), reverse=descending)
    wanted = positions[skip : skip + count]
    rows = [row for part in parts for row in part.several([position for position, owner in wanted if owner is part])]
    return _sorted(parts, rows), sum(total for _, total in found)
