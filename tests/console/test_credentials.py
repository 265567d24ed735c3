"""The page of credentials: what lets a customer in is shown, made and taken away, and a secret is in one answer alone."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
import requests

from app.store.accounts.clients import Clients
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import ASSERTION, Conditions, Trusts
from app.store.log.events import Events, LogSettings
from app.store.mongo.moments import now
from app.store.operators.audit import AuditLog
from app.store.operators.visits import SPEC as VISITS
from tests.console.browsing import Browser
from tests.processes import until
from tests.served import served

SECRET = re.compile(r"scimd_(?:[0-9a-f]{12}|secret)_[0-9a-f]{64}")

FAULT = "A label can have at most 100 characters, all of them printable."


def page_of(tenant: str) -> str:
    return f"/console/customers/{tenant}/credentials"


def issue(browser: Browser, tenant: str, **changes: str):
    shown = browser.get(page_of(tenant))
    (once, *_) = shown.tree.xpath("//form[.//input[@value='issue']]//input[@name='once']/@value")
    form = {"act": "issue", "label": "entra", "days": "90", "once": once}
    return browser.post(page_of(tenant), form | changes), form


def test_ca_09_co_34_a_token_is_issued_shown_once_and_works(pages, operator, tenant) -> None:
    shown, form = issue(operator, tenant)
    (token,) = SECRET.findall(shown.response.text)
    assert shown.status == 200
    assert shown.response.headers["Cache-Control"] == "no-store"
    answer = requests.get(
        f"{pages.url}/{tenant}/scim/v2/Users", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert answer.status_code == 200
    again = operator.post(page_of(tenant), form)
    assert (again.status, "shown already" in again.main) == (422, True)
    assert len(Tokens(pages.database).of_tenant(tenant)) == 2  # the fixture's own is the other one
    secret = token.rpartition("_")[2]
    for other in (operator.get(page_of(tenant)), operator.get("/console")):
        assert secret not in other.response.text
    assert secret not in pages.log.read_text()
    assert secret not in str(AuditLog(pages.database).find(tenant=tenant))


def test_co_04_36_acts_name_who_did_it_as_commands_do(pages, operator, tenant) -> None:
    issue(operator, tenant)
    (act,) = AuditLog(pages.database).find(tenant=tenant)
    assert (act["act"], act["who"], act["how"], act["outcome"]) == ("token issue", "alice", "console", "done")
    (line,) = Events(pages.database, tenant, LogSettings(90)).find()
    assert (line["operation"], line["credential"]) == ("issue", "console: alice")


def test_a_token_that_only_reads_does_not_hide_which_one_is_in_use(pages, operator, tenant) -> None:
    """Each kind has one in use, and says whom revoking it locks out."""
    writes, reads = (
        issue(operator, tenant)[0], Tokens(pages.database).issue(tenant, label="app", scopes=frozenset({"scim.read"}))[0],
    )
    for token in (SECRET.search(writes.response.text).group(), reads):
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{pages.url}/{tenant}/scim/v2/Users", headers=headers, timeout=30).status_code == 200
        time.sleep(0.01)
    until(lambda: operator.get(page_of(tenant)).main.count("In use: ") == 2, pause=0.2)
    warnings = sorted(text for text in operator.get(page_of(tenant)).texts("//details/p") if "In use" in text)
    assert ["identity provider" in each for each in warnings] == [False, True]
    assert "will lock out the app that reads with it, until that gets another one." in warnings[0]


def test_a_token_is_revoked(pages, operator, tenant) -> None:
    (token,) = Tokens(pages.database).of_tenant(tenant)
    done = operator.post(page_of(tenant), {"act": "revoke", "kind": "token", "id": token.id})
    assert "it lets no one in" in done.main
    assert Tokens(pages.database).find(token.id).revoked
    assert "revoked" in done.main


def test_a_client_is_made_rotated_and_its_secret_deleted(pages, operator, tenant) -> None:
    made = operator.post(page_of(tenant), {"act": "client", "label": "okta", "days": "180", "once": "1"})
    (client,) = Clients(pages.database).of_tenant(tenant)
    (first,) = client.secrets
    assert client.id in made.main and f"{tenant}/oauth/token" in made.main
    rotated = operator.post(page_of(tenant), {"act": "rotate", "client": client.id, "days": "180", "once": "2"})
    assert len(set(SECRET.findall(rotated.response.text + made.response.text))) == 2
    done = operator.post(page_of(tenant), {"act": "revoke", "kind": "secret", "id": first.id, "client": client.id})
    assert "valid until they expire, unless this was its last valid secret" in done.main
    (client,) = Clients(pages.database).of_tenant(tenant)
    assert first.id not in {secret.id for secret in client.secrets}


def access_token(pages, tenant: str, client: str, secret: str) -> requests.Response:
    return requests.post(f"{pages.url}/{tenant}/oauth/token", {"grant_type": "client_credentials"}, auth=(client, secret), timeout=30)


def test_a_client_that_has_an_access_token_and_has_not_used_it_is_shown(pages, operator, tenant) -> None:
    made, secret = Clients(pages.database).create(tenant, lifetime=timedelta(days=9))
    assert access_token(pages, tenant, made.id, secret).status_code == 200
    assert made.id in operator.get(page_of(tenant)).main
    admin = Browser(pages, "setup")
    admin.be_in_setup(tenant)
    for path in ("/setup", "/setup/tokens", "/setup/values", "/setup/test", "/setup/done"):
        assert admin.get(path).response.status_code == 200, path


def test_with_its_last_secret_a_client_loses_its_access_tokens(pages, operator, tenant) -> None:
    clients = Clients(pages.database)
    made, secret = clients.create(tenant, lifetime=timedelta(days=9))
    token = access_token(pages, tenant, made.id, secret).json()["access_token"]
    rotated, *_ = clients.rotate(made.id, timedelta(days=9))
    first, last = (each.id for each in rotated.secrets)

    def status() -> int:
        return requests.get(f"{pages.url}/{tenant}/scim/v2/Users", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code

    operator.post(page_of(tenant), {"act": "revoke", "kind": "secret", "id": first, "client": made.id})
    (stored,) = pages.database.db.tokens.find({"client": made.id})
    assert stored.get("revoked") is None, "there is another secret"
    operator.post(page_of(tenant), {"act": "revoke", "kind": "secret", "id": last, "client": made.id})
    until(lambda: status() == 401, pause=0.4)


@pytest.mark.parametrize("form", [
    {"act": "revoke", "kind": "token", "id": "{token}"}, {"act": "revoke", "kind": "secret", "id": "x", "client": "{client}"},
    {"act": "rotate", "client": "{client}", "days": "90", "once": "a"},
])
def test_ca_04_what_is_anothers_is_not_changed(pages, operator, tenant, form) -> None:
    other = f"{tenant}-b"
    pages.create_tenant(other)
    (token,) = Tokens(pages.database).of_tenant(other)
    client, _ = Clients(pages.database).create(other, lifetime=timedelta(days=1))
    sent = {name: value.format(token=token.id, client=client.id) for name, value in form.items()}
    answer = operator.post(page_of(tenant), sent)
    assert answer.status == 422
    (act,) = AuditLog(pages.database).find(tenant=tenant)
    assert (act["outcome"], act["who"]) == ("failed", "alice")
    assert Tokens(pages.database).find(token.id) == token
    assert Clients(pages.database).require(client.id) == client


@pytest.mark.parametrize("form", [
    {"act": "revoke", "kind": "token", "id": "{token}"}, {"act": "revoke", "kind": "secret", "id": "x", "client": "{client}"},
    {"act": "rotate", "client": "{client}", "days": "90", "once": "a"}, {"act": "revoke", "kind": "trust", "id": "{trust}"},
])
def test_ca_04_what_is_anothers_is_as_what_is_not_there(pages, operator, tenant, form) -> None:
    other = f"{tenant}-b"
    pages.create_tenant(other)
    (token,) = Tokens(pages.database).of_tenant(other)
    client, _ = Clients(pages.database).create(other, lifetime=timedelta(days=1))
    trust = Trusts(pages.database).add(other, Conditions(ASSERTION, "https://idp.example", ("a",)))
    said = []
    for ids in ({"token": token.id, "client": client.id, "trust": trust.id}, dict.fromkeys(("token", "client", "trust"), "zzz")):
        answer = operator.post(page_of(tenant), {name: value.format(**ids) for name, value in form.items()} | {"once": ids["token"]})
        (text,) = answer.texts("//*[@role='alert']")
        for each in ids.values():
            text = text.replace(each, "ID")
        said.append(text)
    assert said[0] == said[1]
    assert Trusts(pages.database).find(trust.id) == trust


def test_what_a_form_has_sent_does_not_fill_the_acts(pages, operator, tenant) -> None:
    text = "z" * 60_000
    assert operator.post(page_of(tenant), {"act": "revoke", "kind": "token", "id": text}).status == 422
    assert operator.post(f"/console/customers/{tenant}/feed", {"act": text, "endpoint": "x", "event": "x"}).status == 400
    acts = [each for each in AuditLog(pages.database).find() if "z" * 9 in each["act"] + each["object"]]
    assert [(each["act"], each["object"], each["outcome"]) for each in acts] == [("token revoke", "z" * 200, "failed")]


@pytest.mark.parametrize("form", [
    {"act": "issue"}, {"act": "issue", "days": "9999", "once": "1"}, {"act": "burn", "days": "90", "once": "1"},
    {"act": "revoke", "kind": "house", "id": "1"}, {"act": "issue", "days": "90", "once": "1", "tenant": "other"}, {},
    [("act", "issue"), ("act", "issue")],
])
def test_co_97_what_no_form_of_ours_sends_does_nothing(pages, operator, tenant, form) -> None:
    assert operator.post(page_of(tenant), form).status == 400
    assert len(Tokens(pages.database).of_tenant(tenant)) == 1


def test_co_42_a_wrong_field_is_said_once_and_the_top_leads_there(operator, tenant) -> None:
    shown, _ = issue(operator, tenant, label="a\nb" + "c" * 100)
    assert (shown.status, shown.main.count(FAULT)) == (422, 1)
    assert shown.tree.xpath("//*[@role='alert' and @data-focus]//a/@href") == ["#issue-label"]
    assert shown.texts("//title")[0].startswith("Error: ")
    assert shown.texts("//div[@id='issue-label-fault']") == [FAULT]


def test_ca_10_a_grave_act_needs_a_sign_in_within_a_quarter_of_an_hour(reused_database) -> None:
    """Behind https, where a proxy is: there a visit does not stay fresh as on this machine."""
    with served(reused_database, SCIMD_PUBLIC_URL="https://scim.example.com") as server:
        browser = Browser(server, headers={"Host": "scim.example.com"})
        server.create_tenant("contoso")
        browser.enter()
        visits = server.database.db[VISITS.name]
        shown, _ = issue(browser, "contoso")
        assert shown.status == 200
        visits.update_one({}, {"$set": {"fresh": now() - timedelta(minutes=16)}})
        assert "sign in again" in browser.get(page_of("contoso")).main.lower()
        refused, _ = issue(browser, "contoso")
        assert (refused.status, refused.heading) == (403, "Sign in again")
        assert len(Tokens(server.database).of_tenant("contoso")) == 2
        assert browser.enter().response.headers["Location"] == page_of("contoso")
        shown, _ = issue(browser, "contoso")
        assert SECRET.search(shown.response.text)
        assert "max-age" in browser.get("/console").response.headers["Strict-Transport-Security"]


def test_co_32_each_form_of_the_setup_pages_says_before_it_is_filled_in_that_the_link_has_to_be_opened_again(reused_database) -> None:
    with served(reused_database, SCIMD_PUBLIC_URL="https://scim.example.com") as server:
        admin = Browser(server, "setup", headers={"Host": "scim.example.com"})
        server.create_tenant("contoso")
        admin.enter_setup("contoso")
        server.database.db[VISITS.name].update_one({}, {"$set": {"fresh": now() - timedelta(hours=2)}})
        for path in ("/setup/provider", "/setup/values", "/setup/tokens"):
            assert "open your setup link again" in admin.get(path).main, path
        assert admin.post("/setup/provider", {"provider": "okta"}).heading == "Sign in again"
