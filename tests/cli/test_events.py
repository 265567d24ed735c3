"""scimd events: an operator finds out why one user of a customer was not provisioned."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.auth.limits.rate_limits import Limits
from app.cli import connection as command_line
from app.errors import TooManyRequests
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.log.event import MOST_MEMBERS, MOST_WARNINGS, Actor, Event, document_of
from app.store.log.events import Events, LogSettings
from app.store.log.reading.tail import Tail
from app.store.mongo.database import Database
from tests.blueprints.conftest import GROUP_URN, USER_URN
from tests.cli.conftest import Operator
from tests.conftest import SCIMD, Fault, Server, end_with_parent
from tests.relay import relay

BULK_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def told(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(event["operation"], event["status"]) for event in events]


def test_a_user_is_found_by_every_name_that_it_ever_had(operator: Operator) -> None:
    user = operator.client.user("Jane@X", externalId="Obj-17", displayName="Jane Doe")
    operator.client.user("john@x", externalId="Obj-18")
    operator.client.patch(f"/Users/{user['id']}", {"op": "replace", "path": "userName", "value": "Jane.Roe@X"})
    operator.client.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": 5})
    operator.client("PUT", f"/Users/{user['id']}", {"schemas": [USER_URN], "userName": "JOHN@x"})
    operator.client("PUT", f"/Users/{user['id']}", b"{broken")
    operator.client("DELETE", f"/Users/{user['id']}", If_Match='W/"99"')
    operator.client("DELETE", f"/Users/{user['id']}")
    history = [("create", 201), ("patch", 200), ("patch", 400), ("replace", 409), ("replace", 400), ("delete", 412),
               ("delete", 204)]
    for name in ("jane@x", "JANE@X", "jane.roe@x", "obj-17", "Jane Doe", user["id"], user["id"].upper()):
        assert told(operator.events("--user", name)) == history, name
    assert told(operator.events("--user", "Jane@X", "--failed")) == history[2:6]
    # The name that was refused her leads to the refusal, and not to all that she ever did.
    assert told(operator.events("--user", "john@x")) == [("create", 201), ("replace", 409)]
    assert operator.events("--user", "nobody") == []


def expire(operator: Operator, **query: Any) -> None:
    relay(operator.database)
    operator.database.db.events.delete_many({"tenant": "acme", **query})


def test_a_user_whose_events_have_expired_is_found_by_the_names_that_it_has(operator: Operator) -> None:
    user = operator.client.user("Jane@X", externalId="Obj-17", displayName="Jane Doe")
    group = operator.client.group("Sales")
    expire(operator)
    operator.client.patch(f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": [{"value": user["id"]}]})
    operator.client("PATCH", f"/Users/{user['id']}", b"{broken")
    operator.client("DELETE", f"/Users/{user['id']}", If_Match='W/"99"')
    history = [("patch", 200), ("patch", 400), ("delete", 412)]
    for name in ("jane@x", "JANE@X", "Obj-17", "jane doe", user["id"]):
        assert told(operator.events("--user", name)) == history, name
    assert told(operator.events("--user", "sales")) == [("patch", 200)]
    assert operator.events("--user", "obj-1") == []


def test_a_user_that_was_deleted_is_found_longer_than_its_events_are_kept(operator: Operator) -> None:
    user = operator.client.user("Jane@X", externalId="Obj-17", displayName="Jane Doe")
    operator.client.group("Sales", user["id"])
    operator.client("DELETE", f"/Users/{user['id']}")
    operator.client("PUT", f"/Users/{user['id']}", b"{broken")
    expire(operator, **{"resource.id": user["id"], "status": {"$lt": 300}})
    for name in ("jane@x", "obj-17", "JANE DOE"):
        assert told(operator.events("--user", name)) == [("create", 201), ("replace", 400)], name


def test_a_refused_deletion_names_whom(operator: Operator) -> None:
    user = operator.client.user("jane@x", externalId="e-1")
    operator.client("DELETE", f"/Users/{user['id']}", If_Match='W/"99"')
    [event] = operator.events("--failed")
    assert event["resource"]["name"] == "jane@x"
    assert "e-1" in event["keys"]


@pytest.mark.parametrize("name", ["", "  "])
def test_a_name_has_letters(operator: Operator, name: str) -> None:
    operator.client.user("jane@x")
    said = operator("events", "acme", "--user", name, status=2)
    assert said == "scimd: Invalid value for '--user': give a name, an id or an externalId\n"


def test_what_was_refused_a_user_that_was_never_there_is_found(operator: Operator) -> None:
    operator.client.user("jane@x")
    operator.client("POST", "/Users", {"schemas": [USER_URN], "username": "JANE@x", "externalId": "E-2"})
    operator.client("POST", "/Users", {"schemas": [USER_URN], "userName": "wrong@x", "active": "perhaps"})
    [taken] = operator.events("--user", "e-2")
    assert told([taken]) == [("create", 409)]
    assert taken["resource"] == {"type": "User", "name": "JANE@x"}  # no id: it never had one
    assert sorted(taken["keys"]) == ["e-2", "jane@x"]
    assert told(operator.events("--user", "wrong@x")) == [("create", 400)]


@pytest.mark.parametrize(("method", "path", "body", "operation", "kind", "status"), [
    ("POST", "/Users", b"{broken", "create", "User", 400),
    ("PUT", "/Users/17", b"{broken", "replace", "User", 400),
    ("PATCH", "/Groups/17", b"[]", "patch", "Group", 400),
    ("PATCH", "/Users/17", {"schemas": ["x"]}, "patch", "User", 404),
    ("DELETE", "/Users/17", None, "delete", "User", 404),
    ("POST", "/Users", b"x" * 5_000_000, "create", "User", 413),
    ("DELETE", "/Robots/17", None, "request", None, 404),
])
def test_a_refusal_says_what_was_asked_for(
    operator: Operator, method: str, path: str, body: Any, operation: str, kind: str | None, status: int
) -> None:
    assert operator.client(method, path, body).status_code == status
    [event] = operator.events("--failed")
    assert (event["operation"], event["resource"].get("type"), event["status"]) == (operation, kind, status)
    assert event["detail"]
    assert event["credential"]
    assert event["request"]
    if path.endswith("17") and kind:
        assert told(operator.events("--user", "17")) == [(operation, status)]


def test_a_good_credential_that_was_refused_is_named(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def over(self: Limits, *_: object) -> None:
        raise TooManyRequests("More than 25 requests a second.", retry_after=1)

    text, token = Tokens(operator.database).issue("acme", scopes=["scim.read"])
    operator.client.headers = {"Authorization": f"Bearer {text}"}
    assert operator.client("POST", "/Users", {"schemas": [USER_URN], "userName": "jane@x"}).status_code == 403
    operator.client.headers = {"Authorization": f"Bearer scimd_{token.id}_{'0' * 64}"}
    assert operator.client("GET", "/Users").status_code == 401
    monkeypatch.setattr(Limits, "count_request", over)
    operator.client.headers = {"Authorization": f"Bearer {text}"}
    assert operator.client("GET", "/Users").status_code == 429
    # A client that does not prove that it has the token is only in the detail.
    assert [(event["status"], event["credential"]) for event in operator.events()] == [
        (403, token.id), (401, ""), (429, token.id)]


def test_another_media_type_is_in_the_log(operator: Operator) -> None:
    assert operator.client("POST", "/Users", b"<user/>", Content_Type="text/xml").status_code == 415
    assert told(operator.events()) == [("create", 415)]


def test_each_operation_of_a_bulk_request_has_its_own_line(operator: Operator) -> None:
    there = operator.client.user("there@x")
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"schemas": [USER_URN], "userName": "new@x"}},
        {"method": "POST", "path": "/Robots", "bulkId": "2", "data": {"name": "r"}},
        {"method": "POST", "path": "/Users", "bulkId": "3", "data": {"schemas": [USER_URN], "userName": "NEW@x"}},
        {"method": "FETCH", "path": "/Users/9"},
        {"method": "PUT", "path": f"/Users/{there['id']}", "data": "none"},
        {"method": "PATCH", "path": "/Groups/bulkId:nobody", "data": {}},
        {"method": "DELETE", "path": f"/Users/{there['id']}"},
    ]
    answer = operator.client("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": operations}).get_json()
    statuses = [int(each["status"]) for each in answer["Operations"]]
    assert statuses == [201, 404, 409, 400, 400, 409, 204]
    events = operator.events()[1:]
    names = ["new@x", None, "NEW@x", None, None, None, "there@x"]
    kinds = ["create", "request", "create", "request", "replace", "patch", "delete"]
    # In any order: what is pending and what was logged at once may have the same millisecond.
    found = [(event["status"], event["resource"].get("name"), event["operation"]) for event in events]
    assert sorted(found, key=str) == sorted(zip(statuses, names, kinds, strict=True), key=str)
    assert sorted(told(operator.events("--user", there["id"]))) == [("create", 201), ("delete", 204), ("replace", 400)]


def test_operations_that_are_refused_before_they_begin_have_a_name(operator: Operator) -> None:
    data = {"schemas": [USER_URN], "USERNAME": "Jane@x", "externalId": "obj-17"}
    nobody = {"schemas": [GROUP_URN], "displayName": "G", "members": [{"value": "bulkId:nobody"}]}
    operations = [
        {"method": "POST", "path": "/Users", "data": data},
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"schemas": [USER_URN], "userName": "other@x"}},
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": data},
        {"method": "POST", "path": "/Groups", "bulkId": "2", "data": nobody},
    ]
    operator.client("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": operations})
    events = operator.events()
    # The one that was created may have the time of a refused one, which is written to the log at once.
    assert sorted(event["resource"]["name"] for event in events) == ["G", "Jane@x", "Jane@x", "other@x"]
    for name in ("jane@x", "obj-17"):
        assert [status for _, status in told(operator.events("--user", name))] == [400, 400]


def test_a_name_is_known_in_any_letter_case_of_its_key(operator: Operator) -> None:
    body = {"schemas": [USER_URN], "USERNAME": "Upper@x", "title": 5}
    assert operator.client("POST", "/Users", body).status_code == 400
    assert operator.events()[0]["resource"]["name"] == "Upper@x"


def test_what_is_no_request_has_no_status(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(database, capsys)
    Tenants(database).create("contoso", "gallery")
    Events(database, "contoso", LogSettings(90)).append(Event("sign-off", "User", "u-1", detail="person"), Actor())
    line = next(line for line in operator("events", "contoso").splitlines() if "sign-off" in line)
    assert line.split()[2:] == ["sign-off", "User", "u-1", "-", "-", "-", "person"]


def test_values_can_be_left_out_of_the_log(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(database, capsys, SCIMD_LOG_VALUES="off")
    user = operator.client.user("jane@x", title="Secret title", password="s3cret")
    operator.client.patch(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "Other title"})
    operator.client("PUT", f"/Users/{user['id']}", {"schemas": [USER_URN], "userName": "jane@x", "title": "Third title"})
    refused = {"schemas": [USER_URN], "userName": "jim@x", "title": "Fourth title", "active": "A title"}
    assert operator.client("POST", "/Users", refused).status_code == 400
    operator.client("DELETE", f"/Users/{user['id']}")
    operator("restore", "acme", user["id"])
    events = operator.events()
    assert (events[3]["cause"], events[3]["problems"]) == ("wrong-type", [{"path": "active"}])
    assert {"attribute": "title"} in events[0]["changes"]
    assert {"attribute": "title"} in events[1]["changes"]
    assert {"attribute": "title"} in events[2]["changes"]
    stored = str(list(database.db.events.find({"tenant": "acme"})))
    assert " title" not in stored
    assert "s3cret" not in stored


def test_co_66_each_reason_is_printed_once_with_its_cure(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    operator = Operator(database, capsys)
    gallery = operator.new_client("contoso", "gallery")
    for name in ("ann", "bob"):
        gallery("POST", "/Users", {"schemas": [USER_URN], "userName": name, "displayName": "A", "name": {"familyName": "A", "formatted": "A"}})
    gallery.user("eve")
    gallery("POST", "/Users", {"schemas": [USER_URN], "userName": "EVE", "displayName": "A", "name": {"givenName": "A", "familyName": "A", "formatted": "A"}})
    lines = operator("events", "contoso", "--failed").splitlines()
    assert lines[-11:] == [
        "2 x name.givenName is missing: The user has no name.givenName; it is required.",
        "How to fix it:",
        "  1. Open Entra ID > Enterprise apps > the app > Provisioning > Attribute Mapping, users.",
        "  2. Edit the mapping of name.givenName: enter a Default value if null, such as a dash, or choose a source that every "
        "user has. Or leave such accounts out with a scoping filter.",
        "  3. Provision on demand for this user shows at once whether it helped.",
        "",
        '1 x userName is taken: userName "eve" already belongs to another user.',
        "How to fix it:",
        "  1. Compare the externalId of the user that has this userName with that of the refused one.",
        "  2. If they are the same, it is the same user: check which attribute is Matching under Attribute Mapping. By it, Entra should have found the existing user.",
        "  3. If they differ, or one has none, it is another one: it was created by hand or by another app, or was disabled and keeps its userName, which only "
        "a deletion frees. Delete or rename one of the two.",
    ]
    first = json.loads(operator("events", "contoso", "--failed", "--json").splitlines()[0])
    assert first["why"] == "The user has no name.givenName; it is required."
    assert len(first["cure"]) == 3
    Tenants(database).choose_provider("contoso", "okta")
    assert "Let Okta send name.givenName for every user" in operator("events", "contoso")
    gallery("GET", "/Users")
    assert "x no" not in operator("events", "contoso", "--user", "eve").split("taken")[0]


def test_a_part_that_is_never_returned_is_not_in_the_log(
    database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    urn = "urn:example:Robot"
    attributes = [
        {"name": "pin", "required": True, "returned": "never", "mutability": "writeOnly"},
        {"name": "label", "required": True},
        {"name": "lock", "type": "complex", "subAttributes": [
            {"name": "code", "returned": "never", "mutability": "writeOnly"}, {"name": "place"}]},
    ]
    (tmp_path / "robot.json").write_text(json.dumps({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": urn, "name": "Robot",
        "attributes": attributes}))
    (tmp_path / "type.json").write_text(json.dumps({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "name": "Robot", "endpoint": "/Robots",
        "schema": urn}))
    operator = Operator(database, capsys, SCIMD_SCHEMAS_DIR=str(tmp_path))
    body = {"schemas": [urn], "pin": "pin-one", "label": "R2", "lock": {"code": "code-one", "place": "door"}}
    made = operator.client("POST", "/Robots", body)
    assert made.status_code == 201, made.get_json()
    operator.client("PUT", f"/Robots/{made.get_json()['id']}",
                    body | {"pin": "pin-two", "lock": {"code": "code-two", "place": "wall"}})
    events = operator.events()
    assert told(events) == [("create", 201), ("replace", 200)]
    assert events[1]["changes"] == [
        {"attribute": "lock", "old": {"place": "door"}, "new": {"place": "wall"}}, {"attribute": "pin"},
    ]
    assert events[0]["resource"]["name"] == "R2"
    stored = str(list(database.db.events.find({"tenant": "acme"})))
    for secret in ("pin-one", "pin-two", "code-one", "code-two"):
        assert secret not in stored


def test_a_name_cannot_command_the_terminal(operator: Operator) -> None:
    name = "jane\u001b[2J\u009b\u202e\U000e0001x"
    user = operator.client.user(name)
    operator.client("POST", "/Users", {"schemas": [USER_URN], "userName": name.upper()})
    shown = [operator(*command.split()) for command in ("events acme", "events acme --json", "tenant show acme", "tenant show acme --json")]
    operator.client("DELETE", f"/Users/{user['id']}")
    shown += [operator(*command.split()) for command in ("deleted list acme", "deleted list acme --json")]
    operator("restore", "acme", user["id"])
    shown.append(operator.said)
    operator.client("DELETE", f"/Users/{user['id']}")
    operator.client.user(name)
    shown.append(operator("restore", "acme", user["id"], status=1))
    for text in shown:
        assert all(char.isprintable() or char == "\n" for char in text), text
    assert all(r"jane\x1b[2j\x9b\u202e\U000e0001x" in shown[number].replace("[2J", "[2j") for number in (0, 2, 4, 6, 7))
    assert json.loads(shown[1].splitlines()[0])["resource"]["name"] == json.loads(shown[5])[0]["name"] == name


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u202e", "\u6f22"])
def test_a_long_name_takes_neither_the_line_nor_the_columns(operator: Operator, letter: str) -> None:
    user = operator.client.user(letter * 1_000)
    operator.client.user("john@x")
    operator.client("DELETE", f"/Users/{user['id']}")
    for command, rows in (("events", 3), ("deleted list", 1)):
        lines = operator(*command.split(), "acme").splitlines()
        assert len(lines) == 1 + rows, command
        assert all(len(line) < 1_000 for line in lines)
    assert operator("events", "acme").splitlines()[0].index("status") < 300


def test_members_of_a_group_are_told(operator: Operator) -> None:
    user = operator.client.user("jane@x")
    group = operator.client.group("Sales", user["id"])
    value = [{"value": user["id"]}]
    operator.client.patch(f"/Groups/{group['id']}", {"op": "remove", "path": "members", "value": value})
    operator.client("POST", "/Groups", {"schemas": [GROUP_URN]})
    other = operator.client.user("john@x")
    operator.client.group("Others", other["id"])
    created, patched, refused = operator.events()[1:4]
    assert created["members"] == {"added": [user["id"]], "addedCount": 1}
    assert patched["members"] == {"removed": [user["id"]], "removedCount": 1}
    assert (refused["status"], refused["scimType"]) == (400, "invalidValue")
    for name in ("Jane@x", user["id"]):  # which groups was she put into, and taken out of?
        assert told(operator.events("--user", name)) == [("create", 201), ("create", 201), ("patch", 200)], name
    assert told(operator.events("--user", group["id"])) == [("create", 201), ("patch", 200)]


def test_a_change_of_members_that_was_refused_is_found_by_whom_it_named(operator: Operator) -> None:
    jane, john = operator.client.user("jane@x"), operator.client.user("john@x")
    group = operator.client.group("Sales", john["id"])
    add = {"op": "add", "path": "members", "value": [{"value": jane["id"]}]}
    remove = {"op": "remove", "path": f'members[value eq "{jane["id"]}"]'}
    operator.client.patch("/Groups/17", add)
    operator.client.patch("/Groups/17", remove, Prefer="return=minimal")
    operator.client.patch(f"/Groups/{group['id']}", add, If_Match='W/"99"')
    operator.client.patch(f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": [
        {"value": jane["id"]}, {"value": "nobody"}]})
    operator.client.patch(f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": [
        {"value": jane["id"]}, {"value": john["id"]}]})
    assert told(operator.events("--user", "jane@x")) == [
        ("create", 201), ("patch", 404), ("patch", 404), ("patch", 412), ("patch", 400), ("patch", 200)]
    # The user was a member already, so nothing happened to it.
    assert told(operator.events("--user", "john@x")) == [("create", 201), ("create", 201)]


def test_that_a_group_was_deleted_is_found_by_who_was_in_it(operator: Operator) -> None:
    jane, john = operator.client.user("jane@x"), operator.client.user("john@x")
    sales, others = operator.client.group("Sales", jane["id"]), operator.client.group("Others", john["id"])
    operator.client("DELETE", f"/Groups/{sales['id']}", If_Match='W/"99"')
    operator.client("DELETE", f"/Groups/{sales['id']}")
    operator.client("DELETE", f"/Groups/{others['id']}")
    for name in ("jane@x", jane["id"].upper()):
        events = operator.events("--user", name)
        assert told(events) == [("create", 201), ("create", 201), ("delete", 204)]
        assert events[-1]["resource"]["name"] == "Sales"
    operator("restore", "acme", sales["id"])
    assert told(operator.events("--user", "jane@x")) == [("create", 201), ("create", 201)]


def test_a_group_that_was_refused_is_found_by_whom_it_was_to_have(operator: Operator) -> None:
    client = operator.new_client("entra-like", "entra")
    jane = client.user("jane@x")
    client.group("Sales")
    client.group("SALES", jane["id"])
    events = [json.loads(line) for line in operator("events", "entra-like", "--user", "jane@x", "--json").splitlines()]
    assert told(events) == [("create", 201), ("create", 409)]


def test_a_refusal_spells_out_no_more_members_than_a_change(operator: Operator) -> None:
    value = [{"value": f"{number:05d}"} for number in range(MOST_MEMBERS + 50)]
    operator.client.patch("/Groups/17", {"op": "add", "path": "members", "value": value}, Prefer="return=minimal")
    [event] = operator.events()
    assert event["status"] == 404
    assert len(event["keys"]) == MOST_MEMBERS + 1
    assert "members" not in event


# What comes while somebody looks


def commit(log: Events, name: str, *, ago: float = 0.0) -> str:
    """Write an event as a worker does that was stamped some seconds ago."""
    event = Event("create", "User", "1", name, status=201)
    log.append(event, Actor("token"))
    if ago:
        stamp = datetime.now(UTC) - timedelta(seconds=ago)
        log._collection.update_one({"_id": event.id}, {"$set": {"time": stamp}})
    return name


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["resource"]["name"] for event in events]


@pytest.mark.parametrize("settings", [
    pytest.param({"PYTHONIOENCODING": "latin-1"}, marks=pytest.mark.long),
    pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.long),
    pytest.param({"PYTHONIOENCODING": "koi8-r"}, marks=pytest.mark.long),
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
])
def test_an_output_that_is_not_utf_8_has_escapes(live_server: Server, log: Events, settings: dict[str, str]) -> None:
    name = commit(log, "\u00e9\u20ac\U0001f600")
    for more in ([], ["--json"]):
        done = subprocess.run(
            [SCIMD, "events", "acme", "--limit", "1", *more], env=live_server.environ | settings, cwd=live_server.folder,
            capture_output=True, check=False,
        )
        assert done.returncode == 0, done.stderr
        encoding = settings.get("PYTHONIOENCODING", "ascii")
        if more:
            # What knows only ASCII is given UTF-8, of which ASCII is a part.
            said = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)
            assert json.loads(said)["resource"]["name"] == name
        else:
            assert r"\u20ac\ud83d\ude00" in done.stdout.decode(encoding)


@pytest.mark.parametrize("limit", [2, 1_000])
def test_ev_43_what_is_committed_late_is_shown_once(database: Database, limit: int) -> None:
    log = Events(database, "acme", LogSettings(90))
    for name, ago in (("old", 3_600), ("first", 9), ("second", 5)):
        commit(log, name, ago=ago)
    tail = Tail(log.find, limit=limit)
    assert names(tail.read()) == ["old", "first", "second"][-limit:]
    commit(log, "late", ago=8)
    assert names(tail.read()) == ["late"]
    commit(log, "third")
    commit(log, "very late", ago=4)
    assert names(tail.read()) == ["very late", "third"]
    for event in ("a", "b", "c"):
        commit(log, event, ago=3)
    assert sorted(names(tail.read())) == ["a", "b", "c"]
    assert tail.read() == []


def test_a_tail_goes_by_the_clocks_of_the_workers(database: Database) -> None:
    log = Events(database, "acme", LogSettings(90))
    tail = Tail(log.find)
    assert tail.read() == []
    commit(log, "behind by an hour", ago=3_600)
    assert names(tail.read()) == ["behind by an hour"]
    commit(log, "ahead", ago=-300)
    assert names(tail.read()) == ["ahead"]


def test_a_reference_leads_to_what_was_refused_under_it(operator: Operator) -> None:
    for name, reference in (("jane@x", "ref-1"), ("jane@x", "ref-2"), ("jane@x", "ref-3")):
        operator.client("POST", "/Users", {"schemas": [USER_URN], "userName": name}, X_Request_Id=reference)
    [event] = operator.events("--reference", "ref-2")
    assert (event["request"], event["status"]) == ("ref-2", 409)
    assert operator.events("--reference", "ref-2", "--user", "jane@x") == [event]
    assert operator.events("--reference", "ref-2", "--user", "john@x") == []
    assert operator.events("--reference", "ref-1") == []  # that one was created
    assert operator("events", "acme", "--reference", "ref-4") == "Nothing was refused as ref-4.\n"


def test_the_table_shows_the_reference_of_what_was_refused(operator: Operator) -> None:
    for reference in ("ref-1", "ref-2"):
        operator.client("POST", "/Users", {"schemas": [USER_URN], "userName": "jane@x"}, X_Request_Id=reference)
    printed = operator("events", "acme")
    assert "reference" in printed.splitlines()[0]
    assert "ref-2" in printed
    assert "ref-1" not in printed


def test_that_older_events_are_left_out_is_said(operator: Operator) -> None:
    log = Events(operator.database, "acme", LogSettings(90))
    for name in ("one", "two", "three"):
        commit(log, name)
    for more in ([], ["--json"]):
        assert "one" not in operator("events", "acme", "--limit", "2", *more)
        assert operator.said.splitlines() == [
            "scimd: Only the newest 2 are shown; --limit can be up to 100000, and --user, --failed and --since select among them."]
        assert "one" in operator("events", "acme", "--limit", "3", *more)
        assert operator.said == ""


def follow(server: Server, *arguments: str, output: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [SCIMD, "events", "acme", "--follow", *arguments], env=server.environ, cwd=server.folder,
        stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, preexec_fn=end_with_parent,
    )


@pytest.fixture
def log(live_server: Server) -> Events:
    if not live_server.database.db.tenants.find_one({"_id": "acme"}):
        live_server.create_tenant("acme")
    return Events(live_server.database, "acme", LogSettings(90))


def test_whoever_follows_stops_with_ctrl_c(live_server: Server, log: Events) -> None:
    commit(log, "before")
    process = follow(live_server, "--json", "--limit", "1")
    assert process.stdout
    assert process.stderr
    assert b"before" in process.stdout.readline()
    commit(log, "after")
    assert b"after" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr.read().decode().splitlines()[-1] == "scimd: Stopped."


@pytest.mark.long
def test_a_reader_that_goes_ends_it(live_server: Server, log: Events) -> None:
    commit(log, "one")
    process = follow(live_server, "--json", "--limit", "1")
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    commit(log, "two")
    assert process.wait(20) == 1
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.long
def test_a_terminal_shows_a_table_with_one_heading(live_server: Server, log: Events) -> None:
    commit(log, "one")
    ours, theirs = pty.openpty()
    process = follow(live_server, "--limit", "1", output=theirs)
    os.close(theirs)
    shown = b""
    while b"one" not in shown:
        shown += os.read(ours, 4096)
    commit(log, "two")
    while b"two" not in shown:
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    os.close(ours)
    assert shown.count(b"time (UTC)") == 1


def test_a_database_that_goes_and_comes_back_does_not_end_it(
    operator: Operator, mongod: Database, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Events(operator.database, "acme", LogSettings(90))
    commit(log, "before")
    with contextlib.ExitStack() as away:
        # What happens while it sleeps: first the database goes, then it comes back, then the operator has seen enough.
        happens = iter([
            lambda: (commit(log, "after"), away.enter_context(fault(["find"], "alwaysOn", errorCode=50))),
            away.close,
            lambda: signal.raise_signal(signal.SIGINT),
        ])
        monkeypatch.setattr("app.cli.events.sleep", lambda _: next(happens)())
        monkeypatch.setattr("app.cli.connection.Connection.database", Database(mongod.client, operator.database.db.name))
        said = operator("events", "acme", "--follow", "--json", status=130)
    assert [json.loads(line)["resource"]["name"] for line in operator.out.splitlines()] == ["before", "after"]
    assert said.splitlines()[:2] == [
        "scimd: The database does not answer at the moment; try again. Waiting for it.",
        "scimd: The database answers again.",
    ]
    assert said.split()[-1] == "Stopped."


def test_n_30_operations_that_were_skipped_are_told_with_what_was_done(operator: Operator) -> None:
    client = operator.new_client("lenient", "interop")
    path = f"/Users/{client.user('jane@x')['id']}"
    nonsense = {"op": "replace", "path": 'displayName[type eq "work"]', "value": "x"}
    off = {"op": "Replace", "path": "active", "value": "False"}
    assert client.patch(path, nonsense, off).get_json()["active"] is False
    assert client.patch(path, {"op": "add", "path": "bogus", "value": 1}).status_code == 200  # changes nothing
    assert client.patch(path, *[nonsense] * 50).status_code == 200
    done, nothing, many = [json.loads(line) for line in operator("events", "lenient", "--json").splitlines()][1:]
    why = "displayName has one value only; a filter selects among several."
    assert (done["status"], done["warnings"]) == (200, [f"Operation 1: {why}"])
    assert [change["attribute"] for change in done["changes"]] == ["active"]
    assert (nothing["status"], nothing["warnings"]) == (200, ["path bogus: User has no such attribute."])
    assert "changes" not in nothing and "failed" not in nothing
    assert len(many["warnings"]) == MOST_WARNINGS
    assert f"active: true -> false; skipped: Operation 1: {why}" in " ".join(operator("events", "lenient", "--limit", "4").split())


def test_sc_06_a_command_says_what_was_asked_where_the_database_is_too_slow(
    operator: Operator, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_line, "COMMAND_SECONDS", 0.5)
    with fault(["find", "aggregate"], "alwaysOn", blockConnection=True, blockTimeMS=1_500):
        said = operator("events", "acme", "--user", "jane@x", status=1)
        assert said.startswith("scimd: The database did not finish within 0.5 seconds. It was working on: the log of acme, and in it jane@x.")
        said = operator("deleted", "list", "acme", status=1)
        assert said == "scimd: The database did not finish within 0.5 seconds. It was working on: scimd deleted list acme\n"
    with fault(["find"], "alwaysOn", errorCode=24):  # which the driver does not try again
        said = operator("deleted", "list", "acme", status=1)
    assert said == "scimd: The database does not answer at the moment; try again. It was working on: scimd deleted list acme\n"


def test_sc_06_the_log_of_a_busy_name_is_found_by_its_index(operator: Operator) -> None:
    db, names = operator.database.db, [*(f"user{number}" for number in range(1_000)), *(["busy"] * 102)]
    db.events.insert_many([
        document_of(Event("patch", "User", name, name, status=200), "acme", Actor(), values=True) for name in names
    ])
    db.command("profile", 2)
    assert len(operator.events("--user", "busy")) == 102
    db.command("profile", 0)
    plans = [row["planSummary"] for row in db.system.profile.find({"ns": f"{db.name}.events", "planSummary": {"$exists": True}})]
    assert plans
    assert all(plan.startswith("IXSCAN { tenant: 1, keys: 1, time: -1 }") for plan in plans), plans
