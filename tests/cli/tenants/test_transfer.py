"""scimd export and import: every line comes back, with other lines in the file and processes that are killed."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import run
from app.cli.connection import Connection
from app.cli.tenants import progress
from app.export_import import exporter
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory.totals import Totals
from app.store.mongo.database import TRANSACTION_SECONDS, Database
from app.store.mongo.moments import now
from tests.blueprints.conftest import ENTERPRISE_URN, GROUP_URN, USER_URN
from tests.cli.conftest import Operator
from tests.conftest import SCIMD, Server, end_with_parent
from tests.forking import Forked, fork
from tests.relay import logged
from tests.tenants import delete_for_good

Row = dict[str, Any]
ROBOT = "urn:example:Robot"
SCHEMA_URN = "urn:ietf:params:scim:schemas:core:2.0:Schema"
TYPE_URN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
HIDDEN = {"_id": 0}
LINE = r"(Importing|Exporting): ([\d,]+) lines, [\d,]+ a second(, \d+%, [\d:]+ left)?"
"""A line about progress."""


def user(number: int, **more: Any) -> Row:
    return {"type": "User", "resource": {
        "schemas": [USER_URN], "id": f"00000000-0000-4000-8000-{number:012}", "userName": f"u{number}"} | more}


def group(name: str, **more: Any) -> Row:
    return {"type": "Group", "resource": {"schemas": [GROUP_URN], "id": f"group-{name}", "displayName": name} | more}


def member(of: str, number: int) -> Row:
    return {"type": "Membership", "group": f"group-{of}", "member": user(number)["resource"]["id"], "kind": "User"}


def text(*rows: Row | str) -> bytes:
    return b"".join((row if isinstance(row, str) else json.dumps(row)).encode() + b"\n" for row in rows)


def content(database: Database, tenant: str) -> Row:
    """Return all that there is of a tenant, but for versions and for what the database numbers by itself."""
    found: Row = {}
    for name in ("users", "groups"):
        found[name] = list(database.db[name].find({"tenant": tenant}, {"meta.version": 0, "tenant": 0, "_outbox": 0}, sort=[("_id", 1)]))
    rows = database.db.memberships.find({"tenant": tenant}, {"_id": 0, "tenant": 0})
    found["memberships"] = sorted(json.dumps(row, sort_keys=True) for row in rows)
    found["counts"] = {kind.name: Totals(database, tenant).of(kind).number for kind in (USER_TYPE, GROUP_TYPE)}
    return found


@pytest.fixture
def bring(operator: Operator, tmp_path: Path) -> Any:
    """Import some bytes into `acme`; give what is said."""

    def run(data: bytes, status: int = 0, tenant: str = "acme") -> str:
        file = tmp_path / "in.jsonl"
        file.write_bytes(data)
        operator("import", tenant, str(file), status=status)
        return operator.said

    return run


BAD_LINES = [
    ('{"type": "User", "resource": {"id": "x", "userName": "a\\u0000b"}}', "U+0000"),
    ('{"type": "User", "resource": {"id": "x", "userName": "a\\ud800b"}}', "lone surrogate"),
    ('{"type": "User", "resource": {"id": "x\\ud800", "userName": "ab"}}', "lone surrogate"),
    ('{"type": "User", "type": "Group", "resource": {"id": "x"}}', '"type" is given twice'),
    ('{"type": "User", "resource": {"id": "x", "userName": NaN}}', "NaN is not a JSON value"),
    ('{"type": "User", "resource": ' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "}", "nested"),
    ('{"type": "User", "resource": [1]}', "must be an object"),
    ('{"type": 5}', "no type"), ("17", "must be a JSON object"), ('"type"', "must be a JSON object"),
    ("\u00a0", "The line is not JSON: Expecting value (column 1)."),
    (json.dumps(user(9, id="a/b")), "stand in a URL"), (json.dumps(user(9, id="..")), "stand in a URL"),
    (json.dumps(user(9, id="a b")), "stand in a URL"), (json.dumps(user(9, id="\u00e4")), "stand in a URL"),
    (json.dumps(user(9, id="a%2F")), "stand in a URL"),
    (json.dumps(user(9, id=" ")), "id: must be"), (json.dumps(user(9, id="x" * 300)), "id: must be"),
    (json.dumps(user(9, id=5)), "id: must be"), (json.dumps(user(9, userName=["u"])), "userName"),
    (json.dumps(user(9, userName="U1")), "is taken"), (json.dumps(user(9, nonsense=1)), "nonsense"),
    (json.dumps(user(9, meta={"created": "0001-01-01T00:00:00+14:00"})), "meta.created: must be"),
    (json.dumps(user(9, meta={"lastModified": "yesterday"})), "meta.lastModified: must be"),
    (json.dumps(group("H", members=[{"value": "x"}])), "members: each must be a line of its own"),
    (json.dumps(member("nobody", 1)), "there is no group group-nobody"),
    (json.dumps(member("G", 77)), "there is no resource 00000000-0000-4000-8000-000000000077"),
    (json.dumps({"type": "Membership", "group": user(1)["resource"]["id"], "member": "group-G"}), "there is no group"),
    (json.dumps({"type": "Membership", "group": "group-G"}), "group and member"),
    (json.dumps({"type": "Membership", "group": "group-G", "member": " "}), "member: must have 1 to 8192 characters"),
    (json.dumps({"type": "Membership", "group": "group-G", "member": "m" * 8_193}), "member: must have 1 to 8192 characters"),
]
"""Lines, and a part of what is said of each."""


def test_a_bad_line_is_told_with_its_number(bring: Any, operator: Operator) -> None:
    said = bring(text(user(1), group("G"), *(line for line, _ in BAD_LINES), member("G", 1), user(2)), status=1)
    assert f"Imported 4, already present 0, refused {len(BAD_LINES)}." in said
    told = [each for each in said.splitlines() if each.startswith("line ")]
    for number, (sentence, (line, reason)) in enumerate(zip(told, BAD_LINES, strict=True), 3):
        assert sentence.startswith(f"line {number}: "), line
        assert reason in sentence, line
    assert sorted(operator.client.found("/Users")) == ["u1", "u2"]
    assert operator.client("GET", "/Users?count=0").get_json()["totalResults"] == 2


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch have 20 lines in place of 500."""
    monkeypatch.setattr("app.cli.tenants.reading.MOST_LINES", 20)


@pytest.mark.usefixtures("small_batches")
def test_every_bad_line_is_told_in_their_order(bring: Any) -> None:
    lines = [line for n in range(60) for line in (user(n), "{broken", {"type": "Robot"})]
    said = bring(text(*lines), status=1)
    told = [int(each.split()[1].rstrip(":")) for each in said.splitlines() if each.startswith("line ")]
    assert told == [number for number in range(1, 181) if number % 3 != 1]
    assert "Imported 60, already present 0, refused 120." in said


@pytest.mark.usefixtures("small_batches")
def test_of_a_file_that_is_no_export_the_first_lines_are_told(bring: Any) -> None:
    said = bring(text(*("name,mail" for _ in range(90))), status=1)
    assert [each.split()[1] for each in said.splitlines() if each.startswith("line ")] == [f"{n}:" for n in range(1, 21)]
    assert "refused 90." in said
    assert said.rstrip().endswith("No line was imported, so only the first 20 are listed. Is this a file of `scimd export`?")


def test_what_is_said_of_the_other_lines_is_so(bring: Any) -> None:
    assert "1 line was refused; there are no others." in bring(text("{broken"), status=1)
    assert "1 line was refused; the others were imported." in bring(text("{broken", user(1)), status=1)


def test_a_line_of_20_megabytes_is_one_line(bring: Any) -> None:
    said = bring(text(user(1), "x" * 20_000_000, "x" * 16 * 1024 * 1024, "{", user(2)), status=1)
    assert "Imported 2, already present 0, refused 3." in said
    assert [each.split()[1] for each in said.splitlines() if each.startswith("line ")] == ["2:", "3:", "4:"]


@pytest.mark.parametrize("data", [
    text(user(1), user(2)).rstrip(), b"\xef\xbb\xbf" + text(user(1), user(2)), text(user(1), user(2)).replace(b"\n", b"\r\n"),
    text(user(1), "", "  ", user(2), ""),
])
def test_files_of_other_editors_are_read(bring: Any, data: bytes) -> None:
    assert "Imported 2, already present 0, refused 0." in bring(data)


def test_a_file_that_is_no_text_is_refused(bring: Any) -> None:
    assert "is not UTF-8" in bring(b"\xff\xfe{\x00\n", status=1)
    assert "Imported 0, already present 0, refused 0." in bring(b"")


@pytest.mark.usefixtures("small_batches")
def test_an_id_that_comes_twice_is_there_already(bring: Any, operator: Operator) -> None:
    said = bring(text(user(1), user(1, userName="other"), *(user(n) for n in range(2, 30)), user(1, userName="third")))
    assert "Imported 29, already present 2, refused 0." in said
    assert operator.client("GET", f"/Users/{user(1)['resource']['id']}").get_json()["userName"] == "u1"


def test_ev_03_and_66_a_group_that_gains_members_has_a_new_version_and_its_dates(bring: Any, operator: Operator) -> None:
    made = {"created": "2026-01-02T03:04:05.678Z", "lastModified": "2026-02-02T03:04:05.678Z"}
    bring(text(user(1), user(2), user(3), group("G", meta=made), group("H"), member("G", 1), member("H", 1)))
    before, other = (operator.client("GET", f"/Groups/group-{name}") for name in "GH")
    assert before.get_json()["meta"].items() > made.items()
    said = bring(text(member("G", 1), member("G", 2), member("H", 1), member("G", 3)))
    assert "Imported 2, already present 2, refused 0." in said
    after = operator.client("GET", "/Groups/group-G", If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert len(after.get_json()["members"]) == 3
    assert after.get_json()["meta"].items() > made.items()
    body = {"schemas": [GROUP_URN], "displayName": "G"}
    assert operator.client("PUT", "/Groups/group-G", body, If_Match=before.headers["ETag"]).status_code == 412
    unchanged = operator.client("GET", "/Groups/group-H", If_None_Match=other.headers["ETag"])
    assert unchanged.status_code == 304
    events = [event for event in operator.events() if event["operation"] == "import" and event.get("members")]
    ids = [user(number)["resource"]["id"] for number in (1, 2, 3)]
    told = [(event["resource"]["name"], event["members"]["added"]) for event in events]
    assert sorted(told) == [("G", ids[:1]), ("G", ids[1:]), ("H", ids[:1])]
    assert [each["resource"]["name"] for each in operator.events("--user", "u3")] == ["u3", "G"]


def test_null_is_no_password(bring: Any, database: Database) -> None:
    bring(text(user(1, password=None)))
    assert "password" not in database.db.users.find_one({"tenant": "acme"})


def test_what_was_deleted_is_restored_and_not_imported_beside_itself(
    bring: Any, operator: Operator, database: Database, tmp_path: Path
) -> None:
    bring(text(user(1), user(2), group("G"), member("G", 1), member("G", 2)))
    file = tmp_path / "out.jsonl"
    operator("export", "acme", "--output", str(file))
    operator.client("DELETE", "/Groups/group-G")
    operator.client("DELETE", f"/Users/{user(1)['resource']['id']}")
    operator("import", "acme", str(file), status=1)
    assert "Imported 0, already present 1, refused 4." in operator.said
    assert "line 3: the resource was deleted and is kept; `scimd restore acme group-G` brings it back" in operator.said
    operator("import", "other", str(file), status=1)
    assert "was deleted in the tenant acme" in operator.said
    assert operator.client("GET", "/Groups/group-G").status_code == 404
    operator("restore", "acme", "group-G")
    operator("restore", "acme", user(1)["resource"]["id"])
    shown = operator.client("GET", "/Groups/group-G").get_json()["members"]
    assert {each["value"] for each in shown} == {user(n)["resource"]["id"] for n in (1, 2)}
    operator.client("DELETE", "/Groups/group-G")
    assert database.db.deleted.count_documents({}) == 1


def test_what_can_no_longer_be_restored_is_not_said_to_be(bring: Any, operator: Operator, database: Database) -> None:
    """As with SCIMD_DELETED_DAYS=0: for up to two hours neither `scimd restore` nor an import takes it."""
    bring(text(user(1, id="a")))
    assert operator.client("DELETE", "/Users/a").status_code == 204
    database.db.deleted.update_one({"_id": "a"}, {"$set": {"expires": now()}})
    operator("restore", "acme", "a", status=1)
    for tenant in ("acme", "other"):
        said = bring(text(user(1, id="a")), status=1, tenant=tenant)
        assert "line 1: the resource was deleted, and can be imported once the server has cleared it, wi" in said
        assert "restore" not in said


def test_an_id_is_of_one_resource_among_all_types_and_tenants(bring: Any, operator: Operator) -> None:
    said = bring(text(user(1, id="a"), group("A", id="a"), group("B", id="b")), status=1)
    assert "line 2: the id is that of a resource of the type User in the tenant acme" in said
    said = bring(text(user(1, id="b"), user(2, id="c"), group("A", id="a"), user(3, id="d")), status=1, tenant="other")
    assert "Imported 2, already present 0, refused 2." in said
    assert "line 1: the id is that of a resource of the type Group in the tenant acme" in said
    assert "line 3: the id is that of a resource of the type User in the tenant acme" in said
    assert operator.client("DELETE", "/Users/a").status_code == 204
    said = bring(text(group("A", id="a")), status=1)
    assert "line 1: the id is that of a resource of the type User that was deleted in the tenant acme, where it" in said
    assert operator.client("DELETE", "/Groups/b").status_code == 204
    assert operator.other("DELETE", "/Users/d").status_code == 204


def test_a_tenant_for_entra_keeps_members_that_are_not_there(bring: Any, operator: Operator, database: Database) -> None:
    operator.new_client("entra", "entra")
    said = bring(text(user(1, nonsense=1), group("G"), member("G", 1), member("G", 2)), tenant="entra")
    assert "Imported 4" in said
    kinds = {row["member"][-1]: row.get("type") for row in database.db.memberships.find({"tenant": "entra"})}
    assert kinds == {"1": "User", "2": None}
    said = bring(text(group("g2", displayName="G")), tenant="entra", status=1)
    assert 'line 1: displayName "g" is taken by another Group' in said


def test_members_that_come_after_their_memberships_are_known_for_what_they_are(
    bring: Any, operator: Operator
) -> None:
    client = operator.new_client("entra", "entra")
    inner = group("I") | {"resource": group("I")["resource"] | {"id": "inner"}}
    bring(text(group("G"), member("G", 1), member("G", 2), member("G", 3), {"type": "Membership", "group": "group-G",
        "member": "inner"}), tenant="entra")
    before = client("GET", "/Groups/group-G")
    assert all("type" not in each for each in before.get_json()["members"])
    bring(text(user(1, displayName="One"), inner, user(2), user(4), {"type": "Membership", "group": "inner",
        "member": user(4)["resource"]["id"]}), tenant="entra")
    after = client("GET", "/Groups/group-G", If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert after.get_json()["meta"]["lastModified"] == before.get_json()["meta"]["lastModified"]
    shown = {each["value"][-5:]: each for each in after.get_json()["members"]}
    assert {key: each.get("type") for key, each in shown.items()} == {
        "00001": "User", "00002": "User", "00003": None, "inner": "Group"}
    assert shown["00001"]["display"] == "One"
    assert shown["00001"]["$ref"].endswith(user(1)["resource"]["id"])
    assert client.found('/Groups?filter=members[type eq "User" and value eq "' + user(1)["resource"]["id"] + '"]') == ["G"]
    assert client.found('/Users?filter=groups.value eq "group-G"') == ["u1", "u2", "u4"]


def test_what_another_profile_requires_is_told(bring: Any, operator: Operator) -> None:
    operator.new_client("gallery", "gallery")
    full = {"displayName": "U", "name": {"givenName": "G", "familyName": "F", "formatted": "G F"}}
    said = bring(text(user(1), user(2, **full)), tenant="gallery", status=1)
    assert "line 1: " in said
    assert "displayName: is required" in said
    assert "Imported 1, already present 0, refused 1." in said


def test_types_and_extensions_of_ones_own_move_too(
    database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    attributes = [{"name": "label", "required": True}, {"name": "made", "type": "dateTime"},
                  {"name": "pin", "returned": "never", "mutability": "writeOnly"}]
    (folder / "a.json").write_text(json.dumps(
        {"schemas": [SCHEMA_URN], "id": ROBOT, "name": "Robot", "attributes": attributes}))
    (folder / "b.json").write_text(json.dumps(
        {"schemas": [TYPE_URN], "name": "Robot", "endpoint": "/Robots", "schema": ROBOT}))
    operator = Operator(database, capsys, SCIMD_SCHEMAS_DIR=str(folder))
    operator.client("POST", "/Robots", {"schemas": [ROBOT], "label": "R2", "made": "2026-01-02T03:04:05.678Z", "pin": "1"})
    operator.client.user("ä漢\U0001f600@x", password="pw", **{
        "schemas": [USER_URN, ENTERPRISE_URN], ENTERPRISE_URN: {"department": "D", "employeeNumber": "7"}})
    file = tmp_path / "out.jsonl"
    operator("export", "acme", "--output", str(file))
    kept = {name: database.db[name].find_one({"tenant": "acme"}) for name in ("robots", "users")}
    assert kept["users"]["password"].startswith("scrypt$")
    delete_for_good(database, "acme")
    Tenants(database).create("acme", "rfc")
    operator("import", "acme", str(file))
    for name, document in kept.items():
        assert database.db[name].find_one({"tenant": "acme"}) == document
    robot = kept["robots"]["_id"]
    file.write_bytes(text(user(1, id=robot)))
    said = operator("import", "other", str(file), status=1)
    assert "line 1: the id is that of a resource of the type Robot in the tenant acme" in said


# The files


def test_an_export_that_cannot_be_written_is_one_sentence(operator: Operator, tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "folder", tmp_path):
        said = operator("export", "acme", "--output", str(path), status=2 if path == tmp_path else 1)
        assert len(said.splitlines()) == 1
        assert str(path) in said
    operator.client.user("jane@x")
    said = operator("export", "acme", "--output", "/dev/full", status=1)
    assert "No space left" in said
    assert Path("/dev/full").is_char_device()


def test_an_export_that_is_interrupted_leaves_what_was_there(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.client.user("jane@x")
    file = tmp_path / "out.jsonl"
    file.write_text("of yesterday")
    with monkeypatch.context() as patched:
        patched.setattr("app.cli.tenants.transfer.json.dumps", lambda *_, **__: signal.raise_signal(signal.SIGINT))
        operator("export", "acme", "--output", str(file), status=130)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"out.jsonl": "of yesterday"}
    operator("export", "acme", "--output", str(file))
    assert "jane@x" in file.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]
    assert file.stat().st_mode & 0o077 == 0, "it has the hashes of passwords"


@pytest.mark.parametrize("anew", [False, True])
def test_an_export_of_a_tenant_that_is_deleted_meanwhile_is_none(
    operator: Operator, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    """It would take the place of the last whole one, with some users or none, and say that all went well."""
    operator.client.user("jane@x")
    file = tmp_path / "out.jsonl"
    file.write_text("of yesterday")

    def deleted(directory: Any) -> Iterator[Row]:
        yield from whole(directory)[:1]
        delete_for_good(database, "acme")
        if anew:
            Tenants(database).create("acme", "interop")
        yield from whole(directory)[1:]

    lines, whole = exporter.lines_of, lambda directory: list(lines(directory))
    monkeypatch.setattr(exporter, "lines_of", deleted)
    said = operator("export", "acme", "--output", str(file), status=1)
    assert said.splitlines()[-1].endswith("was deleted, and created anew." if anew else "shows those that there are.")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"out.jsonl": "of yesterday"}


def test_an_output_that_is_closed_is_one_sentence(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)  # as `>&-` leaves it
    assert operator("export", "acme", status=1) == "scimd: Standard output is closed: name a file with --output.\n"


def test_a_pipe_is_written_to_as_it_is(operator: Operator, tmp_path: Path) -> None:
    operator.client.user("jane@x")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    operator("export", "acme", "--output", str(pipe))
    assert b"jane@x" in reader.communicate(timeout=20)[0]


# On a real server


@pytest.fixture(scope="module")
def full(live_server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, str, Path]:
    """Return a tenant with 1,500 users and some groups, and its export."""
    tenant = live_server.create_tenant(profile="rfc")[0].split("/")[3]
    rows = [user(n, userName=f"{tenant}-{n}", id=f"{tenant}-{n}", title="T" * (n % 50)) for n in range(1_500)]
    rows += [group(str(n), id=f"{tenant}-g{n}") for n in range(20)]
    rows += [{"type": "Membership", "group": f"{tenant}-g{n % 20}", "member": f"{tenant}-{n}", "kind": "User"}
             for n in range(1_500)]
    rows += [{"type": "Membership", "group": f"{tenant}-g0", "member": f"{tenant}-g{n}"} for n in range(1, 20)]
    first = tmp_path_factory.mktemp("transfer") / "made.jsonl"
    first.write_bytes(text(*rows))
    live_server.command("import", tenant, str(first))
    file = first.with_name("out.jsonl")
    live_server.command("export", tenant, "--output", str(file))
    assert len(file.read_text().splitlines()) == len(rows)
    return live_server, tenant, file


def start(server: Server, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [SCIMD, *arguments], env=server.environ, cwd=server.folder, stdin=subprocess.DEVNULL,
        preexec_fn=end_with_parent, **options,
    )


def forked(server: Server, err: Path, *arguments: str) -> Forked:
    """Start a command as `start` does, but by a fork; `err` gets what it says."""
    with Path(os.devnull).open("wb") as out, err.open("wb") as said:
        return fork(arguments, server.environ, server.folder, out, said)


@pytest.fixture
def short_transactions(mongod: Database) -> Iterator[None]:
    """Let MongoDB end a transaction after two seconds instead of a minute; all tests share it."""
    mongod.client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 2})
    yield
    mongod.client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": int(TRANSACTION_SECONDS)})


@pytest.mark.long
@pytest.mark.usefixtures("short_transactions")
def test_an_import_that_is_killed_is_started_again(full: tuple[Server, str, Path]) -> None:
    server, tenant, file = full
    wanted = content(server.database, tenant)
    delete_for_good(server.database, tenant)
    Tenants(server.database).create(tenant, "rfc")
    chance = random.Random(tenant)
    users = server.database.db.users
    killed = 0
    for _ in range(6):
        before = users.count_documents({"tenant": tenant})
        process = forked(server, Path(os.devnull), "import", tenant, str(file))
        goal = before + chance.randrange(50, 450)
        deadline = time.monotonic() + 60
        while process.poll() is None and users.count_documents({"tenant": tenant}) < min(goal, 1_500):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        now = content(server.database, tenant)
        assert now["counts"] == {"User": len(now["users"]), "Group": len(now["groups"])}
        events = logged(server.database, tenant=tenant, operation="import", status=201)
        assert len(events) == len(now["users"]) + len(now["groups"])
    assert killed >= 3
    server.command("import", tenant, str(file))
    assert content(server.database, tenant) == wanted
    assert "Imported 0" in start(server, "import", tenant, str(file), stderr=subprocess.PIPE).communicate()[1].decode()


@pytest.mark.long
def test_imports_of_one_file_at_once_refuse_nothing(full: tuple[Server, str, Path], tmp_path: Path) -> None:
    server, tenant, file = full
    wanted = content(server.database, tenant)
    delete_for_good(server.database, tenant)
    Tenants(server.database).create(tenant, "rfc")
    files = [tmp_path / f"said-{number}" for number in range(3)]
    processes = [forked(server, said, "import", tenant, str(file)) for said in files]
    statuses = [process.wait(120) for process in processes]
    said = [each.read_text() for each in files]
    numbers = [[int(each) for each in re.findall(r"\d+", one.splitlines()[-1])] for one in said]
    assert statuses == [0, 0, 0], said
    lines = len(file.read_text().splitlines())
    assert sum(imported for imported, _, _ in numbers) == lines
    assert [imported + present for imported, present, _ in numbers] == [lines] * 3
    assert content(server.database, tenant) == wanted


@pytest.mark.long
def test_a_reader_that_goes_ends_an_export(full: tuple[Server, str, Path]) -> None:
    server, tenant, _ = full
    process = start(server, "export", tenant, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read().decode() in ("", "\n")


@pytest.mark.long
def test_a_progress_bar_is_for_terminals(full: tuple[Server, str, Path]) -> None:
    server, tenant, file = full
    for arguments, word in ((("export", tenant), "Exporting"), (("import", tenant, str(file)), "Importing")):
        done = start(server, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).communicate(timeout=60)[1]
        assert all(re.fullmatch(LINE, line) for line in done.decode().splitlines()[:-1]), done
        ours, theirs = pty.openpty()
        process = start(server, *arguments, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
        assert process.wait(60) == 0
        os.close(ours)
        assert word in shown.decode()
        assert re.search(r"100 % [\d,]+ lines, [\d,]+ a second", shown.decode()), shown


@pytest.mark.usefixtures("small_batches")
def test_progress_is_a_line_where_there_is_no_terminal(
    bring: Any, operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr("app.cli.tenants.transfer.STEP", 20)
    said = bring(text(*(user(n) for n in range(40)), group("G"))).splitlines()
    told = [re.fullmatch(LINE, line) for line in said[:-1]]
    assert [each and (each[1], each[2]) for each in told] == [("Importing", "20"), ("Importing", "40"), ("Importing", "41")]
    assert all(", 0:" in line and line.endswith(" left") for line in said[:-1])
    assert ", 100%, 0:00:00 left" in said[-2]
    operator("export", "acme", "--output", str(tmp_path / "out.jsonl"))
    assert re.fullmatch(LINE, operator.said.splitlines()[0])


def test_what_is_read_from_a_pipe_has_no_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with progress.Progress("Importing", None) as shown:
        shown.advance(70, 7)
        shown.advance(50, 5)
    assert [re.fullmatch(LINE, line)[2] for line in capsys.readouterr().err.splitlines()] == ["7", "12"]  # type: ignore[index]


def test_each_new_member_finds_the_line_of_its_group(bring: Any, operator: Operator) -> None:
    numbers = range(250)
    bring(text(*(user(n) for n in numbers), group("G")))
    assert "Imported 250" in bring(text(*(member("G", n) for n in numbers)))
    lines = [event for event in operator.events() if event.get("members")]
    assert sorted(each for line in lines for each in line["members"]["added"]) == [user(n)["resource"]["id"] for n in numbers]
    for number in (0, 99, 100, 249):
        assert [each["resource"]["name"] for each in operator.events("--user", f"u{number}")] == [f"u{number}", "G"]


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # EIO: the other end of a terminal is closed
        return b""


def test_nothing_is_added_to_what_had_no_value(operator: Operator, database: Database, tmp_path: Path) -> None:
    made = operator.client.user("jane@x")
    assert operator.client.patch(f"/Users/{made['id']}", {"op": "remove", "path": "name"}).status_code == 200
    kept = content(database, "acme")
    assert "name" not in kept["users"][0]
    file = tmp_path / "out.jsonl"
    operator("export", "acme", "--output", str(file))
    delete_for_good(database, "acme")
    Tenants(database).create("acme", "rfc")
    operator("import", "acme", str(file))
    assert content(database, "acme") == kept


def test_the_first_command_finds_or_makes_the_indexes(
    fresh_database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nobody has served this database yet: names are unique all the same."""
    source = tmp_path / "lines"
    names = [{"type": "User", "resource": {"schemas": [USER_URN], "id": f"u{n}", "userName": "same"}} for n in range(2)]
    source.write_text("\n".join(map(json.dumps, names)))
    assert run(["tenant", "create", "acme", "--profile", "rfc"], Connection({}, fresh_database)) == 0
    assert run(["import", "acme", str(source)], Connection({}, fresh_database)) == 1
    assert "line 2: userName" in capsys.readouterr().err
    assert "tenant_group_member" in fresh_database.db.memberships.index_information()


@pytest.mark.usefixtures("small_batches")
def test_whatever_the_last_batch_has_all_events_are_in_the_log(operator: Operator, database: Database, tmp_path: Path) -> None:
    """That has no member, one beside its group, or one alone, a batch after the last ones were moved to the log."""
    file = tmp_path / "in.jsonl"
    for number, members in enumerate((0, 1, 70), 1):
        tenant = f"t{number}"
        Tenants(database).create(tenant, "interop")
        rows = [{"type": "User", "resource": {"schemas": [USER_URN], "id": f"{tenant}-{n}", "userName": f"u{n}"}} for n in range(30)]
        rows.append({"type": "Group", "resource": group("G")["resource"] | {"id": f"{tenant}-G"}})
        rows += [{"type": "Membership", "group": f"{tenant}-G", "member": f"m{each}"} for each in range(members)]
        file.write_bytes(text(*rows))
        operator("import", tenant, str(file))
        assert f"Imported {len(rows)}, already present 0, refused 0." in operator.said
        pending = [row for name in ("users", "groups") for row in database.db[name].find({"_outbox.0": {"$exists": True}})]
        assert pending == []
        lines = list(database.db.events.find({"tenant": tenant, "operation": "import", "members": {"$exists": True}}))
        assert sum(line["members"]["addedCount"] for line in lines) == members
        assert database.db.events.count_documents({"tenant": tenant, "type": {"$regex": "created$"}}) == 31
