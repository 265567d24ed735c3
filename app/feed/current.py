"""The resources that events are about, as they are now, for consumers that only keep the latest state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.returned import without_secrets
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.copying import resources_by_id
from app.store.mongo.database import Database, Session

RESOURCE = "resource"
"""The member of `data` for the resource."""
Key = tuple[str, str]
"""The name of a tenant, and the id of a resource."""


def with_resource(event: Mapping[str, Any], resource: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a CloudEvent with its resource as it is now; None if there is none any more."""
    return {**event, "data": event["data"] | {RESOURCE: resource}}


class CurrentResources:
    """Reads the resources of a page of events, all of one type with one query.

    `catalogue` returns the resource types of a profile and a tenant.
    """

    def __init__(self, database: Database, catalogue: Callable[[str, str], Catalogue]) -> None:
        self._database = database
        self._tenants = Tenants(database)
        self._catalogue = catalogue

    def of(self, events: Sequence[Mapping[str, Any]], session: Session = None) -> list[dict[str, Any] | None]:
        """Return the resource of each CloudEvent without its members, or None if there is none any more.

        They are read in the session in which the events were read, or later, so that none of them is older than its
        event.
        """
        tenants = self._tenants.named({event["tenant"] for event in events}, session)
        places = [self._place(event, tenants) for event in events]
        wanted = defaultdict[str, dict[Key, ResourceType]](dict)
        for key, resource_type in filter(None, places):
            wanted[resource_type.collection][key] = resource_type
        found = {
            key: without_secrets(types[key]).of(resource)
            for collection, types in wanted.items()
            for key, resource in resources_by_id(self._database, collection, types, session).items()
        }
        return [found.get(place[0]) if place else None for place in places]

    def _place(
        self, event: Mapping[str, Any], tenants: Mapping[str, Tenant]
    ) -> tuple[Key, ResourceType] | None:
        """Return what the resource of an event is found by, or None if its tenant does not exist any more."""
        tenant = tenants.get(event["tenant"])
        if tenant is None or tenant.tenant_id != event["tenantid"]:
            return None
        endpoint, _, resource_id = event["subject"].partition("/")
        resource_type = self._catalogue(tenant.profile, tenant.name).at(endpoint)
        return ((tenant.name, resource_id), resource_type) if resource_type else None
