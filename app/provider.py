"""The service provider: create, get, query, replace, patch and delete for one tenant (RFC 7644 section 3).

It brings the protocol's rules and the stored state together, and knows neither HTTP nor the database. One is made for
each request, since it carries who asks; what it does to the store is one call, and so one transaction.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.errors import PreconditionFailed, ScimError, Unavailable
from app.protocol.entra_dialect import rewrite_patch, rewrite_resource, rewrite_search
from app.protocol.etag import Condition
from app.protocol.patch.apply import apply_patch, only_members
from app.protocol.patch.message import Operation, read_patch
from app.protocol.profile import Profile
from app.protocol.replacement import replacement
from app.protocol.search_request import SearchRequest
from app.queries import Queries
from app.schemas.attribute import VALUE
from app.schemas.membership import MemberChange
from app.schemas.meta import first_meta, now
from app.schemas.resource_type import ResourceType
from app.schemas.returned import Projection, requested_by
from app.schemas.validation import validate, with_defaults, with_read_only
from app.store.directory.directory import Directory, VersionMoved, missing
from app.store.directory.membership_reader import Parents
from app.store.log.events import Actor, Event, new_id

T = TypeVar("T")
Resource = dict[str, Any]
REQUEST = "request"
"""The operation of an event as long as nothing has begun."""
CREATE = "create"
ATTEMPTS = 100
"""How often a change is tried on the newest state before the client is asked to come back."""


@dataclass(frozen=True)
class Conditions:
    """The conditions of a request on the version of its resource."""

    if_match: Condition | None = None
    if_none_match: Condition | None = None


NO_CONDITIONS = Conditions()


@dataclass(frozen=True)
class Shown:
    """A resource as the answer shows it, and what its headers say even where the body leaves it out."""

    resource: Resource
    version: str
    location: str


class Provider:
    """The operations of SCIM on one tenant, for one caller."""

    def __init__(self, directory: Directory, queries: Queries, profile: Profile, actor: Actor) -> None:
        self._directory = directory
        self._queries = queries
        self._profile = profile
        self._actor = actor
        self.catalogue = directory.catalogue
        self.event = Event(REQUEST)
        """What the log says about this request, as far as it has come."""

    def create(self, resource_type: ResourceType, payload: Mapping[str, Any], projection: Projection) -> Shown:
        """Create a resource (RFC 7644 section 3.3); raises InvalidSyntax, InvalidValue, Uniqueness."""
        event = self._begin(CREATE, resource_type)
        resource = self._validated(resource_type, payload)
        event.name = str(resource.get(resource_type.identifier, ""))
        event.know(resource_type, resource)
        resource = with_defaults(resource_type, resource)
        changes = _take_members(resource, resource_type, "add")
        event.ask(changes)
        event.resource_id = resource["id"] = str(uuid.uuid4())
        resource["meta"] = first_meta(resource_type.name, now())
        event.status = 201
        stored = self._directory.create(resource_type, resource, changes, event, self._actor)
        nowhere: Parents = {}  # nobody knew the id before, so that it is in no group
        return self._shown(stored, resource_type, projection, requested_by(resource_type, stored), nowhere)

    def get(self, resource_type: ResourceType, resource_id: str, projection: Projection) -> Shown:
        """Give a resource (RFC 7644 section 3.4.1); raises NotFound."""
        resource, groups = self._read_for(projection, resource_type, resource_id, projection.top_level())
        return self._shown(resource, resource_type, projection, groups=groups)

    def query(self, types: Sequence[ResourceType], search: SearchRequest) -> dict[str, Any]:
        """Give one page of what a search finds, as a ListResponse (RFC 7644 section 3.4.2); raises InvalidFilter."""
        if self._profile.dialect:
            search = rewrite_search(search, types)
        return self._queries.page(types, search)

    def replace(
        self, resource_type: ResourceType, resource_id: str, payload: Mapping[str, Any], projection: Projection,
        conditions: Conditions = NO_CONDITIONS,
    ) -> Shown:
        """Replace a resource (RFC 7644 section 3.5.1); raises NotFound, PreconditionFailed, Uniqueness, ..."""
        self._begin("replace", resource_type, resource_id)

        def change(before: Resource) -> tuple[Resource, tuple[MemberChange, ...]]:
            sent = self._validated(resource_type, payload)
            changes = _take_members(sent, resource_type, "replace")
            return replacement(before, sent, resource_type), changes

        return self._change(resource_type, resource_id, change, projection, conditions)

    def patch(
        self, resource_type: ResourceType, resource_id: str, payload: Any, projection: Projection,
        conditions: Conditions = NO_CONDITIONS, *, show: bool = True,
    ) -> Shown:
        """Modify a resource (RFC 7644 section 3.5.2); raises NotFound, PreconditionFailed, InvalidPath, NoTarget, ...

        Where `show` is false the answer has no body, and nothing is read for one.
        """
        event = self._begin("patch", resource_type, resource_id)
        members = self._only_members(resource_type, payload)
        event.ask(members)
        if members and not show and conditions == NO_CONDITIONS:
            return self._change_members(resource_type, resource_id, members)

        def change(before: Resource) -> tuple[Resource, tuple[MemberChange, ...]]:
            # Read only here: that the resource is missing or has another version is told before a bad message.
            operations = self._operations(resource_type, payload)
            patched = apply_patch(before, operations, resource_type, self._profile)
            event.warnings = list(patched.skipped)
            if patched.resource == before:
                return before, patched.changes
            after = validate(resource_type, patched.resource, ignore_unknown=self._profile.ignore_unknown)
            return with_read_only(resource_type, after, before), patched.changes

        return self._change(resource_type, resource_id, change, projection if show else None, conditions, partly=True)

    def delete(
        self, resource_type: ResourceType, resource_id: str, conditions: Conditions = NO_CONDITIONS
    ) -> None:
        """Delete a resource (RFC 7644 section 3.6); raises NotFound, PreconditionFailed."""
        event = self._begin("delete", resource_type, resource_id)

        def work() -> None:
            version = None
            if conditions != NO_CONDITIONS:
                before = self._read(resource_type, resource_id, resource_type.names)
                self._know(before, resource_type)
                self._check(before, conditions)
                version = before["meta"]["version"]
            event.status = 204
            self._directory.delete(resource_type, resource_id, version, event, self._actor)

        _until_nobody_is_quicker(resource_type, work)

    def location(self, resource_type: ResourceType, resource_id: str) -> str:
        """Give the URI of a resource."""
        return self._directory.location(resource_type, resource_id)

    def refused(self, error: ScimError, asked: Event | None = None) -> None:
        """Write into the provisioning log that this request was refused, and why.

        `asked` says what was asked for, where it was refused before that was begun.
        """
        event = self.event
        if event.operation == REQUEST and asked:
            event = self.event = asked
        event.status, event.scim_type, event.detail = error.status, error.scim_type, error.detail
        event.changes, event.members = [], {}
        if event.operation == CREATE:
            event.resource_id = ""  # nothing has this id
        event.id = new_id()
        self._directory.events.append(event, self._actor)

    # Parts

    def _begin(self, operation: str, resource_type: ResourceType, resource_id: str = "") -> Event:
        self.event = Event(operation, resource_type.name, resource_id)
        return self.event

    def _validated(self, resource_type: ResourceType, payload: Mapping[str, Any]) -> Resource:
        if self._profile.dialect:
            payload = rewrite_resource(payload, resource_type)
        self.event.name = resource_type.name_in(payload) or self.event.name
        self.event.know(resource_type, payload)
        return validate(resource_type, payload, ignore_unknown=self._profile.ignore_unknown)

    def _read(self, resource_type: ResourceType, resource_id: str, keys: frozenset[str] | None = None) -> Resource:
        resource = self._directory.get(resource_type, resource_id, keys)
        if resource is None:
            raise missing(resource_type, resource_id)
        return resource

    def _read_for(
        self, projection: Projection | None, resource_type: ResourceType, resource_id: str,
        keys: frozenset[str] | None = None,
    ) -> tuple[Resource, Parents | None]:
        """Read a resource, and along with it the groups that it is in where the answer shows them."""
        groups = resource_type.groups
        if projection is None or groups is None or not projection.wants(groups.name):
            return self._read(resource_type, resource_id, keys), None
        found = self._directory.get_with_groups(resource_type, resource_id, keys)
        if found is None:
            raise missing(resource_type, resource_id)
        return found

    def _shown(
        self, resource: Resource, resource_type: ResourceType, projection: Projection | None,
        requested: frozenset[str] = frozenset(), groups: Parents | None = None,
    ) -> Shown:
        version, location = resource["meta"]["version"], self._directory.location(resource_type, resource["id"])
        if projection is None:
            return Shown({}, version, location)
        self._directory.fill([resource], resource_type, projection.top_level(), groups)
        return Shown(projection.apply(resource, requested), version, location)

    def _operations(self, resource_type: ResourceType, payload: Any) -> tuple[Operation, ...]:
        return read_patch(rewrite_patch(payload, resource_type) if self._profile.dialect else payload, self._profile)

    def _only_members(self, resource_type: ResourceType, payload: Any) -> tuple[MemberChange, ...]:
        """Give the changes of a PATCH that names nothing but members, as Entra sends them all day; else nothing."""
        if resource_type.members is None:
            return ()
        try:
            return only_members(self._operations(resource_type, payload), resource_type, self._profile)
        except ScimError:
            return ()  # told by those who look first whether there is such a resource

    def _change_members(
        self, resource_type: ResourceType, resource_id: str, changes: tuple[MemberChange, ...]
    ) -> Shown:
        """Change members without reading the resource: one round trip less."""
        self.event.status = 204
        stored = self._directory.change_members(resource_type, resource_id, changes, self.event, self._actor)
        return self._shown(stored, resource_type, None)

    def _change(
        self, resource_type: ResourceType, resource_id: str,
        change: Callable[[Resource], tuple[Resource, tuple[MemberChange, ...]]], projection: Projection | None,
        conditions: Conditions, *, partly: bool = False,
    ) -> Shown:
        """Read, change, write; `partly` where what is not named stays as it is."""
        event = self.event
        event.status = 200 if projection else 204
        # A replacement is of what was read; changes of members alone go with whatever else is changed meanwhile.
        exact = not partly or conditions != NO_CONDITIONS

        def work() -> Shown:
            before, groups = self._read_for(projection, resource_type, resource_id)
            self._know(before, resource_type)
            self._check(before, conditions)
            after, changes = change(before)
            event.know(resource_type, after)
            event.ask(changes)
            stored = self._directory.update(resource_type, before, after, changes, event, self._actor, exact=exact)
            requested = requested_by(resource_type, stored, before if partly else None)
            return self._shown(stored, resource_type, projection, requested, groups)

        return _until_nobody_is_quicker(resource_type, work)

    def _know(self, resource: Resource, resource_type: ResourceType) -> None:
        self.event.name = str(resource.get(resource_type.identifier, ""))
        self.event.know(resource_type, resource)

    @staticmethod
    def _check(resource: Resource, conditions: Conditions) -> None:
        version = resource["meta"]["version"]
        if conditions.if_match and not conditions.if_match.holds(version):
            raise PreconditionFailed(f"If-Match does not name the stored version, which is {version}.")
        if conditions.if_none_match and conditions.if_none_match.holds(version):
            raise PreconditionFailed(f"If-None-Match names the stored version, {version}.")


def _until_nobody_is_quicker(resource_type: ResourceType, work: Callable[[], T]) -> T:
    """Read, check and write; again on the new state where somebody else has written between; raises Unavailable."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except VersionMoved:
            time.sleep(random.uniform(0, 0.005 * 2 ** min(attempt, 5)))  # noqa: S311 - jitter, no secret
    raise Unavailable(f"Too many changes of this {resource_type.name} at once; try again.", retry_after=1)


def _take_members(resource: Resource, resource_type: ResourceType, kind: str) -> tuple[MemberChange, ...]:
    """Take the members out of a validated resource, as changes: they are documents of their own."""
    attribute = resource_type.members
    if attribute is None:
        return ()
    members = tuple(dict.fromkeys(element[VALUE] for element in resource.pop(attribute.name, [])))
    return (MemberChange(kind, members),) if members or kind == "replace" else ()
