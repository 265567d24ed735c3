"""Schemas and resource types from an operator's files: what they become, and what is wrong with bad ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.assembly import assemble
from app.config import Config
from app.errors import InvalidSyntax, InvalidValue
from app.export_import import MEMBERSHIP
from app.schemas import discovery
from app.schemas.custom import RESERVED, RESERVED_NAMES, SchemaFileError, all_types, load_catalogue
from app.schemas.resource_type import ResourceType
from app.schemas.returned import Projection
from app.schemas.schema_file import short_name
from app.schemas.storage.collection import collection_specs
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.service_provider import RESOURCE_TYPE_URN, SCHEMA_URN
from app.schemas.tables.user import ENTERPRISE_URN, USER_TYPE, USER_URN
from app.schemas.validation.payload import validate
from app.store.mongo.database import Database
from app.store.open import collections, prepare
from tests.conftest import make_server, new_database
from tests.forking import fork

SAMPLES = Path(__file__).parent.parent / "samples" / "schemas"
DEVICES, BADGES = SAMPLES / "devices", SAMPLES / "badges"
DEVICE_URN = "urn:ietf:params:scim:schemas:core:2.0:Device"
BLE_URN = "urn:ietf:params:scim:schemas:extension:ble:2.0:Device"
APPS_URN = "urn:ietf:params:scim:schemas:extension:endpointAppsExt:2.0:Device"


def found(directory: Path, name: str, tenant: str = "demo", profile: str = "rfc") -> ResourceType:
    resource_type = load_catalogue(directory, profile, tenant).named(name)
    assert resource_type is not None
    return resource_type


# Devices


def test_a_device_comes_to_life_from_json_alone() -> None:
    device = found(DEVICES, "Device")
    assert (device.endpoint, device.collection) == ("/Devices", "devices")
    payload = {
        "schemas": [DEVICE_URN, BLE_URN, APPS_URN], "displayName": "Lamp", "Active": "True",
        "groups": [{"value": "ignored"}],
        BLE_URN: {
            "versionSupport": ["5.3"], "deviceMacAddress": "2C:54:91:88:C9:E2", "isRandom": False, "irk": "s3cret",
            "txPower": 1.5, "advertisingInterval": 30, "firstSeen": "2026-01-01T00:00:00+01:00", "lastPassKey": 7,
            "pairingMethods": [{"value": "urn:x:just-works", "tags": ["a", "b"], "primary": True}],
        },
        APPS_URN: {"owner": {"$ref": "../Users/ann", "displayName": "ignored"}},
    }
    resource = validate(device, payload, ignore_unknown=False)
    assert resource[BLE_URN]["firstSeen"] == "2025-12-31T23:00:00.000Z"
    assert resource[APPS_URN] == {"owner": {"value": "ann"}}
    assert resource["active"] is True and "groups" not in resource
    response = Projection.parse(device).apply(resource)
    assert response[BLE_URN].keys() == payload[BLE_URN].keys() - {"irk", "lastPassKey"}
    assert Projection.parse(device, [f"{BLE_URN}:LASTPASSKEY"]).apply(resource)[BLE_URN] == {"lastPassKey": 7}
    with pytest.raises(InvalidValue) as caught:
        validate(device, {"schemas": [DEVICE_URN], BLE_URN: {"txPower": "x", "pairingMethods": [{}, {"tags": [1]}]}},
                 ignore_unknown=False)
    assert sorted(caught.value.detail.split("; ")) == [
        "active: is required", f"{BLE_URN}:deviceMacAddress: is required",
        f"{BLE_URN}:pairingMethods[1].tags[0]: must be a string", f"{BLE_URN}:txPower: must be a number",
        f"{BLE_URN}:versionSupport: is required",
    ]
    with pytest.raises(InvalidSyntax, match="lamp: is not an attribute here"):
        validate(device, {"schemas": [DEVICE_URN], "active": True, "lamp": 1}, ignore_unknown=False)


def test_a_device_is_discovered_as_its_files_say() -> None:
    catalogue = load_catalogue(DEVICES, "gallery", "demo")
    described = {schema["id"]: schema for schema in discovery.schemas(catalogue, "")}
    for name in ("device", "ble", "endpoint_apps"):
        file = json.loads((DEVICES / f"{name}.json").read_text())
        ours = described[file["id"]]
        assert (ours["name"], ours["description"]) == (file["name"], file["description"])
        pairs = zip(ours["attributes"], file["attributes"], strict=True)
        assert all(row.items() <= listed.items() for listed, row in pairs if "subAttributes" not in row)
    assert discovery.resource_type(catalogue, "device", "") == {
        **json.loads((DEVICES / "device_type.json").read_text()),
        "meta": {"resourceType": "ResourceType", "location": "/ResourceTypes/Device"},
    }


def test_devices_may_be_members_of_groups() -> None:
    group = found(DEVICES, "Group")
    assert group.members is not None and group.members.references == ("User", "Group", "Device")
    assert found(DEVICES, "Device").groups is not None
    assert GROUP_TYPE.members is not None and GROUP_TYPE.members.references == ("User", "Group")


# For all tenants or for one


def test_schemas_for_all_tenants_and_for_one() -> None:
    desk, badge = "urn:example:desk:2.0:User", "urn:example:acme:2.0:User"
    assert [schema.id for schema in found(BADGES, "User", "acme").extensions] == [ENTERPRISE_URN, desk, badge]
    assert [schema.id for schema in found(BADGES, "User", "other").extensions] == [ENTERPRISE_URN, desk]
    assert [schema.id for schema in load_catalogue(None, "rfc", "acme").types[0].extensions] == [ENTERPRISE_URN]
    row = found(BADGES, "User").extensions[1].by_name["desk"]
    assert (row.type, row.multi_valued, row.required, row.case_exact) == ("string", False, False, False)
    assert (row.mutability, row.returned, row.uniqueness) == ("readWrite", "default", "none")


def test_catalogues_are_made_once_and_shared_by_tenants_without_files() -> None:
    assert load_catalogue(BADGES, "rfc", "x") is load_catalogue(BADGES, "rfc", "y")
    assert load_catalogue(BADGES, "rfc", "acme") is load_catalogue(BADGES, "rfc", "acme")
    assert load_catalogue(BADGES, "rfc", "acme") is not load_catalogue(BADGES, "rfc", "x")
    for name in ("", ".", "..", "../badges", "acme/"):  # no tenant has such a name, and no path is made of one
        assert load_catalogue(BADGES, "rfc", name) is load_catalogue(BADGES, "rfc", "x")


def test_the_database_takes_what_any_tenant_may_store() -> None:
    assert [t.name for t in all_types(None)] == ["User", "Group"]
    specs = {spec.name: spec for spec in collection_specs(all_types(BADGES))}
    assert sorted(specs) == ["groups", "users"]
    fields = specs["users"].validator["$jsonSchema"]["properties"]
    assert {"enterprise", "ext_example_desk_2_0_user", "ext_example_acme_2_0_user"} <= fields.keys()
    names = {index.name for index in specs["users"].indexes}
    assert {"unique_userName", "unique_ext_example_acme_2_0_user.badgeNumber"} <= names


def test_short_names_are_safe_and_depend_on_the_urn_alone() -> None:
    assert short_name("urn:ietf:params:scim:schemas:extension:ble:2.0:Device") == "ext_ble_2_0_device"
    assert short_name("URN:Example:a.b-c:2.0:User") == short_name("urn:example:a.b-c:2.0:user") == "ext_example_a_b_c_2_0_user"


def test_no_endpoint_has_the_name_of_a_collection_of_ours(reused_database: Database) -> None:
    prepare(Config.from_environment({}), reused_database)
    there = {name for name in reused_database.db.list_collection_names() if not name.startswith("system.")}
    assert there >= {"memberships", "events", "tenants", "group_members", "user_groups"}
    there |= {spec.name for spec in collections(Config.from_environment({}))}  # some are created by the first write
    assert there - {"users", "groups"} <= RESERVED


def test_no_endpoint_has_the_name_of_a_route_of_ours(reused_database: Database) -> None:
    rules = assemble(Config.from_environment({}), reused_database).url_map.iter_rules()
    first = {re.split("[/.]", rule.rule.removeprefix("/<tenant>/scim/v2/"))[0] for rule in rules if "/scim/v2/" in rule.rule}
    routes = {name.lower() for name in first if name and not name.startswith("<")}
    assert routes >= {"schemas", "me", "bulk"}
    assert routes <= RESERVED


def test_fa_37_no_type_has_the_name_of_a_line_of_an_export() -> None:
    assert MEMBERSHIP.lower() in RESERVED_NAMES


@pytest.mark.parametrize("more", [{"endpoint": "/user_groups"}, {"name": "Membership"}], ids=str)
def test_fa_37_a_taken_name_ends_the_start_with_one_sentence_that_lists_the_names(
    more: dict[str, str], tmp_path: Path, mongod_uri: str
) -> None:
    folder = write(tmp_path / "schemas", [schema(row(), id="urn:x:Thing"), kind(**more)])
    server = make_server(tmp_path, SCIMD_SCHEMAS_DIR=str(folder), SCIMD_MONGODB_URI=new_database(mongod_uri))
    with server.log.open("wb") as log:
        status = fork(["serve"], server.environ, tmp_path, log, log).wait(120)
    said = [line for line in server.log.read_text().splitlines() if "is taken" in line]
    assert status != 0 and len(said) == 1, server.log.read_text()
    assert more.get("endpoint", more.get("name")) in said[0] and "these are: " in said[0]
    assert ("group_members" in said[0]) == ("endpoint" in more)
    assert "Traceback" not in server.log.read_text()


# Bad files

S, R = [SCHEMA_URN], [RESOURCE_TYPE_URN]


def schema(*attributes: Any, **more: Any) -> dict[str, Any]:
    return {"schemas": S, "id": "urn:x:more:User", "name": "More", "attributes": list(attributes), **more}


def kind(**more: Any) -> dict[str, Any]:
    return {"schemas": R, "name": "Thing", "endpoint": "/Things", "schema": "urn:x:Thing", **more}


def row(name: Any = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


def write(folder: Path, *files: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(files):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{number}.json").write_text(text)
    return folder


def load(folder: Path, *files: Any) -> list[ResourceType]:
    return list(all_types(write(folder, *files)))


REF = row("$ref", type="reference", referenceTypes=["User"])
BAD = [
    ("not json", "cannot be read as JSON: Expecting value"),
    ("[" * 100_000, "cannot be read as JSON: "),
    ("5", "must hold a Schema or a ResourceType as a JSON object"),
    ({}, "as the only value of schemas"),
    (schema(row(), schemas=S + R), "as the only value of schemas"),
    ({"schemas": S, "name": "x", "attributes": [row()]}, "id: is required"),
    (schema(), "attributes: is required"),
    (schema(row(), id="http://x"), 'the id "http://x" must be a URN'),
    (schema(row(), id="urn:x:a b"), 'the id "urn:x:a b" must be a URN'),
    (schema(row(), colour="red"), "colour: is not an attribute here"),
    (schema(row(colour="red")), "attributes[0].colour: is not an attribute here"),
    (schema(row(), {"type": "string"}), "attributes[1].name: is required"),
    (schema(row(multiValued="maybe")), "attributes[0].multiValued: must be true or false"),
    (schema(row("1abc")), 'urn:x:more:User:1abc: a name must be letters'),
    (schema(row("a.b")), "a.b: a name must be letters"),
    (schema(row("_id")), "_id: a name must be letters"),
    (schema(row("$where")), "$where: a name must be letters"),
    (schema(row(type="strng")), 'urn:x:more:User:a: type "strng" is not one of string, complex,'),
    (schema(row(mutability="readonly")), 'a: mutability "readonly" is not one of'),
    (schema(row(returned="often")), 'a: returned "often" is not one of'),
    (schema(row(uniqueness="yes")), 'a: uniqueness "yes" is not one of'),
    (schema(row(), row("A")), "urn:x:more:User: A is there more than once"),
    (schema(row(type="complex")), "a: a complex attribute needs subAttributes"),
    (schema(row(subAttributes=[row()])), "a: only a complex attribute can have subAttributes"),
    (schema(row(type="complex", subAttributes=[row(), row("A")])), "urn:x:more:User:a: A is there more than once"),
    (
        schema(row(type="complex", subAttributes=[row("b", type="complex")])),
        "urn:x:more:User:a.b: a complex attribute cannot be inside another one",
    ),
    (
        schema(row(type="complex", subAttributes=[row("b", subAttributes=[row("c")])])),
        "attributes[0].subAttributes[0].subAttributes: is not an attribute here",
    ),
    (schema(row(referenceTypes=["User"])), "a: only a reference can have referenceTypes"),
    (schema(row(type="reference", referenceTypes=["Robot"])), "a refers to Robot, which is not a resource type"),
    (schema(row(mutability="writeOnly")), "a: a writeOnly attribute must have returned never"),
    (schema(row(multiValued=True, uniqueness="server")), "a: only an attribute that is single-valued"),
    (schema(row(type="boolean", uniqueness="server")), "a: only an attribute that is single-valued"),
    (schema(row(type="complex", subAttributes=[row("b", uniqueness="global")])), "a.b: only an attribute that is single-valued"),
    (schema(REF), "$ref: $ref must be a sub-attribute"),
    (schema(row(type="complex", subAttributes=[REF])), "a: $ref needs a sub-attribute value"),
    (
        schema(row(type="complex", subAttributes=[REF, row("value", multiValued=True)])),
        "a: $ref needs a sub-attribute value beside it, for the id: one string",
    ),
    (schema(row(type="complex", subAttributes=[REF, row("value", type="integer")])), "for the id: one string"),
    (schema(row(type="complex", subAttributes=[REF, row("value", type="dateTime")])), "for the id: one string"),
    (schema(row(type="complex", subAttributes=[row("$ref"), row("value")])), "a.$ref: $ref must be a reference"),
    (schema(row(), id=USER_URN), f"{USER_URN} exists already"),
    (schema(row(), id="urn:x:more:Robot"), "urn:x:more:Robot belongs to no resource type"),
    (kind(), "no file has the schema urn:x:Thing"),
    (kind(name="a b"), 'the name "a b" must be letters'),
    (kind(endpoint="Things"), 'the endpoint "Things" must be a slash and one word of up to 100 characters'),
    (kind(endpoint="/a/b"), 'the endpoint "/a/b" must be a slash and one word of up to 100 characters'),
    (kind(endpoint="/Bulk"), "the endpoint /Bulk of Thing is taken"),
    (kind(endpoint="/users"), "the endpoint /users of Thing is taken; these are: acts, app_tokens, apps, bulk, "),
    (kind(endpoint="/User_Groups"), "the endpoint /User_Groups of Thing is taken"),
    (kind(endpoint="/group_members"), "the endpoint /group_members of Thing is taken"),
    (kind(endpoint="/" + "a" * 101), "a slash and one word of up to 100 characters"),
    (kind(endpoint="/Tokens"), "the endpoint /Tokens of Thing is taken"),
    (kind(name="user"), f"User exists already, at /Users with the schema {USER_URN}"),
    (kind(schemaExtensions=[{"required": True}]), "schemaExtensions[0].schema: is required"),
]


@pytest.mark.parametrize(("content", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_a_bad_file_is_one_clear_sentence(content: Any, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaFileError) as caught:
        load(tmp_path, content)
    text = str(caught.value)
    assert problem in text and text.endswith(".") and "\n" not in text
    assert text.startswith(f"{tmp_path / '0.json'}: ") or "refers to" in text


def test_value_and_type_of_a_multi_valued_attribute_may_be_arrays_themselves(tmp_path: Path) -> None:
    subs = [row("value", multiValued=True), row("type", multiValued=True)]
    load(tmp_path, schema(row("a", type="complex", multiValued=True, subAttributes=subs)))
    values = [{"value": ["x", "y"]}, {"value": ["x"], "type": ["t"]}, {"type": ["t"]}]
    payload = {"schemas": [USER_URN, "urn:x:more:User"], "userName": "ann", "urn:x:more:User": {"a": values}}
    resource = validate(found(tmp_path, "User"), payload, ignore_unknown=False)
    assert resource["urn:x:more:User"] == {"a": values}


THING = schema(row(), id="urn:x:Thing")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([schema(row()), schema(row("b"), id="URN:X:More:User")], "URN:X:More:User exists already"),
        ([THING, kind(), kind(endpoint="/Others")], "Thing exists already, at /Things"),
        ([THING, kind(), kind(name="Other")], "the endpoint /Things of Other is taken"),
        ([THING, kind(), kind(name="THING", schema="urn:x:Other")], "Thing exists already"),
        ([schema(row("id"), id="urn:x:Thing"), kind()], "urn:x:Thing: id is a name that every resource already has"),
        ([schema(row("Meta"), id="urn:x:Thing"), kind()], "Meta is a name that every resource already has"),
        ([schema(row("tenant"), id="urn:x:Thing"), kind()], "tenant is a name that every resource already has"),
        ([schema(row(), id="urn:x:a-b:User"), schema(row(), id="urn:x:a.b:User")], "would be stored as ext_x_a_b_user"),
        (
            [schema(row("ext_x_a_thing"), id="urn:x:Thing"), kind(), schema(row(), id="urn:x:a:Thing")],
            "would be stored as ext_x_a_thing",
        ),
        ([THING, kind(name="Membership")], "the name Membership is taken; these are: external, membership, uri"),
        ([THING, kind(name="membership")], "the name membership is taken"),
        ([THING, kind(name="External")], "the name External is taken"),
        ([THING, kind(schemaExtensions=[{"schema": USER_URN, "required": False}])], "is the schema of a resource type"),
    ],
)
def test_files_that_clash(files: list[Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaFileError) as caught:
        load(tmp_path, *files)
    assert problem in str(caught.value)


def test_a_tenants_file_must_not_clash_with_one_for_all(tmp_path: Path) -> None:
    write(write(tmp_path, schema(row())) / "acme", schema(row("b")))
    with pytest.raises(SchemaFileError, match=r"acme/0\.json: urn:x:more:User exists already"):
        all_types(tmp_path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.json").symlink_to(tmp_path / "nothing")
    with pytest.raises(SchemaFileError, match=r"gone\.json: cannot be read: No such file or directory\.$"):
        all_types(tmp_path)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SchemaFileError, match="the folder of schemas cannot be read: No such file"):
        all_types(tmp_path / "nothing")


# Good files that are a little unusual


def test_a_type_file_adds_extensions_to_a_type_that_is_there(tmp_path: Path) -> None:
    file = kind(
        name="User", endpoint="/Users", schema=USER_URN,
        schemaExtensions=[{"schema": ENTERPRISE_URN, "required": True}, {"schema": "urn:x:hr", "required": False}],
    )
    user = load(tmp_path, [schema(row(), id="urn:x:hr"), file])[0]
    assert [extension.id for extension in user.extensions] == [ENTERPRISE_URN, "urn:x:hr"]
    assert user.required_extensions == {ENTERPRISE_URN}
    assert user.schema is USER_TYPE.schema


def test_external_id_may_be_listed(tmp_path: Path) -> None:
    thing = load(tmp_path, schema(row("externalId"), row("name"), id="urn:x:Thing"), kind())[2].for_profile("rfc")
    listed = thing.schema.by_name["externalid"]
    assert listed.case_exact and listed.indexed and listed.listed
    assert validate(thing, {"schemas": ["urn:x:Thing"], "externalId": "1"}, ignore_unknown=False)["externalId"] == "1"


def test_names_of_keys_are_case_insensitive(tmp_path: Path) -> None:
    load(tmp_path, {"ID": "urn:x:more:User", "Attributes": [{"NAME": "a", "Type": "integer", "INDEXED": True}]})
    extension = load_catalogue(tmp_path, "rfc", "x").types[0].extensions[1]
    assert extension.name == "User" and extension.attributes[0].type == "integer" and extension.attributes[0].indexed


def test_two_tenants_may_have_types_of_one_name(tmp_path: Path) -> None:
    for tenant, name, tag in (("a", "size", "string"), ("b", "weight", "boolean")):
        rows = (row(name, type="integer", required=True), row("tag", type=tag))
        write(tmp_path / tenant, [schema(*rows, id="urn:x:Thing"), kind()])
    spec = {spec.name: spec for spec in collection_specs(all_types(tmp_path))}["things"]
    shape = spec.validator["$jsonSchema"]
    assert shape["required"] == ["_id", "tenant", "schemas", "meta", "_folded"]
    assert {"size", "weight"} <= shape["properties"].keys() and len(shape["properties"]["tag"]["anyOf"]) == 2
