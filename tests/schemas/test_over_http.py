"""Every attribute that a table has, ours or from a file, does over HTTP all that an attribute can do."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent, CommandSucceededEvent

from app import create_app
from app.config import Config
from app.schemas.attribute import DISPLAY, TYPE, VALUE, Attribute
from app.schemas.custom import load_catalogue
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.validation.fields import is_written
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import USER_URN, Client
from tests.examples import one_of_each

SAMPLES = Path(__file__).parent.parent / "samples" / "schemas"
# Two values of each type, the first one smaller; neither is what a client would get by default.
PAIRS: dict[str, tuple[Any, Any]] = {
    "string": ("Alphä (1)", "beta.*"), "boolean": (False, True), "integer": (-5, 2**40), "decimal": (1.25, 7),
    "dateTime": ("2001-02-03T04:05:06.789Z", "2011-02-03T04:05:06.000Z"), "binary": ("YQ==", "Yg=="),
    "reference": ("https://example.com/a", "https://example.com/b"),
}


@pytest.fixture(scope="module")
def schemas_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("schemas"))


def copied(folder: Path) -> Path:
    for file in (*(SAMPLES / "devices").glob("*.json"), *(SAMPLES / "badges").rglob("*.json")):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def database(mongod: Database) -> Iterator[Database]:
    fresh = Database(mongod.client, f"test-{uuid.uuid4().hex}")
    yield fresh
    mongod.client.drop_database(fresh.db.name)


@pytest.fixture(scope="module")
def application(database: Database, schemas_dir: Path) -> Flask:
    settings = {"SCIMD_RATE_LIMIT": "off", "SCIMD_SCHEMAS_DIR": str(schemas_dir)}
    return create_app(Config.from_environment(settings), database)


@pytest.fixture
def new_client(application: Flask, database: Database) -> Callable[[str], Client]:
    def make(profile: str) -> Client:
        name = f"t-{uuid.uuid4().hex[:12]}"
        Tenants(database).create(name, profile)
        return Client(application, name, Tokens(database).issue(name)[0])

    return make


@dataclass(frozen=True, repr=False)
class Case:
    """One attribute, or one sub-attribute, that a client may write and that a document keeps."""

    type: ResourceType
    schema: Schema
    row: Attribute
    sub: Attribute | None

    @property
    def leaf(self) -> Attribute:
        return self.sub or self.row

    @property
    def path(self) -> str:
        names = f"{self.row.name}.{self.sub.name}" if self.sub else self.row.name
        return f"{self.schema.id}:{names}" if self.schema.stored_as else names

    @property
    def top(self) -> str:
        """The path of the attribute itself."""
        return self.path.removesuffix(f".{self.sub.name}") if self.sub else self.path

    @property
    def returned(self) -> bool:
        return "never" not in (self.leaf.returned, self.row.returned)

    def values(self, client: Client) -> tuple[Any, Any]:
        """Return two values for the leaf, the smaller one first."""
        if self.sub and self.sub.name == "value" and self.row.is_link:
            ids = sorted(client("POST", "/Users", user()).get_json()["id"] for _ in range(2))
            return ids[0], ids[1]
        return PAIRS[self.leaf.type]

    def whole(self, value: Any) -> Any:
        """Return the value of the attribute whose leaf is `value`."""
        leaf = [value] if self.leaf.multi_valued else value
        if not self.sub:
            return leaf
        element = {sub.name: PAIRS[sub.type][0] for sub in self.row.sub_attributes if sub.required}
        element |= {self.sub.name: leaf}
        if self.sub.name != "value" and self.row.multi_valued and self.row.sub("value") and "value" not in element:
            element["value"] = PAIRS[self.row.sub("value").type][0]  # type: ignore[union-attr]
        return [element] if self.row.multi_valued else element

    def resource(self, whole: Any) -> dict[str, Any]:
        """Return a payload in which the attribute has this value; None omits it."""
        body: dict[str, Any] = {"schemas": [self.type.schema.id]}
        for schema in self.type.schemas:
            if schema.stored_as and schema is not self.schema:
                continue
            part = {row.name: filled(row) for row in schema.attributes
                    if row.required and row.default is None and is_written(row)}
            if schema is self.schema:
                part |= {self.row.name: whole} if whole is not None else {}
            if schema.stored_as:
                body |= {schema.id: part} if part else {}
            else:
                body |= part
        return body

    def of(self, resource: dict[str, Any]) -> Any:
        """Return the leaf in a resource: that of the first element, or the first value."""
        value = (resource.get(self.schema.id, {}) if self.schema.stored_as else resource).get(self.row.name)
        for sub in (self.row, self.sub):
            if sub is not None and value is not None:
                value = value[0] if sub.multi_valued and isinstance(value, list) else value
                value = value.get(self.sub.name) if sub is self.row and self.sub else value
        return value


def filled(row: Attribute) -> Any:
    """Return a value that no other resource has, for an attribute that must have one."""
    value = f"{row.name} {uuid.uuid4()}" if row.type == "string" else PAIRS[row.type][0]
    return [value] if row.multi_valued else value


def user() -> dict[str, Any]:
    return {"schemas": [USER_URN], "userName": str(uuid.uuid4())}


def cases(folder: Path) -> dict[str, Case]:
    found = [
        Case(resource_type, schema, row, sub)
        for resource_type in load_catalogue(folder, "rfc", "x").types
        for schema in resource_type.schemas
        for row in schema.attributes
        if row.stored_in == "document" and is_written(row)
        for sub in (row.sub_attributes or (None,))
        if sub is None or (sub.stored_in == "document" and is_written(sub))
    ]
    return {f"{case.type.name} {case.path}": case for case in found}


def columns(row: Attribute | None) -> Attribute | None:
    """Return a row without what no code but that of claims and of `/Schemas` reads."""
    return row and replace(row, name="", description="", canonical_values=(), sub_attributes=(), claim="", scope="", claim_values=())


def kind(name: str) -> Hashable:
    """Return what tells an attribute from others: its columns, and the name if sub-attributes of many have it."""
    case = CASES[name]
    usual = case.leaf.name if case.sub and case.leaf.name in (VALUE, TYPE, DISPLAY, "primary") else ""
    return case.type.name, case.schema.stored_as != "", case.row.is_link, usual, repr((columns(case.row), columns(case.sub)))


@pytest.fixture(scope="module")
def every_case(schemas_dir: Path) -> dict[str, Case]:
    return cases(schemas_dir)


CASES = {
    **cases(SAMPLES / "devices"),
    **{name: case for name, case in cases(SAMPLES / "badges").items() if "example" in name},
}


@pytest.fixture(scope="module", params=[
    *one_of_each(CASES, kind), *(f"User urn:example:acme:2.0:User:{name}" for name in ("badgeNumber", "doors", "validUntil")),
])
def case(request: pytest.FixtureRequest, every_case: dict[str, Case]) -> Case:
    return every_case[request.param]


def test_an_attribute_does_all_that_attributes_do(case: Case, new_client: Callable[[str], Client]) -> None:
    client = new_client("rfc")
    low, high = case.values(client)
    first, second, none = (
        created(client, case, None if value is None else case.whole(value)) for value in (low, high, None)
    )
    on_write = low if case.returned else None
    assert case.of(first) == on_write
    read = client("GET", f"{case.type.endpoint}/{first['id']}").get_json()
    assert case.of(read) == (on_write if case.leaf.returned != "request" else None)
    check_projection(client, case, first, on_write)
    if case.returned and case.row.stored_as != "hash":
        check_filters(client, case, (low, first["id"]), (high, second["id"]), none["id"])
        check_order(client, case, [first["id"], second["id"]], none["id"])
    else:
        assert client("GET", f"{case.type.endpoint}?filter={case.path} pr").get_json()["scimType"] == "invalidFilter"
    check_patch(client, case, none["id"], (low, high))
    check_put(client, case, first, high)


def created(client: Client, case: Case, whole: Any) -> dict[str, Any]:
    answer = client("POST", case.type.endpoint, case.resource(whole))
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def check_projection(client: Client, case: Case, resource: dict[str, Any], value: Any) -> None:
    url = f"{case.type.endpoint}/{resource['id']}"
    named = client("GET", f"{url}?attributes={case.path.swapcase()}").get_json()
    top = case.schema.id if case.schema.stored_as else case.row.name
    assert case.of(named) == value
    assert named.keys() <= {"schemas", "id", top}
    excluded = client("GET", f"{url}?excludedAttributes={case.path.upper()}").get_json()
    assert case.of(excluded) is None
    assert "meta" in excluded


def check_filters(
    client: Client, case: Case, low: tuple[Any, str], high: tuple[Any, str], without: str
) -> None:
    def found(condition: str) -> set[str]:
        answer = client("POST", f"{case.type.endpoint}/.search", {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": condition, "attributes": ["id"],
        })
        assert answer.status_code == 200, (condition, answer.get_json())
        return {each["id"] for each in answer.get_json()["Resources"]} & {low[1], high[1], without}

    required = {without} if case.row.required and case.row.default is None and not case.sub else set()
    for value, one in (low, high):
        literal = f'"{value}"' if isinstance(value, str) else str(value).lower()
        default = {without} if case.row.default == value else set()
        assert found(f"{case.path.swapcase()} EQ {literal}") == {one} | default | (required & found(f"{case.path} eq {literal}"))
        if case.row.multi_valued and not case.sub and case.leaf.type != "binary":
            assert found(f"{case.path}[value eq {literal}]") == {one}
            assert found(f"{case.path}[value eq {literal} and not (value eq null)]") == {one}
        if isinstance(value, str) and case.leaf.type == "string" and not case.leaf.case_exact:
            assert one in found(f"{case.path} eq {literal.upper()}")
    absent = set() if case.row.required or case.row.default is not None else {without}
    assert found(f"{case.path} pr") == {low[1], high[1], without} - absent
    if case.sub and case.row.multi_valued:
        literal = f'"{high[0]}"' if isinstance(high[0], str) else str(high[0]).lower()
        assert found(f"{case.top}[{case.sub.name} eq {literal}]") == {high[1]}


def check_order(client: Client, case: Case, ordered: list[str], without: str) -> None:
    url = f"{case.type.endpoint}?sortBy={case.path}&attributes=id"
    if case.leaf.type == "binary":
        assert client("GET", url).get_json()["scimType"] == "invalidValue"
        return
    for direction, expected in (("ascending", ordered), ("descending", ordered[::-1])):
        answer = client("GET", f"{url}&sortOrder={direction}").get_json()
        ids = [each["id"] for each in answer["Resources"]]
        assert [each for each in ids if each in ordered] == expected
        if not case.row.required and case.row.default is None:
            assert ids.index(without) == (len(ids) - 1 if direction == "ascending" else 0) or len(ids) > 3


def check_patch(client: Client, case: Case, resource_id: str, values: tuple[Any, Any]) -> None:
    low, high = values
    url = f"{case.type.endpoint}/{resource_id}"
    if case.row.uniqueness != "none":
        low, high = f"{low} new", f"{high} new"

    def patched(op: str, **more: Any) -> dict[str, Any]:
        answer = client.patch(url, {"op": op, **more})
        assert answer.status_code == 200, (op, more, answer.get_json())
        return answer.get_json()

    wanted = (lambda value: value) if case.returned else (lambda value: None)
    first = "replace" if case.row.required and case.row.multi_valued else "add"  # add would leave what is there
    assert case.of(patched(first, path=case.top.upper(), value=case.whole(low))) == wanted(low)
    if "immutable" in (case.leaf.mutability, case.row.mutability):
        answer = client.patch(url, {"op": "replace", "path": case.top, "value": case.whole(high)})
        assert answer.get_json()["scimType"] == "mutability"
        return
    assert case.of(patched("replace", path=case.top, value=case.whole(high))) == wanted(high)
    if case.sub:
        leaf = [low] if case.leaf.multi_valued else low
        assert case.of(patched("replace", path=case.path, value=leaf)) == wanted(low)
    if case.row.required or case.leaf.required:
        answer = client.patch(url, {"op": "remove", "path": case.path})
        assert answer.get_json()["scimType"] in ("mutability", "invalidValue")
        return
    assert case.of(patched("remove", path=case.path)) is None
    assert case.of(patched("replace", value={case.top: case.whole(high)})) == wanted(high)
    assert case.of(patched("replace", path=case.top, value=None)) is None


def check_put(client: Client, case: Case, resource: dict[str, Any], value: Any) -> None:
    url = f"{case.type.endpoint}/{resource['id']}"
    body = case.resource(case.whole(f"{value} put" if case.row.uniqueness != "none" else value))
    answer = client("PUT", url, body)
    if "immutable" in (case.leaf.mutability, case.row.mutability):
        assert answer.get_json()["scimType"] == "mutability"
        return
    assert answer.status_code == 200, answer.get_json()
    assert case.of(answer.get_json()) == (case.of(body) if case.returned else None)


def test_gallery_shows_the_groups_of_a_user_on_request(new_client: Callable[[str], Client]) -> None:
    client = new_client("gallery")
    user = client.user("ann")["id"]
    group = client.group("G", user)["id"]
    name, one = quote('userName eq "ann"'), f"/Users/{user}"
    groups = quote(f'groups.value eq "{group}"')
    for path in (f"{one}?", "/Users?", f"/Users?filter={name}&", f"/Users?filter={groups}&", "/Users?cursor&"):
        answers = [
            client("GET", path + parameter).get_json()
            for parameter in ("", "excludedAttributes=title", "attributes=groups", "attributes=userName,groups.value")
        ]
        shown = [answer.get("Resources", [answer])[0] for answer in answers]
        assert all(each["id"] == user for each in shown)
        assert [[each["value"] for each in one.get("groups", ())] for one in shown] == [[], [], [group], [group]]
    change = {"op": "replace", "path": "displayName", "value": "Ann"}
    assert "groups" not in client.patch(one, change).get_json()
    assert [each["value"] for each in client.patch(f"{one}?attributes=groups", change).get_json()["groups"]] == [group]


def test_a_device_may_be_in_a_group(new_client: Callable[[str], Client]) -> None:
    client = new_client("rfc")
    urn = "urn:ietf:params:scim:schemas:core:2.0:Device"
    device = client("POST", "/Devices", {"schemas": [urn], "displayName": "Lamp", "active": True}).get_json()
    group = client.group("lamps", device["id"])
    assert group["members"] == [
        {"value": device["id"], "$ref": device["meta"]["location"], "display": "Lamp", "type": "Device"}
    ]
    response = client("GET", f"/Devices/{device['id']}").get_json()
    assert response["groups"] == [
        {"value": group["id"], "$ref": group["meta"]["location"], "display": "lamps", "type": "direct"}
    ]
    found, none = [f'groups.value eq "{group["id"]}"', 'groups.display eq "LAMPS"', 'groups[display sw "l" and type eq "direct"]'], [
        f'groups.value eq "{group["id"].upper()}"', 'groups.display ne "lamps"', "not (groups.display pr)",
    ]
    for condition in (*found, *none):
        for endpoint in ("/Devices", "/"):
            query = f'{endpoint}?filter=active eq true and {condition}'
            assert client("GET", query).get_json()["totalResults"] == (condition in found), query
    assert client("DELETE", f"/Devices/{device['id']}").status_code == 204
    assert "members" not in client("GET", f"/Groups/{group['id']}").get_json()


def test_a_device_has_an_owner(new_client: Callable[[str], Client]) -> None:
    client = new_client("rfc")
    owner = client("POST", "/Users", {"schemas": [USER_URN], "userName": "ann", "displayName": "Ann"}).get_json()
    apps = "urn:ietf:params:scim:schemas:extension:endpointAppsExt:2.0:Device"
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Device"], "active": True}
    device = client("POST", "/Devices", body | {apps: {"owner": {"value": owner["id"]}}}).get_json()
    assert device[apps]["owner"] == {"value": owner["id"], "$ref": owner["meta"]["location"], "displayName": "Ann"}
    answer = client("POST", "/Devices", body | {apps: {"owner": {"value": "nobody"}}})
    assert answer.get_json()["scimType"] == "invalidValue"


class Commands(CommandListener):
    """The commands that reach the server while it listens."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None

    def started(self, event: CommandStartedEvent) -> None:
        if self.seen is not None:
            self.seen.append(str(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Every command is counted where it starts."""

    failed = succeeded  # type: ignore[assignment]


def test_what_the_answer_leaves_out_is_not_read(mongod_uri: str) -> None:
    commands = Commands()
    client = MongoClient(mongod_uri, event_listeners=[commands], tz_aware=True)
    database = Database(client, f"test-{uuid.uuid4().hex}")
    try:
        application = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database)
        Tenants(database).create("demo", "interop")
        demo = Client(application, "demo", Tokens(database).issue("demo")[0])
        user_id = demo.user("ann", displayName="Ann")["id"]
        group_id = demo.group("g", user_id)["id"]

        def read(path: str) -> tuple[dict[str, Any], int]:
            commands.seen = []
            answer = demo("GET", path)
            assert answer.status_code == 200
            seen, commands.seen = commands.seen, None
            return answer.get_json(), sum("memberships" in command for command in seen)

        for url, name in ((f"/Groups/{group_id}", "members"), (f"/Users/{user_id}", "groups")):
            listed = f"{url.rpartition('/')[0]}?filter=displayName pr&"
            for path in (f"{url}?", listed):
                with_it, reads = read(path)
                assert name in with_it.get("Resources", [with_it])[0] and reads > 0
                for parameter in (f"excludedAttributes={name}", "attributes=displayName", f"excludedAttributes={name.upper()},meta"):
                    without, reads = read(path + parameter)
                    assert name not in without.get("Resources", [without])[0] and reads == 0
    finally:
        client.drop_database(database.db.name)
        client.close()


def test_a_user_with_a_large_integer_can_be_changed(reused_database: Database, tmp_path: Path) -> None:
    """PyMongo reads an integer of more than 32 bits as one of its own class (D-691)."""
    urn = "urn:example:large:2.0:User"
    rows = [{"name": "whole", "type": "integer"}, {"name": "number", "type": "decimal"}]
    file = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": urn, "name": "Large", "attributes": rows}
    (tmp_path / "large.json").write_text(json.dumps(file))
    settings = {"SCIMD_RATE_LIMIT": "off", "SCIMD_SCHEMAS_DIR": str(tmp_path)}
    application = create_app(Config.from_environment(settings), reused_database)
    Tenants(reused_database).create("demo", "rfc")
    demo = Client(application, "demo", Tokens(reused_database).issue("demo")[0])
    large = {"whole": 2**63 - 1, "number": -(2**40)}
    user = demo.user("ann", schemas=[USER_URN, urn], **{urn: large})
    changed = demo.patch(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "T"})
    assert (changed.status_code, changed.get_json()[urn], changed.get_json()["title"]) == (200, large, "T")
    assert demo("PUT", f"/Users/{user['id']}", changed.get_json()).get_json()["meta"] == changed.get_json()["meta"]
