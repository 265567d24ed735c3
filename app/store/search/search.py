"""The searches of one tenant: a SCIM filter becomes a MongoDB query, and a query becomes results."""

from __future__ import annotations

from typing import Any

from app.schemas.resource_type import ResourceType
from app.schemas.storage.columns import columns
from app.store.directory.directory import Directory
from app.store.search.membership_filters import MembershipFilters
from app.store.search.places import Places
from app.store.search.results import Results
from scim_filter import Filter, Resolve, to_mongo


class Search:
    """The searches of one tenant's directory."""

    def __init__(self, directory: Directory) -> None:
        types = directory.catalogue.types
        self._database = directory.database
        self.places = Places(directory.database, directory.tenant)
        self._resources = {each.name: directory.resources(each) for each in types}
        self._memberships = MembershipFilters(directory.catalogue, self._resources, directory.memberships)
        endpoints = {each.name: each.endpoint for each in types}
        self._resolve: dict[str, Resolve] = {
            each.name: columns(
                each, joins=self._memberships.joins(each), base_url=directory.base_url, endpoints=endpoints
            )
            for each in types
        }

    def query(self, resource_type: ResourceType, condition: Filter | None, *, absent: bool = False) -> dict[str, Any]:
        """Return the MongoDB query for a filter, for use with `results`; raises FilterError.

        With `absent`, an attribute that the type lacks counts as one without a value (RFC 7644 section 3.4.2.1).
        """
        if condition is None:
            return {}
        others = [resolve for name, resolve in self._resolve.items() if name != resource_type.name] if absent else []
        return to_mongo(condition, self._resolve[resource_type.name], absent_if_unknown=absent, others=others)

    def resolve(self, resource_type: ResourceType) -> Resolve:
        """Return the function that finds the column for an attribute path of the type."""
        return self._resolve[resource_type.name]

    def results(self, resource_type: ResourceType, query: dict[str, Any]) -> Results:
        """Return the results of a query that `query` made."""
        return Results(self._database, self._resources[resource_type.name], self._memberships, query)
