"""PATCH of `schemas` and of whole extensions: a URN is present exactly as long as there is data under it (D-132).

The URN of the type's own schema is always present (RFC 7644 section 3.5.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.errors import InvalidValue, Mutability, Problem
from app.protocol.patch.message import ABSENT
from app.protocol.patch.selection import Selection, find
from app.protocol.patch.values import Edit, as_array, put
from app.protocol.profile import Profile
from app.schemas.attribute import Attribute
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.tables.common import READ_ONLY, SCHEMAS
from app.schemas.validation.payload import schemas_of

_STAYS = Problem(SCHEMAS.name, "no change of the type", "one")


def dropped_schemas(present: list[str], selection: Selection, edit: Edit, resource_type: ResourceType) -> list[str]:
    """Return those URNs in `present` that an operation on `schemas` removes, and with them their data.

    A URN that it adds needs nothing done: it is shown as soon as there is data under it. Raises Mutability for the
    type's own URN, InvalidValue for an unknown one.
    """
    if selection.where is not None:
        if edit.op != "remove":
            raise Mutability(f"{SCHEMAS.name}: a URN cannot be changed, only added or removed.", _STAYS)
        gone = [present[index] for index in find(SCHEMAS, present, selection.where)]
    elif edit.op == "remove":
        listed = present if edit.value is ABSENT else known_schemas(edit.value, resource_type, edit.profile)
        gone = [urn for urn in present if urn in listed]
    else:
        listed = known_schemas(edit.value, resource_type, edit.profile)
        gone = [] if edit.op == "add" else [urn for urn in present if urn not in listed]
    if resource_type.schema.id in gone:
        raise Mutability(f"{SCHEMAS.name} must have {resource_type.schema.id}.", _STAYS)
    return gone


def known_schemas(value: Any, resource_type: ResourceType, profile: Profile) -> set[str]:
    """Return the URNs in a value of `schemas`, spelled as in the tables; raises InvalidValue for an unknown one."""
    known = {schema.id.lower(): schema.id for schema in resource_type.schemas}
    found = set()
    for urn in [] if value is None else as_array(value):
        if isinstance(urn, str) and urn.lower() in known:
            found.add(known[urn.lower()])
        elif not profile.ignore_unknown:
            raise InvalidValue(
                f"{SCHEMAS.name}: contains a URN that is not a schema of {resource_type.name}.",
                Problem(SCHEMAS.name, f"schemas of {resource_type.name}", "another"), cause="unknown-attribute",
            )
    return found


def with_extension(resource: Resource, urn: str, values: Resource | None, resource_type: ResourceType) -> Resource:
    """Return the resource with these values under an extension's URN; None or an empty object removes the URN."""
    result = put(resource, urn, values or None)
    if (urn in resource) != (urn in result):
        result[SCHEMAS.name] = schemas_of(resource_type, result)
    return result


def without_extension(resource: Resource, urn: str, resource_type: ResourceType) -> Resource:
    """Return the resource without an extension; raises Mutability if it is required or has a value that must stay."""
    schema, values = resource_type.extension(urn), resource.get(urn)
    if schema is None or values is None:
        return resource
    if schema.id in resource_type.required_extensions:
        raise Mutability(f"{schema.id} is required.", Problem(schema.id, "a value", "its removal"))
    for row in schema.attributes:
        for name, mutability in _lasting(row, values):
            path = f"{schema.id}:{name}"
            raise Mutability(f"{path} is {mutability} and has a value.", Problem(path, "no change", "its removal"))
    return with_extension(resource, schema.id, None, resource_type)


def _lasting(row: Attribute, values: Resource) -> Iterator[tuple[str, str]]:
    """Yield the name and the mutability of an attribute that has a value and must keep it, or of its sub-attributes."""
    if row.name in values and row.mutability in ("immutable", READ_ONLY):
        yield row.name, row.mutability
    elif row.name in values and not row.multi_valued:
        for sub in row.sub_attributes:
            if sub.mutability == "immutable" and sub.name in values[row.name]:  # the server puts readOnly ones back
                yield f"{row.name}.{sub.name}", sub.mutability
