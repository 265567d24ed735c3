"""scimd app."""

import pytest

from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import is_secret
from app.store.sign_on.apps import Apps

CREATE = ("app", "create", "Portal", "--redirect-uri", "https://app.example.com/cb")


@pytest.fixture
def made(scimd):
    return scimd(*CREATE, "--json").json


def test_created_with_what_it_needs_to_know(scimd, made, database):
    app = Apps(database).get(made["client_id"])
    assert made["issuer"] == "https://scim.example.com/{tenant}"
    assert made["discovery_url"] == "https://scim.example.com/{tenant}/.well-known/openid-configuration"
    assert is_secret(made["client_secret"], app.secrets[0].hash)
    assert app.settings.tenants is None
    assert app.settings.scopes == ("openid", "profile", "email")


def test_created_for_people_who_see_the_secret_once(scimd, database):
    done = scimd(*CREATE)
    values = {line.strip().rsplit("  ", 1)[0].strip(): line.split()[-1] for line in done.out.splitlines()}
    assert set(values) == {"Client ID", "Client Secret", "Issuer", "Discovery URL"}
    assert values["Client Secret"] not in done.err + scimd("app", "show", values["Client ID"]).out
    assert "shown only this once" in done.err


def test_an_app_of_one_tenant_is_told_its_issuer(scimd):
    scimd("tenant", "create", "acme")
    done = scimd(*CREATE, "--tenant", "acme")
    assert "https://scim.example.com/acme/.well-known/openid-configuration" in done.out
    assert "{tenant}" not in done.out + done.err
    scimd("tenant", "create", "other")
    assert scimd(*CREATE, "--tenant", "acme", "--tenant", "other", "--json").json["issuer"] == "https://scim.example.com/{tenant}"


def test_all_that_can_be_said_about_an_app(scimd, database):
    scimd("tenant", "create", "acme")
    made = scimd(
        *CREATE, "--redirect-uri", "http://localhost:3000/cb", "--tenant", "acme", "--logout-uri", "https://app.example.com/",
        "--backchannel-logout-uri", "https://app.example.com/out", "--initiate-login-uri", "https://app.example.com/login",
        "--scope", "groups", "--groups", "id", "--group", "Staff", "--public", "--json",
    ).json
    assert "client_secret" not in made
    shown = scimd("app", "show", made["client_id"], "--json").json
    expected = {
        "name": "Portal", "public": True, "tenants": ["acme"], "scopes": ["openid", "groups"], "groups_by": "id", "group": "Staff",
        "redirect_uris": ["https://app.example.com/cb", "http://localhost:3000/cb"], "logout_uris": ["https://app.example.com/"],
        "backchannel_logout_uri": "https://app.example.com/out", "initiate_login_uri": "https://app.example.com/login", "secrets": [],
    }
    assert {name: shown[name] for name in expected} == expected
    acme = Tenants(database).require("acme")
    assert Apps(database).get(made["client_id"]).serves(acme)
    assert "Portal" in scimd("app", "list").out


def test_a_group_that_is_not_there_yet_is_told(scimd):
    scimd("tenant", "create", "acme")
    warning = "acme has no group 'Staff' yet, so no one there can use the app until it is provisioned."
    made = scimd(*CREATE, "--tenant", "acme", "--group", "Staff", "--json")
    assert warning in made.err
    assert warning not in scimd("app", "change", made.json["client_id"], "--name", "Door").err
    scimd("app", "change", made.json["client_id"], "--group", "")
    assert warning in scimd("app", "change", made.json["client_id"], "--group", "Staff").err


def test_a_scope_that_does_not_exist_is_refused(scimd, made, tmp_path):
    """It would give no claim, and no one would notice before a person signs in."""
    for command in (CREATE, ("app", "change", made["client_id"])):
        done = scimd(*command, "--scope", "emial")
        assert done.status == 1
        assert done.err == (
            "scimd: There is no scope 'emial'; there are openid, address, email, enterprise, external, groups, phone, profile, roles.\n"
        )
    (tmp_path / "badge.json").write_text(
        '{"id": "urn:example:acme:2.0:User", "attributes": [{"name": "badge", "claim": "badge_number", "scope": "badge"}]}'
    )
    scimd.settings["SCIMD_SCHEMAS_DIR"] = str(tmp_path)
    assert scimd("app", "change", made["client_id"], "--scope", "badge", "--json").json["scopes"] == ["openid", "badge"]


def test_changed_only_as_far_as_it_is_said(scimd, made):
    changed = scimd("app", "change", made["client_id"], "--name", "Door", "--scope", "email", "--json").json
    assert (changed["name"], changed["scopes"], changed["redirect_uris"]) == ("Door", ["openid", "email"], ["https://app.example.com/cb"])


def test_a_change_says_what_it_is_now_and_what_it_was(scimd, made):
    done = scimd("app", "change", made["client_id"], "--scope", "groups")
    assert done.out == "  scopes  openid, groups (was openid, profile, email)\n"
    assert scimd("app", "change", made["client_id"], "--group", "Staff").out == "  group  Staff (was -)\n"
    again = scimd("app", "change", made["client_id"], "--group", "Staff")
    assert (again.out, again.err) == ("", "Nothing has changed.\n")


def test_rotated_without_a_gap(scimd, made, database):
    second = scimd("app", "rotate", made["client_id"], "--json").json
    first = scimd("app", "show", made["client_id"], "--json").json["secrets"][0]["secret_id"]
    assert scimd("app", "secret", "delete", made["client_id"], first).status == 0
    [left] = Apps(database).get(made["client_id"]).secrets
    assert is_secret(second["client_secret"], left.hash)


def test_deleted(scimd, made):
    assert scimd("app", "delete", made["client_id"]).status == 0
    assert "no apps" in scimd("app", "list").out


@pytest.mark.parametrize(("command", "problem"), [
    (("app", "create", "Portal"), "needs a redirect URI"),
    (("app", "create", "Portal", "--redirect-uri", "http://app.example.com/"), "must be an https URL"),
    ((*CREATE, "--tenant", "nobody"), "no tenant 'nobody'"),
    (("app", "show", "app_x"), "no app 'app_x'"),
    (("app", "delete", "app_x"), "no app 'app_x'"),
])
def test_what_makes_no_sense_is_refused_in_one_sentence(scimd, command, problem, database):
    done = scimd(*command)
    assert done.status != 0
    assert problem in done.err
    assert Apps(database).all() == []


def test_acts_are_recorded(scimd, made):
    scimd("app", "delete", made["client_id"])
    acts = [row for row in scimd("acts", "--json").json if row["act"].startswith("app ")]
    assert [(row["act"], row["object"], row["outcome"]) for row in acts] == [
        ("app create", made["client_id"], "done"), ("app delete", made["client_id"], "done"),
    ]
