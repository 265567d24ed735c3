"""The tables as filters see them: paths, fields of a document, and what a filter may use."""

from __future__ import annotations

import pytest

from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.storage.collection import OUTBOX, collection_spec
from app.schemas.storage.columns import _columns, columns, element_columns, is_folded
from app.schemas.tables.common import SCHEMAS
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import ENTERPRISE_URN as ENT
from app.schemas.tables.user import USER_TYPE
from app.schemas.tables.user import USER_URN as CORE
from tests.scim_filter.worlds import TYPES

URL = "https://scim.example/demo/scim/v2"
RESOLVE = columns(USER_TYPE, base_url=URL)


@pytest.mark.parametrize(
    ("path", "canonical", "keys", "field"),
    [
        ("userName", "userName", ("userName",), "_folded.userName"),
        ("USERNAME", "userName", ("userName",), "_folded.userName"),
        (f"{CORE}:userName", "userName", ("userName",), "_folded.userName"),
        (f"{CORE.upper()}:NAME.givenname", "name.givenName", ("name", "givenName"), "_folded.name.givenName"),
        ("emails", "emails", ("emails",), "_folded.emails"),
        ("emails.primary", "emails.primary", ("emails", "primary"), "_folded.emails.primary"),
        ("x509Certificates.value", "x509Certificates.value", ("x509Certificates", "value"), "_folded.x509Certificates.value"),
        ("externalId", "externalId", ("externalId",), "externalId"),
        ("profileUrl", "profileUrl", ("profileUrl",), "profileUrl"),
        ("active", "active", ("active",), "active"),
        ("id", "id", ("id",), "_id"), (f"{CORE}:id", "id", ("id",), "_id"),
        ("schemas", "schemas", ("schemas",), "schemas"),
        ("meta.lastModified", "meta.lastModified", ("meta", "lastModified"), "meta.lastModified"),
        ("meta.resourceType", "meta.resourceType", ("meta", "resourceType"), "meta.resourceType"),
        ("meta.version", "meta.version", ("meta", "version"), "meta.version"),
        ("meta.location", "meta.location", ("meta", "location"), "_id"),
        (ENT, ENT, (ENT,), "enterprise"), (ENT.lower(), ENT, (ENT,), "enterprise"),
        (f"{ENT}:department", f"{ENT}:department", (ENT, "department"), "_folded.enterprise.department"),
        (f"{ENT}:MANAGER", f"{ENT}:manager", (ENT, "manager"), "enterprise.manager"),
        (f"{ENT}:manager.value", f"{ENT}:manager.value", (ENT, "manager", "value"), "enterprise.manager.value"),
        (f"{ENT}:manager.$ref", f"{ENT}:manager.$ref", (ENT, "manager", "value"), "enterprise.manager.value"),
    ],
)  # fmt: skip
def test_paths(path, canonical, keys, field):
    column = RESOLVE(path)
    assert (column.path, column.keys, column.field) == (canonical, keys, field)


@pytest.mark.parametrize(
    "path",
    ["", "bogus", "userName.x", "name.bogus", "employeeNumber", "manager", "enterprise", "enterprise.department", "tenant", "_id", "_folded",
     "_folded.userName", "_unique.userName", "members", CORE, f"{CORE}:", f"{ENT}:", f"{ENT}:userName", f"{ENT}.manager", "urn:x:userName",
     "emails.0", "emails.value.x", "name.", ".name"],
)  # fmt: skip
def test_what_names_nothing(path):
    assert RESOLVE(path) is None


def test_filters_cannot_use_secrets_and_derived_attributes():
    for path in ("password", f"{CORE}:password", f"{ENT}:manager.displayName"):
        assert RESOLVE(path).operators == frozenset()


def test_a_resource_uri_is_compared_by_the_id_in_it():
    key = RESOLVE("meta.location").key
    for value in (f"{URL}/Users/1", "/Users/1", "../Users/1", "/v2/Users/1"):
        assert key(value) == "1"
    for value in (f"{URL}/Groups/1", "https://other.example/Users/1", f"{URL}x/Users/1", "Users", f"{URL}/Users/", ""):
        assert key(value) == "" or value == "Users"
    key = RESOLVE(f"{ENT}:manager.$ref").key
    assert [key(value) for value in (f"{URL}/Users/1", "Users/1", "1", "https://other.example/Users/1")] == ["1", "1", "1", ""]


def test_urns_of_schemas_are_spelled_as_they_are_stored():
    key = RESOLVE("schemas").key
    assert key(ENT.upper()) == ENT and key("urn:Other") == "urn:Other"


def test_joins_answer_for_their_attribute_alone():
    queries = []

    def join(query):
        queries.append(query)
        return {"_id": {"$in": []}}

    resolve = columns(GROUP_TYPE, joins={"members": join})
    assert resolve("members").join is join and resolve(f"{GROUP_TYPE.schema.id}:MEMBERS.value").parent.join is join
    assert resolve("displayName").join is None and columns(GROUP_TYPE)("members").join is None


def test_a_missing_primary_is_false_in_an_element_and_nowhere_else():
    assert RESOLVE("emails.primary").absent is False and RESOLVE("emails").inside("primary").absent is False
    assert RESOLVE("title").absent is None and RESOLVE("emails.value").absent is None
    assert element_columns(USER_TYPE.schema.by_name["emails"])("PRIMARY").absent is False


def test_fa_30_a_missing_value_is_the_default_where_there_is_one():
    assert RESOLVE("active").absent is True and RESOLVE("active").always
    assert not RESOLVE("title").always and not RESOLVE("emails.primary").always


def test_from_inside_an_element_names_are_short():
    inside = RESOLVE("emails").inside("VALUE")
    assert (inside.path, inside.keys, inside.field, inside.parent) == ("emails.value", ("value",), "value", None)
    row = element_columns(USER_TYPE.schema.by_name["emails"])("value")
    assert (row.keys, row.field) == (("value",), "value") and row.key("A") == "a"
    assert RESOLVE(ENT).sub("Department").field == "_folded.enterprise.department"


def test_elements_of_simple_attributes_are_called_value():
    resolve = element_columns(SCHEMAS)
    assert resolve("VALUE").keys == ("value",) and resolve("type") is None


def test_a_urn_that_begins_another_urn():
    longer = Schema(f"{CORE}:extra", "Extra", "", USER_TYPE.schema.attributes[:1], stored_as="extra")
    resolve = columns(ResourceType("User", "/Users", "", USER_TYPE.schema, (longer,)))
    assert resolve(f"{CORE}:extra:userName").field == "_folded.extra.userName"
    assert resolve(f"{CORE}:userName").field == "_folded.userName"


@pytest.mark.parametrize("resource_type", TYPES, ids=lambda each: each.name)
def test_fields_and_indexes_are_of_one_mind(resource_type):
    """An index on a field that no filter asks for, or a mirror that no document has, would be found here."""
    resolve = columns(resource_type)
    properties = collection_spec(resource_type).validator["$jsonSchema"]["properties"]
    for row in resource_type.schema.attributes:
        if row.stored_in == "document":
            assert is_folded(row) is (row.name in properties["_folded"]["properties"])
    known = {resolve(path).field for path in _paths(resource_type)}
    for index in collection_spec(resource_type).indexes:
        for field, _ in index.keys:
            assert field in known | {"tenant"} or field.startswith(("_unique.", f"{OUTBOX}.")), field


def _paths(resource_type):
    yield from ("id", "meta.created", "meta.lastModified")
    for schema in resource_type.schemas:
        prefix = f"{schema.id}:" if schema.stored_as else ""
        for row in schema.attributes:
            yield prefix + row.name
            yield from (f"{prefix}{row.name}.{sub.name}" for sub in row.sub_attributes)


def test_sc_09_tenants_share_all_columns_but_those_of_uris():
    """A worker that serves thousands of tenants holds each column once, and cuts no other tenant's URI apart."""
    other = URL.replace("demo", "other")
    for resource_type in TYPES:
        ours, theirs = (columns(resource_type, base_url=url, endpoints={"User": "/Users"}) for url in (URL, other))
        for path in _columns(resource_type):
            if "_id_key" in getattr(ours(path).key, "__qualname__", ""):
                assert ours(path).key(f"{other}/Users/x") == theirs(path).key(f"{URL}/Users/x") == ""
            if path in ("id", "externalid", "displayname", "username", "name.givenname", "emails.value"):
                assert ours(path) is theirs(path)
