"""The items of a snapshot: tenants, their resources, and the memberships of their groups, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from app.errors import Gone, NotFound
from app.export_import.lines import MEMBERSHIP, membership_line, resource_line
from app.feed.cloud_event import TENANT
from app.feed.elements import Elements
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.returned import without_secrets
from app.schemas.tables.group import GROUP_TYPE
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.copying import (
    MembershipPlace,
    memberships_after,
    memberships_of,
    resources_after,
    resources_by_id,
)
from app.store.directory.identities import holders
from app.store.directory.resources import Resources
from app.store.log.event import ROLES
from app.store.mongo.database import Database, Session

CHUNK = 100
"""Resources that are read at a time."""
MOST_STEPS = 100
"""Readings for one page; many of them find nothing if there are many empty tenants or groups."""


@dataclass(frozen=True)
class Position:
    """Where a page begins."""

    changes: str
    """The cursor for the feed."""
    tenant: str = ""
    tenant_id: str = ""
    stage: str = ""
    """A resource type, the memberships of the groups of a type, or "" for the tenant itself."""
    id: str = ""
    """The last resource, or the group of the last membership."""
    member: str | None = None
    """The last membership's member, or None if the group has no more."""


@dataclass(frozen=True)
class Stage:
    """A part of a tenant: the resources of a type, or their memberships."""

    resource_type: ResourceType
    of_memberships: bool

    @property
    def name(self) -> str:
        """The name in a position."""
        return f"{MEMBERSHIP} {self.resource_type.name}" if self.of_memberships else self.resource_type.name


class Items:
    """Collects the items of one page, in a session whose queries all read the same snapshot.

    `own` is the tenant that is read alone, None means all. `catalogue` returns the resource types of a profile and a
    tenant.
    """

    def __init__(
        self, database: Database, catalogue: Callable[[str, str], Catalogue], session: Session, own: Tenant | None,
        limit: int,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._session = session
        self._tenants = Tenants(database)
        self._own = own
        self._elements = Elements(limit)

    @property
    def found(self) -> list[dict[str, Any]]:
        """The items."""
        return self._elements.found

    def everything(self, start: Position) -> Position | None:
        """Collect items behind a position; return where to go on, or None at the end. Raises Gone."""
        position: Position | None = start
        tenant = self._own or self._tenants.get(start.tenant, self._session)
        if self._own and not start.tenant:
            position = self._begin(self._own, start)
        for _ in range(MOST_STEPS):
            if position is None or not self._elements.room:
                break
            if tenant is not None and tenant.tenant_id == position.tenant_id and position.stage:
                position = self._step(tenant, position)
            elif self._own is None and (tenant := self._next(position.tenant)):
                self._elements.add({"type": TENANT, **_named(tenant)})
                position = self._begin(tenant, position)
            else:
                position = None
        return position

    def of_group(self, group: str, position: Position) -> Position | None:
        """Collect memberships of one group; return where to go on, or None at the end. Raises NotFound."""
        owner = self._owner(group)
        if owner is None:
            raise NotFound(f"There is no {GROUP_TYPE.name} with the id {group}.")
        place = MembershipPlace(group, position.member)
        rows, left = memberships_of(self._database, owner.name, place, self._elements.room, self._session)
        self._add_memberships(rows, owner)
        return replace(position, id=left.group, member=left.member) if left else None

    def _next(self, name: str) -> Tenant | None:
        """Return the first tenant behind a name, in the order of names, or None."""
        return next(iter(self._tenants.page(name, 1, session=self._session)), None)

    def _begin(self, tenant: Tenant, position: Position) -> Position:
        """Return the position before the first item of a tenant."""
        first = _stages(self._catalogue(tenant.profile, tenant.name))[0]
        return Position(position.changes, tenant.name, tenant.tenant_id, first.name)

    def _step(self, tenant: Tenant, position: Position) -> Position | None:
        """Collect some items of a tenant; return where to go on, None at the end of a tenant that is read alone."""
        stages = _stages(self._catalogue(tenant.profile, tenant.name))
        number = next((n for n, stage in enumerate(stages) if stage.name == position.stage), None)
        if number is None:
            raise Gone("The resource types have changed since; begin with a new snapshot.")
        read = self._memberships if stages[number].of_memberships else self._resources
        left = read(tenant, stages[number].resource_type, position)
        if left is not None:
            return left
        if number + 1 < len(stages):
            return replace(position, stage=stages[number + 1].name, id="", member=None)
        return None if self._own else replace(position, stage="")

    def _resources(self, tenant: Tenant, resource_type: ResourceType, position: Position) -> Position | None:
        store = Resources(self._database, tenant.name, resource_type)
        limit = min(self._elements.room, CHUNK)
        found = resources_after(store, position.id, limit, self._session)
        view = without_secrets(resource_type)
        for resource, roles in found:
            if not self._elements.room:
                return position
            given = {ROLES: roles} if roles else {}
            self._elements.add(resource_line(resource_type, view.of(resource)) | given | self._about(tenant))
            position = replace(position, id=resource["id"])
        return position if len(found) == limit else None

    def _memberships(self, tenant: Tenant, resource_type: ResourceType, position: Position) -> Position | None:
        store = Resources(self._database, tenant.name, resource_type)
        place = MembershipPlace(position.id, position.member)
        rows, left = memberships_after(self._database, store, place, self._elements.room, self._session)
        self._add_memberships(rows, tenant)
        return replace(position, id=left.group, member=left.member) if left else None

    def _add_memberships(self, rows: list[dict[str, Any]], tenant: Tenant) -> None:
        for row in rows:
            self._elements.add(membership_line(row["group"], row) | self._about(tenant))

    def _about(self, tenant: Tenant) -> dict[str, str]:
        return {} if self._own else _named(tenant)

    def _owner(self, group: str) -> Tenant | None:
        """Return the tenant that has the group, if it may be read here."""
        if self._own is not None:
            wanted = {(self._own.name, group): GROUP_TYPE}
            found = resources_by_id(self._database, GROUP_TYPE.collection, wanted, self._session)
            return self._own if found else None
        tenant, _ = holders(self._database, [GROUP_TYPE.collection], [group], self._session).get(group, ("", ""))
        return self._tenants.get(tenant, self._session)


def _stages(catalogue: Catalogue) -> list[Stage]:
    with_members = [each for each in catalogue.types if each.members]
    return [*(Stage(each, False) for each in catalogue.types), *(Stage(each, True) for each in with_members)]


def _named(tenant: Tenant) -> dict[str, str]:
    return {"tenant": tenant.name, "tenantid": tenant.tenant_id}
