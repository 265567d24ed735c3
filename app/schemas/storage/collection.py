"""What MongoDB enforces by itself: the tables as a `$jsonSchema` validator and as indexes.

With the validator, nobody can store by hand a resource that the API would refuse.

All tenants share the collection of a resource type, whatever their profiles and their own schemas are, so it accepts
what any of them may store. Every index starts with `tenant`: then one shard can answer a request, and a unique index is
allowed on a sharded collection. The exception is `pending`, by which the relay looks for the events of all tenants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

from app.schemas.attribute import VALUE, Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.storage.columns import FOLDED, is_folded
from app.schemas.tables.common import META
from app.schemas.validation.fields import MAX_VALUES, text_limit

Shape = dict[str, Any]

_BSON_TYPES: dict[str, Any] = {
    "boolean": "bool", "integer": ["int", "long"], "decimal": ["int", "long", "double"], "dateTime": "date",
}
_META: Shape = {
    "bsonType": "object",
    "required": ["resourceType", "created", "lastModified", "version"],
    "additionalProperties": False,
    "properties": {
        "resourceType": {"bsonType": "string"},
        "created": {"bsonType": "date"},
        "lastModified": {"bsonType": "date"},
        "version": {"bsonType": ["int", "long"]},  # returned as W/"3"; a write names the version that it has read
    },
}
_UNIQUE: Shape = {"bsonType": ["string", "int", "long", "object"]}


@dataclass(frozen=True, kw_only=True)
class IndexSpec:
    """One index: its fields and directions, and MongoDB's options."""

    keys: tuple[tuple[str, int], ...]
    name: str
    unique: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after_seconds: int | None = None


OUTBOX = "_outbox"
"""The field with a document's events that are not in the log yet; `store.log.outbox` says what it is for."""
PENDING = IndexSpec(
    keys=((f"{OUTBOX}.time", 1),), name="pending", partial={f"{OUTBOX}.time": {"$exists": True}}
)
"""The index that finds the documents of all tenants with such events, the oldest first."""
ROLES = "_roles"
"""The field with the roles that a user has been given by the tenant's role map (`store.directory.given_roles`)."""


@dataclass(frozen=True, kw_only=True)
class CollectionSpec:
    """One collection: its name, its validator and its indexes, as plain data."""

    name: str
    validator: Mapping[str, Any] | None = None
    indexes: tuple[IndexSpec, ...] = ()


def collection_specs(types: Iterable[ResourceType]) -> tuple[CollectionSpec, ...]:
    """Return the collections for all resource types of all tenants."""
    ordered = sorted(types, key=lambda resource_type: resource_type.collection)
    return tuple(collection_spec(*group) for _, group in groupby(ordered, key=lambda each: each.collection))


def collection_spec(*variants: ResourceType) -> CollectionSpec:
    """Return the collection of a resource type; `variants` are its forms for different tenants."""
    indexes: dict[str, IndexSpec] = {}
    for index in (index for variant in variants for index in _indexes(variant)):
        if indexes.setdefault(index.name, index).keys != index.keys:  # text for one tenant, and no text for another
            indexes[f"{index.name} 2"] = replace(index, name=f"{index.name} 2")  # a blank is in no attribute's name
    validator = {"$jsonSchema": _document(variants)}
    return CollectionSpec(name=variants[0].collection, validator=validator, indexes=(*indexes.values(), PENDING))


def unique_rows(resource_type: ResourceType) -> Iterator[tuple[str, Attribute]]:
    """Yield the attributes that are unique in some profile, each after its key in `_unique`."""
    for schema in resource_type.schemas:
        for row in schema.attributes:
            if _is_stored(row) and any(value != "none" for value in _in_profiles(row, "uniqueness")):
                yield f"{schema.stored_as}.{row.name}" if schema.stored_as else row.name, row


def _document(variants: tuple[ResourceType, ...]) -> Shape:
    properties = _merged([_properties(variant, _shape, lambda row: True) for variant in variants])
    folded = _merged([_properties(variant, _folded_shape, is_folded) for variant in variants])
    unique = {key.partition(".")[0]: _UNIQUE for variant in variants for key, _ in unique_rows(variant)}
    rows = [{row.name: row for row in v.schema.attributes if _is_required(row)} for v in variants]
    required = {name: [each[name] for each in rows] for name in rows[0] if all(name in each for each in rows)}
    unique_required = [name for name, forms in required.items() if all(map(_is_unique, forms))]
    hidden = [FOLDED, "_unique"] if unique_required else [FOLDED]
    return {
        "bsonType": "object",
        "required": ["_id", "tenant", "schemas", "meta", *hidden, *required],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "tenant": {"bsonType": "string"},
            "schemas": {"bsonType": "array", "minItems": 1, "items": {"bsonType": "string"}},
            "meta": _META,
            **properties,
            # A document without its mirror is not found, and one without its key is not unique: neither may be absent.
            FOLDED: _hidden(folded, [name for name, forms in required.items() if all(map(is_folded, forms))]),
            "_unique": _hidden(unique, unique_required),
            OUTBOX: {"bsonType": "array"},
            ROLES: {"bsonType": "array", "items": {"bsonType": "string"}},
        },
    }


def _hidden(properties: dict[str, Shape], required: list[str]) -> Shape:
    shape: Shape = {"bsonType": "object", "additionalProperties": False, "properties": properties}
    return shape | ({"required": required} if required else {})


def _properties(
    resource_type: ResourceType, shape: Callable[[Attribute], Shape], holds: Callable[[Attribute], bool]
) -> dict[str, Shape]:
    """Return the shapes of a document's fields, for the attributes for which `holds` is true."""
    properties = {row.name: shape(row) for row in resource_type.schema.attributes if _is_stored(row) and holds(row)}
    for extension in resource_type.extensions:
        rows = [row for row in extension.attributes if _is_stored(row) and holds(row)]
        if rows:
            properties[extension.stored_as] = _object(rows, shape)
    return properties


def _shape(row: Attribute) -> Shape:
    """Return the shape of an attribute's stored value."""
    if row.type == "complex":
        one = _object([sub for sub in row.sub_attributes if _is_stored(sub)], _shape)
    elif row.type in _BSON_TYPES:
        one = {"bsonType": _BSON_TYPES[row.type]}
    else:
        one = {"bsonType": "string"}
        if row.stored_as != "hash":
            one["maxLength"] = text_limit(row)
        if _is_required(row) and not row.multi_valued:
            one["pattern"] = "\\S"
    if not row.multi_valued:
        return one
    return {"bsonType": "array", "minItems": 1, "maxItems": MAX_VALUES, "items": one}


def _folded_shape(row: Attribute) -> Shape:
    """Return the shape of an attribute's mirror, in which folded strings may be longer than those that were sent."""
    if row.type == "complex":
        one = _object([sub for sub in row.sub_attributes if _is_stored(sub)], _folded_shape)
    else:
        one = {"bsonType": _BSON_TYPES.get(row.type, "string")}
    return {"bsonType": "array", "items": one} if row.multi_valued else one


def _object(rows: Iterable[Attribute], shape: Callable[[Attribute], Shape]) -> Shape:
    rows = list(rows)
    required = [row.name for row in rows if _is_required(row)]
    return {
        "bsonType": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {row.name: shape(row) for row in rows},
        **({"required": required} if required and shape is _shape else {}),
    }


def _merged(variants: list[dict[str, Shape]]) -> dict[str, Shape]:
    """Return properties that accept what any of the variants accepts."""
    shapes: dict[str, list[Shape]] = {}
    for properties in variants:
        for name, shape in properties.items():
            if shape not in shapes.setdefault(name, []):
                shapes[name].append(shape)
    return {name: found[0] if len(found) == 1 else {"anyOf": found} for name, found in shapes.items()}


def _indexes(resource_type: ResourceType) -> Iterator[IndexSpec]:
    yield IndexSpec(keys=(("tenant", 1), ("_id", 1)), name="tenant_id")
    for key, _ in unique_rows(resource_type):
        field = f"_unique.{key}"
        yield IndexSpec(
            keys=(("tenant", 1), (field, 1)), name=f"unique_{key}", unique=True, partial={field: {"$exists": True}}
        )
    # `_id` is the last key because it breaks ties in the order.
    for field, _ in _indexed_fields(resource_type):
        yield IndexSpec(keys=(("tenant", 1), (field, 1), ("_id", 1)), name=f"tenant_{field.removeprefix(f'{FOLDED}.')}")


@lru_cache(maxsize=1_000)
def indexed_fields(resource_type: ResourceType) -> Mapping[str, bool]:
    """Return the fields of a type's documents that have an index `{tenant, field, _id}`, `_id` included.

    The value is True for fields of multi-valued attributes, whose index has several entries for one document.
    """
    return {"_id": False, **dict(_indexed_fields(resource_type))}


def _indexed_fields(resource_type: ResourceType) -> Iterator[tuple[str, bool]]:
    """Yield the fields with the comparable values of indexed attributes and with the ids of other resources.

    Each comes with whether its attribute is multi-valued.
    """
    for row in (*resource_type.schema.attributes, META):
        yield from _fields(row, "")
    for schema in resource_type.extensions:
        for row in schema.attributes:
            yield from _fields(row, f"{schema.stored_as}.")


def _fields(row: Attribute, prefix: str) -> Iterator[tuple[str, bool]]:
    mirror = f"{FOLDED}." if is_folded(row) else ""
    if row.indexed and _is_stored(row) and row.type != "complex":
        yield f"{mirror}{prefix}{row.name}", row.multi_valued
    for sub in row.sub_attributes:
        wanted = sub.indexed or (sub.name == VALUE and row.is_link)
        if wanted and _is_stored(row) and _is_stored(sub):
            yield f"{mirror}{prefix}{row.name}.{sub.name}", row.multi_valued


def _is_stored(row: Attribute) -> bool:
    return row.stored_in == "document"


def _is_required(row: Attribute) -> bool:
    """Return whether the attribute is required in every profile."""
    return all(_in_profiles(row, "required"))


def _is_unique(row: Attribute) -> bool:
    """Return whether the attribute is unique in every profile."""
    return all(value != "none" for value in _in_profiles(row, "uniqueness"))


def _in_profiles(row: Attribute, column: str) -> list[Any]:
    """Return a column of the row, by default and in each profile that differs."""
    return [getattr(row, column), *(columns[column] for columns in row.in_profile.values() if column in columns)]
