"""The tables as filters see them: each attribute is a Column that knows where documents have its comparable value.

Documents have case-insensitive strings twice: as they were sent, and under `_folded` as they are compared. An attribute
that is or contains such a string is compared there as a whole, so that conditions on several sub-attributes apply to
one element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from app.schemas.attribute import REF, VALUE, Attribute
from app.schemas.comparison import comparison_key, version_key
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.common import COMMON, ID, META, PRIMARY, SCHEMAS
from scim_filter import Column, Query, Resolve

Join = Callable[[Query], Query]
FOLDED = "_folded"
_EQUALITY = frozenset({"eq", "ne", "pr"})
_NONE: frozenset[str] = frozenset()


def columns(
    resource_type: ResourceType, *, joins: Mapping[str, Join] | None = None, base_url: str = "",
    endpoints: Mapping[str, str] | None = None,
) -> Resolve:
    """Return the function from a path to its Column, or to None.

    `joins` are for attributes whose elements are documents of their own: attribute -> function from the query on an
    element to the query on the resource. The URIs of resources are `base_url` and one of `endpoints` (by resource
    type), followed by an id.
    """
    shared = _columns(resource_type)
    if not (joins or base_url):
        return lambda path: shared.get(path.lower())
    builder, own_joins = _Builder(base_url, resource_type, endpoints), joins or {}
    # Only these differ between tenants: 20 of 200 columns.
    own = dict(_made(resource_type, builder, own_joins, lambda row: row.name in own_joins or _has_uri(row)))
    return lambda path: own.get(path.lower()) or shared.get(path.lower())


@lru_cache(maxsize=1_000)
def paths(resource_type: ResourceType) -> Mapping[str, str]:
    """Return the attribute's path for each field with comparable values."""
    return {column.field: column.path for column in reversed(_columns(resource_type).values())}


@lru_cache(maxsize=1_000)
def element_columns(attribute: Attribute) -> Resolve:
    """Return the columns of one element of a multi-valued attribute; one that is no object is its own `value`."""
    builder = _Builder("")
    if attribute.type != "complex":
        value = builder.leaf(attribute, _Address(VALUE, (VALUE,), VALUE))
        return lambda path: value if path.lower() == VALUE else None
    subs = {
        sub.name.lower(): builder.leaf(sub, _Address(sub.name, (sub.name,), sub.name), owner=attribute)
        for sub in attribute.sub_attributes
    }
    return lambda path: subs.get(path.lower())


def is_folded(attribute: Attribute) -> bool:
    """Return whether the attribute is compared under `_folded`: is or contains a stored case-insensitive string."""
    if attribute.type == "complex":
        return any(sub.stored_in != "derived" and is_folded(sub) for sub in attribute.sub_attributes)
    return attribute.type == "string" and not attribute.case_exact


def _has_uri(row: Attribute) -> bool:
    """Return whether the attribute contains the URI of a resource, which begins with the tenant's base URL."""
    return row is META or any(sub.name == REF for sub in row.sub_attributes)


@lru_cache(maxsize=1_000)
def _columns(resource_type: ResourceType) -> dict[str, Column]:
    """Return all columns of a resource type, for no tenant in particular."""
    return dict(_made(resource_type, _Builder("", resource_type), {}, lambda _: True))


def _made(
    resource_type: ResourceType, builder: _Builder, joins: Mapping[str, Join], wanted: Callable[[Attribute], bool]
) -> Iterator[tuple[str, Column]]:
    """Yield the columns of the wanted attributes, each after its path in lower case.

    Attributes of the type's own schema have paths with and without its URN. Attributes of an extension have no short
    path, since another attribute may have the same name (RFC 7644 section 3.10); their columns are made together.
    """
    core = resource_type.schema
    for row in filter(wanted, (*COMMON.values(), *core.attributes)):
        yield from _paths(builder.column(row, join=joins.get(row.name)), core)
    for schema in resource_type.extensions:
        if any(map(wanted, schema.attributes)):
            extension = builder.extension(schema)
            yield schema.id.lower(), extension
            for column in extension.subs:
                yield from _paths(column, schema)


def _paths(column: Column, schema: Schema) -> Iterator[tuple[str, Column]]:
    """Yield a column and its sub-attributes' columns by each of their paths, in lower case."""
    for one in (column, *column.subs):
        yield one.path.lower(), one
        if not schema.stored_as:
            yield f"{schema.id}:{one.path}".lower(), one


class _Address(NamedTuple):
    """Where an attribute is: its canonical path, its keys in SCIM JSON, and its field in a document."""

    path: str
    keys: tuple[str, ...]
    field: str

    def sub(self, name: str) -> _Address:
        """Return the address of a sub-attribute."""
        return _Address(f"{self.path}.{name}", (*self.keys, name), f"{self.field}.{name}")


class _Builder:
    """Makes columns for the documents of one resource type."""

    def __init__(
        self, base_url: str, resource_type: ResourceType | None = None, endpoints: Mapping[str, str] | None = None
    ) -> None:
        self._base_url = base_url
        self._type = resource_type
        self._endpoints = endpoints or {}

    def extension(self, schema: Schema) -> Column:
        """Return the column of an extension as a whole."""
        column = Column(path=schema.id, type="complex", keys=(schema.id,), field=schema.stored_as, key=_no_key)
        return _with_subs(column, [self.column(row, schema, parent=column) for row in schema.attributes])

    def column(
        self, row: Attribute, schema: Schema | None = None, *, parent: Column | None = None, join: Join | None = None
    ) -> Column:
        """Return the column of an attribute, with the columns of its sub-attributes; `schema` is an extension."""
        at = _Address(row.name, (row.name,), row.name)
        if schema is not None:
            at = _Address(f"{schema.id}:{row.name}", (schema.id, row.name), f"{schema.stored_as}.{row.name}")
        if is_folded(row):
            at = at._replace(field=f"{FOLDED}.{at.field}")
        if row.type != "complex":
            return self.leaf(row, at, parent)
        column = Column(
            path=at.path, type="complex", keys=at.keys, field=at.field, key=_no_key, multi_valued=row.multi_valued,
            parent=parent, join=join,
        )
        return _with_subs(column, [self.leaf(sub, at.sub(sub.name), column, owner=row) for sub in row.sub_attributes])

    def leaf(
        self, row: Attribute, at: _Address, parent: Column | None = None, *, owner: Attribute | None = None
    ) -> Column:
        """Return the column of an attribute that is not complex, or of a sub-attribute of `owner`."""
        path, keys, field = at
        kind, key, operators = row.type, comparison_key(row), None
        if row.returned == "never" or row.mutability == "writeOnly":
            operators = _NONE  # a filter must not tell a secret bit by bit (D-124)
        elif row is SCHEMAS:
            key = self._urn_key()
        elif row is ID:
            field = "_id"
        elif keys == (META.name, "version"):
            kind, key, operators = "integer", version_key, _EQUALITY
        elif keys == (META.name, "location"):
            key, operators, field = self._id_key((self._type.endpoint,) if self._type else ()), _EQUALITY, "_id"
        elif row.stored_in == "derived" and row.name == REF:
            # Documents only have the id, in `value`.
            known = tuple(self._endpoints[name] for name in (owner or row).references if name in self._endpoints)
            key, operators, field = self._id_key(known), _EQUALITY, field.removesuffix(REF) + VALUE
            keys = (*keys[:-1], VALUE)
        elif row.stored_in == "derived":
            operators = _NONE
        # RFC 7643 section 2.4: a value without `primary` is not the primary one.
        is_primary = owner is not None and owner.multi_valued and (row.name, row.type) == (PRIMARY.name, PRIMARY.type)
        return Column(
            path=path, type=kind, keys=keys, field=field, key=key, multi_valued=row.multi_valued,
            case_exact=row.case_exact, parent=parent, operators=operators, always=row.default is not None,
            absent=False if is_primary else row.default,
        )

    def _id_key(self, endpoints: tuple[str, ...]) -> Callable[[Any], str]:
        """Return the function from the URI of a resource at one of the endpoints to its id.

        For any other URI it returns "", which is no id. Without endpoints it accepts all of them.
        """
        base_url = self._base_url

        def key(value: Any) -> str:
            if not isinstance(value, str):
                raise ValueError("a URI")
            place, _, resource_id = value.rpartition("/")
            if base_url and "://" in value:
                if not place.startswith(base_url + "/"):
                    return ""
                place = place.removeprefix(base_url)
                return resource_id if not endpoints or place in endpoints else ""
            return resource_id if not place or f"/{place}".endswith(endpoints or "") else ""

        return key

    def _urn_key(self) -> Callable[[Any], str]:
        """Return the function from a schema's URN, case-insensitively, to its stored spelling."""
        spelled = {schema.id.lower(): schema.id for schema in self._type.schemas} if self._type else {}

        def key(value: Any) -> str:
            if not isinstance(value, str):
                raise ValueError("a URN")
            return spelled.get(value.lower(), value)

        return key


def _with_subs(column: Column, subs: list[Column]) -> Column:
    object.__setattr__(column, "subs", tuple(subs))  # parent and subs refer to each other
    return column


def _no_key(value: Any) -> Any:
    raise ValueError("a sub-attribute")
