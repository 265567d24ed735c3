"""scimd trust."""

import pytest

from app.store.accounts.trusts import Trusts
from tests.auth.issuer import AUDIENCE, SUBJECT, running_issuer
from tests.processes import until


@pytest.fixture
def acme(scimd):
    scimd("tenant", "create", "acme")
    return "acme"


@pytest.fixture
def issuer():
    with running_issuer() as running:
        yield running


def test_an_assertions_trust_gives_the_client_id_to_hand_over(scimd, acme, issuer):
    done = scimd("trust", "add", acme, "--kind", "assertion", "--issuer", issuer.url, "--audience", "api://x", "--audience",
                 AUDIENCE, "--subject", SUBJECT, "--json")
    assert done.err == ""
    assert done.json["client_id"] == done.json["id"]
    assert done.json["audiences"] == ["api://x", AUDIENCE]
    assert done.json["token_endpoint"] == "https://scim.example.com/acme/oauth/token"
    [listed] = scimd("trust", "list", acme, "--json").json
    assert (listed["id"], listed["keys"], listed["fault"]) == (done.json["id"], 1, None)
    shown = scimd("tenant", "show", acme).out
    assert "Workload Identity Federation" in shown
    assert done.json["client_id"] in shown


def test_n_02_the_form_that_was_given_and_the_one_that_came_last(scimd, acme, issuer, database):
    arguments = ["trust", "add", acme, "--kind", "assertion", "--issuer", issuer.url, "--subject", SUBJECT]
    said = scimd(*arguments, "--audience", "api://x").out
    assert "Audience" in said
    assert "api://x, accepted as api://x/.default, api://x or x" in said
    [row] = scimd("trust", "list", acme, "--json").json
    assert (row["audiences"], row["last_audience"]) == (["api://x"], None)
    assert "audience api://x, none came yet" in scimd("tenant", "show", acme).out
    Trusts(database).record_audience(Trusts(database).find(row["id"]), "x")
    until(lambda: "audience api://x, last came x" in scimd("tenant", "show", acme).out)  # written with w: 1
    shown = scimd("tenant", "show", acme, "--json").json["federated"][0]
    assert (shown["audiences"], shown["last_audience"]) == (["api://x"], "x")


def test_a_bearers_trust_has_no_client_id(scimd, acme, issuer):
    done = scimd("trust", "add", acme, "--kind", "bearer", "--issuer", issuer.url, "--audience", AUDIENCE, "--app-id", "x",
                 "--jwks-uri", issuer.jwks_uri, "--json")
    assert "client_id" not in done.json
    assert (done.json["app_id"], done.json["jwks_uri"]) == ("x", issuer.jwks_uri)
    assert "leave it empty" in scimd("tenant", "show", acme).out


def test_warnings_do_not_spoil_the_document(scimd, acme, issuer, caplog):
    issuer.behaviour = "error"
    done = scimd("trust", "add", acme, "--kind", "bearer", "--issuer", issuer.url, "--audience", AUDIENCE, "--json")
    assert done.json["id"]
    assert "every application" in done.err
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["Warning", "Warning"]
    assert caplog.records == []
    assert "answered 500" in done.err
    assert "answered 500" in scimd("trust", "list", acme).out


def test_for_people(scimd, acme, issuer):
    arguments = ["trust", "add", acme, "--issuer", issuer.url, "--audience", AUDIENCE, "--subject", SUBJECT]
    assert "Client ID" in scimd(*arguments, "--kind", "assertion").out
    assert "Secret Token" in scimd(*arguments, "--kind", "bearer").out


def test_deleted(scimd, acme, issuer):
    made = scimd("trust", "add", acme, "--kind", "bearer", "--issuer", issuer.url, "--audience", "x", "--json").json
    assert scimd("trust", "delete", made["id"]).status == 0
    assert scimd("trust", "list", acme, "--json").json == []
    assert "trusts no issuer" in scimd("trust", "list", acme).out


@pytest.mark.parametrize("arguments", [
    ["add", "acme"], ["add", "nobody", "--kind", "bearer", "--issuer", "https://x.example", "--audience", "x"],
    ["add", "acme", "--kind", "oidc", "--issuer", "https://x.example", "--audience", "x"],
    ["add", "acme", "--kind", "bearer", "--issuer", "https://x.example"],
    ["add", "acme", "--kind", "bearer", "--issuer", "http://x.example", "--audience", "x"],
    ["add", "acme", "--kind", "bearer", "--issuer", "https://x.example", "--audience", "x", "--jwks-uri", "file:///x"],
    *(["add", "acme", "--kind", "bearer", "--issuer", "https://x.example", "--audience", "x", option, "api://<app id>"]
      for option in ("--audience", "--subject", "--app-id")),
    ["add", "acme", "--kind", "bearer", "--issuer", "https://sts.windows.net/<tenant>/", "--audience", "x"],
    ["delete", "x"], ["list", "nobody"],
])
def test_errors_are_one_sentence(scimd, acme, arguments):
    done = scimd("trust", *arguments)
    assert done.status != 0
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1
