"""One tenant's directory as it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.errors import NotFound
from app.schemas.resource_type import Catalogue, ResourceType
from app.store.directory.deleted import Deleted
from app.store.directory.identities import Identities, Identity
from app.store.directory.membership_reader import MembershipReader, Parents
from app.store.directory.name_lookup import Names
from app.store.directory.references import References
from app.store.directory.resources import Resource, Resources
from app.store.directory.totals import Totals
from app.store.directory.writes import Gate
from app.store.log.events import Events, LogSettings
from app.store.log.outbox import DELETED
from app.store.mongo.database import Database


@dataclass(frozen=True)
class Options:
    """The settings of a directory."""

    base_url: str
    """The tenant's SCIM URL."""
    log_days: int = 90
    deleted_days: int = 30
    log_values: bool = True
    """Whether the log has the old and new values of attributes."""
    tenant_id: str = ""
    """What tells the tenant from an earlier one with its name."""
    dangling: bool = True
    """Whether references may name what does not exist."""
    gate: Gate | None = None
    """What deactivations pass, if the tenant's guard may refuse them."""


@dataclass(frozen=True)
class Member:
    """A member of a group, as pages show it."""

    id: str
    type: str = ""
    """Its resource type, "" if there is no such resource."""
    name: str = ""
    label: str = ""
    active: bool = True


class DirectoryReader:
    """The resources of one tenant, and the stores that they are read from."""

    def __init__(self, database: Database, tenant: str, catalogue: Catalogue, options: Options) -> None:
        self.database = database
        self.tenant = tenant
        self.catalogue = catalogue
        self.base_url = options.base_url
        self._resources = {t.name: Resources(database, tenant, t) for t in catalogue.types}
        self.memberships = MembershipReader(database, tenant)
        self.deleted = Deleted(database, tenant, days=options.deleted_days)
        names = Names(self._resources.values(), self.deleted, self.memberships)
        settings = LogSettings(options.log_days, options.log_values, options.tenant_id)
        sources = (*(each.collection for each in catalogue.types), DELETED)
        self.events = Events(database, tenant, settings, names=names, sources=sources)
        self._counts = Totals(database, tenant)
        self.identities = Identities(catalogue, self._resources)
        self.references = References(catalogue, self.identities, self.memberships, options.base_url)

    def get(self, resource_type: ResourceType, resource_id: str, keys: frozenset[str] | None = None) -> Resource | None:
        """Return a resource as it is stored, or None; `keys` are the top-level attributes to read, None means all."""
        return self._resources[resource_type.name].get(resource_id, keys)

    def require(self, resource_type: ResourceType, resource_id: str, keys: frozenset[str] | None = None) -> Resource:
        """Return a resource as `get` does; raises NotFound."""
        resource = self.get(resource_type, resource_id, keys)
        if resource is None:
            raise missing(resource_type, resource_id)
        return resource

    def get_with_groups(
        self, resource_type: ResourceType, resource_id: str, keys: frozenset[str] | None = None
    ) -> tuple[Resource, Parents]:
        """Return a resource as it is stored, and the groups that it is in; raises NotFound."""
        found, groups = self.find_with_groups(resource_type, {"_id": resource_id}, keys, 1)
        if not found:
            raise missing(resource_type, resource_id)
        return found[0], groups

    def find_with_groups(
        self, resource_type: ResourceType, query: dict[str, Any], keys: frozenset[str] | None, limit: int
    ) -> tuple[list[Resource], Parents]:
        """Return the resources that match, and the groups that they are in; meant for one or two of them."""
        found = self._resources[resource_type.name].find_with(query, keys, self.memberships.lookup, limit)
        resources = [resource for resource, _ in found]
        rows = (row for _, rows in found for row in rows)
        return resources, self.memberships.parents([resource["id"] for resource in resources], rows)

    def fill(
        self, resources: list[Resource], resource_type: ResourceType, keys: frozenset[str] | None,
        groups: Parents | None = None, *, has_members: bool = True,
    ) -> None:
        """Add what a response shows and the documents do not hold, as `References.fill` does."""
        self.references.fill(resources, resource_type, keys, groups, has_members=has_members)

    def members_page(
        self, group: str, after: str = "", limit: int = 50, *, backwards: bool = False
    ) -> tuple[list[Member], bool]:
        """Return a page of a group's members by their ids, and whether there are more in that direction.

        `after` is the id of the last member of the page before, or with `backwards` of the first one of the page after.
        """
        rows = self.memberships.page(group, after, limit + 1, backwards=backwards)
        shown = rows[-limit:] if backwards else rows[:limit]
        types = dict.fromkeys(row["type"] for row in shown if "type" in row)
        known = self.identities.of([row["member"] for row in shown], types, names=_shown_of_members)
        return [_member(row["member"], known.get(row["member"])) for row in shown], len(rows) > limit

    def location(self, resource_type: ResourceType, resource_id: str) -> str:
        """Return the URI of a resource."""
        return self.references.location(resource_type, resource_id)

    def count(self, resource_type: ResourceType) -> int:
        """Return how many resources of a type there are, without counting them."""
        return self._counts.of(resource_type).number

    def resources(self, resource_type: ResourceType) -> Resources:
        """Return the store of the resources of one type."""
        return self._resources[resource_type.name]


def _shown_of_members(resource_type: ResourceType) -> Iterable[str]:
    switch = (resource_type.switch,) if resource_type.switch else ()
    return {resource_type.identifier, resource_type.label, *switch}


def _member(member: str, identity: Identity | None) -> Member:
    if identity is None:
        return Member(member)
    kind, names = identity
    name = str(names.get(kind.identifier, ""))
    return Member(member, kind.name, name, identity.label, active=not kind.is_disabled(names))


def missing(resource_type: ResourceType, resource_id: str) -> NotFound:
    """Return the error for a resource that does not exist."""
    return NotFound(f"There is no {resource_type.name} with the id {resource_id}.")
