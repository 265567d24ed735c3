"""An attribute whose name stands for values of several types: in several resource types, or in one, since its file changed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app import create_app
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import Client

KINDS: dict[str, list[Any]] = {
    "decimal": [1.5, 2], "string": ["a", "b"], "dateTime": ["2001-01-01T00:00:00.000Z", "2002-01-01T00:00:00.000Z"],
}
"""Types of `active` in resource types of an operator's own, beside the boolean of a user."""


def urn(kind: str) -> str:
    return f"urn:example:{kind}:2.0:Thing"


def write(folder: Path, kinds: dict[str, str]) -> None:
    """Write the files of resource types: name -> type of `active`."""
    folder.mkdir(exist_ok=True)
    for name, kind in kinds.items():
        rows = [{"name": "label", "required": True}, {"name": "active", "type": kind},
                {"name": "parts", "type": "complex", "multiValued": True, "subAttributes": [{"name": "size", "type": kind}]}]
        schema = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": urn(name), "name": name, "attributes": rows}
        resource_type = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "name": f"T{name}",
                         "endpoint": f"/T{name}", "schema": urn(name)}
        (folder / f"{name}.json").write_text(json.dumps(schema))
        (folder / f"{name}_type.json").write_text(json.dumps(resource_type))


def client(database: Database, folder: Path, tenant: str = "", profile: str = "rfc") -> Client:
    settings = {"SCIMD_RATE_LIMIT": "off", "SCIMD_SCHEMAS_DIR": str(folder)}
    application = create_app(Config.from_environment(settings), database)
    if not tenant:
        tenant = f"t-{uuid.uuid4().hex[:12]}"
        Tenants(database).create(tenant, profile)
    return Client(application, tenant, Tokens(database).issue(tenant)[0])


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture(scope="module")
def things(mongod: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Yield a client of a tenant with two resources of each type and one without a value, which come one by one."""
    database, folder = Database(mongod.client, f"things-{uuid.uuid4().hex}"), tmp_path_factory.mktemp("things")
    write(folder, {kind: kind for kind in KINDS})
    found = client(database, folder)
    for number in (1, 0):
        found.user(f"u{number}", active=bool(number))
        for kind, values in KINDS.items():
            body = {"schemas": [urn(kind)], "label": kind, "active": values[number]}
            assert found("POST", f"/T{kind}", body).status_code == 201
    found.group("G")
    yield found
    mongod.client.drop_database(database.db.name)


EXPECTED = [1.5, 2, "a", "b", False, True, "2001-01-01T00:00:00.000Z", "2002-01-01T00:00:00.000Z", None]
"""In MongoDB's order of types, so that it is the order of one collection with values of several types as well."""


def shown(message: dict[str, Any]) -> list[Any]:
    return [resource.get("active") for resource in message["Resources"]]


@pytest.mark.parametrize("descending", [False, True])
def test_fa_32_several_types_are_sorted_by_an_attribute_that_is_not_the_same_in_them(things: Client, descending: bool) -> None:
    expected = EXPECTED[::-1] if descending else EXPECTED
    query = "/?sortBy=active" + ("&sortOrder=descending" if descending else "")
    assert shown(things("GET", query).get_json()) == expected
    one_by_one = [shown(things("GET", f"{query}&count=1&startIndex={n}").get_json())[0] for n in range(1, 10)]
    assert one_by_one == expected


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_fa_32_a_cursor_goes_on_behind_a_value_of_another_type(things: Client, descending: bool, count: int) -> None:
    """There and back again, each once."""
    expected = EXPECTED[::-1] if descending else EXPECTED
    query = f"/?sortBy=active&count={count}" + ("&sortOrder=descending" if descending else "")
    pages = [things("GET", f"{query}&cursor=").get_json()]
    while "nextCursor" in pages[-1] and len(pages) <= len(expected):
        pages.append(things("GET", f"{query}&cursor={pages[-1]['nextCursor']}").get_json())
    assert [value for page in pages for value in shown(page)] == expected
    for page, before in zip(pages[:0:-1], pages[-2::-1], strict=True):
        back = things("GET", f"{query}&cursor={page['previousCursor']}").get_json()
        assert back["Resources"] == before["Resources"]


def write_phone(folder: Path) -> None:
    """Write the files of a type whose attributes have names of a user's, and an extension with one of its names."""
    folder.mkdir()
    parts = [{"name": "value", "type": "integer"}, {"name": "primary", "type": "string"}]
    rows = [{"name": "emails", "type": "complex", "multiValued": True, "subAttributes": parts}, {"name": "name"},
            {"name": "phoneNumbers", "multiValued": True}, {"name": "level", "type": "decimal"}, {"name": "password"}]
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:2.0:User",
            "attributes": [{"name": "level"}, {"name": "grade"}]}
    phone = {"schemas": user["schemas"], "id": urn("phone"), "name": "Phone", "attributes": rows}
    resource_type = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "name": "Phone",
                     "endpoint": "/Phones", "schema": urn("phone")}
    (folder / "phone.json").write_text(json.dumps([user, phone, resource_type]))


@pytest.mark.parametrize("profile", ["rfc", "gallery"])
def test_a_condition_in_brackets_need_fit_one_of_the_types_only(database: Database, tmp_path: Path, profile: str) -> None:
    write_phone(tmp_path / "files")
    all_types = client(database, tmp_path / "files", profile=profile)
    all_types.user("u", emails=[{"value": "a@x", "type": "work", "primary": True}],
                   phoneNumbers=[{"value": "+1", "type": "work"}], **{"urn:example:2.0:User": {"grade": "A"}})
    sent = {"schemas": [urn("phone")], "emails": [{"value": 4, "primary": "p"}], "name": "plain", "phoneNumbers": ["+1"],
            "level": 1.5, "password": "seen"}
    assert all_types("POST", "/Phones", sent).status_code == 201

    def found(condition: str) -> list[str]:
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": condition}
        by_post, by_get = all_types("POST", "/.search", body), all_types("GET", f"/?filter={quote(condition)}")
        assert by_post.get_json() == by_get.get_json()
        if by_post.status_code == 400:
            return ["400"]
        return sorted(each["meta"]["resourceType"] for each in by_post.get_json()["Resources"])

    for condition in ('emails[value eq "a@x"]', 'emails[type eq "work" and value sw "a"]', "emails[primary eq true]",
                      'phoneNumbers[type eq "work"]', 'name[givenName eq "G"]', 'not (emails[value eq 4]) and userName pr'):
        assert found(condition) == ["User"], condition
    for condition in ("emails[value eq 4]", 'emails[primary eq "p"]', "level eq 1.5", "password pr"):
        assert found(condition) == ["Phone"], condition
    for condition in ("emails[value gt 3]", "emails[not (value eq 5)]"):  # a number without quotes may be text, too
        assert found(condition) == (["Phone", "User"] if profile == "gallery" else ["Phone"]), condition
    assert found('phoneNumbers[value eq "+1"]') == ["Phone", "User"]
    for condition in ("emails[bogus eq 1]", "emails[value.x eq 1]", "phoneNumbers[number pr]"):
        assert found(condition) == ["400"], condition
    assert found('grade eq "A"') == (["User"] if profile == "gallery" else [])


def test_fa_32_a_stored_value_of_another_type_meets_no_condition(database: Database, tmp_path: Path) -> None:
    """The operator has changed the type of an attribute: what is stored is compared with nothing, and no failure."""
    write(tmp_path / "before", {"Changed": "string"})
    before = client(database, tmp_path / "before")
    body = {"schemas": [urn("Changed")], "label": "x", "parts": [{"size": "large"}, {"size": "7"}]}
    path = f"/TChanged/{before('POST', '/TChanged', body).get_json()['id']}"
    write(tmp_path / "after", {"Changed": "integer"})
    after = client(database, tmp_path / "after", before.tenant)
    for operator in ("eq", "gt", "le"):
        assert after.patch(path, {"op": "remove", "path": f"parts[size {operator} 7]"}).status_code in (200, 400)
        query = f"/TChanged?filter=parts[size%20{operator}%207]"
        answer = after("GET", query).get_json()
        assert answer.get("totalResults") == 0, answer
    added = after.patch(path, {"op": "add", "path": "parts", "value": [{"size": 7}]})
    assert added.status_code == 400, "the whole is still wrong"
    assert after.patch(path, {"op": "replace", "path": "parts", "value": [{"size": 7}]}).status_code == 200


def write_robot(folder: Path, tenant: str, *rows: dict[str, Any]) -> None:
    """Write the files of a tenant's own resource type, at an endpoint that other tenants may have as well."""
    (folder / tenant).mkdir(parents=True)
    schema = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": urn("Robot"), "attributes": rows}
    resource_type = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "name": "Robot",
                     "endpoint": "/Robots", "schema": urn("Robot")}
    (folder / tenant / "robot.json").write_text(json.dumps([schema, resource_type]))


def test_what_one_tenants_file_says_of_a_type_is_no_rule_for_another_tenants(database: Database, tmp_path: Path) -> None:
    """Of attributes with one name: text and a number, unique and not, each with an index of its own."""
    first, second = (f"t-{uuid.uuid4().hex[:12]}" for _ in range(2))
    label, size = {"name": "label", "required": True}, {"name": "size", "indexed": True}
    write_robot(tmp_path, first, {**label, "type": "integer", "uniqueness": "server"}, {**size, "type": "integer"})
    write_robot(tmp_path, second, label, size)
    for tenant in (first, second):
        Tenants(database).create(tenant, "rfc")
    numbers, texts = (client(database, tmp_path, tenant) for tenant in (first, second))
    for ask, values in ((numbers, (1, 2)), (texts, ("a", "a"))):
        for value in values:
            answer = ask("POST", "/Robots", {"schemas": [urn("Robot")], "label": value, "size": value})
            assert answer.status_code == 201, answer.text
    again = {"schemas": [urn("Robot")], "label": 1, "size": 1}
    assert numbers("POST", "/Robots", again).get_json()["scimType"] == "uniqueness"
    assert numbers("GET", "/Robots?filter=size ge 1").get_json()["totalResults"] == 2
    assert texts("GET", '/Robots?filter=size sw "A"').get_json()["totalResults"] == 2
    indexes = database.db["robots"].index_information().values()
    assert {"size", "_folded.size"} <= {field for index in indexes for field, _ in index["key"]}
