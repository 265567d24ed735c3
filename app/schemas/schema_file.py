"""Reads a Schema or a ResourceType in the JSON format of RFC 7643 sections 6 and 7 into our tables.

Such a file is validated like a resource, by the tables that describe schemas; what they cannot express is checked
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.errors import ScimError
from app.schemas.attribute import DISPLAY, REF, VALUE, Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.common import COMMON, EXTERNAL_ID, READ_ONLY
from app.schemas.tables.service_provider import (
    MUTABILITIES,
    RESOURCE_TYPE,
    RESOURCE_TYPE_URN,
    RETURNED,
    SCHEMA,
    SCHEMA_URN,
    TYPES,
    UNIQUENESS,
)
from app.schemas.validation.claims import claim_fault
from app.schemas.validation.payload import validate

_ATTRIBUTE_NAME = re.compile(r"\$ref|[A-Za-z][A-Za-z0-9$_-]*")  # RFC 7643 section 2.1; $ref by erratum 8924
_TYPE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_ENDPOINT = re.compile(r"/[A-Za-z][A-Za-z0-9_-]{0,99}")
"""The collection has the same name; MongoDB allows 255 bytes for the names of database and collection together."""
_URN = re.compile(r"urn:[A-Za-z0-9-]+(?::[A-Za-z0-9._-]+)+", re.IGNORECASE)
_USUAL_PREFIX = "urn:ietf:params:scim:schemas:"
_CHOICES = {"type": TYPES, "mutability": MUTABILITIES, "returned": RETURNED, "uniqueness": UNIQUENESS}
NO_RESOURCE = ("external", "uri")
_ID_TYPES = ("string", "reference")
_UNIQUE_TYPES = ("string", "reference", "binary", "integer")
OURS = "tenant"
"""The field of a document that no attribute may be named after."""


class SchemaFileError(Exception):
    """A schema file cannot be used; the message is one sentence for the operator."""

    for_operators = True


@dataclass(frozen=True)
class TypeFile:
    """A ResourceType as in its file: its schemas are URNs that have not been looked up yet."""

    name: str
    endpoint: str
    description: str
    schema: str
    extensions: Mapping[str, bool]
    """URN -> whether every such resource must have the extension."""


def _writable(rows: Iterable[Attribute], optional: tuple[str, ...], inside: tuple[str, ...]) -> tuple[Attribute, ...]:
    return tuple(
        replace(
            row, mutability="readWrite", required=row.required and row.name not in optional,
            sub_attributes=_writable(row.sub_attributes, inside, inside),
        )
        for row in rows
    )


def _form(schema: Schema, *, optional: tuple[str, ...] = (), inside: tuple[str, ...]) -> ResourceType:
    """Return the resource type for validating a file; what has a default may be absent (RFC 7643 section 2.2)."""
    rows = _writable(schema.attributes, optional, inside)
    return ResourceType(schema.name, "/", "", replace(schema, attributes=rows))


def _with_ours(schema: Schema) -> Schema:
    """Return the schema of schemas with the characteristics of our own that a file may have."""
    ours = (Attribute(name="indexed", type="boolean"), Attribute(name="claim"), Attribute(name="scope"))

    def widened(row: Attribute) -> Attribute:
        subs = tuple(map(widened, row.sub_attributes))
        return replace(row, sub_attributes=(*subs, *ours) if row.type == "complex" else subs)

    return replace(schema, attributes=tuple(map(widened, schema.attributes)))


_SCHEMA_FORM = _form(_with_ours(SCHEMA), optional=("name",), inside=("type", "multiValued"))
_RESOURCE_TYPE_FORM = _form(RESOURCE_TYPE, inside=("required",))


def read_description(description: Any) -> Schema | TypeFile:
    """Return the schema or the resource type that the JSON describes; raises SchemaFileError."""
    if not isinstance(description, Mapping):
        raise SchemaFileError("must hold a Schema or a ResourceType as a JSON object, or an array of them")
    kinds, names = description.get("schemas"), {name.lower() for name in description}
    if kinds is None:  # RFC 7643 section 8.7.1 prints them without
        kinds = [SCHEMA_URN] if "attributes" in names else [RESOURCE_TYPE_URN] if "endpoint" in names else []
    is_type = kinds == [RESOURCE_TYPE_URN]
    if not is_type and kinds != [SCHEMA_URN]:
        raise SchemaFileError(f"must have {SCHEMA_URN} or {RESOURCE_TYPE_URN} as the only value of schemas")
    form = _RESOURCE_TYPE_FORM if is_type else _SCHEMA_FORM
    try:
        checked = validate(form, {**description, "schemas": kinds}, ignore_unknown=False)
    except ScimError as error:
        raise SchemaFileError(error.detail) from None
    return _type_file(checked) if is_type else _schema(checked)


def short_name(urn: str) -> str:
    """Return the field of a document for an extension's values.

    It depends only on the URN, so that it stays the same whatever is added later. It has no dot, which MongoDB would
    read as a path.
    """
    words = urn.lower().removeprefix(_USUAL_PREFIX).removeprefix("extension:").removeprefix("urn:")
    return "ext_" + re.sub(r"[^a-z0-9]+", "_", words).strip("_")


def _type_file(checked: dict[str, Any]) -> TypeFile:
    name, endpoint = checked["name"], checked["endpoint"]
    if not _TYPE_NAME.fullmatch(name):
        raise SchemaFileError(f'the name "{name}" must be letters, digits, "-" and "_", and start with a letter')
    if not _ENDPOINT.fullmatch(endpoint):
        raise SchemaFileError(
            f'the endpoint "{endpoint}" must be a slash and one word of up to 100 characters, such as '
            "/Devices"
        )
    extensions = {each["schema"]: each.get("required", False) for each in checked.get("schemaExtensions", [])}
    return TypeFile(name, endpoint, checked.get("description", name), checked["schema"], extensions)


def _schema(checked: dict[str, Any]) -> Schema:
    urn = checked["id"]
    if not _URN.fullmatch(urn):
        raise SchemaFileError(f'the id "{urn}" must be a URN, such as urn:example:scim:schemas:Device')
    name = checked.get("name", urn.rpartition(":")[2])
    rows = tuple(_row(row, urn) for row in checked["attributes"])
    _check_names(rows, urn)
    return Schema(urn, name, checked.get("description", name), rows, short_name(urn))


def own_schema(schema: Schema) -> Schema:
    """Return the schema as that of a resource type itself, with `externalId`; raises SchemaFileError."""
    external_id = replace(EXTERNAL_ID, in_profile={}, listed=False)
    rows = []
    for row in schema.attributes:
        lowered = row.name.lower()
        if lowered == EXTERNAL_ID.name.lower():
            external_id = replace(external_id, listed=True)  # in a file this only means that `/Schemas` lists it
            continue
        if lowered in COMMON or lowered == OURS:
            raise SchemaFileError(f"{schema.id}: {row.name} is a name that every resource already has")
        if row.is_link and row.multi_valued and row.mutability == READ_ONLY and row.references == ("Group",):
            row = _memberships(row)
        rows.append(row)
    return replace(schema, attributes=(*rows, external_id), stored_as="")


def _memberships(row: Attribute) -> Attribute:
    """Return a row like a user's `groups`: read from the groups' members, and filtered by their ids and names."""
    as_groups: dict[str, Any] = {
        VALUE: {"case_exact": True}, DISPLAY: {"case_exact": False, "stored_in": "document"},
    }
    subs = tuple(replace(sub, **as_groups.get(sub.name, {})) for sub in row.sub_attributes)
    return replace(row, stored_in="memberships", sub_attributes=subs)


def _row(data: Mapping[str, Any], where: str, *, inside: bool = False) -> Attribute:
    path = f"{where}{'.' if inside else ':'}{data['name']}"
    if not _ATTRIBUTE_NAME.fullmatch(data["name"]):
        raise SchemaFileError(f'{path}: a name must be letters, digits, "$", "-" and "_", and start with a letter')
    for key, values in _CHOICES.items():
        if data.get(key, values[0]) not in values:
            raise SchemaFileError(f'{path}: {key} "{data[key]}" is not one of {", ".join(values)}')
    subs = tuple(_row(sub, path, inside=True) for sub in data.get("subAttributes", ()))
    row = Attribute(
        name=data["name"],
        type=data.get("type", "string"),
        multi_valued=data.get("multiValued", False),
        description=data.get("description", data["name"]),
        required=data.get("required", False),
        case_exact=data.get("caseExact", data.get("type") in ("reference", "binary")),
        mutability=data.get("mutability", "readWrite"),
        returned=data.get("returned", "default"),
        uniqueness=data.get("uniqueness", "none"),
        canonical_values=tuple(data.get("canonicalValues", ())),
        reference_types=tuple(data.get("referenceTypes", ("uri",) if data.get("type") == "reference" else ())),
        sub_attributes=subs,
        indexed=data.get("indexed", False),
        claim=data.get("claim", ""),
        scope=data.get("scope", ""),
    )
    _check(row, path, inside)
    if fault := claim_fault(row, inside=inside):
        raise SchemaFileError(f"{path}: {fault}")
    return _with_links(row)


def _check(row: Attribute, path: str, inside: bool) -> None:
    """Check that the characteristics of a row fit together; raises SchemaFileError."""
    if row.type == "complex":
        if inside:
            raise SchemaFileError(f"{path}: a complex attribute cannot be inside another one")  # section 2.3.8
        if not row.sub_attributes:
            raise SchemaFileError(f"{path}: a complex attribute needs subAttributes")
        _check_names(row.sub_attributes, path)
    elif row.sub_attributes:
        raise SchemaFileError(f"{path}: only a complex attribute can have subAttributes, and the type is {row.type}")
    if row.reference_types and row.type != "reference":
        raise SchemaFileError(f"{path}: only a reference can have referenceTypes, and the type is {row.type}")
    if row.mutability == "writeOnly" and row.returned != "never":
        raise SchemaFileError(f"{path}: a writeOnly attribute must have returned never")  # section 7
    if row.uniqueness != "none" and (inside or row.multi_valued or row.type not in _UNIQUE_TYPES):
        raise SchemaFileError(
            f"{path}: only an attribute that is single-valued, of a resource itself, and of one of these types can be "
            f"unique: {', '.join(_UNIQUE_TYPES)}"
        )
    if row.name == REF:
        if row.type != "reference" or row.multi_valued or not set(row.reference_types) - set(NO_RESOURCE):
            raise SchemaFileError(f"{path}: $ref must be a reference with a resource type among its referenceTypes")
        if not inside:
            raise SchemaFileError(f"{path}: $ref must be a sub-attribute, beside value")
    value = row.sub(VALUE)
    if row.sub(REF) and (value is None or value.multi_valued or value.type not in _ID_TYPES):
        raise SchemaFileError(f"{path}: $ref needs a sub-attribute value beside it, for the id: one string")


def _check_names(rows: tuple[Attribute, ...], where: str) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.name.lower() in seen:
            raise SchemaFileError(f"{where}: {row.name} is there more than once; names are case-insensitive")
        seen.add(row.name.lower())


def _with_links(row: Attribute) -> Attribute:
    """Return the row with `$ref`, and the name of the resource that it refers to, marked as derived."""
    if row.sub(REF) is None:
        return row
    subs = tuple(
        replace(sub, stored_in="derived")
        if sub.name == REF or (sub.name in (DISPLAY, "displayName") and sub.mutability == READ_ONLY)
        else sub
        for sub in row.sub_attributes
    )
    return replace(row, sub_attributes=subs)
