"""The event as consumers see it: one JSON object, which is a CloudEvent (version 1.0 of the specification).

`type`, `timestamp` and `data` are those of Standard Webhooks, too. Consumers ignore members that they do not know, so
that members can be added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.protocol.messages import JSON
from app.schemas.meta import timestamp, version_text
from app.schemas.resource_type import Catalogue
from app.schemas.tables.common import EXTERNAL_ID
from app.store.accounts.tenants import GUARD, PROFILES
from app.store.log.event import ROLES
from app.store.log.events import NO_TENANT, filled

__all__ = ["ROLES", "TENANT", "CloudEvents"]

TENANT = "Tenant"
"""The type of the resource that events about tenants have."""
_COPIED = (GUARD, "changes", "members", "groups", "groupsCount", "membersCount", "credential", "request")
"""The fields that are the same in the stored event and in `data`."""


class CloudEvents:
    """Makes the objects.

    `scim_url` returns the SCIM URL of a tenant, `catalogue` the resource types of a profile and a tenant.
    """

    def __init__(self, scim_url: Callable[[str], str], catalogue: Callable[[str, str], Catalogue]) -> None:
        self._scim_url = scim_url
        self._catalogue = catalogue

    def render(self, document: Mapping[str, Any], cursor: str) -> dict[str, Any]:
        """Return the object for an event as it is stored; `cursor` is the place behind it."""
        resource = document["resource"]
        # An event about a tenant outlives the tenant, and is not stored under its name.
        tenant = resource["id"] if document["tenant"] == NO_TENANT else document["tenant"]
        time = timestamp(document["time"])
        return {
            "specversion": "1.0",
            "id": document["_id"],
            "source": self._scim_url(tenant),
            "type": document["type"],
            "subject": self._subject(tenant, resource),
            "time": time,
            "datacontenttype": JSON,
            "tenant": tenant,
            "tenantid": document["tenantId"],
            "cursor": cursor,
            "timestamp": time,
            "data": _data(document, resource),
        }

    def _subject(self, tenant: str, resource: Mapping[str, Any]) -> str:
        """Return the path of a resource below the source, such as `Users/2819c223`."""
        kind = resource["type"]
        if kind == TENANT:
            return f"Tenants/{resource['id']}"
        resource_type = self._catalogue(PROFILES[0], tenant).named(kind)  # an endpoint is the same in each profile
        endpoint = resource_type.endpoint.strip("/") if resource_type else kind  # its schema file is gone
        return f"{endpoint}/{resource['id']}"


def _data(document: Mapping[str, Any], resource: Mapping[str, Any]) -> dict[str, Any]:
    version = document.get("version")
    roles = {ROLES: document[ROLES]} if ROLES in document else {}  # also if there are none any more
    return {"operation": document["operation"], "id": resource["id"]} | roles | filled({
        "version": version_text(version) if version else "",
        "name": resource.get("name"),
        EXTERNAL_ID.name: resource.get(EXTERNAL_ID.name),
        **{field: document.get(field) for field in _COPIED},
    })
