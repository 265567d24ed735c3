"""The service provider: create, get, query, replace, patch and delete for one tenant (RFC 7644 section 3).

It joins the rules of the protocol and the stored state, and knows neither HTTP nor the database. Each request has one
of its own, since it carries who asks. A write is one call of the directory, and so one transaction.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.errors import Unavailable
from app.protocol.etag import NO_CONDITIONS, Conditions
from app.protocol.payloads import Payloads
from app.protocol.profile import Profile
from app.protocol.replacement import replacement
from app.protocol.search_request import SearchRequest
from app.queries import Queries
from app.schemas.attribute import VALUE
from app.schemas.membership import MemberChange
from app.schemas.meta import first_meta, now
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.returned import Projection, requested_by
from app.schemas.validation.payload import with_defaults, with_read_only
from app.store.directory.directory import Directory
from app.store.directory.edits import Edit, MembersEdit, VersionMoved
from app.store.directory.membership_reader import Parents
from app.store.log.attempt import REQUEST, Attempt
from app.store.log.changes import PATCH, Request
from app.store.log.event import Actor, Event, Statuses

__all__ = ["REQUEST", "Actor", "Attempt", "Conditions", "Event", "Provider", "Shown", "Statuses"]

T = TypeVar("T")
Members = tuple[MemberChange, ...]
CREATE, REPLACE, DELETE = "create", "replace", "delete"
ATTEMPTS = 100
"""How often a change is tried on the newest version before the client is asked to come back."""


@dataclass(frozen=True)
class Shown:
    """A resource as the response shows it, and what its headers say even where it has no body."""

    resource: Resource
    version: str
    location: str


class _Responses:
    """Reads what responses need, and makes them."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def read(
        self, resource_type: ResourceType, resource_id: str, projection: Projection | None,
        keys: frozenset[str] | None = None,
    ) -> tuple[Resource, Parents | None]:
        """Return a resource, and the groups that it is in if the response shows them; raises NotFound."""
        groups = resource_type.groups
        if projection is None or groups is None or not projection.wants(groups.name):
            return self._directory.require(resource_type, resource_id, keys), None
        return self._directory.get_with_groups(resource_type, resource_id, keys)

    def shown(
        self, resource: Resource, resource_type: ResourceType, projection: Projection | None,
        requested: frozenset[str] = frozenset(), groups: Parents | None = None,
    ) -> Shown:
        """Return a stored resource as a response to this projection; without one the response has no body."""
        if projection is None:
            return self._headed({}, resource, resource_type)
        self._directory.fill([resource], resource_type, projection.top_level(), groups)
        return self._headed(projection.apply(resource, requested), resource, resource_type)

    def created(
        self, resource: Resource, resource_type: ResourceType, projection: Projection, *, has_members: bool
    ) -> Shown:
        """Return a new resource as a response: it is in no group, because nobody knew its id before."""
        nowhere: Parents = {}
        self._directory.fill([resource], resource_type, projection.top_level(), nowhere, has_members=has_members)
        requested = requested_by(resource_type, resource)
        return self._headed(projection.apply(resource, requested), resource, resource_type)

    def _headed(self, body: Resource, resource: Resource, resource_type: ResourceType) -> Shown:
        return Shown(body, resource["meta"]["version"], self._directory.location(resource_type, resource["id"]))


class Provider:
    """The operations of SCIM on one tenant, for one caller."""

    def __init__(self, directory: Directory, queries: Queries, profile: Profile, actor: Actor) -> None:
        self._directory = directory
        self._queries = queries
        self._payloads = Payloads(profile)
        self._responses = _Responses(directory)
        self._actor = actor
        self.catalogue = directory.catalogue
        self.attempt = Attempt()
        """The write that is being made, or was made last; what a refusal of it is logged with."""

    def create(self, resource_type: ResourceType, payload: Mapping[str, Any], projection: Projection) -> Shown:
        """Create a resource (RFC 7644 section 3.3); raises InvalidSyntax, InvalidValue, Uniqueness."""
        self.attempt = Attempt(CREATE, resource_type, sent=payload)
        resource = self._validated(resource_type, payload)
        self.attempt.about(resource, str(resource.get(resource_type.identifier, "")))
        resource = with_defaults(resource_type, resource)
        members = _take_members(resource, resource_type, "add")
        self.attempt.members = members
        resource |= {"id": str(uuid.uuid4()), "meta": first_meta(resource_type.name, now())}
        self._directory.create(resource_type, resource, members, self._request(projection))
        return self._responses.created(resource, resource_type, projection, has_members=bool(members))

    def get(self, resource_type: ResourceType, resource_id: str, projection: Projection) -> Shown:
        """Return a resource (RFC 7644 section 3.4.1); raises NotFound."""
        resource, groups = self._responses.read(resource_type, resource_id, projection, projection.top_level())
        return self._responses.shown(resource, resource_type, projection, groups=groups)

    def query(self, types: Sequence[ResourceType], search: SearchRequest) -> dict[str, Any]:
        """Return one page of what a search finds, as a ListResponse (RFC 7644 section 3.4.2); raises InvalidFilter."""
        return self._queries.page(types, self._payloads.search(search, types), self._actor.credential)

    def replace(
        self, resource_type: ResourceType, resource_id: str, payload: Mapping[str, Any], projection: Projection,
        conditions: Conditions = NO_CONDITIONS,
    ) -> Shown:
        """Replace a resource (RFC 7644 section 3.5.1); raises NotFound, PreconditionFailed, Uniqueness, ..."""
        self.attempt = Attempt(REPLACE, resource_type, resource_id, sent=payload)

        def change(before: Resource) -> tuple[Resource, Members]:
            sent = self._validated(resource_type, payload)
            members = _take_members(sent, resource_type, "replace")
            return replacement(before, sent, resource_type), members

        return self._change(change, projection, conditions)

    def patch(
        self, resource_type: ResourceType, resource_id: str, payload: Any, projection: Projection | None,
        conditions: Conditions = NO_CONDITIONS,
    ) -> Shown:
        """Modify a resource (RFC 7644 section 3.5.2); raises NotFound, PreconditionFailed, InvalidPath, NoTarget, ...

        Without a projection the response has no body, and nothing is read for one.
        """
        self.attempt = Attempt(PATCH, resource_type, resource_id, sent=payload)
        members = self._payloads.member_changes(payload, resource_type)
        self.attempt.members = members
        if members and projection is None and conditions == NO_CONDITIONS:
            # Without reading the resource, which saves a round trip.
            done = self._directory.change_members(resource_type, resource_id, MembersEdit(members), self._request(None))
            return self._responses.shown(dict(done.resource), resource_type, None)

        def change(before: Resource) -> tuple[Resource, Members]:
            # Not read before: a missing resource or another version is reported first, and then a bad message.
            patched = self._payloads.patched(before, payload, resource_type)
            self.attempt.warnings = tuple(patched.skipped)
            if patched.resource == before:
                return before, patched.changes
            after = self._payloads.validated(patched.resource, resource_type, before)
            return with_read_only(resource_type, after, before), patched.changes

        return self._change(change, projection, conditions)

    def delete(
        self, resource_type: ResourceType, resource_id: str, conditions: Conditions = NO_CONDITIONS
    ) -> None:
        """Delete a resource (RFC 7644 section 3.6); raises NotFound, PreconditionFailed."""
        self.attempt = Attempt(DELETE, resource_type, resource_id)

        def work() -> None:
            version = None
            if conditions != NO_CONDITIONS:
                before = self._directory.require(resource_type, resource_id, resource_type.names)
                self.attempt.about(before, str(before.get(resource_type.identifier, "")))
                conditions.check(before["meta"]["version"])
                version = before["meta"]["version"]
            self._directory.delete(resource_type, resource_id, version, self._request(None))

        _retry_on_conflict(resource_type, work)

    def location(self, resource_type: ResourceType, resource_id: str) -> str:
        """Return the URI of a resource."""
        return self._directory.location(resource_type, resource_id)

    def log(self, event: Event) -> None:
        """Write a line into the provisioning log that is not about a change: that a request was refused."""
        self._directory.events.append(event, self._actor)

    # Parts

    def _request(self, projection: Projection | None) -> Request:
        attempt = self.attempt
        return Request(attempt.operation, self._actor, has_body=projection is not None, warnings=attempt.warnings)

    def _validated(self, resource_type: ResourceType, payload: Mapping[str, Any]) -> Resource:
        payload = self._payloads.rewritten(payload, resource_type)
        self.attempt.about(payload, resource_type.name_in(payload))
        return self._payloads.validated(payload, resource_type)

    def _change(
        self, change: Callable[[Resource], tuple[Resource, Members]], projection: Projection | None,
        conditions: Conditions,
    ) -> Shown:
        """Read the resource that the attempt names, change it and write it."""
        resource_type, resource_id = self.attempt.resource_type, self.attempt.resource_id
        assert resource_type is not None
        partly = self.attempt.operation == PATCH  # attributes that it does not name keep their values
        # A change of attributes is always one of the version that was read. Where only members change, a PATCH without
        # conditions need not be: such changes commute.
        exact = not partly or conditions != NO_CONDITIONS

        def work() -> Shown:
            self.attempt.versions.clear()  # those of a try before
            before, groups = self._responses.read(resource_type, resource_id, projection)
            self.attempt.about(before, str(before.get(resource_type.identifier, "")))
            conditions.check(before["meta"]["version"])
            after, members = change(before)
            self.attempt.about(after)
            self.attempt.members = members
            edit = Edit(before, after, members, exact=exact)
            stored = dict(self._directory.update(resource_type, edit, self._request(projection)).resource)
            requested = requested_by(resource_type, stored, before if partly else None)
            return self._responses.shown(stored, resource_type, projection, requested, groups)

        return _retry_on_conflict(resource_type, work)


def _retry_on_conflict(resource_type: ResourceType, work: Callable[[], T]) -> T:
    """Read, check and write; again on the new version where another request wrote in between; raises Unavailable."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except VersionMoved:
            time.sleep(random.uniform(0, 0.005 * 2 ** min(attempt, 5)))  # noqa: S311 - jitter, no secret
    raise Unavailable(f"Too many changes of this {resource_type.name} at once; try again.", retry_after=1)


def _take_members(resource: Resource, resource_type: ResourceType, kind: str) -> Members:
    """Take the members out of a validated resource, as changes: they are documents of their own."""
    attribute = resource_type.members
    if attribute is None:
        return ()
    members = tuple(dict.fromkeys(element[VALUE] for element in resource.pop(attribute.name, [])))
    return (MemberChange(kind, members),) if members or kind == "replace" else ()
