"""Resources, filters and the two databases for the agreement test: everything is drawn from the attribute tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from app.schemas.attribute import Attribute
from app.schemas.meta import timestamp
from app.schemas.moments import read_moment
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.storage.columns import columns, element_columns
from app.schemas.tables.common import EXTERNAL_ID
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.directory.documents import encode
from scim_filter import And, Comparison, Filter, Not, Or, Path, Present, ValuePath, to_mongo

BASE_URL = "https://scim.example/demo/scim/v2"

# A type with every kind of attribute that the built-in tables leave out.
_SUBS = (
    Attribute(name="value"), Attribute(name="code", case_exact=True), Attribute(name="weight", type="decimal"),
    Attribute(name="since", type="dateTime"), Attribute(name="tags", multi_valued=True),
    Attribute(name="primary", type="boolean"),
)
THING = Schema(
    "urn:example:2.0:Thing", "Thing", "Thing",
    (
        EXTERNAL_ID, Attribute(name="label", required=True), Attribute(name="rank", type="integer"),
        Attribute(name="size", type="decimal"), Attribute(name="made", type="dateTime"),
        Attribute(name="on", type="boolean"), Attribute(name="link", type="reference", case_exact=True),
        Attribute(name="blob", type="binary", case_exact=True), Attribute(name="words", multi_valued=True),
        Attribute(name="codes", multi_valued=True, case_exact=True),
        Attribute(name="numbers", type="integer", multi_valued=True),
        Attribute(name="times", type="dateTime", multi_valued=True),
        Attribute(name="part", type="complex", sub_attributes=_SUBS),
        Attribute(name="parts", type="complex", multi_valued=True, sub_attributes=_SUBS),
        Attribute(name="exacts", type="complex", multi_valued=True, sub_attributes=(
            Attribute(name="value", case_exact=True), Attribute(name="count", type="integer"))),
    ),
)
EXTRA = Schema("urn:example:2.0:Thing:extra", "Extra", "Extra", THING.attributes[2:], stored_as="extra")
THING_TYPE = ResourceType("Thing", "/Things", "Thing", THING, (EXTRA,))
TYPES = (USER_TYPE, GROUP_TYPE, THING_TYPE)
ENDPOINTS = {resource_type.name: resource_type.endpoint for resource_type in TYPES}

STRINGS = (
    "", "a", "A", "b", "ab", "aB", "a b", "ba", "é", "É", "e\u0301", "ς", "Σ", "ΟΔΟΣ", "οδοσα", "ß", "SS", "İ", "i",
    ".", "a.b", "*", "$", "^a", "a$", "%", "_", "\\", "a\\", "\n", "a\n", "(", "[a]", "{$gt}", "$where", "work",
    "home", "\ud7ff", "\ud7ffa", "\ue000", "\U0010ffff", "😀", "\U0010ffffa", "0", "true",
)  # fmt: skip
MOMENTS = (
    "2011-05-13T04:42:34Z", "2011-05-13T04:42:34.000Z", "2011-05-13T06:42:34+02:00", "2011-05-13T04:42:34.0019Z",
    "2011-05-13T04:42:34.001", "0001-01-03T00:00:00.0000000Z", "2015-10-10T14:38:21.8617979-07:00",
    "9999-12-31T23:59:59.999Z", "2011-05-13T04:42:34.0000001Z", "2011-05-13T04:42:34.000000001Z",
    "2011-05-13T04:42:34.0010001", "9999-12-31T23:59:59.9999999Z", "2011-05-13T24:00:00Z",
)
NUMBERS = (0, 1, -1, 2, 10, 1.0, 1.5, -0.5, 2**53, 2**62)
BLOBS = ("", "QQ==", "qq==", "QUI=")
URNS = tuple(s.id for s in (*USER_TYPE.schemas, *GROUP_TYPE.schemas, *THING_TYPE.schemas))


def resources(resource_type: ResourceType, random: Random, count: int) -> list[dict[str, Any]]:
    """Return canonical resources: no nulls, and nothing empty but strings."""
    return [_resource(resource_type, random, number) for number in range(count)]


def _resource(resource_type: ResourceType, random: Random, number: int) -> dict[str, Any]:
    resource: dict[str, Any] = {"id": f"{number:02x}", "schemas": [resource_type.schema.id]}
    if random.random() < 0.5:
        resource["externalId"] = random.choice(STRINGS)
    resource |= _values(resource_type.schema.attributes, random)
    for extension in resource_type.extensions:
        if values := _values(extension.attributes, random):
            resource["schemas"].append(extension.id)
            resource[extension.id] = values
    resource["meta"] = {
        "resourceType": resource_type.name,
        "created": _moment(random), "lastModified": _moment(random),
        "location": f"{BASE_URL}{resource_type.endpoint}/{resource['id']}",
        "version": f'W/"{random.choice((1, 2, 10))}"',
    }
    return resource


def _values(rows: tuple[Attribute, ...], random: Random) -> dict[str, Any]:
    density = random.choice((0.1, 0.4, 0.8))
    values: dict[str, Any] = {}
    for row in rows:
        if row.stored_as == "hash" or row.stored_in == "derived" or row.name == "externalId":
            continue
        if row.required or random.random() < density:
            some = [_value(row, random) for _ in range(random.choice((1, 1, 2, 3)))]
            some = [value for value in some if value != {}]
            if some:
                values[row.name] = some if row.multi_valued else some[0]
    return values


def _value(row: Attribute, random: Random) -> Any:
    if row.type == "complex":
        values = _values(row.sub_attributes, random)
        # A membership is never without an id.
        return values | {"value": random.choice("abc")} if row.stored_in == "memberships" else values
    if row.type == "boolean":
        return random.random() < 0.5
    if row.type == "dateTime":
        return _moment(random)
    if row.type == "integer":
        return random.choice([number for number in NUMBERS if isinstance(number, int)])
    if row.type == "decimal":
        return random.choice(NUMBERS)
    texts = BLOBS if row.type == "binary" else STRINGS
    return random.choice([text for text in texts if text.strip()] if row.required else texts)


def _moment(random: Random) -> str:
    return timestamp(read_moment(random.choice(MOMENTS)))


# Filters


@dataclass(frozen=True)
class Name:
    """A path as a filter may write it, and the row that it means; of a complex one, its sub-attributes."""

    text: str
    row: Attribute


def names(resource_type: ResourceType) -> list[Name]:
    """Return every path of a resource type, with its URN and without."""
    common = (
        Attribute(name="id", case_exact=True), Attribute(name="schemas", type="urn", multi_valued=True),
        Attribute(name="externalId", case_exact=True),
        Attribute(name="meta", type="complex", sub_attributes=(
            Attribute(name="resourceType", case_exact=True), Attribute(name="created", type="dateTime"),
            Attribute(name="lastModified", type="dateTime"), Attribute(name="location", type="location"),
            Attribute(name="version", type="version"))),
    )
    found = list(_names("", (*common, *resource_type.schema.attributes)))
    found += _names(f"{resource_type.schema.id}:", (*common[:1], *resource_type.schema.attributes))
    for extension in resource_type.extensions:
        found.append(Name(extension.id, Attribute(name="", type="complex", sub_attributes=extension.attributes)))
        found += _names(f"{extension.id}:", extension.attributes)
    return found


def _names(prefix: str, rows: tuple[Attribute, ...]) -> Iterator[Name]:
    for row in rows:
        yield Name(prefix + row.name, row)
        for sub in row.sub_attributes:
            yield Name(f"{prefix}{row.name}.{sub.name}", sub)


ORDER, TEXT = ("gt", "ge", "lt", "le"), ("co", "sw", "ew")
OPERATORS = {
    "string": ("eq", "ne", *TEXT, *ORDER), "reference": ("eq", "ne", *TEXT, *ORDER), "urn": ("eq", "ne", *TEXT),
    "boolean": ("eq", "ne"), "binary": ("eq", "ne"), "location": ("eq", "ne"), "version": ("eq", "ne"),
    "integer": ("eq", "ne", *ORDER), "decimal": ("eq", "ne", *ORDER), "dateTime": ("eq", "ne", *ORDER),
}
LITERALS = {
    "string": STRINGS, "reference": STRINGS, "urn": (*URNS, URNS[0].lower(), "urn"), "boolean": (True, False, "True", "false"),
    "binary": BLOBS, "integer": NUMBERS, "decimal": NUMBERS, "dateTime": (*MOMENTS, "2011-05-13T06:42:34 02:00"),
    "location": (f"{BASE_URL}/Users/00", f"{BASE_URL}/Groups/01", "https://other.example/Users/00", "../Things/02", "01"),
    "version": ('W/"1"', '"10"', "2", "x"),
}


def filters(resource_type: ResourceType) -> st.SearchStrategy[Filter]:
    """Return filters that fit a resource type."""
    known = names(resource_type)
    leaves = st.sampled_from(known).flatmap(lambda name: _condition(name))
    return _logic(leaves)


def _logic(leaves: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: And(tuple(terms))),
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: Or(tuple(terms))),
        ),
        max_leaves=5,
    )


def _condition(name: Name, *, inside: bool = False) -> st.SearchStrategy[Filter]:
    path = Path(name.text) if len(name.text) % 3 else Path(name.text.upper())
    kind = "location" if name.row.name == "$ref" else name.row.type
    if name.row.stored_as == "hash" or (name.row.stored_in == "derived" and kind != "location"):
        return st.just(Present(Path("schemas" if not inside else "value")))  # these are refused; tested elsewhere
    choices: list[st.SearchStrategy[Filter]] = [st.just(Present(path))]
    if kind == "complex":
        subs = name.row.sub_attributes
        value = name.row.sub("value")
        if value is not None:
            choices.append(_comparisons(path, value.type))
        if all(sub.type != "complex" for sub in subs):
            inner = st.sampled_from([Name(sub.name, sub) for sub in subs if _is_askable(sub)])
            condition = _logic(inner.flatmap(lambda sub: _condition(sub, inside=True)))
            choices += [condition.map(lambda term: ValuePath(path, term))] * 3
    else:
        choices += [_comparisons(path, kind)] * 3
        if name.row.multi_valued and not inside and "." not in name.text.rpartition(":")[2]:
            value = _condition(Name("value", replace(name.row, multi_valued=False)), inside=True)
            choices += [_logic(value).map(lambda term: ValuePath(path, term))] * 2
    if kind != "complex" or name.row.sub("value"):
        choices.append(st.sampled_from(("eq", "ne")).map(lambda operator: Comparison(path, operator, None)))
    return st.one_of(choices)


def _is_askable(sub: Attribute) -> bool:
    return sub.stored_in != "derived" or sub.name == "$ref"


def _comparisons(path: Path, kind: str) -> st.SearchStrategy[Filter]:
    return st.builds(
        Comparison, st.just(path), st.sampled_from(OPERATORS[kind]), st.sampled_from(LITERALS[kind])
    )


# Databases


class World:
    """Documents of one resource type in one database, with their memberships in a collection of their own."""

    def __init__(
        self, database: Any, resource_type: ResourceType, found: list[dict[str, Any]], name: str = "documents"
    ) -> None:
        self._documents = database[name]
        self._elements = database[f"elements of {name}"]
        self._documents.delete_many({})
        self._elements.delete_many({})
        documents, elements = [], []
        apart = [row for row in resource_type.schema.attributes if row.stored_in == "memberships"]
        for resource in found:
            documents.append(encode(resource, resource_type, tenant="t"))
            elements += [_stored(resource, row, each) for row in apart for each in resource.get(row.name, ())]
        self._documents.insert_many(documents)
        if elements:
            self._elements.insert_many(elements)
        joins = {row.name: self._join(row) for row in apart}
        self.resolve = columns(resource_type, joins=joins, base_url=BASE_URL, endpoints=ENDPOINTS)

    def ids(self, condition: Filter) -> set[str]:
        """Return the ids of the resources that the compiled filter finds."""
        query = to_mongo(condition, self.resolve)
        assert_is_data(query)
        return {row["_id"] for row in self._documents.find({"tenant": "t", **query}, {"_id": 1})}

    def _join(self, row: Attribute) -> Any:
        def join(query: dict[str, Any]) -> dict[str, Any]:
            return {"_id": {"$in": self._elements.distinct("resource", {"of": row.name, **query})}}

        return join


def _stored(resource: dict[str, Any], row: Attribute, element: dict[str, Any]) -> dict[str, Any]:
    resolve = element_columns(row)
    kept = {name: resolve(name).key(value) for name, value in element.items()}  # type: ignore[union-attr]
    return {"resource": resource["id"], "of": row.name, **kept}


def assert_is_data(query: Any) -> None:
    """Check that every key of a query is an operator or a field of ours."""
    if isinstance(query, dict):
        for key, value in query.items():
            assert key in KNOWN_OPERATORS or not key.startswith("$"), key
            assert_is_data(value)
    elif isinstance(query, list):
        for part in query:
            assert_is_data(part)


KNOWN_OPERATORS = {
    "$and", "$or", "$nor", "$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$regex", "$exists", "$elemMatch", "$nin",
}


def rendered(resource: dict[str, Any]) -> str:
    """Return a resource as one line."""
    return json.dumps(resource, ensure_ascii=True)


__all__ = ["TYPES", "World", "filters", "rendered", "resources"]
