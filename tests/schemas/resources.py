"""Resources of every shape that a table allows, for Hypothesis."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any

from hypothesis import strategies as st

from app.schemas.attribute import Attribute
from app.schemas.meta import timestamp
from app.schemas.resource_type import ResourceType
from app.schemas.validation.fields import is_written
from app.schemas.validation.payload import schemas_of

Strategy = st.SearchStrategy[Any]
_CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")
TEXT = st.text(_CHARACTERS, max_size=12) | st.sampled_from(["Ünï", "İ", "straße", "e\u0301", "𝔘", "A b", ".*", "$x", "null"])
WORDS = st.text(st.characters(codec="ascii", categories=("Lu", "Ll", "Nd")), min_size=1, max_size=12)
_SIMPLE: dict[str, Strategy] = {
    "string": TEXT,
    "boolean": st.booleans(),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "decimal": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1),
    "dateTime": st.datetimes().map(timestamp),
    "binary": st.binary(max_size=12).map(lambda data: b64encode(data).decode()),
    "reference": WORDS.map(lambda word: f"https://example.com/{word}"),
}


@cache  # making a strategy takes several times as long as drawing from it
def values(row: Attribute) -> Strategy:
    """Return canonical values of an attribute: the same in a payload and in the resource."""
    return st.lists(element(row), min_size=1, max_size=3).map(_tidy) if row.multi_valued else element(row)


def element(row: Attribute) -> Strategy:
    """Return canonical values of one element of an attribute."""
    if row.type == "complex":
        subs = [sub for sub in row.sub_attributes if is_written(sub) and sub.stored_in == "document"]
        required = {sub.name: values(sub) for sub in subs if sub.required or (row.is_link and sub.name == "value")}
        optional = {sub.name: values(sub) for sub in subs if sub.name not in required}
        return st.fixed_dictionaries(required, optional=optional).filter(bool)
    filled = row.required or row.stored_as == "hash" or row.name == "value"
    return _SIMPLE[row.type].filter(lambda text: not isinstance(text, str) or bool(text.strip())) if filled else _SIMPLE[row.type]


def _tidy(items: list[Any]) -> list[Any]:
    """Make at most one value primary, and each value and type once."""
    kept: list[Any] = []
    seen: list[Any] = []
    for item in items:
        if isinstance(item, dict):
            pair = (item.get("value"), item.get("type"))
            if "value" in item and pair in seen:
                continue
            seen.append(pair)
            if any(isinstance(other, dict) and other.get("primary") for other in kept):
                item = {**item, "primary": False} if "primary" in item else item
        kept.append(item)
    return kept


@cache
def resources(resource_type: ResourceType, extended: str = "") -> Strategy:
    """Return canonical resources of a type, as `validate` returns them; the extension `extended` is always present."""
    core = _object(resource_type.schema.attributes)
    extensions = {schema.id: _object(schema.attributes).filter(bool) for schema in resource_type.extensions}
    needed = {extended: extensions.pop(extended)} if extended in extensions else {}
    return st.tuples(core, st.fixed_dictionaries(needed, optional=extensions)).map(
        lambda parts: _with_schemas(resource_type, {**parts[0], **parts[1]})
    )


def _object(rows: tuple[Attribute, ...]) -> Strategy:
    written = [row for row in rows if is_written(row) and row.stored_in != "derived"]
    required = {row.name: values(row) for row in written if row.required}
    optional = {row.name: values(row) for row in written if not row.required}
    return st.fixed_dictionaries(required, optional=optional)


def _with_schemas(resource_type: ResourceType, resource: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": schemas_of(resource_type, resource), **resource}
