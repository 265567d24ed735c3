"""Resources as JSON Schema (draft 2020-12), made from the attribute tables.

Each type has two schemas: `User` for what a response has, `User.Request` for what a client sends. They differ in what
is required, in secrets, and in what only the server sets. The name of a type has no dot, so that an operator's own type
cannot have the name of another schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType, Schema
from app.schemas.tables.common import ID, META, SCHEMAS
from app.schemas.validation.fields import MAX_VALUES, is_written, text_limit

JsonSchema = dict[str, Any]
_SIMPLE: dict[str, JsonSchema] = {
    "string": {"type": "string"},
    "reference": {"type": "string"},  # no format: `interop` and `gallery` accept any text as a URI
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "format": "int64"},
    "decimal": {"type": "number"},
    "dateTime": {"type": "string", "format": "date-time"},
    "binary": {"type": "string", "contentEncoding": "base64"},
}


def object_schema(properties: dict[str, JsonSchema], required: Iterable[str] = (), description: str = "") -> JsonSchema:
    """Return the schema of an object; it may have further members, since types and members are only ever added."""
    schema: JsonSchema = {"type": "object"}
    if description:
        schema["description"] = description
    schema["properties"] = properties
    needed = list(required)
    return schema | ({"required": needed} if needed else {})


def reference(name: str, kind: str = "schemas") -> dict[str, str]:
    """Return a reference to a component of the document: a schema, or one of another kind."""
    return {"$ref": f"#/components/{kind}/{name}"}


def array_of(items: JsonSchema) -> JsonSchema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def response_name(resource_type: ResourceType) -> str:
    """Return the name of the schema for what a response has."""
    return resource_type.name


def request_name(resource_type: ResourceType) -> str:
    """Return the name of the schema for what a client sends."""
    return f"{resource_type.name}.Request"


def list_name(resource_type: ResourceType) -> str:
    """Return the name of the schema for a page of such resources."""
    return f"{resource_type.name}.List"


def response_schema(resource_type: ResourceType) -> JsonSchema:
    """Return the schema of a resource in a response; `attributes` may leave out all but what is always returned."""
    rows = [row for row in (SCHEMAS, ID, *resource_type.schema.attributes, META) if row.returned != "never"]
    properties = {row.name: _attribute(row, sent=False) for row in rows}
    properties |= {each.id: _extension(each, sent=False) for each in resource_type.extensions}
    always = [row.name for row in rows if row.returned == "always"]
    return object_schema(properties, always, resource_type.description)


def request_schema(resource_type: ResourceType) -> JsonSchema:
    """Return the schema of a resource as a client sends it, by POST or PUT."""
    rows = [SCHEMAS, *filter(is_written, resource_type.schema.attributes)]
    properties = {row.name: _attribute(row, sent=True) for row in rows}
    properties |= {each.id: _extension(each, sent=True) for each in resource_type.extensions}
    required = [row.name for row in rows if row.required]
    required += [each.id for each in resource_type.extensions if each.id in resource_type.required_extensions]
    return object_schema(properties, required, f"{resource_type.description}, to create or replace one.")


def description_schema(schema: Schema) -> JsonSchema:
    """Return the schema of what discovery returns: a ServiceProviderConfig, a ResourceType or a Schema."""
    rows = (SCHEMAS, *schema.attributes, META)
    required = [row.name for row in rows if row.required]
    return object_schema({row.name: _attribute(row, sent=False) for row in rows}, required, schema.description)


def _extension(extension: Schema, *, sent: bool) -> JsonSchema:
    return _object(extension.attributes, extension.description, sent=sent)


def _attribute(row: Attribute, *, sent: bool) -> JsonSchema:
    """Return the schema of an attribute; `sent` by a client, or else returned by the server."""
    one = _object(row.sub_attributes, "", sent=sent) if row.type == "complex" else dict(_SIMPLE[row.type])
    if sent and one["type"] == "string" and row.type != "dateTime":
        one["maxLength"] = text_limit(row)
    if row.canonical_values:
        one["examples"] = list(row.canonical_values)  # no enum: other values are allowed (RFC 7643 section 7)
    schema = array_of(one) if row.multi_valued else one
    if sent and row.multi_valued and row.stored_in == "document":
        schema["maxItems"] = MAX_VALUES
    if row.description:
        schema["description"] = row.description
    if row.default is not None:
        schema["default"] = row.default
    return schema


def _object(rows: Iterable[Attribute], description: str, *, sent: bool) -> JsonSchema:
    shown = [row for row in rows if (is_written(row) if sent else row.returned != "never")]
    required = [row.name for row in shown if row.required and sent]
    return object_schema({row.name: _attribute(row, sent=sent) for row in shown}, required, description)
