"""scimd token."""

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
