"""Which payloads are valid: the tables as Marshmallow schemas, the same for POST, PUT and the values of a PATCH.

A payload is what the client sent. The resource made from it has names as the tables spell them, no nulls, empty arrays
or empty objects (RFC 7643 section 2.5), and no readOnly values (RFC 7644 section 3.3). All errors are reported at once.

structures.py says what of Marshmallow is used, and why the rest is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from marshmallow import ValidationError, missing

from app.errors import InvalidSyntax, InvalidValue
from app.schemas.attribute import Attribute
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.tables.common import SCHEMAS
from app.schemas.validation.fields import is_written
from app.schemas.validation.structures import UNKNOWN, Extension, Misplaced, Names, element_of, field_of, schema_of

MAX_PROBLEMS = 20
"""Problems that an error names; a body may have thousands."""

Problem = tuple[str, str]
"""The path of an attribute, and what is wrong with its value."""
_INDEX = re.compile(r"\[\d+\]")


def validate(resource_type: ResourceType, payload: Mapping[str, Any], *, ignore_unknown: bool) -> Resource:
    """Return the resource for a payload; `ignore_unknown` drops unknown attributes and URNs instead of refusing them.

    Raises InvalidSyntax for a wrong structure and InvalidValue for a wrong value; the error names all problems.
    """
    if not isinstance(payload, Mapping):
        raise InvalidSyntax("The body must be a JSON object.")
    resource, problems = form_of(resource_type, ignore_unknown).load(payload)
    reported = {path for path, _ in problems}
    reported |= {path.partition("[")[0] for path in reported}  # an array with a wrong element is dropped as a whole
    problems += [p for p in _missing(resource_type, resource) if reported.isdisjoint(_explained_by(p[0]))]
    if not ignore_unknown:
        problems += _wrong_schemas(resource_type, payload)
    _raise_for(problems)
    return {SCHEMAS.name: schemas_of(resource_type, resource), **resource}


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
        _raise_for(list(_flatten(error.messages, path)))
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

    def load(self, payload: Mapping[str, Any]) -> tuple[Resource, list[Problem]]:
        """Return the valid part of a payload in canonical form, and the problems of the rest."""
        found, misplaced = self.names.spell(payload)
        problems = list(_flatten(misplaced))
        try:
            loaded: Resource = self.schema.load(found)
        except ValidationError as error:
            wrong = error.normalized_messages()
            problems += _flatten(wrong)
            # An extension without any valid value is present all the same, so that what it requires is missing.
            present: Resource = {short: {} for short, urn in self.extensions.items() if urn in wrong}
            loaded = present | dict(error.valid_data or {})
        return {self.extensions.get(name, name): value for name, value in loaded.items()}, problems


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


def _missing(resource_type: ResourceType, resource: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the required attributes without a value; those of an extension only if it is required or present."""
    yield from _missing_of(resource_type.schema.attributes, resource, "")
    for schema in resource_type.extensions:
        needed = schema.id in resource_type.required_extensions
        if needed and schema.id not in resource and not _demanding(schema.attributes):
            yield schema.id, "is required"
        elif needed or schema.id in resource:
            yield from _missing_of(schema.attributes, resource.get(schema.id, {}), f"{schema.id}:")


def _missing_of(rows: tuple[Attribute, ...], values: Mapping[str, Any], prefix: str) -> Iterator[Problem]:
    for row in _demanding(rows):
        path, value = prefix + row.name, values.get(row.name)
        if value is None:
            if row.required and row.default is None:
                subs = () if row.multi_valued else _demanding(row.sub_attributes)
                yield from _missing_of(subs, {}, f"{path}.") if subs else [(path, "is required")]
        elif isinstance(value, str):
            if not value.strip():
                yield path, "must not be blank"
        elif isinstance(value, dict):
            yield from _missing_of(row.sub_attributes, value, f"{path}.")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield from _missing_of(row.sub_attributes, item, f"{path}[{index}].")


def _wrong_schemas(resource_type: ResourceType, payload: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of `schemas`: it must name this type, and may name its extensions (RFC 7643 section 3)."""
    given = next((value for name, value in payload.items() if name.lower() == SCHEMAS.name), None)
    name = SCHEMAS.name
    if given is None:
        return [(name, Misplaced(f"is required and must have {resource_type.schema.id}"))]
    if not isinstance(given, list) or not all(isinstance(urn, str) for urn in given):
        return [(name, Misplaced("must be an array of URNs"))]
    urns = [urn.lower() for urn in given]
    known = {schema.id.lower() for schema in resource_type.schemas}
    problems: list[Problem] = [
        (f"{name}[{index}]", Misplaced("is not a schema of this resource type"))
        for index, urn in enumerate(urns) if urn not in known
    ]
    if resource_type.schema.id.lower() not in urns:
        problems.append((name, Misplaced(f"must have {resource_type.schema.id}")))
    if len(set(urns)) < len(urns):
        problems.append((name, Misplaced("must not have a URN more than once")))
    return problems


def _flatten(messages: Any, path: str = "", joint: str = ".") -> Iterator[Problem]:
    """Yield Marshmallow's nested messages with their paths: `emails[1].value`, `urn:...:User:manager.value`."""
    if not isinstance(messages, Mapping):
        yield from ((path, message) for message in messages)
        return
    for key, inner in messages.items():
        if isinstance(key, int):
            yield from _flatten(inner, f"{path}[{key}]")
        else:
            name = key if key.isprintable() else ascii(key)[1:-1]
            yield from _flatten(inner, f"{path}{joint}{name}" if path else name, ":" if ":" in key else ".")


def _explained_by(path: str) -> Iterator[str]:
    """Yield the paths where a problem explains why `path` has no value: the path itself and those around it."""
    yield path
    yield from (path[:at] for at, character in enumerate(path) if character in ".:")


def _raise_for(problems: list[Problem]) -> None:
    if not problems:
        return
    listed = "; ".join(f"{path[:200]}: {message}" for path, message in problems[:MAX_PROBLEMS])
    more = len(problems) - MAX_PROBLEMS
    detail = f"{listed}; and {more} more" if more > 0 else listed
    kind = InvalidSyntax if any(isinstance(message, Misplaced) for _, message in problems) else InvalidValue
    error = kind(detail)
    path, message = problems[0]
    error.attribute, error.cause = _INDEX.sub("", path), _cause(message)
    raise error


def _cause(message: str) -> str:
    """Return the cause under which the metrics count a problem."""
    if message in ("is required", "must not be blank"):
        return "required"
    if message.startswith("must have at most"):
        return "too-long" if message.endswith("characters") else "too-many"
    return "unknown-attribute" if message == UNKNOWN else "wrong-type"
