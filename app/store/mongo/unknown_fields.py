"""Fields that no schema describes: every write keeps them, every validator accepts them, and a start names them.

A schema's file may be missing at one start, or older in one process than in another. A value that a file does not
describe any more, such as an array where it has one value now, is such a field, too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.storage.collection import CollectionSpec
from app.store.mongo.moments import aware

SCHEMA = "$jsonSchema"


class Partial(dict[str, Any]):
    """A resource whose document has fields that its schemas do not describe; compared by the described ones only."""


def fits(row: Attribute, value: Any) -> bool:
    """Return whether a stored value can be read as its row says; when it was stored, the file may have said otherwise.

    Text in the place of a number or a boolean can: it is shown as it is, and meets no condition (D-54, D-673).
    """
    if row.multi_valued:
        return isinstance(value, list) and all(_one_fits(row, each) for each in value)
    return _one_fits(row, value)


def _one_fits(row: Attribute, value: Any) -> bool:
    if row.type == "complex":
        subs = (sub for sub in row.sub_attributes if isinstance(value, dict) and sub.name in value)
        return isinstance(value, dict) and all(fits(sub, value[sub.name]) for sub in subs)
    if row.type in ("boolean", "integer", "decimal"):
        return not isinstance(value, list | dict | datetime)
    return isinstance(value, datetime if row.type == "dateTime" else str)


def unread(rows: Mapping[str, Attribute], old: Mapping[str, Any], new: Iterable[str] = ()) -> set[str]:
    """Return the attributes of a file that have a value which cannot be read, and none in the `new` document."""
    return {name for name, row in rows.items() if name in old and name not in new and not fits(row, old[name])}


def known_only(
    row: Attribute, subs: frozenset[str], read: Callable[[Any], Any] | None
) -> Callable[[Any], Any]:
    """Return a function that reads a complex value without the sub-attributes that its schema does not describe.

    `subs` are the described ones, `read` is applied to the value afterwards.
    """

    def one(element: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in element.items() if name in subs}

    def known(value: Any) -> Any:
        only = [one(element) for element in value] if row.multi_valued else one(value)
        return read(only) if read else only

    return known


def with_unknown(old: Any, new: Any, subs: frozenset[str]) -> Any:
    """Return the new complex value, in which each element keeps the unknown fields of the old element that it equals.

    `subs` are the described sub-attributes; elements are equal if these are.
    """
    unknown: dict[Hashable, list[dict[str, Any]]] = {}
    for each in old if isinstance(old, list) else [old]:
        rest = {name: value for name, value in each.items() if name not in subs}
        unknown.setdefault(_known_part(each, subs), []).append(rest)
    if not isinstance(new, list):
        return new | next(iter(unknown.values()))[0]
    for several in unknown.values():
        several.reverse()  # so that elements that are equal get theirs in their order
    return [each | (left.pop() if (left := unknown.get(_known_part(each, subs))) else {}) for each in new]


def _known_part(element: Mapping[str, Any], subs: frozenset[str]) -> Hashable:
    return frozenset((name, _comparable(value)) for name, value in element.items() if name in subs)


def _comparable(value: Any) -> Hashable:
    """Return a value so that it equals a stored one: a resource's times are read without their time zone (D-700)."""
    if isinstance(value, list):
        return tuple(map(_comparable, value))
    return aware(value) if isinstance(value, datetime) else value


def widened(wanted: Mapping[str, Any], existing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a validator that accepts what `wanted` accepts, and the fields that only the `existing` one has."""
    if wanted.keys() == existing.keys() == {SCHEMA}:
        return {SCHEMA: _wider(wanted[SCHEMA], existing[SCHEMA])}
    return wanted


def _wider(shape: Mapping[str, Any], existing: Mapping[str, Any]) -> Mapping[str, Any]:
    ours, theirs = _variants(shape), _variants(existing)
    if len(ours) > 1 or len(theirs) > 1 or shape.get("bsonType") != existing.get("bsonType"):
        return {"anyOf": [*ours, *(each for each in theirs if each not in ours)]}
    wider = dict(shape)
    if "properties" in shape and "properties" in existing:
        known, found = shape["properties"], existing["properties"]
        both = {name: _wider(known[name], found[name]) for name in known if name in found}
        wider["properties"] = {**known, **found, **both}
    if "items" in shape and "items" in existing:
        wider["items"] = _wider(shape["items"], existing["items"])
    return wider


def _variants(shape: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    variants: list[Mapping[str, Any]] = shape.get("anyOf", [shape])
    return variants


def unknown_fields(db: Any, specs: Iterable[CollectionSpec]) -> list[str]:
    """Return the fields that only the validators know, such as `users.ext_acme`, without reading any data.

    Some schema had them once. For a resource type whose file is missing, it is the collection, such as `devices`.
    """
    known = {spec.name: spec.validator or {} for spec in specs}
    found: list[str] = []
    for row in db.list_collections():
        existing = row["options"].get("validator", {}).get(SCHEMA, {}) if "viewOn" not in row["options"] else {}
        if row["name"] in known:
            ours = known[row["name"]].get(SCHEMA, {})
            gone = _fields(existing) - _fields(ours)
            found += [f"{row['name']}.{field}" for field in gone if field.rpartition(".")[0] not in gone]
        elif {"tenant", "schemas", "meta"} <= set(existing.get("required", ())):
            found.append(row["name"])
    return sorted(found)


def _fields(shape: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Return the paths of the fields that a document may have, in any of its variants."""
    fields: set[str] = set()
    for variant in _variants(shape):
        inside = variant.get("items", variant)
        for name, one in inside.get("properties", {}).items():
            if not name.startswith("_"):
                fields |= {prefix + name, *_fields(one, f"{prefix}{name}.")}
    return fields
