"""FA-04: a write keeps what it does not know, though the file of a schema is missing for one start or is an older one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.assembly import assemble
from app.cli import run
from app.cli.connection import Connection
from app.config import Config
from app.schemas.tables.service_provider import RESOURCE_TYPE_URN, SCHEMA_URN
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from app.store.mongo.unknown_fields import unknown_fields, widened
from app.store.open import collections, unknown
from tests.blueprints.conftest import GROUP_URN, USER_URN, Client
from tests.conftest import make_server, new_database

BADGE = "urn:example:acme:2.0:User"
SHORT = "ext_example_acme_2_0_user"
DEVICE = "urn:example:acme:Device"
BADGE_ROWS: list[dict[str, Any]] = [
    {"name": "badgeNumber", "uniqueness": "server", "indexed": True}, {"name": "doors", "multiValued": True},
    {"name": "validUntil", "type": "dateTime"},
    {"name": "keys", "type": "complex", "multiValued": True, "subAttributes": [{"name": "value"}, {"name": "cut", "type": "dateTime"}]},
]
DEVICE_ROWS: list[dict[str, Any]] = [
    {"name": "label", "required": True}, {"name": "weight", "type": "integer"},
    {"name": "groups", "type": "complex", "multiValued": True, "mutability": "readOnly", "subAttributes": [
        {"name": "value", "mutability": "readOnly"}, {"name": "display", "mutability": "readOnly"},
        {"name": "$ref", "type": "reference", "referenceTypes": ["Group"], "mutability": "readOnly"}]},
]
DEVICES = {"schemas": [RESOURCE_TYPE_URN], "name": "Device", "endpoint": "/Devices", "description": "", "schema": DEVICE}
HELD = {"badgeNumber": "X1", "doors": ["a", "b"], "validUntil": "2026-01-01T00:00:00.000Z", "keys": [{"value": "k"}]}


def schema(urn: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"schemas": [SCHEMA_URN], "id": urn, "name": "x", "attributes": rows}


class Replica:
    """A process that has started with some schema files, which makes the validators as its files say."""

    def __init__(self, database: Database, folder: Path, *files: Any, profile: str = "rfc") -> None:
        folder.mkdir()
        for number, content in enumerate(files):
            (folder / f"{number}.json").write_text(json.dumps(content))
        self.config = Config.from_environment({"SCIMD_SCHEMAS_DIR": str(folder), "SCIMD_RATE_LIMIT": "off"})
        self.database = database
        app = assemble(self.config, database)
        if Tenants(database).get("acme") is None:
            Tenants(database).create("acme", profile)
        self.client = Client(app, "acme", Tokens(database).issue("acme")[0])

    def restarted(self, folder: Path, profile: str = "rfc") -> Replica:
        return Replica(self.database, folder, *FILES, profile=profile)


FILES = (schema(BADGE, BADGE_ROWS), schema(DEVICE, DEVICE_ROWS), DEVICES)
PROFILES = ["rfc", pytest.param("interop", marks=pytest.mark.long), pytest.param("gallery", marks=pytest.mark.long)]
"""What is stored and kept does not depend on the profile; `make test-long` tries all."""
ONE_PROFILE = pytest.mark.parametrize("profile", ["rfc"], indirect=True)
"""For what commands do, which is the same for all profiles."""


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def newer(database: Database, tmp_path: Path, profile: str) -> Replica:
    return Replica(database, tmp_path / "newer", *FILES, profile=profile)


def older(newer: Replica, tmp_path: Path, *files: Any) -> Replica:
    return Replica(newer.database, tmp_path / "older", *files)


def person(name: str = "jane@x", **more: Any) -> dict[str, Any]:
    names = {"givenName": "J", "familyName": "D", "formatted": "J D"}
    return {"schemas": [USER_URN], "userName": name, "displayName": "J", "active": True, "name": names, **more}


def create(replica: Replica, **more: Any) -> dict[str, Any]:
    answer = replica.client("POST", "/Users", person(**more) | {"schemas": [USER_URN, BADGE], BADGE: HELD})
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


def write(replica: Replica, user: dict[str, Any]) -> None:
    """Change the title of a user who has nothing but what this replica knows, by PATCH and by PUT."""
    path = f"/Users/{user['id']}"
    answer = replica.client.patch(path, {"op": "replace", "path": "title", "value": "patched"})
    assert answer.status_code in (200, 204), answer.json
    seen = {name: value for name, value in replica.client("GET", path).json.items() if name != "meta"}
    assert seen["title"] == "patched"
    answer = replica.client("PUT", path, {**seen, "title": "replaced"})
    assert answer.status_code in (200, 204), answer.json


def test_fa_04_a_write_keeps_the_data_of_an_extension_whose_file_is_missing(newer: Replica, tmp_path: Path) -> None:
    user = create(newer)
    stored = newer.database.db.users.find_one({"_id": user["id"]})
    without = older(newer, tmp_path)
    assert BADGE not in json.dumps(without.client("GET", f"/Users/{user['id']}").json)
    write(without, user)
    again = newer.restarted(tmp_path / "again")
    after = newer.database.db.users.find_one({"_id": user["id"]})
    assert stored and after
    for field in (SHORT, "_unique"):
        assert after[field] == stored[field]
    assert after["_folded"][SHORT] == stored["_folded"][SHORT]
    shown = again.client("GET", f"/Users/{user['id']}").json
    assert (shown["title"], shown[BADGE], set(shown["schemas"])) == ("replaced", HELD, {USER_URN, BADGE})
    query = f'/Users?filter={BADGE}:badgeNumber eq "x1"'
    assert again.client("GET", query).json["totalResults"] == 1
    other = again.client("POST", "/Users", person("bob@x") | {"schemas": [USER_URN, BADGE], BADGE: {"badgeNumber": "x1"}})
    assert other.status_code == 409  # still unique


def test_fa_04_a_write_keeps_the_attributes_that_an_older_file_does_not_know(newer: Replica, tmp_path: Path) -> None:
    user = create(newer)
    knows_less = older(newer, tmp_path, schema(BADGE, BADGE_ROWS[1:2]))
    assert knows_less.client("GET", f"/Users/{user['id']}").json[BADGE] == {"doors": ["a", "b"]}
    write(knows_less, user)
    change = {"op": "replace", "path": f"{BADGE}:doors", "value": ["c"]}
    assert knows_less.client.patch(f"/Users/{user['id']}", change).status_code in (200, 204)
    shown = newer.restarted(tmp_path / "again").client("GET", f"/Users/{user['id']}").json
    assert shown[BADGE] == HELD | {"doors": ["c"]}


def test_fa_04_what_is_known_is_still_removed(newer: Replica, tmp_path: Path) -> None:
    user = create(newer)
    knows_less = older(newer, tmp_path, schema(BADGE, BADGE_ROWS[1:2]))
    assert knows_less.client.patch(f"/Users/{user['id']}", {"op": "remove", "path": f"{BADGE}:doors"}).status_code in (200, 204)
    assert BADGE not in knows_less.client("GET", f"/Users/{user['id']}").json
    shown = newer.restarted(tmp_path / "again").client("GET", f"/Users/{user['id']}").json
    assert shown[BADGE] == {name: value for name, value in HELD.items() if name != "doors"}


def test_fa_04_a_write_keeps_the_attributes_of_a_type_of_ones_own(newer: Replica, tmp_path: Path) -> None:
    device = newer.client("POST", "/Devices", {"schemas": [DEVICE], "label": "lamp", "weight": 7}).json
    knows_less = older(newer, tmp_path, schema(DEVICE, DEVICE_ROWS[:1]), DEVICES)
    change = {"op": "replace", "path": "label", "value": "torch"}
    assert knows_less.client.patch(f"/Devices/{device['id']}", change).status_code in (200, 204)
    shown = newer.restarted(tmp_path / "again").client("GET", f"/Devices/{device['id']}").json
    assert (shown["label"], shown["weight"]) == ("torch", 7)


def test_fa_04_a_write_keeps_the_parts_that_an_older_file_does_not_know(newer: Replica, tmp_path: Path) -> None:
    held = [{"value": "k", "cut": "2026-01-01T00:00:00.000Z"}, {"value": "l"}]
    user = create(newer)
    change = {"op": "replace", "path": f"{BADGE}:keys", "value": held}
    assert newer.client.patch(f"/Users/{user['id']}", change).status_code in (200, 204)
    rows = [*BADGE_ROWS[:3], BADGE_ROWS[3] | {"subAttributes": [{"name": "value"}]}]
    knows_less = older(newer, tmp_path, schema(BADGE, rows))
    assert knows_less.client("GET", f"/Users/{user['id']}").json[BADGE]["keys"] == [{"value": "k"}, {"value": "l"}]
    write(knows_less, user)
    change = {"op": "add", "path": f"{BADGE}:keys", "value": [{"value": "m"}]}
    assert knows_less.client.patch(f"/Users/{user['id']}", change).status_code in (200, 204)
    again = newer.restarted(tmp_path / "again").client
    assert again("GET", f"/Users/{user['id']}").json[BADGE]["keys"] == [*held, {"value": "m"}]
    query = f'/Users?filter={BADGE}:keys.cut eq "2026-01-01T00:00:00Z"'
    assert again("GET", query).json["totalResults"] == 1


@pytest.mark.parametrize("day", ["01", "02"])
def test_fa_04_a_write_keeps_the_unknown_parts_of_elements_that_are_known_by_a_time(
    newer: Replica, tmp_path: Path, day: str
) -> None:
    """A stored time is read without its time zone, and one that a client sends with it; two may be equal (D-700)."""
    held = [{"value": "k", "cut": "2026-01-01T00:00:00.000Z"}, {"value": "l", "cut": f"2026-01-{day}T00:00:00.000Z"}]
    user = create(newer)
    change = {"op": "replace", "path": f"{BADGE}:keys", "value": held}
    assert newer.client.patch(f"/Users/{user['id']}", change).status_code in (200, 204)
    rows = [*BADGE_ROWS[:3], BADGE_ROWS[3] | {"subAttributes": BADGE_ROWS[3]["subAttributes"][1:]}]
    write(older(newer, tmp_path, schema(BADGE, rows)), user)
    again = newer.restarted(tmp_path / "again").client
    assert again("GET", f"/Users/{user['id']}").json[BADGE]["keys"] == held


def test_fa_04_a_replica_without_the_file_does_not_narrow_the_validator(newer: Replica, tmp_path: Path) -> None:
    """A rolling upgrade in which an old process is started again while new ones store the new extension."""
    older(newer, tmp_path)
    user = create(newer)
    change = {"op": "replace", "path": f"{BADGE}:badgeNumber", "value": "X2"}
    assert newer.client.patch(f"/Users/{user['id']}", change).status_code in (200, 204)
    assert newer.client("POST", "/Devices", {"schemas": [DEVICE], "label": "lamp", "weight": 7}).status_code == 201


@ONE_PROFILE
def test_fa_04_what_is_restored_has_all_that_it_had(newer: Replica, tmp_path: Path) -> None:
    user = create(newer)
    without = older(newer, tmp_path)
    assert without.client("DELETE", f"/Users/{user['id']}").status_code == 204
    environ = {"SCIMD_SCHEMAS_DIR": str(without.config.schemas_dir)}
    assert run(["restore", "acme", user["id"]], Connection(environ, newer.database)) == 0
    shown = newer.restarted(tmp_path / "again").client("GET", f"/Users/{user['id']}").json
    assert shown[BADGE] == HELD


@ONE_PROFILE
def test_fa_04_a_deleted_resource_of_a_missing_type_stays_restorable(
    newer: Replica, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = newer.client("POST", "/Devices", {"schemas": [DEVICE], "label": "lamp"}).json
    newer.client("DELETE", f"/Devices/{device['id']}")
    without, full = older(newer, tmp_path), newer.config
    for config, status in ((without.config, 1), (full, 0)):
        environ = {"SCIMD_SCHEMAS_DIR": str(config.schemas_dir)}
        assert run(["restore", "acme", device["id"]], Connection(environ, newer.database)) == status
        said = capsys.readouterr().err
        assert status == 0 or "is of the type Device, which no schema file here describes" in said


def test_fa_04_members_of_a_missing_type_stay_members(newer: Replica, tmp_path: Path) -> None:
    device = newer.client("POST", "/Devices", {"schemas": [DEVICE], "label": "lamp"}).json
    group = newer.client("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": "G", "members": [{"value": device["id"]}]}).json
    without = older(newer, tmp_path)
    shown = without.client("GET", f"/Groups/{group['id']}").json
    assert [member["value"] for member in shown["members"]] == [device["id"]]
    answer = without.client("PUT", f"/Groups/{group['id']}", {k: v for k, v in shown.items() if k != "meta"} | {"displayName": "H"})
    assert answer.status_code in (200, 204), answer.json
    again = newer.restarted(tmp_path / "again").client("GET", f"/Groups/{group['id']}").json
    assert (again["displayName"], again["members"]) == ("H", group["members"])


@ONE_PROFILE
def test_fa_04_an_export_says_what_is_not_in_it(newer: Replica, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create(newer)
    without = older(newer, tmp_path)
    for config, told in ((without.config, True), (newer.config, False)):
        environ = {"SCIMD_SCHEMAS_DIR": str(config.schemas_dir)}
        assert run(["export", "acme", "--output", str(tmp_path / "out")], Connection(environ, newer.database)) == 0
        said = capsys.readouterr().err
        assert (f"Warning: No schema describes devices, users.{SHORT} any more" in said) == told


@ONE_PROFILE
def test_fa_04_an_import_leaves_nothing_out_in_silence(newer: Replica, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "lines"
    resource = person() | {"schemas": [USER_URN, BADGE], "id": "u1", BADGE: HELD}
    lines.write_text(json.dumps({"type": "User", "resource": resource}))
    without = older(newer, tmp_path)
    for config, status in ((without.config, 1), (newer.config, 0)):
        environ = {"SCIMD_SCHEMAS_DIR": str(config.schemas_dir)}
        assert run(["import", "acme", str(lines)], Connection(environ, newer.database)) == status
        said = capsys.readouterr().err
        assert status == 0 or f"line 1: {BADGE}: no schema file here describes it." in said


@pytest.mark.parametrize("profile", ["rfc", "interop"], indirect=True)
def test_an_import_refuses_an_attribute_that_its_schema_file_does_not_have(
    newer: Replica, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server that a tenant moves to has an older file: it said "Imported", and the value was lost."""
    user, device = person() | {"schemas": [USER_URN, BADGE], "id": "u1"}, {"schemas": [DEVICE], "id": "d1", "label": "lamp"}
    lines = tmp_path / "lines"
    texts = [
        json.dumps({"type": "User", "resource": user | {BADGE: HELD | {"color": "red"}}}),
        json.dumps({"type": "Device", "resource": device | {"color": "red"}}),
        json.dumps({"type": "Device", "resource": device}), json.dumps({"type": "User", "resource": user | {BADGE: HELD}}),
    ]
    lines.write_text("\n".join(texts))
    environ = {"SCIMD_SCHEMAS_DIR": str(newer.config.schemas_dir)}
    assert run(["import", "acme", str(lines)], Connection(environ, newer.database)) == 1
    said = capsys.readouterr().err
    assert f"line 1: {BADGE}:color: no schema file here describes it." in said
    assert "line 2: color: no schema file here describes it." in said
    assert "Imported 2, already present 0, refused 2." in said


def complex_row(name: str, multi_valued: bool, *subs: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "type": "complex", "multiValued": multi_valued, "subAttributes": list(subs)}


VALUE: dict[str, Any] = {"name": "value"}
SHAPES: dict[str, tuple[dict[str, Any], Any]] = {
    "text": ({}, "x"), "texts": ({"multiValued": True}, ["x", "y"]),
    "time": ({"type": "dateTime"}, "2026-01-01T00:00:00.000Z"), "times": ({"type": "dateTime", "multiValued": True}, ["2026-01-01T00:00:00.000Z"]),
    "number": ({"type": "integer"}, 5), "object": (complex_row("", False, VALUE), {"value": "x"}),
    "objects": (complex_row("", True, VALUE), [{"value": "x"}]),
    "objects with arrays": (complex_row("", True, {**VALUE, "multiValued": True}), [{"value": ["x"]}]),
    "objects with times": (complex_row("", True, {**VALUE, "type": "dateTime"}), [{"value": "2026-01-01T00:00:00.000Z"}]),
}
"""By a name, the rest of a row and a value of it."""
READABLE = {(shape, "number") for shape in ("text",)}
"""What is shown as it is, though the row has another type (D-54)."""


@pytest.mark.parametrize("after", SHAPES)
def test_a_value_of_another_shape_than_the_file_says_now_is_kept_as_one_that_no_file_describes(
    database: Database, tmp_path: Path, after: str
) -> None:
    befores = [shape for shape in SHAPES if shape != after and (shape, after) not in READABLE]
    rows = [{**SHAPES[shape][0], "name": f"a{number}"} for number, shape in enumerate(befores)]
    first = Replica(database, tmp_path / "first", schema(BADGE, rows))
    held = {f"a{number}": SHAPES[shape][1] for number, shape in enumerate(befores)}
    body = person() | {"schemas": [USER_URN, BADGE], BADGE: held}
    user, gone = (first.client("POST", "/Users", body | {"userName": name}).json["id"] for name in ("jane@x", "gone@x"))
    changed = [{**SHAPES[after][0], "name": row["name"]} for row in rows]
    second = Replica(database, tmp_path / "second", schema(BADGE, [*changed, {"name": "other"}]))
    assert second.client("GET", f"/Users/{user}").json.get(BADGE) is None
    for name in held:
        for path in (f"/Users?sortBy={BADGE}:{name}", f"/Users?filter={BADGE}:{name} pr", f"/?count=1&cursor=&sortBy={BADGE}:{name}"):
            assert second.client("GET", path).status_code == 200, path
    write(second, {"id": user})
    for change in ({"op": "add", "path": f"{BADGE}:other", "value": "o"}, {"op": "replace", "path": f"{BADGE}:a0", "value": SHAPES[after][1]},
                   {"op": "remove", "path": BADGE}):
        assert second.client.patch(f"/Users/{user}", change).status_code in (200, 204)
    assert second.client("DELETE", f"/Users/{gone}").status_code == 204
    environ = {"SCIMD_SCHEMAS_DIR": str(tmp_path / "second")}
    assert run(["restore", "acme", gone], Connection(environ, database)) == 0
    again = Replica(database, tmp_path / "again", schema(BADGE, rows)).client
    shown = again("GET", f"/Users/{user}").json
    assert shown[BADGE] == {name: value for name, value in held.items() if name != "a0"} and BADGE in shown["schemas"]


INDEXED: dict[str, tuple[dict[str, Any], Any]] = {
    name: ({**row, "indexed": True}, value) for name, (row, value) in SHAPES.items() if name in ("text", "texts", "time", "times", "number")
} | {
    "object": (complex_row("", False, {**VALUE, "indexed": True}), {"value": "x"}),
    "objects": (complex_row("", True, {**VALUE, "indexed": True}), [{"value": "x"}, {"value": "y"}]),
}


@pytest.mark.parametrize("after", ["text", "time", "number", "object"])
def test_a_walk_in_the_order_of_an_attribute_that_had_another_shape_sees_each_resource_once(
    database: Database, tmp_path: Path, after: str
) -> None:
    befores = [shape for shape in INDEXED if shape != after]
    rows = [{**INDEXED[shape][0], "name": f"a{number}"} for number, shape in enumerate(befores)]
    held = {f"a{number}": INDEXED[shape][1] for number, shape in enumerate(befores)}
    changed = [{**INDEXED[after][0], "name": row["name"]} for row in rows]
    first = Replica(database, tmp_path / "first", schema(BADGE, rows))
    users = {create_with(first, name, held) for name in ("a@x", "b@x")}
    second = Replica(database, tmp_path / "second", schema(BADGE, changed))
    users |= {create_with(second, "c@x", dict.fromkeys(held, INDEXED[after][1])), create_with(second, "d@x", {})}
    for name in held:
        path = f"{BADGE}:{name}" + (".value" if after == "object" else "")
        for order in ("ascending", "descending"):
            query, seen = f"/Users?count=1&sortBy={path}&sortOrder={order}&", list[str]()
            page = second.client("GET", f"{query}cursor=").json
            while page["Resources"] and len(seen) <= len(users):
                seen.append(page["Resources"][0]["id"])
                page = second.client("GET", f"{query}cursor={page['nextCursor']}").json if "nextCursor" in page else {"Resources": []}
            assert sorted(seen) == sorted(users), (name, order)


def test_a_filter_on_all_types_may_fit_the_attribute_of_one_type_alone(database: Database, tmp_path: Path) -> None:
    rows = [{"name": "label", "required": True}, {"name": "title", "type": "integer"}]
    client = Replica(database, tmp_path / "first", schema(DEVICE, rows), DEVICES).client
    client("POST", "/Users", person() | {"title": "5 stars"})
    client("POST", "/Devices", {"schemas": [DEVICE], "label": "lamp", "title": 5})
    for text, number in (
        ('title eq "5 stars"', 1), ("title eq 5", 1), ('title sw "5"', 1), ("title gt 4", 1), ("title pr", 2),
        ('not (title sw "5")', 1), ('title sw "5" or title eq 5', 2), ('title eq "5 stars" and title eq 5', 0),
    ):
        assert client("GET", f"/?filter={text}").json["totalResults"] == number, text
    for text in ("title eq true", "userName eq 5", 'label gt 5'):
        assert client("GET", f"/?filter={text}").status_code == 400, text
    assert client("GET", '/Devices?filter=title eq "x"').status_code == 400


def test_what_a_changed_file_compares_otherwise_is_found_after_the_next_change(database: Database, tmp_path: Path) -> None:
    first = Replica(database, tmp_path / "first", schema(BADGE, [{"name": "desk", "caseExact": True}, {"name": "key"}]))
    jane, bob = (create_with(first, name, {"desk": "AbC", "key": "k"}) for name in ("jane@x", "bob@x"))
    rows = [{"name": "desk"}, {"name": "key", "uniqueness": "server"}]
    second = Replica(database, tmp_path / "second", schema(BADGE, rows)).client

    def change(user: str, path: str, value: Any) -> int:
        return int(second.patch(f"/Users/{user}", {"op": "replace", "path": path, "value": value}).status_code)

    for number, user in enumerate((jane, bob), 1):  # nothing that is folded or unique changes
        assert change(user, "active", False) == 200
        assert second("GET", f'/Users?filter={BADGE}:desk eq "abc"').json["totalResults"] == number
    assert [change(jane, f"{BADGE}:key", "L"), change(bob, f"{BADGE}:key", "l")] == [200, 409]


def test_a_put_that_cannot_send_a_secret_keeps_it_unless_it_is_in_an_element(database: Database, tmp_path: Path) -> None:
    secret = {"name": "pin", "mutability": "writeOnly", "returned": "never"}
    rows = [secret, complex_row("lock", False, VALUE, secret), complex_row("locks", True, VALUE, secret)]
    replica = Replica(database, tmp_path / "first", schema(BADGE, rows))
    held = {"value": "v", "pin": "1"}
    user = create_with(replica, "jane@x", {"pin": "1", "lock": held, "locks": [held]})
    shown = replica.client("GET", f"/Users/{user}").json
    assert shown[BADGE] == {"lock": {"value": "v"}, "locks": [{"value": "v"}]}
    assert replica.client("PUT", f"/Users/{user}", {**shown, "title": "t"}).status_code == 200
    stored = database.db.users.find_one({"_id": user})
    assert stored and stored[SHORT] == {"pin": "1", "lock": held, "locks": [{"value": "v"}]}


def create_with(replica: Replica, name: str, badge: dict[str, Any]) -> str:
    answer = replica.client("POST", "/Users", person(name) | {"schemas": [USER_URN, BADGE], BADGE: badge})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def test_fa_04_the_fields_that_no_schema_knows(database: Database, tmp_path: Path) -> None:
    newer = Replica(database, tmp_path / "newer", *FILES)
    assert unknown(newer.config, database) == ""
    assert unknown(older(newer, tmp_path).config, database) == (
        f"No schema describes devices, users.{SHORT} any more: the stored values are kept, but not shown. "
        "Is a file missing in SCIMD_SCHEMAS_DIR?"
    )
    less = Replica(database, tmp_path / "less", schema(BADGE, BADGE_ROWS[1:]), schema(DEVICE, DEVICE_ROWS[:1]), DEVICES)
    assert unknown_fields(database.db, collections(less.config)) == ["devices.weight", f"users.{SHORT}.badgeNumber"]


@pytest.mark.long
def test_fa_04_the_start_says_which_fields_no_schema_knows(tmp_path: Path, mongod_uri: str) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "badge.json").write_text(json.dumps(FILES[0]))
    server = make_server(tmp_path, SCIMD_SCHEMAS_DIR=str(folder), SCIMD_MONGODB_URI=new_database(mongod_uri))
    told = f"No schema describes users.{SHORT} any more"
    server.start()
    assert server.stop() == 0
    assert told not in server.log.read_text()
    (folder / "badge.json").unlink()
    server.start()
    assert server.stop() == 0
    assert server.log.read_text().count(told) == 1


def test_a_validator_loses_no_field_and_settles() -> None:
    def shape(**properties: Any) -> dict[str, Any]:
        return {"bsonType": "object", "properties": properties}

    text, number = {"bsonType": "string"}, {"bsonType": "int"}
    there = {"$jsonSchema": shape(a=text, b=shape(c=text, d=text), e={"bsonType": "array", "items": shape(f=text)})}
    wanted = {"$jsonSchema": shape(a=number, b=shape(c=text), e={"bsonType": "array", "items": shape(g=text)})}
    wider = widened(wanted, there)
    assert wider == {"$jsonSchema": shape(  # who was deleted with text there can be restored
        a={"anyOf": [number, text]}, b=shape(c=text, d=text), e={"bsonType": "array", "items": shape(g=text, f=text)})}
    assert widened(wanted, wider) == wider
    several = {"$jsonSchema": {"properties": {"a": {"anyOf": [text, number]}}}}
    one = {"$jsonSchema": {"properties": {"a": {"bsonType": "bool"}}}}
    both = widened(one, several)
    assert both["$jsonSchema"]["properties"]["a"] == {"anyOf": [{"bsonType": "bool"}, text, number]}
    assert widened(one, both) == both
    assert widened({}, there) == {}
    assert widened(wanted, {}) == wanted
