"""A snapshot: everything that there is, page by page, for a consumer that begins or has to begin anew.

It is no picture of one moment. The cursor for the feed is taken before the first item is read, so that whatever changes
in the meantime is in the feed behind that cursor; what exists all the time is in the snapshot exactly once.

The items are the lines of an export, without what is never returned. In a snapshot of all tenants each item has
`tenant` and `tenantid`, and each tenant begins with an item of the type Tenant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from app.errors import ExpiredCursor, Gone, NotFound
from app.export_import.lines import MEMBERSHIP, Line, membership_line, resource_line
from app.feed.cloud_event import TENANT
from app.feed.cursors import cursor_text
from app.feed.elements import Elements
from app.feed.parameters import SnapshotRequest
from app.protocol.cursor import Cursor, Cursors
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.returned import without_secrets
from app.schemas.tables.group import GROUP_TYPE
from app.store.accounts import server_key
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.copying import MembershipPlace, memberships_after, memberships_of, resources_after
from app.store.directory.identities import holders
from app.store.directory.resources import Resources
from app.store.log.sequence import EventSequence, Scope
from app.store.mongo.database import Database

SECONDS = 24 * 3_600
"""How long a page can be asked for."""
CHUNK = 100
"""Resources that are read at a time."""
MOST_STEPS = 100
"""Readings for one page; many of them find nothing if there are many empty tenants or groups."""


@dataclass(frozen=True)
class Position:
    """Where the next page begins."""

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


class Snapshots:
    """Reads pages of snapshots; `catalogue` returns the resource types of a profile and a tenant."""

    def __init__(
        self, database: Database, sequence: EventSequence, catalogue: Callable[[str, str], Catalogue]
    ) -> None:
        self._database = database
        self._sequence = sequence
        self._catalogue = catalogue
        self._tenants = Tenants(database)
        self._groups = GroupSnapshots(database)

    def page(self, tenant: Tenant | None, request: SnapshotRequest) -> dict[str, Any]:
        """Return the body of a page; `tenant` None means all tenants.

        Raises InvalidCursor for a page that this server has not made, Gone for one that is too old, and NotFound if the
        group does not exist.
        """
        scope = Scope(tenant.name, tenant.tenant_id) if tenant else None
        identity = f"snapshot {cursor_text(0, scope)} {request.group or ''}"
        position = self._open(request.page, identity) if request.page is not None else self._first(tenant, scope)
        elements, changes = Elements(request.limit), position.changes
        if request.group is not None:
            left = self._groups.collect(tenant, request.group, position, elements)
        else:
            left = self._everything(tenant, position, elements)
        page = self._seal(left, identity) if left else None
        return {"items": elements.found, "page": page, "changes": changes}

    @cached_property
    def _cursors(self) -> Cursors:
        return Cursors(server_key.get(self._database), SECONDS)

    def _first(self, tenant: Tenant | None, scope: Scope | None) -> Position:
        position = Position(cursor_text(self._sequence.published(), scope))
        return self._begin(tenant, position) if tenant else position

    def _seal(self, position: Position, identity: str) -> str:
        return self._cursors.seal(Cursor(position.id, asdict(position), 0), identity, 0)

    def _open(self, page: str, identity: str) -> Position:
        try:
            return Position(**self._cursors.open(page, identity, 0).key)
        except ExpiredCursor as error:
            raise Gone("The page is more than a day old; begin with a new snapshot.") from error

    def _everything(self, own: Tenant | None, start: Position, elements: Elements) -> Position | None:
        """Collect the items behind a position; return where to go on, or None at the end."""
        position: Position | None = start
        tenant = own or self._tenants.get(start.tenant)
        for _ in range(MOST_STEPS):
            if position is None or not elements.room:
                break
            if tenant is not None and tenant.tenant_id == position.tenant_id and position.stage:
                position = self._step(tenant, position, elements, alone=own is not None)
            elif own is None and (tenant := self._tenants.after(position.tenant)):
                elements.add({"type": TENANT, **_named(tenant)})
                position = self._begin(tenant, position)
            else:
                position = None
        return position

    def _begin(self, tenant: Tenant, position: Position) -> Position:
        first = _stages(self._catalogue(tenant.profile, tenant.name))[0]
        return Position(position.changes, tenant.name, tenant.tenant_id, first.name)

    def _step(self, tenant: Tenant, position: Position, elements: Elements, *, alone: bool) -> Position | None:
        """Collect some items of a tenant; return where to go on, None at the end of a tenant that is read alone."""
        stages = _stages(self._catalogue(tenant.profile, tenant.name))
        number = next((n for n, stage in enumerate(stages) if stage.name == position.stage), None)
        if number is None:
            raise Gone("The resource types have changed since; begin with a new snapshot.")
        stage = stages[number]
        store = Resources(self._database, tenant.name, stage.resource_type)
        more = {} if alone else _named(tenant)
        if stage.of_memberships:
            left = self._memberships(store, position, elements, more)
        else:
            left = self._resources(store, position, elements, more)
        if left is not None:
            return left
        if number + 1 < len(stages):
            return replace(position, stage=stages[number + 1].name, id="", member=None)
        return None if alone else replace(position, stage="")

    def _resources(self, store: Resources, position: Position, elements: Elements, more: Line) -> Position | None:
        limit = min(elements.room, CHUNK)
        found = resources_after(store, position.id, limit)
        view = without_secrets(store.type)
        for resource in found:
            if not elements.room:
                return position
            elements.add(resource_line(store.type, view.of(resource)) | more)
            position = replace(position, id=resource["id"])
        return position if len(found) == limit else None

    def _memberships(self, store: Resources, position: Position, elements: Elements, more: Line) -> Position | None:
        place = MembershipPlace(position.id, position.member)
        rows, left = memberships_after(self._database, store, place, elements.room)
        for row in rows:
            elements.add(membership_line(row["group"], row) | more)
        return replace(position, id=left.group, member=left.member) if left else None


class GroupSnapshots:
    """Reads the memberships of single groups."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenants = Tenants(database)

    def collect(
        self, own: Tenant | None, group: str, position: Position, elements: Elements
    ) -> Position | None:
        """Collect memberships of a group behind a position; return where to go on, None at the end.

        `own` None looks for the group in all tenants. Raises NotFound.
        """
        owner = self._owner(own, group)
        if owner is None:
            raise NotFound(f"There is no {GROUP_TYPE.name} with the id {group}.")
        rows, last = memberships_of(self._database, owner.name, group, position.member or "", elements.room)
        for row in rows:
            elements.add(membership_line(group, row) | ({} if own else _named(owner)))
        return replace(position, member=last) if last is not None else None

    def _owner(self, own: Tenant | None, group: str) -> Tenant | None:
        """Return the tenant that has the group, if it is the right one."""
        if own is not None:
            found = Resources(self._database, own.name, GROUP_TYPE).get(group, frozenset())
            return own if found is not None else None
        tenant, _ = holders(self._database, [GROUP_TYPE.collection], [group]).get(group, ("", ""))
        return self._tenants.get(tenant)


def _stages(catalogue: Catalogue) -> list[Stage]:
    with_members = [each for each in catalogue.types if each.members]
    return [*(Stage(each, False) for each in catalogue.types), *(Stage(each, True) for each in with_members)]


def _named(tenant: Tenant) -> Line:
    return {"tenant": tenant.name, "tenantid": tenant.tenant_id}
