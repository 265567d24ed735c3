"""What no schema knows: it is kept by every write, taken by every validator, and named at the start.

A schema's file may be missing for one start, or be older in one process than in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.collection import CollectionSpec

SCHEMA = "$jsonSchema"


class Partial(dict[str, Any]):
    """A resource whose document holds more than its schemas know; equal to any other with the same attributes."""


def known_only(
    row: Attribute, subs: frozenset[str], read: Callable[[Any], Any] | None
) -> Callable[[Any], Any]:
    """Return what reads a complex value without the parts that its schema does not know."""

    def one(element: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in element.items() if name in subs}

    def known(value: Any) -> Any:
        only = [one(element) for element in value] if row.multi_valued else one(value)
        return read(only) if read else only

    return known


def with_unknown(old: Any, new: Any, subs: frozenset[str]) -> Any:
    """Return a new complex value in which each element keeps the unknown parts of the old one that is else the same."""
    unknown = {
        _known_part(each, subs): {name: value for name, value in each.items() if name not in subs}
        for each in (old if isinstance(old, list) else [old])
    }
    if not isinstance(new, list):
        return new | next(iter(unknown.values()))
    return [each | unknown.pop(_known_part(each, subs), {}) for each in new]


def _known_part(element: Mapping[str, Any], subs: frozenset[str]) -> str:
    return repr(sorted((name, value) for name, value in element.items() if name in subs))


def widened(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a validator that takes what `wanted` takes, and the fields that only the one that is there knows."""
    if wanted.keys() == there.keys() == {SCHEMA}:
        return {SCHEMA: _wider(wanted[SCHEMA], there[SCHEMA])}
    return wanted


def _wider(shape: Mapping[str, Any], there: Mapping[str, Any]) -> Mapping[str, Any]:
    ours, theirs = _variants(shape), _variants(there)
    if len(ours) > 1 or len(theirs) > 1:
        return {"anyOf": [*ours, *(each for each in theirs if each not in ours)]}
    wider = dict(shape)
    if "properties" in shape and "properties" in there:
        known, found = shape["properties"], there["properties"]
        both = {name: _wider(known[name], found[name]) for name in known if name in found}
        wider["properties"] = {**known, **found, **both}
    if "items" in shape and "items" in there:
        wider["items"] = _wider(shape["items"], there["items"])
    return wider


def _variants(shape: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    variants: list[Mapping[str, Any]] = shape.get("anyOf", [shape])
    return variants


def unknown_fields(db: Any, specs: Iterable[CollectionSpec]) -> list[str]:
    """Return the fields that only the validators know, such as `users.ext_acme`: a schema had them once. Reads no data.

    Of a resource type whose file is missing it is the collection, such as `devices`.
    """
    known = {spec.name: spec.validator or {} for spec in specs}
    found: list[str] = []
    for row in db.list_collections():
        there = row["options"].get("validator", {}).get(SCHEMA, {}) if "viewOn" not in row["options"] else {}
        if row["name"] in known:
            ours = known[row["name"]].get(SCHEMA, {})
            gone = _fields(there) - _fields(ours)
            found += [f"{row['name']}.{field}" for field in gone if field.rpartition(".")[0] not in gone]
        elif {"tenant", "schemas", "meta"} <= set(there.get("required", ())):
            found.append(row["name"])
    return sorted(found)


def _fields(shape: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Return the paths of the fields that a document may have; those of a field in all of its variants."""
    fields: set[str] = set()
    for variant in _variants(shape):
        inside = variant.get("items", variant)
        for name, one in inside.get("properties", {}).items():
            if not name.startswith("_"):
                fields |= {prefix + name, *_fields(one, f"{prefix}{name}.")}
    return fields
