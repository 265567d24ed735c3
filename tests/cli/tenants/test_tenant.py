"""scimd tenant."""

import json
from datetime import timedelta

import pytest

from app.cli.audit import operator
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.log.relay import Relay
from app.store.open import outboxes
from tests.tenants import as_a_minute_later


def test_created_tells_the_url_and_the_next_step(scimd, database):
    done = scimd("tenant", "create", "acme")
    assert done.status == 0
    assert done.out.splitlines()[0] == "Tenant URL: https://scim.example.com/acme/scim/v2"
    assert "scimd token issue acme" in done.out
    assert Tenants(database).get("acme").profile == "gallery"


def test_profile_and_json(scimd):
    done = scimd("tenant", "create", "acme", "--profile", "rfc", "--json")
    assert done.json["profile"] == "rfc"
    assert done.json["tenant_url"] == "https://scim.example.com/acme/scim/v2"


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["tenant", "create", "Acme"], "1 to 63"),
    (["tenant", "create", "healthz"], "the server reserves it"),
    (["tenant", "create", "acme", "--profile", "okta"], "'gallery', 'interop', 'rfc', 'entra'"),
    (["tenant", "create"], "NAME"),
    (["tenant", "show", "nobody"], "no tenant 'nobody'; scimd tenant list shows"),
    (["tenant", "delete", "nobody", "--yes"], "no tenant 'nobody'; scimd tenant list shows"),
    (["tenant", "suspend", "nobody"], "no tenant 'nobody'; scimd tenant list shows"),
    (["tenant", "fly"], "No such command"),
])
def test_an_error_is_one_sentence(scimd, arguments, sentence):
    done = scimd(*arguments)
    assert done.status != 0
    assert done.out == ""
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
    assert "Traceback" not in done.err


def test_a_name_that_is_taken(scimd):
    assert scimd("tenant", "create", "acme").status == 0
    assert "is taken" in scimd("tenant", "create", "acme").err


def test_listed(scimd):
    assert "no tenants" in scimd("tenant", "list").out
    assert scimd("tenant", "list", "--json").json == []
    scimd("tenant", "create", "globex", "--profile", "entra")
    scimd("tenant", "create", "acme")
    assert [row["name"] for row in scimd("tenant", "list", "--json").json] == ["acme", "globex"]
    table = scimd("tenant", "list").out
    assert "globex" in table
    assert "interop" in table


def test_n_20_the_help_says_who_takes_which_profile(scimd):
    told = " ".join(scimd("tenant", "create", "--help").out.split())
    for words in ("gallery: Entra's gallery app", "interop: any other Entra app, Okta", "rfc: conformance suites", "entra: the older name"):
        assert words in told


def test_deletion_asks_first(scimd, database):
    scimd("tenant", "create", "acme")
    for answer in ("n\n", ""):
        assert scimd("tenant", "delete", "acme", answer=answer).status != 0
        assert Tenants(database).get("acme")
    assert scimd("tenant", "delete", "acme", answer="y\n").status == 0
    assert Tenants(database).get("acme") is None


def test_deletion_with_yes(scimd, database):
    scimd("tenant", "create", "acme")
    assert scimd("tenant", "delete", "acme", "--yes").status == 0
    assert Tenants(database).list() == []


def test_suspended_and_resumed(scimd):
    scimd("tenant", "create", "acme")
    assert scimd("tenant", "suspend", "acme").status == 0
    assert scimd("tenant", "show", "acme", "--json").json["suspended"] is True
    assert scimd("tenant", "resume", "acme").status == 0
    assert scimd("tenant", "show", "acme", "--json").json["suspended"] is False


def test_shown_under_the_names_of_entras_page(scimd):
    scimd("tenant", "create", "acme")
    token = scimd("token", "issue", "acme", "--label", "entra-prod").out.strip()
    shown = scimd("tenant", "show", "acme").out
    assert "Tenant URL" in shown
    assert "Secret Token" in shown
    assert "https://scim.example.com/acme/scim/v2" in shown
    assert "entra-prod" in shown
    assert token not in shown
    assert scimd("tenant", "show", "acme", "--json").json["tokens"][0]["label"] == "entra-prod"


def test_fa_09_a_rate_of_its_own(scimd, database):
    tenants = Tenants(database)
    assert scimd("tenant", "create", "acme", "--rate-limit", "200").status == 0
    assert scimd("tenant", "show", "acme", "--json").json["rate_limit"] == 200
    assert "200 requests a second" in scimd("tenant", "show", "acme").out
    assert scimd("tenant", "limit", "acme", "25").status == 0
    assert tenants.get("acme").rate_limit == 25
    assert scimd("tenant", "limit", "acme", "default").status == 0
    assert tenants.get("acme").rate_limit is None
    assert "requests a second" not in scimd("tenant", "show", "acme").out
    for rate in ("24", "1000001", "x", "off", "25.5", "\u0663\u0660"):
        refused = scimd("tenant", "limit", "acme", rate)
        assert refused.status != 0, rate
        assert len(refused.err.splitlines()) == 1
    assert tenants.get("acme").rate_limit is None
    assert "no tenant 'nobody'" in scimd("tenant", "limit", "nobody", "30").err


def test_ev_62_consumers_are_told_who_changed_a_tenant_and_the_tenants_own_log_as_well(scimd, database):
    for command in (["create", "acme"], ["suspend", "acme"], ["suspend", "acme"], ["resume", "acme"]):
        assert scimd("tenant", *command).status == 0
    logged = [json.loads(line)["operation"] for line in scimd("events", "acme", "--json").out.splitlines()]
    assert logged == ["create", "suspend", "suspend", "resume"]
    assert scimd("tenant", "delete", "acme", "--yes").status == 0
    as_a_minute_later(database, "acme")
    assert scimd("tenant", "create", "acme").status == 0
    Relay(database, outboxes(Config.from_environment({}))).drain()
    events = list(database.db.events.find({"type": {"$exists": True}}, sort=[("seq", 1)]))
    assert [event["type"].removeprefix("scimd.tenant.") for event in events] == [
        "created", "suspended", "resumed", "deleted", "created"]
    assert {event["credential"] for event in events} == {str(operator())}
    assert {event["until"] - event["time"] for event in events} == {timedelta(days=90)}
    assert len({event["tenantId"] for event in events}) == 2


@pytest.mark.parametrize(("lifetime", "left"), [("1d", "in less than a day."), ("36h", "in 1 day."), ("90d", "in 89 days.")])
def test_how_long_the_first_credential_is_valid(scimd, lifetime, left):
    scimd("tenant", "create", "acme")
    scimd("token", "issue", "acme", "--expires", lifetime)
    assert scimd("tenant", "show", "acme").out.splitlines()[-1].endswith(f"UTC, {left}")
