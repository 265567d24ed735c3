"""The feed of changes and the snapshot, of one tenant and of all: their paths and schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.errors import BadRequest, Forbidden, Gone, NotFound, TooManyRequests, Unauthorized, Unavailable
from app.export_import.lines import MEMBERSHIP
from app.feed.cloud_event import ROLES, TENANT
from app.feed.parameters import CURRENT, LONGEST_WAIT, MOST, NOW, ChangesRequest, SnapshotRequest
from app.openapi.messages import NUMBER, TEXT
from app.openapi.operations import EVENTS, Operation, Paths, answer, in_tenant, operation
from app.openapi.resources import JsonSchema, array_of, object_schema, reference, response_name
from app.protocol.messages import JSON
from app.schemas.resource_type import ResourceType
from app.schemas.tables.common import EXTERNAL_ID
from app.schemas.tables.user import USER_TYPE

EVENT, CHANGES, SNAPSHOT, ITEM = "feed.Event", "feed.Changes", "feed.Snapshot", "feed.Item"
"""The names of the schemas."""
_ERRORS = (BadRequest, Unauthorized, Forbidden, Gone, TooManyRequests, Unavailable)
_KINDS = ("created", "updated", "deleted", "restored")
_IF_DISABLED = ("deactivated", "reactivated")
"""The kinds of types that have an attribute by which a resource is disabled."""
_OF_TENANTS = ("created", "suspended", "resumed", "unusual_deactivations", "deleted")
_IDS = array_of(TEXT)
_COUNT = {**NUMBER, "minimum": 0}


def feed_paths() -> Paths:
    """Return the paths of the feed and the snapshot."""
    return {
        "/{tenant}/changes": in_tenant(get=_changes("feed.changes", "Read the changes of a tenant.")),
        "/changes": {"get": _changes("feed.allChanges", "Read the changes of all tenants.")},
        "/{tenant}/snapshot": in_tenant(get=_snapshot("feed.snapshot", "Read everything that a tenant has.")),
        "/snapshot": {"get": _snapshot("feed.wholeSnapshot", "Read everything that all tenants have.")},
    }


def feed_schemas(types: Sequence[ResourceType]) -> dict[str, JsonSchema]:
    """Return the schemas of events and of a snapshot's items, with those of the resource types."""
    return {
        EVENT: _event(types),
        CHANGES: object_schema({
            "events": array_of(reference(EVENT)),
            "cursor": {**TEXT, "description": "What to send as `after` next time, also if there are no events."},
            "more": {"type": "boolean", "description": "Whether another page is ready."},
        }, ["events", "cursor", "more"], "A page of the feed."),
        ITEM: _item(types),
        SNAPSHOT: object_schema({
            "items": array_of(reference(ITEM)),
            "page": {"type": ["string", "null"], "description": "The next page; null on the last one."},
            "changes": {**TEXT, "description": "The cursor with which to follow the feed after the last page."},
        }, ["items", "page", "changes"], "A page of a snapshot."),
    }


def _changes(name: str, summary: str) -> Operation:
    found = {"200": answer(summary, CHANGES, mimetypes=[JSON])}
    return operation(name, summary, found, _ERRORS, scope=EVENTS, tags=["Feed"], parameters=[
        _parameter("after", TEXT, f"A cursor; `{NOW}` for the present cursor alone; without it, from the oldest."),
        _limit(ChangesRequest.limit),
        _parameter("wait", {**NUMBER, "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
                   "The seconds to wait for an event where there is none."),
        _parameter("types", TEXT, "Types of events with commas between them; a `*` at the end stands for any end."),
        _parameter("resource", {**TEXT, "enum": [CURRENT]}, "Adds the resource to each event, as it is now."),
    ])


def _snapshot(name: str, summary: str) -> Operation:
    found = {"200": answer(summary, SNAPSHOT, mimetypes=[JSON])}
    return operation(name, summary, found, (*_ERRORS, NotFound), scope=EVENTS, tags=["Feed"], parameters=[
        _parameter("page", TEXT, "The `page` of the response before; without it, the first one."),
        _limit(SnapshotRequest.limit),
        _parameter("group", TEXT, "The id of a group, for its memberships alone."),
    ])


def _limit(default: int) -> dict[str, Any]:
    return _parameter("limit", {**NUMBER, "minimum": 1, "maximum": MOST, "default": default}, "The most on the page.")


def _parameter(name: str, schema: JsonSchema, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _event(types: Sequence[ResourceType]) -> JsonSchema:
    """Return the schema of a CloudEvent; its `data` may have further members."""
    kinds = [f"scimd.{name}.{kind}" for name, kinds in _kinds(types).items() for kind in kinds]
    properties = {
        "specversion": {"const": "1.0"},
        "id": {**TEXT, "description": "The event's id: an event that comes again has the same."},
        "source": {**TEXT, "description": "The tenant's SCIM URL."},
        "type": {**TEXT, "examples": kinds},
        "subject": {**TEXT, "description": "The resource, below the source."},
        "time": {**TEXT, "format": "date-time"},
        "datacontenttype": {"const": JSON},
        "tenant": {**TEXT, "description": "The tenant's name."},
        "tenantid": {**TEXT, "description": "Tells a tenant from another one of the same name."},
        "cursor": {**TEXT, "description": "The place behind this event."},
        "timestamp": {**TEXT, "format": "date-time", "description": "The same as time."},
        "data": _data(),
    }
    return object_schema(properties, properties, "A change of one resource, as a CloudEvent (version 1.0).")


def _kinds(types: Sequence[ResourceType]) -> dict[str, tuple[str, ...]]:
    """Return the kinds of events that there are of each type of resource, and of tenants."""
    found = {}
    for each in types:
        of_members = ("members_changed",) if each.members else ()
        of_users = ("roles_changed",) if each.name == USER_TYPE.name else ()
        found[each.name.lower()] = (*_KINDS, *(_IF_DISABLED if each.switch else ()), *of_members, *of_users)
    return found | {TENANT.lower(): _OF_TENANTS}


def _data() -> JsonSchema:
    changed = object_schema({"attribute": TEXT, "old": {}, "new": {}}, ["attribute"])
    members = object_schema({
        "added": _IDS, "addedCount": _COUNT, "removed": _IDS, "removedCount": _COUNT,
        "truncated": {"type": "boolean", "description": "Whether some ids are left out: read the group again."},
    })
    return object_schema({
        "operation": {**TEXT, "description": "create, replace, patch, delete, import, restore or roles."},
        "id": {**TEXT, "description": "The id of the resource."},
        "version": {**TEXT, "description": "Its version after the change."},
        "name": {**TEXT, "description": "The name by which people know it; before the change, if that changed it."},
        EXTERNAL_ID.name: {**TEXT, "description": EXTERNAL_ID.description},
        "changes": {**array_of(changed), "description": "The attributes that changed."},
        "members": {**members, "description": "The members that joined or left."},
        "groups": {**_IDS, "description": "The groups that a deleted or restored resource left or joined."},
        "groupsCount": {**_COUNT, "description": "The number of those groups, with those that are not listed."},
        "membersCount": {**_COUNT, "description": "The number of members that a deleted or restored group had."},
        ROLES: {**array_of(TEXT), "description": "Of roles_changed: the roles by groups that the user has now."},
        "guard": {"type": "object", "description": "Of unusual_deactivations: how many people of how many users."},
        "credential": {**TEXT, "description": "Whose request it was."},
        "request": {**TEXT, "description": "The id of the request."},
        "resource": {"description": "The resource as it is now, or null; only on request."},
    }, ["operation", "id"])


def _item(types: Sequence[ResourceType]) -> JsonSchema:
    """Return the schema of an item: a resource, a membership, or the beginning of a tenant."""
    tenant = {"tenant": TEXT, "tenantid": TEXT}
    roles = {**array_of(TEXT), "description": "The roles by groups that the user has; absent if there are none."}
    resources = [
        object_schema({"type": {"const": each.name}, "resource": reference(response_name(each)), **tenant,
                       **({ROLES: roles} if each.name == USER_TYPE.name else {})}, ["type", "resource"])
        for each in types
    ]
    membership = object_schema({
        "type": {"const": MEMBERSHIP}, "group": TEXT, "member": TEXT,
        "kind": {"type": ["string", "null"], "description": "The member's type; null if it does not exist."}, **tenant,
    }, ["type", "group", "member", "kind"])
    beginning = object_schema({"type": {"const": TENANT}, **tenant}, ["type", "tenant", "tenantid"])
    return {"anyOf": [*resources, membership, beginning]}
