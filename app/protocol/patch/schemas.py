"""PATCH of `schemas` itself: URNs come and go with their data, the type's own stays (RFC 7644 section 3.5.2; D-132)."""

from __future__ import annotations

from typing import Any

from app.errors import InvalidValue, Mutability
from app.protocol.patch.message import ABSENT
from app.protocol.patch.target import Selection, find
from app.protocol.profile import Profile
from app.schemas.common import SCHEMAS
from app.schemas.resource_type import ResourceType


def dropped_schemas(
    resource: dict[str, Any], selection: Selection, op: str, value: Any, resource_type: ResourceType, profile: Profile
) -> list[str]:
    """Give the URNs that an operation takes away, and their data with them; raises Mutability and InvalidValue.

    One that it adds needs nothing done: it is shown as soon as there is data under it.
    """
    present = resource.get(SCHEMAS.name, [])
    if selection.where is not None:
        if op != "remove":
            raise Mutability(f"{SCHEMAS.name}: a URN cannot be changed, only added and removed.")
        gone = [present[index] for index in find(SCHEMAS, present, selection.where)]
    elif op == "remove":
        listed = present if value is ABSENT else known_schemas(value, resource_type, profile)
        gone = [urn for urn in present if urn in listed]
    else:
        listed = known_schemas(value, resource_type, profile)
        gone = [] if op == "add" else [urn for urn in present if urn not in listed]
    if resource_type.schema.id in gone:
        raise Mutability(f"{SCHEMAS.name} must have {resource_type.schema.id}.")
    return gone


def known_schemas(value: Any, resource_type: ResourceType, profile: Profile) -> set[str]:
    """Give the URNs in a value of `schemas`; raises InvalidValue for one that the type does not have."""
    known = {schema.id.lower(): schema.id for schema in resource_type.schemas}
    found = set()
    for urn in value if isinstance(value, list) else [] if value is None else [value]:
        if isinstance(urn, str) and urn.lower() in known:
            found.add(known[urn.lower()])
        elif not profile.ignore_unknown:
            raise InvalidValue(f"{SCHEMAS.name}: has a URN that is no schema of {resource_type.name}.")
    return found
