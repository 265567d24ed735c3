"""scimd token."""

import json
import re

import pytest

from app.store.accounts.tokens import Tokens


@pytest.fixture
def acme(scimd):
    scimd("tenant", "create", "acme")
    return "acme"


def test_issue_prints_the_token_and_nothing_else(scimd, acme, database):
    done = scimd("token", "issue", acme)
    assert re.fullmatch(r"scimd_[0-9a-f]{12}_[0-9a-f]{64}\n", done.out)
    assert done.err == ""
    [token] = Tokens(database).of_tenant(acme)
    assert token.id in done.out
    assert (token.expires - token.created).days == 365


def test_issue_as_json(scimd, acme):
    done = scimd("token", "issue", acme, "--label", "entra-prod", "--expires", "90d", "--scope", "scim.read", "--json")
    assert done.json["token"].startswith(f"scimd_{done.json['id']}_")
    assert (done.json["label"], done.json["tenant"], done.json["scopes"]) == ("entra-prod", "acme", ["scim.read"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", done.json["expires"])


@pytest.mark.parametrize(("span", "seconds"), [
    ("1s", 1), ("5m", 300), ("12h", 43_200), ("90d", 7_776_000), ("36500d", 3_153_600_000),
])
def test_spans(scimd, acme, database, span, seconds):
    assert scimd("token", "issue", acme, "--expires", span).status == 0
    [token] = Tokens(database).of_tenant(acme)
    assert (token.expires - token.created).total_seconds() == seconds


def test_never(scimd, acme, database):
    scimd("token", "issue", acme, "--expires", "never")
    assert Tokens(database).of_tenant(acme)[0].expires is None


@pytest.mark.parametrize("span", ["", "90", "d", "90w", "90 d", "-1d", "0d", "1.5d", "90D", "1d2h", "٣d", "9999999999d", "36501d"])
def test_bad_spans_are_one_clear_sentence(scimd, acme, database, span):
    done = scimd("token", "issue", acme, f"--expires={span}")
    assert done.status != 0
    assert done.out == ""
    assert "90d" in done.err or "at most 36500d" in done.err
    assert len(done.err.splitlines()) == 1
    assert Tokens(database).of_tenant(acme) == []


@pytest.mark.parametrize("arguments", [
    ["issue", "nobody"], ["list", "nobody"], ["revoke", "7f3a"], ["issue", "acme", "--scope", "scim.admin"],
    ["issue", "acme", "--scope", ""], ["issue", "acme", "--label", "x" * 101], ["issue", "acme", "--label", "a\nb"], ["issue"],
])
def test_errors_are_one_sentence(scimd, acme, arguments):
    done = scimd("token", *arguments)
    assert done.status != 0
    assert done.out == ""
    assert len(done.err.splitlines()) == 1


def test_list_has_no_secret(scimd, acme):
    assert "no tokens" in scimd("token", "list", acme).out
    texts = [scimd("token", "issue", acme, "--label", label).out.strip() for label in ("old", "new")]
    for shown in (scimd("token", "list", acme).out, scimd("token", "list", acme, "--json").out):
        assert "old" in shown
        assert "new" in shown
        assert not any(text.rpartition("_")[2] in shown for text in texts)


def test_revoked(scimd, acme):
    token_id = scimd("token", "issue", acme, "--json").json["id"]
    assert scimd("token", "revoke", token_id).status == 0
    assert scimd("token", "revoke", token_id).status == 0
    assert [row["state"] for row in scimd("token", "list", acme, "--json").json] == ["revoked"]


ALL = ("--all-tenants", "--scope", "events.read")


def test_ev_80_a_token_of_all_tenants_is_issued_listed_and_revoked(scimd, acme, database):
    assert "no tokens of all tenants" in scimd("token", "list", "--all-tenants").out
    text = scimd("token", "issue", *ALL, "--expires", "30d", "--label", "copy").out
    assert re.fullmatch(r"scimd_[0-9a-f]{12}_[0-9a-f]{64}\n", text)
    [token] = Tokens(database).of_tenant("*")
    assert (token.expires - token.created).days == 30
    assert text.strip().rpartition("_")[2] not in repr(database.db.tokens.find_one({"_id": token.id}))
    assert scimd("token", "list", acme, "--json").json == []
    [row] = scimd("token", "list", "--all-tenants", "--json").json
    assert (row["id"], row["label"], row["state"], row["scopes"]) == (token.id, "copy", "valid", ["events.read"])
    assert scimd("token", "issue", *ALL, "--json").json["tenant"] == "*"
    assert scimd("token", "revoke", token.id).status == 0
    assert [row["state"] for row in scimd("token", "list", "--all-tenants", "--json").json] == ["revoked", "valid"]
    assert [(row["act"], row["tenant"]) for row in scimd("acts", "--json").json][1:] == [
        ("token issue", "*"), ("token issue", "*"), ("token revoke", "*")]
    logged = map(json.loads, scimd("events", "-", "--json").out.splitlines())
    about = [(line["operation"], line["resource"]["id"]) for line in logged if line["resource"]["type"] == "token"]
    assert [operation for operation, _ in about] == ["issue", "issue", "revoke"]
    assert about[0][1] == about[2][1] == token.id


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--all-tenants"], "must have the scope events.read and no other"),
    (["--all-tenants", "--scope", "scim.read events.read"], "must have the scope events.read and no other"),
    (["acme", *ALL], "Name a tenant, or give --all-tenants"),
    ([], "Name a tenant, or give --all-tenants"),
    (["*", "--scope", "events.read"], "no tenant '*'"),
    ([*ALL, "--user", "jane"], "stands for no user"),
])
def test_ev_80_what_a_token_of_all_tenants_cannot_be(scimd, acme, database, arguments, sentence):
    done = scimd("token", "issue", *arguments)
    assert done.status != 0
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
    assert database.db.tokens.count_documents({}) == 0
    assert [row["act"] for row in scimd("acts", "--json").json] == ["tenant create"]


def test_ev_79_a_consumers_token_is_none_to_paste(scimd, acme):
    consumer = scimd("token", "issue", acme, "--scope", "events.read", "--json").json
    assert consumer["scopes"] == ["events.read"]
    assert scimd("tenant", "show", acme, "--json").json["tokens"] == []
    entra = scimd("token", "issue", acme, "--scope", "scim.read scim.write events.read", "--json").json
    assert [row["id"] for row in scimd("tenant", "show", acme, "--json").json["tokens"]] == [entra["id"]]
    assert len(scimd("token", "list", acme, "--json").json) == 2


@pytest.mark.parametrize("command", [["client", "create"], ["trust", "add", "--kind", "bearer", "--issuer", "https://127.0.0.1:9", "--audience", "a", "--app-id", "b"]])
def test_ev_79_clients_and_trusts_get_the_scope_by_name_only(scimd, acme, command):
    usual = scimd(*command[:2], acme, *command[2:], "--json").json
    named = scimd(*command[:2], acme, *command[2:], "--scope", "events.read", "--json").json
    key = "scope" if command[0] == "client" else "scopes"
    assert "events.read" not in usual[key]
    assert named[key] in ("events.read", ["events.read"])
