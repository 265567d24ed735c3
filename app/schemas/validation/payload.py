"""Which payloads are valid: the tables as Marshmallow schemas, the same for POST, PUT and the values of a PATCH.

A payload is what the client sent. The resource made from it has names as the tables spell them, no nulls, empty arrays
or empty objects (RFC 7643 section 2.5), and no readOnly values (RFC 7644 section 3.3). All errors are reported at once.

structures.py says what of Marshmallow is used, and why the rest is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from marshmallow import ValidationError, missing

from app.errors import InvalidSyntax
from app.schemas.attribute import Attribute
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.tables.common import SCHEMAS
from app.schemas.validation.fields import is_written
from app.schemas.validation.problems import BLANK, REQUIRED, Fault, faults_in, raise_for
from app.schemas.validation.secrets import hidden_in
from app.schemas.validation.structures import Extension, Misplaced, Names, element_of, field_of, schema_of


def validate(
    resource_type: ResourceType, payload: Mapping[str, Any], *, ignore_unknown: bool,
    before: Mapping[str, Any] | None = None,
) -> Resource:
    """Return the resource for a payload; `ignore_unknown` drops unknown attributes and URNs instead of refusing them.

    `before` is the stored resource of which the payload is a changed form: attributes that are the same in both are
    taken over as they are (D-521). Raises InvalidSyntax for a wrong structure and InvalidValue for a wrong value; the
    error names all problems.
    """
    if not isinstance(payload, Mapping):
        raise InvalidSyntax("The body must be a JSON object.")
    kept = _common(payload, before) if before else {}
    changed = {name: value for name, value in payload.items() if name not in kept} if kept else payload
    loaded, faults = form_of(resource_type, ignore_unknown).load(changed)
    resource = {**kept, **loaded}
    reported = {fault.path for fault in faults}
    reported |= {path.partition("[")[0] for path in reported}  # an array with a wrong element is dropped as a whole
    faults += [each for each in _missing(resource_type, resource) if reported.isdisjoint(_explained_by(each.path))]
    if not ignore_unknown:
        faults += _wrong_schemas(resource_type, payload)
    if faults:
        raise_for(faults, payload, hidden_in(row for schema in resource_type.schemas for row in schema.attributes))
    return {SCHEMAS.name: schemas_of(resource_type, resource), **resource}


def _common(payload: Mapping[str, Any], before: Mapping[str, Any]) -> Resource:
    """Return the attributes that are the same in a payload and in the stored resource, without `schemas`.

    They come from the stored one: 1 equals True, and would be stored in its place.
    """
    names = payload.keys() & before.keys() - {SCHEMAS.name}
    return {name: before[name] for name in payload if name in names and payload[name] == before[name]}


def read_value(
    attribute: Attribute, value: Any, *, path: str, ignore_unknown: bool, element: bool = False
) -> Any:
    """Return the canonical value of an attribute, or of one of its values if `element`; None if nothing remains.

    Required sub-attributes may be missing, since the value may be a part; `validate` checks the whole resource.
    Raises InvalidSyntax and InvalidValue as `validate` does.
    """
    field = element_of(attribute, ignore_unknown) if element else field_of(attribute, ignore_unknown)
    if value is None:
        return None
    try:
        result = field.deserialize(value)
    except ValidationError as error:
        raise_for(list(faults_in(error.messages, path)), value, hidden_in([attribute]))
    return None if result is missing else result


def with_defaults(resource_type: ResourceType, resource: Mapping[str, Any]) -> Resource:
    """Return a new resource with the defaults of those attributes that it has no value for."""
    return {**resource, **{name: value for name, value in resource_type.defaults.items() if name not in resource}}


def with_read_only(resource_type: ResourceType, resource: Mapping[str, Any], before: Mapping[str, Any]) -> Resource:
    """Return the resource with the readOnly values of the one `before`; `validate` drops them."""
    kept = _with_read_only(_rows(resource_type), resource, before)
    for schema in resource_type.extensions:
        values = _with_read_only(schema.attributes, resource.get(schema.id, {}), before.get(schema.id, {}))
        if values:
            kept[schema.id] = values
    return kept | {SCHEMAS.name: schemas_of(resource_type, kept)}


def schemas_of(resource_type: ResourceType, resource: Mapping[str, Any]) -> list[str]:
    """Return the value of `schemas`: the type's URN and those of extensions that have data (RFC 7643 section 3.3)."""
    return [resource_type.schema.id, *(schema.id for schema in resource_type.extensions if resource.get(schema.id))]


class Form:
    """The Marshmallow schema of a resource type; `lenient` drops unknown names and accepts any string as a URI."""

    def __init__(self, resource_type: ResourceType, lenient: bool) -> None:
        rows = _rows(resource_type)
        names = [(row.name, is_written(row)) for row in rows]
        # Marshmallow would read the dots in a URN as a path: an extension loads under its short name.
        self.extensions = {extension.stored_as: extension.id for extension in resource_type.extensions}
        self.names = Names(names + [(urn, True) for urn in self.extensions.values()], lenient)
        self.schema = schema_of(rows, lenient, {
            extension.stored_as: Extension(extension.attributes, lenient, data_key=extension.id)
            for extension in resource_type.extensions
        })

    def load(self, payload: Mapping[str, Any]) -> tuple[Resource, list[Fault]]:
        """Return the valid part of a payload in canonical form, and the faults of the rest."""
        found, misplaced = self.names.spell(payload)
        faults = list(faults_in(misplaced))
        try:
            loaded: Resource = self.schema.load(found)
        except ValidationError as error:
            wrong = error.normalized_messages()
            faults += faults_in(wrong)
            # An extension without any valid value is present all the same, so that what it requires is missing.
            present: Resource = {short: {} for short, urn in self.extensions.items() if urn in wrong}
            loaded = present | dict(error.valid_data or {})
        return {self.extensions.get(name, name): value for name, value in loaded.items()}, faults


@lru_cache(maxsize=4_096)
def form_of(resource_type: ResourceType, lenient: bool) -> Form:
    """Return the form of a resource type."""
    return Form(resource_type, lenient)


@lru_cache(maxsize=4_096)
def _rows(resource_type: ResourceType) -> tuple[Attribute, ...]:
    """Return the attributes of the type's own schema and the common ones."""
    return resource_type.schema.attributes + resource_type.common


@lru_cache(maxsize=16_384)
def _set_by_server(rows: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    """Return the stored rows that only the server writes, or that have such sub-attributes."""
    stored = (row for row in rows if row.stored_in == "document" and not (row.multi_valued and is_written(row)))
    return tuple(row for row in stored if not is_written(row) or _set_by_server(row.sub_attributes))


def _with_read_only(rows: tuple[Attribute, ...], values: Mapping[str, Any], before: Mapping[str, Any]) -> Resource:
    kept = dict(values)
    for row in _set_by_server(rows):
        if row.name in before:
            old = before[row.name]
            whole = not is_written(row)
            kept[row.name] = old if whole else _with_read_only(row.sub_attributes, kept.get(row.name, {}), old)
            if kept[row.name] == {}:
                del kept[row.name]
    return kept


@lru_cache(maxsize=16_384)
def _demanding(rows: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    """Return the rows that are required or have required sub-attributes."""
    return tuple(row for row in rows if is_written(row) and (row.required or _demanding(row.sub_attributes)))


def _missing(resource_type: ResourceType, resource: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the required attributes without a value; those of an extension only if it is required or present."""
    yield from _missing_of(resource_type.schema.attributes, resource, "")
    for schema in resource_type.extensions:
        needed = schema.id in resource_type.required_extensions
        if needed and schema.id not in resource and not _demanding(schema.attributes):
            yield Fault(schema.id, REQUIRED)
        elif needed or schema.id in resource:
            yield from _missing_of(schema.attributes, resource.get(schema.id, {}), f"{schema.id}:")


def _missing_of(rows: tuple[Attribute, ...], values: Mapping[str, Any], prefix: str) -> Iterator[Fault]:
    for row in _demanding(rows):
        path, value = prefix + row.name, values.get(row.name)
        if value is None:
            if row.required and row.default is None:
                subs = () if row.multi_valued else _demanding(row.sub_attributes)
                yield from _missing_of(subs, {}, f"{path}.") if subs else [Fault(path, REQUIRED)]
        elif isinstance(value, str):
            if not value.strip():
                yield Fault(path, BLANK)
        elif isinstance(value, dict):
            yield from _missing_of(row.sub_attributes, value, f"{path}.")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield from _missing_of(row.sub_attributes, item, f"{path}[{index}].")


def _wrong_schemas(resource_type: ResourceType, payload: Mapping[str, Any]) -> list[Fault]:
    """Return the faults of `schemas`: it must name this type, and may name its extensions (RFC 7643 section 3)."""
    given = next((value for name, value in payload.items() if name.lower() == SCHEMAS.name), None)
    name = SCHEMAS.name
    if given is None:
        return [Fault(name, Misplaced(f"is required and must have {resource_type.schema.id}"))]
    if not isinstance(given, list) or not all(isinstance(urn, str) for urn in given):
        return [Fault(name, Misplaced("must be an array of URNs"), (name,))]
    urns = [urn.lower() for urn in given]
    known = {schema.id.lower() for schema in resource_type.schemas}
    faults = [
        Fault(f"{name}[{index}]", Misplaced("is not a schema of this resource type"), (name, index))
        for index, urn in enumerate(urns) if urn not in known
    ]
    if resource_type.schema.id.lower() not in urns:
        faults.append(Fault(name, Misplaced(f"must have {resource_type.schema.id}"), (name,)))
    if len(set(urns)) < len(urns):
        faults.append(Fault(name, Misplaced("must not have a URN more than once"), (name,)))
    return faults


def _explained_by(path: str) -> Iterator[str]:
    """Yield the paths where a problem explains why `path` has no value: the path itself and those around it."""
    yield path
    yield from (path[:at] for at, character in enumerate(path) if character in ".:")
