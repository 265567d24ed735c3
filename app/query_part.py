"""One resource type's part in a query: its filter, its order, and how its resources are read."""

from __future__ import annotations

from functools import cached_property

from app.errors import InvalidFilter
from app.protocol.search_request import SearchRequest
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.returned import Projection
from app.store.directory.directory import Directory
from app.store.mongo.indexes import unindexed
from app.store.search.order import Position, order_of
from app.store.search.pages import MANY, Window
from app.store.search.results import Found
from app.store.search.search import Search
from scim_filter import Comparison, FilterError

Row = tuple[Resource, Position, ResourceType]


class Part:
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

    @property
    def is_everything(self) -> bool:
        """Whether all resources match, in the order of their ids."""
        return not self._query and self.order.field == "_id"

    def total(self) -> int:
        """Return how many resources match."""
        return self._results.count() if self._query else self._directory.count(self.type)

    def rows(self, after: Position | None, limit: int, total: int, *, backwards: bool) -> list[Row]:
        """Return the resources behind a position; `total` match."""
        order = self.order.reversed() if backwards else self.order
        return self._rows(self._results.page(order, Window(limit, after=after), self.keys, many=total > MANY))

    def next_page(self, after: Position, limit: int) -> tuple[list[Row], int]:
        """Return the page of everything behind a position, and how many resources there are."""
        found, total = self._results.page_and_total(self.order, Window(limit, after=after), self.keys)
        return self._rows(found), self.total() if total is None else total

    def first_page(self, skip: int, limit: int) -> tuple[list[Row], int]:
        """Return a page by index, and how many resources match."""
        found, total = self._results.page_and_total(self.order, Window(limit, skip), self.keys)
        if total is None:
            whole = 0 < len(found) < limit or (not found and not skip)
            total = skip + len(found) if whole else self.total()
        return self._rows(found), total

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

    def positions(self, limit: int) -> tuple[list[tuple[Position, Part]], int]:
        """Return the positions of the first resources, each with this part, and how many match."""
        found, total = self._results.first_positions(self.order, limit)
        return [(position, self) for position in found], self.total() if total is None else total

    def several(self, positions: list[Position]) -> list[Row]:
        """Return the resources at some positions."""
        by_id = {position.id: position for position in positions}
        found = self._resources.several(list(by_id), self.keys)
        return [(resource, by_id[resource["id"]], self.type) for resource in found]

    def _rows(self, found: Found) -> list[Row]:
        return [(resource, position, self.type) for resource, position in found]
