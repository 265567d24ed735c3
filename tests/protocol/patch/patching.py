"""PATCH as the provider does it, without a store: rewrite, read, apply, validate."""

import copy
from functools import cache
from typing import Any

import pytest

from app.errors import ScimError
from app.protocol.entra_dialect import rewrite_patch
from app.protocol.messages import PATCH_URN
from app.protocol.patch.apply import apply_patch
from app.protocol.patch.message import read_patch
from app.protocol.profile import PROFILES
from app.schemas.membership import MemberChange
from app.schemas.resource_type import ResourceType
from app.schemas.tables.group import GROUP_TYPE, GROUP_URN
from app.schemas.tables.user import ENTERPRISE_URN, USER_TYPE, USER_URN
from app.schemas.validation.payload import validate

both = pytest.mark.parametrize("profile", ["rfc", "gallery"])
tolerant = pytest.mark.parametrize("profile", ["interop", "gallery"])

ENT = ENTERPRISE_URN
CORE = USER_URN

META = {"resourceType": "User", "created": "2026-01-01T00:00:00.000Z", "lastModified": "2026-01-01T00:00:00.000Z", "version": 'W/"1"'}
USER: dict[str, Any] = {
    "schemas": [USER_URN, ENTERPRISE_URN],
    "id": "2819c223-7f76-453a-919d-413861904646",
    "externalId": "701984",
    "userName": "bjensen@example.com",
    "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara"},
    "displayName": "Babs Jensen",
    "active": True,
    "title": "Tour Guide",
    "emails": [
        {"value": "bjensen@example.com", "type": "work", "primary": True},
        {"value": "babs@jensen.org", "type": "home"},
    ],
    "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "primary": True}],
    "phoneNumbers": [{"value": "555-555-5555", "type": "work"}, {"value": "555-555-4444", "type": "mobile"}],
    ENTERPRISE_URN: {"employeeNumber": "701984", "department": "Tour Operations", "manager": {"value": "26118915"}},
    "meta": META,
}
PLAIN: dict[str, Any] = {
    "schemas": [USER_URN],
    "id": "aaaa",
    "userName": "plain",
    "name": {"formatted": "P L", "familyName": "L", "givenName": "P"},
    "displayName": "Plain",
    "active": True,
    "meta": META,
}
GROUP: dict[str, Any] = {
    "schemas": [GROUP_URN], "id": "e9e30dba", "displayName": "Tour Guides", "meta": META | {"resourceType": "Group"},
}


def body(*operations: Any) -> dict[str, Any]:
    return {"schemas": [PATCH_URN], "Operations": list(operations)}


def op(kind: str, path: str | None = None, *value: Any) -> dict[str, Any]:
    """Return an operation, without a path or a value unless one is given."""
    return {"op": kind} | ({} if path is None else {"path": path}) | ({"value": value[0]} if value else {})


@cache  # making it, and its Marshmallow schema, takes ten times as long as a PATCH
def for_profile(resource_type: ResourceType, profile: str) -> ResourceType:
    """Return a resource type as tenants with a profile see it."""
    return resource_type.for_profile(profile)


def run(
    payload: Any, resource: dict[str, Any], profile: str = "rfc", resource_type: ResourceType = USER_TYPE
) -> tuple[dict[str, Any], tuple[MemberChange, ...]]:
    """Return the resource after a PATCH and the changes of its members; check that `resource` is left unchanged."""
    tolerances = PROFILES[profile]
    of_profile = for_profile(resource_type, profile)
    before = copy.deepcopy(resource)
    if tolerances.dialect:
        payload = rewrite_patch(payload, of_profile)
    patched = apply_patch(resource, read_patch(payload, tolerances), of_profile, tolerances)
    assert resource == before, "the resource that is handed in is never changed"
    if patched.resource == resource:
        return patched.resource, patched.changes
    after = validate(of_profile, patched.resource, ignore_unknown=tolerances.ignore_unknown)
    result = after | {name: resource[name] for name in ("id", "meta") if name in resource}
    assert result == patched.resource, "validation finds nothing to mend in the engine's result"
    return result, patched.changes


def patch(resource: dict[str, Any], *operations: Any, profile: str = "rfc") -> dict[str, Any]:
    """Return the user after the operations."""
    return run(body(*operations), resource, profile)[0]


def changes(*operations: Any, profile: str = "rfc") -> tuple[MemberChange, ...]:
    """Return the membership changes that the operations make; check that they leave the group itself unchanged."""
    group, found = run(body(*operations), GROUP, profile, GROUP_TYPE)
    assert group == GROUP
    return found


def refusal(resource: dict[str, Any], *operations: Any, profile: str = "rfc") -> str | None:
    """Return the scimType of the error that the operations raise; fails if they raise none."""
    before = copy.deepcopy(resource)
    with pytest.raises(ScimError) as caught:
        run(body(*operations), resource, profile, GROUP_TYPE if resource is GROUP else USER_TYPE)
    assert caught.value.status == 400
    assert resource == before, "a failure leaves everything as it was (PA-05)"
    return caught.value.scim_type
