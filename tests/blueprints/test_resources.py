"""What a resource is and what becomes of it: create, read, replace, delete."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import create_app
from app.config import Config
from app.schemas.custom import load_catalogue
from app.schemas.schema_file import SchemaFileError
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import ENTERPRISE_URN, GROUP_URN, USER_URN, Client
from tests.moments import next_millisecond

NOBODY = "00000000-0000-0000-0000-000000000000"
LAMP, BULB, LABEL = "urn:example:2.0:Lamp", "urn:example:2.0:Bulb", "urn:example:2.0:Label"
SCHEMA, TYPE = (f"urn:ietf:params:scim:schemas:core:2.0:{name}" for name in ("Schema", "ResourceType"))
FILES: list[dict[str, Any]] = [
    {"schemas": [SCHEMA], "id": LAMP, "name": "Lamp", "attributes": [
        {"name": "label"}, {"name": "watts", "type": "integer"}, {"name": "ratio", "type": "decimal"},
        {"name": "since", "type": "dateTime"}, {"name": "serial", "mutability": "immutable"},
        {"name": "maker", "type": "complex", "subAttributes": [
            {"name": "name", "required": True}, {"name": "country", "mutability": "immutable"}, {"name": "city"}]},
        {"name": "notes", "returned": "request"}, {"name": "pin", "mutability": "writeOnly", "returned": "never"},
        {"name": "lock", "type": "complex", "mutability": "immutable", "subAttributes": [
            {"name": "code", "mutability": "immutable", "returned": "never"}, {"name": "maker"}]}]},
    {"schemas": [SCHEMA], "id": BULB, "name": "Bulb", "attributes": [{"name": "socket", "required": True}]},
    {"schemas": [SCHEMA], "id": LABEL, "name": "Label", "attributes": [
        {"name": "owner", "required": True}, {"name": "number", "mutability": "immutable"}, {"name": "colour"},
        {"name": "seal", "mutability": "immutable", "returned": "never", "uniqueness": "server"},
        {"name": "batch", "uniqueness": "server"}]},
    {"schemas": [TYPE], "id": "Lamp", "name": "Lamp", "endpoint": "/Lamps", "schema": LAMP,
     "schemaExtensions": [{"schema": BULB, "required": True}, {"schema": LABEL, "required": False}]},
]


def post(client: Client, path: str = "/Users?", **resource: Any) -> TestResponse:
    schemas = GROUP_URN if path.startswith("/Groups") else USER_URN
    return client("POST", path.rstrip("?"), {"schemas": [schemas]} | resource)


def assert_refused(answer: TestResponse, scim_type: str | None = "invalidValue", status: int = 400) -> None:
    assert (answer.status_code, answer.get_json().get("scimType")) == (status, scim_type), answer.get_json()


def read(client: Client, resource: dict[str, Any]) -> dict[str, Any]:
    return client("GET", resource["meta"]["location"].partition("/scim/v2")[2]).get_json()


def write(folder: Path, *files: dict[str, Any]) -> Path:
    for number, file in enumerate(files):
        (folder / f"{number}.json").write_text(json.dumps(file))
    return folder


@pytest.fixture(scope="module")
def make_lamps(mongod: Database, tmp_path_factory: pytest.TempPathFactory) -> Any:
    database = Database(mongod.client, f"test-{uuid.uuid4().hex}")
    folder = write(tmp_path_factory.mktemp("lamps"), *FILES)
    settings = {"SCIMD_RATE_LIMIT": "off", "SCIMD_SCHEMAS_DIR": str(folder)}
    application = create_app(Config.from_environment(settings), database)

    def make() -> Client:
        name = f"t-{uuid.uuid4().hex[:12]}"
        Tenants(database).create(name, "rfc")
        return Client(application, name, Tokens(database).issue(name)[0])

    yield make
    mongod.client.drop_database(database.db.name)


@pytest.fixture
def lamps(make_lamps: Callable[[], Client]) -> Client:
    return make_lamps()


def lamp(client: Client, method: str = "POST", path: str = "/Lamps", **more: Any) -> TestResponse:
    return client(method, path, {"schemas": [LAMP], BULB: {"socket": "E27"}} | more)


# The data model (section 3)


@pytest.mark.parametrize("schemas", [None, [], "x", [ENTERPRISE_URN], [USER_URN, "urn:unknown"], [5]])
def test_cm_01_schemas_that_are_refused(rfc: Client, schemas: Any) -> None:
    body = {"userName": "a"} | ({"schemas": schemas} if schemas is not None else {})
    assert_refused(rfc("POST", "/Users", body), "invalidSyntax")


def test_cm_01_and_03_schemas_in_any_order(rfc: Client) -> None:
    body = {"schemas": [ENTERPRISE_URN, USER_URN], "userName": "a", ENTERPRISE_URN: {"department": "D"}}
    created = rfc("POST", "/Users", body).get_json()
    assert set(created["schemas"]) == {USER_URN, ENTERPRISE_URN}
    assert created[ENTERPRISE_URN] == {"department": "D"}


def test_cm_02_schemas_are_in_every_part(rfc: Client) -> None:
    created = rfc.user("a")
    for path in (f"/Users/{created['id']}?attributes=userName", f"/Users/{created['id']}?excludedAttributes=schemas"):
        assert rfc("GET", path).get_json()["schemas"] == [USER_URN]
    assert rfc("GET", "/Users?attributes=userName").get_json()["Resources"][0]["schemas"] == [USER_URN]


def test_cm_04_schemas_follow_the_data(rfc: Client) -> None:
    not_listed = post(rfc, userName="a", **{ENTERPRISE_URN: {"department": "D"}}).get_json()
    assert set(not_listed["schemas"]) == {USER_URN, ENTERPRISE_URN}
    no_data = post(rfc, userName="b", schemas=[USER_URN, ENTERPRISE_URN]).get_json()
    assert no_data["schemas"] == [USER_URN]
    assert ENTERPRISE_URN not in no_data


def test_cm_05_a_required_extension(lamps: Client) -> None:
    assert lamp(lamps).status_code == 201
    assert_refused(lamps("POST", "/Lamps", {"schemas": [LAMP]}))
    assert_refused(lamp(lamps, **{BULB: {}}))


def test_cm_06_and_08_ids_and_meta_are_the_servers(rfc: Client) -> None:
    created = post(rfc, userName="a", id="mine", meta={"resourceType": "X", "version": "v", "created": "never"}).get_json()
    assert created["id"] != "mine"
    assert "bulkId" not in created["id"]
    assert created["meta"]["resourceType"] == "User"
    assert created["meta"]["created"] != "never"
    assert created["meta"].keys() == {"resourceType", "created", "lastModified", "location", "version"}
    replaced = rfc("PUT", f"/Users/{created['id']}", created | {"meta": {"created": "x"}, "title": "T"}).get_json()
    assert replaced["meta"]["created"] == created["meta"]["created"]


def test_cm_07_external_ids_are_the_clients(rfc: Client) -> None:
    assert [post(rfc, userName=name, externalId="abc").status_code for name in "ab"] == [201, 201]
    assert rfc.found('/Users?filter=externalId eq "ABC"') == []
    assert len(rfc.found('/Users?filter=externalId eq "abc"')) == 2
    assert "externalId" not in rfc.user("c")


def test_cm_09_last_modified_tells_of_changes_alone(rfc: Client) -> None:
    created = rfc.user("a", title="T")
    path = f"/Users/{created['id']}"
    assert created["meta"]["lastModified"] == created["meta"]["created"]
    assert rfc.patch(path, {"op": "replace", "path": "title", "value": "T"}).get_json() == created
    next_millisecond()
    changed = rfc.patch(path, {"op": "replace", "path": "title", "value": "U"}).get_json()["meta"]
    assert changed["created"] == created["meta"]["created"]
    assert changed["lastModified"] > created["meta"]["lastModified"]


@pytest.mark.parametrize("path", ["/Users", "/Groups"])
def test_cm_10_to_12_meta_is_what_the_headers_say(rfc: Client, path: str) -> None:
    created = post(rfc, path, **({"userName": "a"} if path == "/Users" else {"displayName": "G"}))
    place = f"{path}/{created.get_json()['id']}"
    patched = rfc.patch(place, {"op": "add", "path": "externalId", "value": "x"})
    for answer in (created, rfc("GET", place), patched, rfc("PUT", place, patched.get_json())):
        meta = answer.get_json()["meta"]
        assert meta["location"] == answer.headers["Content-Location"]
        assert meta["location"].startswith("http")
        assert meta["location"].endswith(rfc.base + place)
        assert meta["version"] == answer.headers["ETag"]
        assert meta["version"].startswith('W/"')
        assert meta["resourceType"] == path[1:-1]


def test_cm_13_names_in_any_letter_case(rfc: Client) -> None:
    emails = [{"Value": "a@x", "PRIMARY": True}]
    created = rfc("POST", "/Users", {
        "Schemas": [USER_URN.upper()], "USERNAME": "a", "Emails": emails, ENTERPRISE_URN.upper(): {"Department": "D"}}).get_json()
    assert created["userName"] == "a"
    assert created["emails"] == [{"value": "a@x", "primary": True}]
    assert created[ENTERPRISE_URN] == {"department": "D"}
    assert created["schemas"] == [USER_URN, ENTERPRISE_URN]
    query = f"/Users?filter={ENTERPRISE_URN.upper()}:DEPARTMENT eq \"d\"&sortBy=USERNAME&attributes=EMAILS.value,username"
    assert rfc("GET", query).get_json()["Resources"][0]["emails"] == [{"value": "a@x"}]
    changed = rfc.patch(f"/Users/{created['id']}", {"op": "replace", "path": "EMAILS[VALUE eq \"a@x\"].Value", "value": "b@x"})
    assert changed.get_json()["emails"][0]["value"] == "b@x"


def test_cm_14_and_15_null_and_empty_are_nothing(rfc: Client) -> None:
    created = post(rfc, userName="a", nickName=None, emails=[], name={}, title="T", roles=None).get_json()
    assert not {"nickName", "emails", "name", "roles"} & created.keys()
    shown = rfc.patch(f"/Users/{created['id']}", {"op": "replace", "path": "title", "value": None}).get_json()
    assert "title" not in shown
    assert rfc.found("/Users?filter=title pr or nickName pr or emails pr or name pr") == []


@pytest.mark.parametrize("wrong", [
    {"title": 5}, {"title": True}, {"title": {"$gt": ""}}, {"title": ["x"]}, {"name": "x"}, {"name": {"givenName": 1}},
])
def test_cm_16_strings(rfc: Client, wrong: dict[str, Any]) -> None:
    assert_refused(post(rfc, userName="a", **wrong))


@pytest.mark.parametrize(("given", "stored"), [
    (True, True), (False, False), ("True", True), ("false", False), ("yes", None), (1, None), ("TRUE", True), ("fALSE", False), (0, None),
])
def test_cm_17_booleans(rfc: Client, given: Any, stored: bool | None) -> None:
    answer = post(rfc, userName="a", active=given)
    if stored is None:
        assert_refused(answer)
    else:
        assert answer.get_json()["active"] is stored


@pytest.mark.parametrize("wrong", [b"1.0", b"1e2", b"true", b'"1"', b"1.5", b"[1]"])
def test_cm_18_integers(lamps: Client, wrong: bytes) -> None:
    assert lamp(lamps, watts=1).get_json()["watts"] == 1
    assert_refused(lamps("POST", "/Lamps", b'{"schemas": ["%s"], "%s": {"socket": "E27"}, "watts": %s}' % (
        LAMP.encode(), BULB.encode(), wrong), Content_Type="application/scim+json"))


def test_cm_19_decimals(lamps: Client) -> None:
    for value in (1.5, -0.1, 3):
        assert lamp(lamps, ratio=value).get_json()["ratio"] == value
    for wrong in ("1.5", True):
        assert_refused(lamp(lamps, ratio=wrong))


def test_cm_20_date_times(lamps: Client) -> None:
    for value in ("2011-05-13T04:42:34Z", "2011-05-13T04:42:34.1234567-07:00"):
        assert lamp(lamps, since=value).status_code == 201, value
    for wrong in ("2008-01-23", "10:00Z", "2008-13-01T00:00:00Z", "now", 5):
        assert_refused(lamp(lamps, since=wrong))


def test_cm_21_and_us_06_binaries(rfc: Client) -> None:
    for value in ("YWJj", "YWI=", "YWI"):
        assert post(rfc, userName=value, x509Certificates=[{"value": value}]).status_code == 201
    assert_refused(post(rfc, userName="b", x509Certificates=[{"value": "###"}]))


def test_cm_22_and_24_references(rfc: Client) -> None:
    assert_refused(post(rfc, userName="a", profileUrl="not a uri"))
    assert post(rfc, userName="a", profileUrl="https://example.com/A").get_json()["profileUrl"] == "https://example.com/A"
    boss = rfc.user("boss")
    user = rfc.user("b", **{ENTERPRISE_URN: {"manager": {"value": boss["id"]}}})
    group = rfc.group("G", user["id"])
    user = read(rfc, user)
    for reference in (user[ENTERPRISE_URN]["manager"]["$ref"], user["groups"][0]["$ref"], group["members"][0]["$ref"]):
        assert rfc("GET", reference.partition("/scim/v2")[2]).status_code == 200


@pytest.mark.parametrize("form", ["{base}/Users/{id}", "Users/{id}", "../Users/{id}", "/Users/{id}", "{unversioned}/Users/{id}"])
def test_cm_22_and_23_forms_of_one_reference(rfc: Client, form: str) -> None:
    user, group = rfc.user("a"), rfc.group("G")
    base = user["meta"]["location"].partition("/Users")[0]
    reference = form.format(base=base, unversioned=base.removesuffix("/v2"), id=user["id"])
    value = [{"value": user["id"], "$ref": reference}]
    answer = rfc.patch(f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": value})
    assert answer.status_code == 200, answer.get_json()
    assert answer.get_json()["members"][0]["$ref"] == user["meta"]["location"]


@pytest.mark.parametrize("row", [
    {"name": "1abc"}, {"name": "a b"}, {"name": "c", "type": "complex", "subAttributes": [
        {"name": "d", "type": "complex", "subAttributes": [{"name": "e"}]}]},
])
def test_cm_26_and_35_schemas_that_are_refused(tmp_path: Path, row: dict[str, Any]) -> None:
    schema = {"schemas": [SCHEMA], "id": LAMP, "attributes": [row]}
    kind = {"schemas": [TYPE], "name": "Lamp", "endpoint": "/Lamps", "schema": LAMP}
    with pytest.raises(SchemaFileError):
        load_catalogue(write(tmp_path, schema, kind), "rfc", "demo")


def test_cm_27_order_is_kept(rfc: Client) -> None:
    emails = [{"value": f"{n}@x", "type": "work"} for n in (3, 1, 2)]
    created = post(rfc, emails=emails, userName="a").get_json()
    assert read(rfc, created)["emails"] == emails


def test_cm_28_and_29_primary(rfc: Client) -> None:
    two = [{"value": "a@x", "primary": True}, {"value": "b@x", "primary": True}]
    assert_refused(post(rfc, userName="a", emails=two))
    rfc.user("b", emails=[{"value": "a@x"}])
    assert rfc.found("/Users?filter=emails[primary eq false]") == ["b"]


def test_cm_30_a_value_is_there_once(rfc: Client) -> None:
    created = post(rfc, userName="a", emails=[{"value": "a@x", "type": "work"}] * 2)
    assert created.get_json()["emails"] == [{"value": "a@x", "type": "work"}]


def test_cm_31_to_33_values_as_sent(rfc: Client) -> None:
    email = {"value": "BJ@EXAMPLE.com", "type": "Carrier-Pigeon"}
    created = rfc.user("a", emails=[email], title="Tour Guide", externalId="X")
    assert read(rfc, created)["emails"] == [email]
    assert rfc.found('/Users?filter=emails[value eq "bj@example.COM" and type eq "carrier-pigeon"]') == ["a"]
    assert rfc.found('/Users?filter=title eq "TOUR guide"') == ["a"]
    assert rfc.found('/Users?filter=externalId eq "x"') == []


def test_cm_34_what_a_schema_leaves_out(lamps: Client) -> None:
    rows = {row["name"]: row for row in lamps("GET", f"/Schemas/{LAMP}").get_json()["attributes"]}
    label = {"type": "string", "multiValued": False, "required": False, "caseExact": False, "mutability": "readWrite",
             "returned": "default", "uniqueness": "none"}
    assert label.items() <= rows["label"].items()


def test_cm_36_unknown_attributes(rfc: Client, gallery: Client) -> None:
    answer = post(rfc, userName="a", dispalyName="x")
    assert_refused(answer, "invalidSyntax")
    assert "dispalyName" in answer.get_json()["detail"]
    assert "dispalyName" not in gallery.user("a", dispalyName="x")


# Users, groups, the Enterprise extension (section 3)


@pytest.mark.parametrize("name", [None, "", "  ", 5])
def test_us_01_a_user_has_a_name(rfc: Client, name: Any) -> None:
    assert_refused(post(rfc, userName=name))
    assert_refused(post(rfc))


def test_us_01_and_02_names_are_unique(rfc: Client) -> None:
    rfc.user("Jos\u00e9")
    for name in ("JOS\u00c9", "jose\u0301"):
        assert_refused(post(rfc, userName=name), "uniqueness", 409)


@pytest.mark.parametrize(("profile", "path", "name", "unique"), [
    *((profile, "/Users", "userName", True) for profile in ("rfc", "interop", "gallery")),
    *((profile, "/Groups", "displayName", profile != "rfc") for profile in ("rfc", "interop", "gallery")),
    *((profile, path, "externalId", False) for profile in ("rfc", "interop", "gallery") for path in ("/Users", "/Groups")),
])
def test_what_is_unique_is_so_however_it_is_written(
    new_client: Callable[[str], Client], profile: str, path: str, name: str, unique: bool
) -> None:
    client = new_client(profile)
    make = client.user if path == "/Users" else client.group
    bodies = []
    for word in ("one", "two"):
        made = client("GET", f"{path}/{make(word)['id']}").get_json()
        bodies.append(client("PUT", f"{path}/{made['id']}", made | {name: f"{word}@x"}).get_json())
    taken, (first, second) = "ONE@x" if name != "externalId" else "one@x", bodies
    where = f"{path}/{second['id']}"
    answers = [
        client("PUT", where, second | {name: taken}),
        client.patch(where, {"op": "replace", "path": name, "value": taken}),
        client.patch(where, {"op": "add", "value": {name: taken}}),
        client("POST", path, {key: value for key, value in second.items() if key not in ("id", "meta")} | {name: taken}
               | ({"userName": "three"} if path == "/Users" and name != "userName" else {})
               | ({"displayName": "three"} if path == "/Groups" and name != "displayName" else {})),
        client("PUT", f"{path}/{first['id']}", first | {name: taken}),  # its own
    ]
    if unique:
        for answer in answers[:4]:
            assert_refused(answer, "uniqueness", 409)
        assert read(client, second)[name] == "two@x"
        assert answers[4].status_code == 200
    else:
        assert {answer.status_code for answer in answers} <= {200, 201, 204}, [a.get_json() for a in answers]


def test_us_03_groups_are_read_only(rfc: Client) -> None:
    group = rfc.group("G")
    user = rfc.user("a", groups=[{"value": group["id"]}])
    assert "groups" not in user
    assert "groups" not in rfc("PUT", f"/Users/{user['id']}", user | {"groups": [{"value": group["id"]}]}).get_json()
    add = {"op": "add", "path": "groups", "value": [{"value": group["id"]}]}
    assert_refused(rfc.patch(f"/Users/{user['id']}", add), "mutability")


def test_us_05_and_08_and_09_free_values(rfc: Client) -> None:
    addresses = [{"country": "Bermuda", "type": "home"}, {"country": "us", "type": "work", "primary": True}]
    created = rfc.user("a", addresses=addresses, locale="en_US", timezone="Mars/Olympus", preferredLanguage="x")
    assert read(rfc, created)["addresses"] == addresses
    assert created["locale"] == "en_US"
    path = f"/Users/{created['id']}"
    shown = rfc.patch(path, {"op": "replace", "path": 'addresses[type eq "home"].primary', "value": True}).get_json()
    assert [address.get("primary", False) for address in shown["addresses"]] == [True, False]


def test_gr_01_a_group_has_a_name(rfc: Client) -> None:
    assert_refused(post(rfc, "/Groups"))
    rows = rfc("GET", f"/Schemas/{GROUP_URN}").get_json()["attributes"]
    assert next(row for row in rows if row["name"] == "displayName")["required"] is True


def test_gr_03_to_05_a_member_is_its_id(rfc: Client) -> None:
    user, inner = rfc.user("a"), rfc.group("inner")
    group = post(rfc, "/Groups", displayName="G", members=[
        {"value": user["id"], "display": "not this"}, {"value": inner["id"]}]).get_json()
    shown = {member["value"]: member for member in group["members"]}
    assert shown[user["id"]] == {
        "value": user["id"], "$ref": user["meta"]["location"], "type": "User", "display": "a"}
    assert shown[inner["id"]]["type"] == "Group"
    other = [{"value": user["id"], "$ref": inner["meta"]["location"]}]
    assert_refused(post(rfc, "/Groups", displayName="H", members=other))
    derived = post(rfc, "/Groups", displayName="H", members=[{"value": user["id"], "type": "Group"}]).get_json()
    assert derived["members"][0]["type"] == "User"


def test_gr_06_and_07_members_come_once_and_go_with_the_user(rfc: Client) -> None:
    user = rfc.user("a")["id"]
    group = post(rfc, "/Groups", displayName="G", members=[{"value": user}] * 2).get_json()
    assert len(group["members"]) == 1
    add = {"op": "add", "path": "members", "value": [{"value": user}]}
    assert rfc.patch(f"/Groups/{group['id']}", add).get_json() == group
    rfc("DELETE", f"/Users/{user}")
    after = read(rfc, group)
    assert "members" not in after
    assert after["meta"]["version"] != group["meta"]["version"]


def test_gr_08_and_cm_25_members_that_do_not_exist(rfc: Client, gallery: Client) -> None:
    assert_refused(post(rfc, "/Groups", displayName="G", members=[{"value": NOBODY}]))
    dangling = post(gallery, "/Groups", displayName="G", members=[{"value": NOBODY}])
    assert dangling.status_code == 201


def test_gr_09_no_members_and_fifty_operations(rfc: Client) -> None:
    group = rfc.group("G")
    assert "members" not in group
    users = [rfc.user(f"u{n}")["id"] for n in range(50)]
    operations = [{"op": "add", "path": "members", "value": [{"value": user}]} for user in users]
    assert len(rfc.patch(f"/Groups/{group['id']}", *operations).get_json()["members"]) == 50


def test_en_01_to_03_the_enterprise_extension(rfc: Client) -> None:
    boss = rfc.user("boss")
    texts = dict.fromkeys(("employeeNumber", "costCenter", "organization", "division", "department"), "x")
    data = texts | {"manager": {"value": boss["id"], "displayName": "not this"}}
    shown = read(rfc, rfc.user("a", **{ENTERPRISE_URN: data}))[ENTERPRISE_URN]
    assert shown == texts | {"manager": {
        "value": boss["id"], "$ref": boss["meta"]["location"], "displayName": "boss"}}
    kind = rfc("GET", "/ResourceTypes/User").get_json()
    assert {"schema": ENTERPRISE_URN, "required": False} in kind["schemaExtensions"]


# Create, read, replace, delete (sections 4 to 6, 8)


def test_cr_03_read_only_values_are_ignored(rfc: Client) -> None:
    body = {"id": "x", "meta": {"version": "y"}, "groups": [{"value": NOBODY}]}
    created = post(rfc, userName="a", **body).get_json()
    assert created["id"] != "x"
    assert "groups" not in created


def test_cr_04_a_null_overrides_the_default(rfc: Client) -> None:
    assert post(rfc, userName="a").get_json()["active"] is True
    created = post(rfc, userName="b", active=None).get_json()
    assert read(rfc, created).get("active") == created.get("active")  # the one or the other, but always the same


def test_cr_05_at_once_one_create_wins(rfc: Client) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda name: post(rfc, userName=name).status_code, ["same", "SAME"] * 3))
    assert sorted(answers) == [201, *[409] * 5]


def test_cr_06_and_07_what_is_missing_and_what_has_another_shape(rfc: Client) -> None:
    assert_refused(post(rfc, displayName="x"))
    for wrong in ({"emails": "x"}, {"emails": {"value": "a@x"}}, {"emails": [5]}, {"name": []}):
        answer = post(rfc, userName="a", **wrong)
        assert answer.status_code == 400
        assert answer.get_json()["scimType"] in ("invalidValue", "invalidSyntax")


def test_cr_08_a_create_shows_what_was_asked_for(rfc: Client) -> None:
    answer = post(rfc, "/Users?excludedAttributes=userName,meta", userName="a", title="T").get_json()
    assert answer["title"] == "T"
    assert not {"userName", "meta"} & answer.keys()


def test_cr_09_and_rd_03_what_is_shown_on_request_and_never(lamps: Client) -> None:
    created = lamp(lamps, notes="N", pin="1234").get_json()
    assert created["notes"] == "N"
    assert "pin" not in created
    path = f"/Lamps/{created['id']}"
    assert not {"notes", "pin"} & lamps("GET", path).get_json().keys()
    assert lamps("GET", f"{path}?attributes=notes,pin").get_json().keys() == {"schemas", "id", "notes"}


def test_cr_12_passwords_are_taken_and_never_shown(rfc: Client, http_database: Database) -> None:
    secret = "correct horse 1"
    created = post(rfc, userName="a", password=secret)
    assert created.status_code == 201
    assert secret not in created.text + rfc("GET", "/Users?attributes=password").text
    assert secret not in repr(http_database.db["users"].find_one({"_id": created.get_json()["id"]}))
    assert rfc("GET", "/ServiceProviderConfig").get_json()["changePassword"]["supported"] in (True, False)


def test_rd_01_and_04_read(rfc: Client) -> None:
    created = rfc.user("a")
    answer = rfc("GET", f"/Users/{created['id']}?filter=userName eq \"b\"")  # no meaning for a single resource
    assert (answer.status_code, answer.get_json()) == (200, created)
    assert answer.headers["ETag"] == created["meta"]["version"]
    assert answer.headers["Content-Location"] == created["meta"]["location"]


def test_rd_05_read_what_has_changed(rfc: Client) -> None:
    created = rfc.user("a")
    assert rfc("GET", f"/Users/{created['id']}", If_None_Match=created["meta"]["version"]).status_code == 304


def test_pu_05_and_06_what_is_left_out_or_empty_is_cleared(rfc: Client) -> None:
    created = rfc.user("a", title="T", emails=[{"value": "a@x"}], nickName="N")
    body = {"schemas": [USER_URN], "userName": "a", "emails": [], "nickName": None}
    assert not {"title", "emails", "nickName", "name"} & rfc("PUT", f"/Users/{created['id']}", body).get_json().keys()


def test_pu_07_immutable_values(lamps: Client) -> None:
    path = f"/Lamps/{lamp(lamps).get_json()['id']}"
    assert lamp(lamps, "PUT", path, serial="S").get_json()["serial"] == "S"
    assert lamp(lamps, "PUT", path, serial="S", watts=1).get_json()["watts"] == 1
    assert_refused(lamp(lamps, "PUT", path, serial="T"), "mutability")
    assert lamp(lamps, "PUT", path).get_json()["serial"] == "S"


def test_pu_07_no_error_tells_the_value_of_a_secret(lamps: Client) -> None:
    """RFC 7643 section 7: what has `returned: never` is in no response, and the provisioning log repeats the error."""
    lock, label = {"code": "s3cret", "maker": "M"}, {"owner": "O", "seal": "s3cret", "batch": "B"}
    created = lamp(lamps, lock=lock, **{LABEL: label}).get_json()
    path, said = f"/Lamps/{created['id']}", []
    for change in ({LABEL: label | {"seal": "t"}}, {"lock": lock | {"code": "t"}}, {"lock": lock | {"maker": "N"}}):
        answer = lamp(lamps, "PUT", path, **{"lock": lock, LABEL: label} | change)
        assert_refused(answer, "mutability")
        said.append(answer.get_json()["detail"])
    for change in ({"seal": "s3cret"}, {"batch": "B"}):
        answer = lamp(lamps, **{LABEL: {"owner": "O"} | change})
        assert_refused(answer, "uniqueness", 409)
        said.append(answer.get_json()["detail"])
    named = (f"{LABEL}:seal is ", "lock.code is ", "lock is ", f"{LABEL}:seal is taken", f'{LABEL}:batch "b" is taken')
    assert all(text.startswith(start) for text, start in zip(said, named, strict=True)), said
    assert "s3cret" not in str(said)
    assert lamp(lamps, "PUT", path, **read(lamps, created)).status_code == 200  # what is never shown need not be sent


def test_pu_07_an_immutable_part_keeps_what_its_value_cannot_be_without(lamps: Client) -> None:
    """RFC 7644 section 3.5.1: nothing clears an immutable value; RFC 7643 section 7: a required one is always there."""
    maker = {"name": "M", "country": "NL", "city": "C"}
    path = f"/Lamps/{lamp(lamps, maker=maker).get_json()['id']}"
    for nothing in ({}, {"maker": None}, {"maker": {}}):
        assert lamp(lamps, "PUT", path, **nothing).get_json()["maker"] == {"name": "M", "country": "NL"}
    assert lamp(lamps, "PUT", path, maker={"name": "N"}).get_json()["maker"] == {"name": "N", "country": "NL"}
    assert_refused(lamp(lamps, "PUT", path, maker={"city": "D"}))
    assert_refused(lamp(lamps, "PUT", path, maker={"name": "N", "country": "DE"}), "mutability")
    free = f"/Lamps/{lamp(lamps, maker={'name': 'M', 'city': 'C'}).get_json()['id']}"
    assert "maker" not in lamp(lamps, "PUT", free).get_json()


def test_pu_07_an_extension_with_an_immutable_value_stays_whole(lamps: Client) -> None:
    created = lamp(lamps, **{LABEL: {"owner": "O", "number": "1", "colour": "red"}}).get_json()
    path = f"/Lamps/{created['id']}"
    replaced = lamp(lamps, "PUT", path).get_json()
    assert replaced[LABEL] == {"owner": "O", "number": "1"}
    assert lamp(lamps, "PUT", path, **replaced).status_code == 200
    free = f"/Lamps/{lamp(lamps, **{LABEL: {'owner': 'O'}}).get_json()['id']}"
    assert LABEL not in lamp(lamps, "PUT", free).get_json()


def test_pu_07_and_cm_04_schemas_name_an_extension_that_is_kept(lamps: Client) -> None:
    """RFC 7643 section 3: `schemas` has the URNs of all that the resource has values of."""
    created = lamp(lamps, **{LABEL: {"owner": "O", "number": "1"}}).get_json()
    replaced = lamp(lamps, "PUT", f"/Lamps/{created['id']}").get_json()
    assert set(replaced["schemas"]) == {LAMP, BULB, LABEL} == set(read(lamps, created)["schemas"])
    without = lamp(lamps, "PUT", f"/Lamps/{lamp(lamps, **{LABEL: {'owner': 'O'}}).get_json()['id']}").get_json()
    assert set(without["schemas"]) == {LAMP, BULB}


def test_pu_09_required_values(rfc: Client) -> None:
    user, group = rfc.user("a"), rfc.group("G")
    assert_refused(rfc("PUT", f"/Users/{user['id']}", {"schemas": [USER_URN]}))
    assert_refused(rfc("PUT", f"/Groups/{group['id']}", {"schemas": [GROUP_URN]}))


def test_pu_11_and_14_what_is_given_replaces_the_whole(rfc: Client) -> None:
    created = rfc.user("a", **{ENTERPRISE_URN: {"department": "D", "division": "V"}})
    path, body = f"/Users/{created['id']}", {"schemas": [USER_URN], "userName": "a", "name": {"givenName": "N"}}
    shown = rfc("PUT", path, body | {ENTERPRISE_URN: {"division": "W"}}).get_json()
    assert (shown["name"], shown[ENTERPRISE_URN]) == ({"givenName": "N"}, {"division": "W"})
    shown = rfc("PUT", path, body).get_json()
    assert shown["schemas"] == [USER_URN]
    assert ENTERPRISE_URN not in shown


def test_pu_12_and_de_04_conditions(rfc: Client) -> None:
    created = rfc.user("a")
    path = f"/Users/{created['id']}"
    for method in ("PUT", "DELETE"):
        assert rfc(method, path, created, If_Match='W/"99"').status_code == 412
    assert read(rfc, created) == created
    assert rfc("PUT", path, created | {"title": "T"}, If_Match=created["meta"]["version"]).status_code == 200


def test_de_01_and_06_a_body_is_ignored(rfc: Client) -> None:
    answer = rfc("DELETE", f"/Users/{rfc.user('a')['id']}", b"{broken")
    assert (answer.status_code, answer.data) == (204, b"")


def test_de_02_to_05_gone_is_gone(rfc: Client) -> None:
    user = rfc.user("a")
    path = f"/Users/{user['id']}"
    assert rfc("DELETE", path).status_code == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert rfc(method, path, user if method in ("PUT", "PATCH") else None).status_code == 404
    assert rfc.found("/Users?filter=active eq false or active eq true") == []
    assert rfc("GET", "/").get_json()["totalResults"] == 0
    assert post(rfc, userName="A").status_code == 201
