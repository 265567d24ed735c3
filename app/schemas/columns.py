"""The tables as the filter compiler sees them: each attribute a Column that knows where its comparable value is.

A document keeps strings that ignore letter case twice: as they were sent, and under `_folded` as they are compared. An
attribute that is or contains such a string is compared there as a whole, so that conditions on several sub-attributes
meet in one element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.common import META, SCHEMAS
from app.schemas.comparison import comparison_key, version_key
from app.schemas.resource_type import ResourceType, Schema, Target
from scim_filter import Column, Query, Resolve

Join = Callable[[Query], Query]
FOLDED = "_folded"
_EQUALITY = frozenset({"eq", "ne", "pr"})
_NO_OPERATORS: frozenset[str] = frozenset()


def columns(resource_type: ResourceType, *, joins: Mapping[str, Join] | None = None, base_url: str = "") -> Resolve:
    """Give the function from a path to its Column, or None; `joins` answers conditions on memberships."""
    found: dict[str, Column | None] = {}

    def resolve(path: str) -> Column | None:
        key = path.lower()
        if key not in found:
            if len(found) > _MOST:
                found.clear()
            target = resource_type.resolve(path)
            found[key] = _column(target, resource_type, joins or {}, base_url) if target else None
        return found[key]

    return resolve


_MOST = 2_000
"""Paths whose columns are kept at hand."""


@lru_cache(maxsize=_MOST)
def element_columns(attribute: Attribute) -> Resolve:
    """Give the columns of one element of a multi-valued attribute; one that is not an object is called `value`."""
    if attribute.type == "complex":
        subs = {sub.name.lower(): _leaf(sub, (sub.name,), sub.name) for sub in attribute.sub_attributes}
    else:
        subs = {"value": _leaf(attribute, ("value",), "value")}
    return lambda path: subs.get(path.lower())


def is_folded(attribute: Attribute) -> bool:
    """Tell whether the attribute is compared under `_folded`: whether it is, or contains, a string that ignores case."""
    if attribute.stored_in == "derived":
        return False
    if attribute.type == "complex":
        return any(is_folded(sub) for sub in attribute.sub_attributes)
    return attribute.type == "string" and not attribute.case_exact


def _column(target: Target, resource_type: ResourceType, joins: Mapping[str, Join], base_url: str) -> Column:
    if target.attribute is None:
        assert target.schema is not None
        return _extension(target.schema)
    column = _attribute(target, resource_type, joins, base_url)
    if target.sub is None:
        return column
    return next(sub for sub in column.subs if sub.name == target.sub.name)


def _attribute(target: Target, resource_type: ResourceType, joins: Mapping[str, Join], base_url: str) -> Column:
    attribute = target.attribute
    assert attribute is not None
    short = target.schema.stored_as if target.schema is not None and target.is_extension else ""
    field = _field(attribute, short)
    whole = Target(target.schema, attribute)
    if attribute.type != "complex":
        column = _leaf(attribute, whole.keys, field, path=whole.path, base_url=base_url)
        return replace(column, key=_urn(resource_type)) if attribute is SCHEMAS else column
    column = Column(
        path=whole.path, type="complex", keys=whole.keys, field=field, key=_no_key, multi_valued=attribute.multi_valued,
        join=joins.get(attribute.name) if attribute.stored_in == "memberships" else None,
    )
    subs = tuple(
        _leaf(
            sub, (*whole.keys, sub.name), f"{field}.{sub.name}", path=f"{whole.path}.{sub.name}", parent=column,
            base_url=base_url,
        )
        for sub in attribute.sub_attributes
    )
    object.__setattr__(column, "subs", subs)  # they know their parent, and it knows them
    return column


def _field(attribute: Attribute, short: str) -> str:
    if attribute.name == "id":
        return "_id"
    parts = [FOLDED] if is_folded(attribute) and attribute is not META else []
    return ".".join([*parts, *([short] if short else []), attribute.name])


def _leaf(
    attribute: Attribute, keys: tuple[str, ...], field: str, *, path: str = "", parent: Column | None = None,
    base_url: str = "",
) -> Column:
    key, operators = comparison_key(attribute), None
    if attribute.returned == "never" or attribute.mutability == "writeOnly":
        operators = _NO_OPERATORS  # a filter must not tell a secret bit by bit (standards FI-44)
    elif attribute.type == "binary":
        operators = _EQUALITY
    elif keys == ("meta", "version"):
        key, operators = version_key, _EQUALITY
    elif keys == ("meta", "location"):
        key, operators, field = _id_in(base_url), _EQUALITY, "_id"
    elif attribute.name == "$ref" and attribute.stored_in == "derived":
        key, operators, field = _id_in(base_url), _EQUALITY, field.removesuffix("$ref") + "value"
        keys = (*keys[:-1], "value")
    elif attribute.stored_in == "derived":
        operators = _NO_OPERATORS
    absent = False if attribute.name == "primary" and attribute.type == "boolean" else None  # CM-29
    return Column(
        path=path or attribute.name, type=attribute.type, keys=keys, field=field, key=key,
        multi_valued=attribute.multi_valued, case_exact=attribute.case_exact, parent=parent, operators=operators,
        absent=absent,
    )


def _extension(schema: Schema) -> Column:
    return Column(path=schema.id, type="complex", keys=(schema.id,), field=schema.stored_as, key=_no_key)


def _id_in(base_url: str) -> Callable[[Any], str]:
    """Give the function that cuts the id out of a resource's URI; for any other URI it gives what no id can be."""

    def key(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("a URI")
        path = value.removeprefix(base_url) if base_url else value
        return path.rpartition("/")[2] if "://" not in path else ""

    return key


def _urn(resource_type: ResourceType) -> Callable[[Any], str]:
    """Give the function that spells a schema's URN as it is stored; URNs are compared in any letter case."""
    spelled = {schema.id.lower(): schema.id for schema in resource_type.schemas}

    def key(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("a URN")
        return spelled.get(value.lower(), value)

    return key


def _no_key(value: Any) -> Any:
    raise ValueError("a sub-attribute; a complex attribute has no value of its own")
