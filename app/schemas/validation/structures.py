"""Objects and arrays as Marshmallow fields, and the field for a row of an attribute table.

An object is a `Nested` with a schema of its rows, an array is a `List`. Null, an empty array and an empty object are
the same as no value (RFC 7643 section 2.5): if nothing remains of what was sent, a field returns `missing`.

Marshmallow's other means do not fit (D-142):
- `pre_load`, for the spelling of names: an error in it hides those in the values, and all are reported at once.
- `unknown=RAISE`: it reports unknown names in the order of a set, which changes from process to process.
- `required`: it knows nothing of the sub-attributes of a missing object, nor of values that are parts (PATCH).
- `validate=...`: another 24 microseconds for a full user, 162 in all, where 71 were enough without Marshmallow's
  `Nested` and `List` and 137 are spent with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from string import punctuation
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, missing
from marshmallow.fields import Field, List, Nested

from app.schemas.attribute import REF, TYPE, VALUE, Attribute
from app.schemas.tables.common import PRIMARY, SCHEMAS
from app.schemas.validation.fields import MAX_VALUES, is_written, simple_field

UNKNOWN = "is not an attribute here"


class Misplaced(str):
    """A message about the structure of a body: unknown or repeated attributes. Its scimType is invalidSyntax."""

    __slots__ = ()


class Names:
    """The names that an object may have, case-insensitively (RFC 7643 section 2.1).

    `rows` are names as the table spells them, and whether clients may write them. `lenient` ignores unknown names.
    """

    def __init__(self, rows: Iterable[tuple[str, bool]], lenient: bool) -> None:
        self.by_lower = {name.lower(): (name, writable) for name, writable in rows}
        self.lenient = lenient

    def spell(self, value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values by their names in the table, without null and readOnly ones, and the problems."""
        found: dict[str, Any] = {}
        problems: dict[str, Any] = {}
        for key, item in value.items():
            known = self.by_lower.get(key.lower())
            if known is None:
                if not self.lenient:
                    problems[key] = [Misplaced(UNKNOWN)]
                continue
            name, writable = known
            if name in found:
                problems[name] = [Misplaced("is there more than once")]
            found[name] = item if writable else None
        return {name: item for name, item in found.items() if item is not None}, problems


class Complex(Nested):
    """An object of sub-attributes (RFC 7643 section 2.3.8)."""

    def __init__(self, rows: Iterable[Attribute], lenient: bool, *, data_key: str | None = None) -> None:
        rows = tuple(rows)
        super().__init__(schema_of(rows, lenient), data_key=data_key, allow_none=True)
        self.lenient = lenient
        self.names = Names(((row.name, is_written(row)) for row in rows), lenient)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, partial: Any = None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, Mapping):
            raise ValidationError("must be an object")
        found, problems = self.names.spell(value)
        try:
            result = super()._deserialize(found, attr, data, **kwargs)
        except ValidationError as error:
            problems |= error.normalized_messages()
            result = error.valid_data
        if problems:
            raise ValidationError(problems, valid_data=result)
        return result or missing


class Extension(Complex):
    """The object of an extension. It may repeat its URN in `schemas`, as the clients of python-scim do."""

    def __init__(self, rows: Iterable[Attribute], lenient: bool, *, data_key: str) -> None:
        super().__init__(rows, lenient, data_key=data_key)
        self.names.by_lower.setdefault(SCHEMAS.name, (SCHEMAS.name, False))


class Link(Complex):
    """A complex value that names a resource: `value` is its id; `$ref` gives the id where `value` is absent."""

    def __init__(self, rows: Iterable[Attribute], lenient: bool, *, membership: bool) -> None:
        super().__init__(rows, lenient)
        self.membership = membership

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, partial: Any = None, **kwargs: Any
    ) -> Any:
        result = super()._deserialize(value, attr, data, partial, **kwargs)
        result = {} if result is missing else result
        reference = result.pop(REF, None)
        if reference is not None:
            target = id_in(reference)
            if not target:
                raise ValidationError({REF: ["must be the URI of a resource"]})
            if result.setdefault(VALUE, target) != target and not self.lenient:
                raise ValidationError({REF: ["must name the same resource as value"]})
        if self.membership and not result.get(VALUE, "").strip() and any(item is not None for item in value.values()):
            raise ValidationError({VALUE: ["is required"]})
        return result or missing


class MultiValued(List):
    """An array; its order is kept (RFC 7643 section 2.4). With `limit`, it may have that many values."""

    def __init__(self, element: Field[Any], limit: int | None) -> None:
        super().__init__(element)
        self.limit = limit

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValidationError("must be an array")
        if self.limit is not None and len(value) > self.limit:
            raise ValidationError(f"must have at most {self.limit} values")
        try:
            values = super()._deserialize(value, attr, data, **kwargs)
        except ValidationError as error:
            raise ValidationError(error.messages) from None  # without the values that are right
        result = [item for item in values if item is not None and item is not missing]
        if isinstance(self.inner, Complex):
            result = distinct(result)
            if len(primaries(result)) > 1:
                raise ValidationError("must have at most one value with primary true")
        return result or missing


def distinct(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the values with those of the same `value` and `type` merged (RFC 7643 section 2.4: SHOULD NOT repeat).

    The first of them keeps its place and its sub-attributes. Arrays, which a schema file may have there, are not
    compared.
    """
    first: dict[Any, dict[str, Any]] = {}
    for index, value in enumerate(values):
        parts = (value.get(VALUE), value.get(TYPE))
        key = index if VALUE not in value or any(isinstance(part, list) for part in parts) else parts
        first[key] = {**value, **first[key]} if key in first else value
    return list(first.values())


def primaries(values: Iterable[Any]) -> list[int]:
    """Return the indexes of the values with `primary` true."""
    return [index for index, value in enumerate(values) if isinstance(value, dict) and value.get(PRIMARY.name) is True]


def id_in(reference: str) -> str:
    """Return the id at the end of a resource's URI, absolute or relative, with or without a version segment (D-125)."""
    ascii_only = quote(reference, safe=punctuation)  # urlsplit normalizes other hosts, in quadratic time
    try:
        return unquote(urlsplit(ascii_only).path.rstrip("/").rpartition("/")[2])
    except ValueError:
        return ""


@lru_cache(maxsize=16_384)
def element_of(row: Attribute, lenient: bool) -> Field[Any]:
    """Return the field for one value of the attribute."""
    if row.type == "complex":
        if row.is_link:
            return Link(row.sub_attributes, lenient, membership=row.stored_in == "memberships")
        return Complex(row.sub_attributes, lenient)
    return simple_field(row, lenient)


@lru_cache(maxsize=16_384)
def field_of(row: Attribute, lenient: bool) -> Field[Any]:
    """Return the field for the attribute: for its array if it is multi-valued."""
    field = element_of(row, lenient)
    if row.multi_valued:
        field = MultiValued(field, None if row.stored_in == "memberships" else MAX_VALUES)
    field.data_key = field.attribute = row.name
    return field


def schema_of(rows: Iterable[Attribute], lenient: bool, more: Mapping[str, Field[Any]] | None = None) -> Schema:
    """Return the Marshmallow schema for an object of these attributes, and of `more` fields by their names.

    What is absent is no error: `_missing` in validation.py knows what has to be there. Fields have their names in lower
    case, since `from_dict` drops one with the name Meta; `data_key` and `attribute` have the name as it is spelled.
    """
    fields: dict[str, Any] = {row.name.lower(): field_of(row, lenient) for row in rows if is_written(row)}
    return Schema.from_dict({**fields, **(more or {})})(unknown=EXCLUDE, partial=True)
