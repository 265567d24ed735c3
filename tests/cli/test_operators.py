"""scimd events, deleted, restore, export, import: on a real MongoDB, through the application."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.store.accounts.activity import Activity
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Trusts
from tests.blueprints.conftest import GROUP_URN, USER_URN
from tests.cli.conftest import Operator
from tests.tenants import delete_for_good


def test_events_tell_who_was_changed_and_what_was_refused(operator: Operator) -> None:
    user = operator.client.user("jane@x", title="old", password="s3cret")
    operator.client.patch(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "new"})
    operator.client("POST", "/Users", {"schemas": [USER_URN], "userName": "JANE@x"})
    operator.client("POST", "/Users", b"{broken")
    operator.client("GET", "/Users?filter=userName%20eq%20%22probe%22")
    operator.other.user("jane@x")
    events = operator.events()
    assert [(event["operation"], event["status"]) for event in events[:3]] == [("create", 201), ("patch", 200), ("create", 409)]
    assert len(events) == 4
    assert {"attribute": "title", "old": "old", "new": "new"} in events[1]["changes"]
    assert all(event["tenant"] == "acme" for event in events)
    failed = operator.events("--failed")
    assert [event["status"] for event in failed] == [409, 400]
    assert (failed[0]["scimType"], failed[0]["resource"]["name"]) == ("uniqueness", "JANE@x")
    assert [event["operation"] for event in operator.events("--user", "jane@x")] == ["create", "patch", "create"]
    assert [event["operation"] for event in operator.events("--user", user["id"])] == ["create", "patch"]
    assert operator.events("--since", "1h", "--limit", "1")[0]["status"] == 400
    table = operator("events", "acme")
    assert 'title: "old" -> "new"' in table
    assert "userName" in table
    assert "s3cret" not in table + json.dumps(events)


def test_events_of_refused_credentials_tell_why(operator: Operator) -> None:
    tokens = Tokens(operator.database)
    for token in tokens.of_tenant("acme"):
        tokens.revoke(token.id)
    text, issued = tokens.issue("acme", label="entra-prod")
    tokens.revoke(issued.id)
    operator.client.headers = {"Authorization": f"Bearer {text}"}
    assert operator.client("GET", "/Users").status_code == 401
    table = operator("events", "acme", "--failed")
    assert "revoked" in table
    assert "entra-prod" in table
    assert text not in table + json.dumps(operator.events())


def test_fa_38_a_token_stands_for_a_user_that_exists(operator: Operator) -> None:
    user = operator.client.user("jane@x", externalId="j-1")
    other = operator.other.user("bob@x")
    for name in (user["id"], "Jane@X", "j-1"):
        issued = json.loads(operator("token", "issue", "acme", "--user", name, "--json"))
        assert issued["user"] == user["id"]
    operator.client.headers = {"Authorization": f"Bearer {issued['token']}"}
    assert operator.client("GET", "/Me").json["id"] == user["id"]
    for nobody in ("nobody", other["id"], "bob@x", "$ne"):
        assert "has no user" in operator("token", "issue", "acme", "--user", nobody, status=1)
    assert operator("token", "issue", "acme", "--user", "", status=2)
    assert len(Tokens(operator.database).of_tenant("acme")) == 4


def test_fa_38_a_name_of_two_users_is_refused(operator: Operator) -> None:
    users = [operator.client.user(name, displayName="Jane") for name in ("a@x", "b@x")]
    assert "more than one user called 'Jane'" in operator("token", "issue", "acme", "--user", "Jane", status=1)
    assert operator("token", "issue", "acme", "--user", users[1]["id"])


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["events", "nobody"], "no tenant"), (["events", "acme", "--since", "soon"], "not a duration"),
    (["deleted", "list", "nobody"], "no tenant"), (["restore", "acme", "nobody"], "can be restored"),
    (["export", "nobody"], "no tenant"), (["import", "acme", "/no/such/file"], "No such file"),
])
def test_an_error_is_one_sentence(operator: Operator, arguments: list[str], sentence: str) -> None:
    said = operator(*arguments, status=2 if "soon" in arguments or "/no/such/file" in arguments else 1)
    assert sentence in said
    assert len(said.splitlines()) == 1


BEARER = ["trust", "add", "acme", "--kind", "bearer", "--issuer", "https://127.0.0.1:9"]


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["token", "revoke", "\udcff"], "is not valid UTF-8"), (["events", "\udcff"], "is not valid UTF-8"),
    (["client", "create", "acme", "--token-lifetime", "7h"], "7h is too long: at most 6h"),
    (["client", "create", "acme", "--expires", "4000d"], "4000d is too long: at most 1096d"),
    ([*BEARER, "--audience", ""], "'--audience': write a text of printable characters"),
    ([*BEARER, "--audience", "a", "--subject", ""], "'--subject': write a text of printable characters"),
    ([*BEARER, "--audience", "a", "--app-id", " "], "'--app-id': write a text of printable characters"),
    ([*BEARER, "--audience", "\udcff"], "'--audience': write a text of printable characters"),
])
def test_a_value_that_makes_no_sense_is_one_sentence(operator: Operator, arguments: list[str], sentence: str) -> None:
    """`--subject "$SUBJECT"` without that variable would otherwise let in every application of the issuer."""
    said = operator(*arguments, status=2)
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert Trusts(operator.database).of_tenant("acme") == []


def test_nothing_to_show(operator: Operator) -> None:
    assert operator("events", "acme").strip() == "There is nothing in the log."
    assert operator("events", "acme", "--user", "jane@x").strip() == "Nothing in the log matches."
    assert operator("deleted", "list", "acme").strip() == "There is nothing to restore."
    assert json.loads(operator("deleted", "list", "acme", "--json")) == []


def test_what_was_deleted_is_listed_and_restored(operator: Operator) -> None:
    user = operator.client.user("jane@x")
    group = operator.client.group("Sales", user["id"])
    operator.client("DELETE", f"/Users/{user['id']}")
    rows = json.loads(operator("deleted", "list", "acme", "--json"))
    assert [(row["id"], row["type"], row["name"]) for row in rows] == [(user["id"], "User", "jane@x")]
    taken = operator.client.user("JANE@x")
    assert "is taken by another User" in operator("restore", "acme", user["id"], status=1)
    operator.client("DELETE", f"/Users/{taken['id']}")
    assert "can be restored" in operator("restore", "other", user["id"], status=1)
    operator("restore", "acme", user["id"])
    back = operator.client("GET", f"/Users/{user['id']}").get_json()
    assert back["userName"] == "jane@x"
    assert [each["value"] for each in back["groups"]] == [group["id"]]


def test_a_tenant_moves_with_its_ids_and_dates(operator: Operator, tmp_path: Path) -> None:
    users = [operator.client.user(f"u{n}", title=f"T{n}", externalId=f"e{n}", password="pw") for n in range(5)]
    inner = operator.client.group("inner", users[0]["id"], users[1]["id"])
    operator.client.group("outer", inner["id"], users[2]["id"])
    file = tmp_path / "acme.jsonl"
    operator("export", "acme", "--output", str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 5 + 2 + 4
    operator("import", "other", str(file), status=1)  # the ids are there already, in another tenant
    db = operator.database.db
    kept = {name: list(db[name].find({"tenant": "acme"}, {"_outbox": 0}, sort=[("_id", 1)])) for name in ("users", "groups")}
    memberships = sorted((m["group"], m["member"], m["type"]) for m in db.memberships.find({"tenant": "acme"}))
    delete_for_good(operator.database, "acme")
    Tenants(operator.database).create("acme", "rfc")
    operator("import", "acme", str(file))
    assert "Imported 11, already present 0, refused 0" in operator.said
    for name, documents in kept.items():
        for before, after in zip(documents, db[name].find({"tenant": "acme"}, {"_outbox": 0}, sort=[("_id", 1)]), strict=True):
            # The members of a group come after it, and are a change of their own.
            before["meta"]["version"] = 2 if name == "groups" else 1
            assert after == before
    assert sorted((m["group"], m["member"], m["type"]) for m in db.memberships.find({"tenant": "acme"})) == memberships
    operator("import", "acme", str(file))
    assert "Imported 0, already present 11" in operator.said
    assert len([event for event in operator.events() if event["operation"] == "import"]) == 7 + 2  # the members of two groups


def test_a_bad_line_is_told_and_the_others_go_in(operator: Operator, tmp_path: Path) -> None:
    good = [{"type": "User", "resource": {"schemas": [USER_URN], "id": f"00000000-0000-4000-8000-00000000000{n}",
                                          "userName": f"u{n}"}} for n in range(3)]
    lines = [json.dumps(good[0]), "{broken", "[]", json.dumps({"type": "Robot", "resource": {}}), json.dumps(good[1]),
             json.dumps({"type": "User", "resource": {"id": "x"}}), json.dumps({"type": "User"}),
             json.dumps({"type": "Membership", "group": 5}), json.dumps({"type": "User", "resource": {
                 "schemas": [USER_URN], "id": "another", "userName": "U0"}}), json.dumps(good[2])]
    file = tmp_path / "bad.jsonl"
    file.write_text("\n".join(lines))
    said = operator("import", "acme", str(file), status=1)
    assert "Imported 3, already present 0, refused 7" in said
    for number in (2, 3, 4, 6, 7, 8, 9):
        assert f"line {number}: " in said
    assert sorted(operator.client.found("/Users")) == ["u0", "u1", "u2"]
    assert operator.client("GET", "/Users?count=0").get_json()["totalResults"] == 3


def test_a_tenant_is_told_in_numbers(operator: Operator) -> None:
    client = operator.client
    for name, active in (("ann", True), ("bob", False), ("cid", True)):
        assert client("POST", "/Users", {"schemas": [USER_URN], "userName": name, "active": active}).status_code == 201
    assert client("POST", "/Users", {"schemas": [USER_URN], "userName": "ann"}).status_code == 409
    assert client("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": "Sales"}).status_code == 201
    operator.keep_activity()
    operator("token", "issue", "acme", "--expires", "90d")
    (acme, other) = json.loads(operator("tenant", "list", "--json"))
    assert {key: acme[key] for key in ("users", "active", "disabled", "groups", "failures_24h", "refused_24h")} == {
        "users": 3, "active": 2, "disabled": 1, "groups": 1, "failures_24h": 1, "refused_24h": 1,
    }
    sentence = "1 change was refused in the last 24 hours, fixed since or not: userName is taken. The connection works: the last request came just now."
    assert acme["state"] == {"key": "refused", "words": "1 refused today", "sentence": sentence}
    assert other["state"]["key"] == "never"
    head, row, last = operator("tenant", "list").splitlines()
    assert head.split()[:2] == ["name", "state"] and row.split()[:4] == ["acme", "1", "refused", "today"]
    assert last.split()[:3] == ["other", "Never", "connected"]
    assert acme["last_contact"] and acme["soonest_expiry"] and not other["last_contact"] and not other["soonest_expiry"]
    told = operator("tenant", "show", "acme")
    assert f"1 refused today: {sentence}" in told
    assert json.loads(operator("tenant", "show", "acme", "--json"))["state"]["key"] == "refused"
    assert "Users: 3 (2 active, 1 disabled). Groups: 1." in told
    assert "Refused or failed in the last 24 hours: 1" in told and "The first credential expires on" in told
    assert Activity(operator.database).causes("acme", datetime.now(UTC)) == {"taken userName": 1}
