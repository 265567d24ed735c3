"""The console by sign-on: the group gives the role, and who loses it is out at the next click."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from app.config import Config, ConfigError
from app.store.operators.audit import AuditLog
from app.store.operators.visits import SPEC as VISITS
from tests.console.browsing import Shown
from tests.processes import until
from tests.served import served
from tests.sign_on.flow.world import Browser, World

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def vendor(reused_database) -> Iterator[World]:
    """The vendor's own tenant, with people in both groups and in none."""
    groups = {"SCIMD_CONSOLE_GROUP": "Operators", "SCIMD_CONSOLE_VIEWERS": "Watchers"}
    with served(reused_database, SCIMD_CONSOLE_TENANT="vendor", **groups) as server:
        world = World(server, tenant="vendor")
        world.people = {name: world.user(f"{name}@x.org") for name in ("olga", "wim", "nina")}
        world.groups = {}
        for group, name in (("Operators", "olga"), ("Watchers", "wim")):
            body = {"schemas": [GROUP], "displayName": group, "members": [{"value": world.people[name]}]}
            world.groups[group] = world.request("POST", "/Groups", body).json()["id"]
        yield world


def come_in(world: World, name: str, query: str = "") -> tuple[Browser, requests.Response]:
    """Go the whole way to the console as a person."""
    browser = world.browser()
    begun = browser.begin(f"{world.server.url}/console/sign-on{query}")
    return browser, arrive(world, browser, begun, name)


def arrive(world: World, browser: Browser, begun, name: str) -> requests.Response:
    answered = browser.answer(begun, name_id=f"{name}@x.org", attributes={})
    finished = browser.get(answered.headers["Location"])
    assert finished.headers["Location"] == f"{world.server.url}/console/signed-on"
    asked = browser.get(finished.headers["Location"])
    if asked.status_code != 200:
        return asked
    return browser.send("POST", finished.headers["Location"], SAME)


def page(world: World, browser: Browser, path: str = "/console") -> Shown:
    return Shown(browser.get(f"{world.server.url}{path}"))


def test_sso_117_co_23_the_group_gives_the_role(vendor) -> None:
    first = Shown(requests.get(f"{vendor.server.url}/console", timeout=30))
    assert "/console/sign-on" in first.links()
    for name, role in (("olga", "operator"), ("wim", "viewer")):
        browser, last = come_in(vendor, name)
        assert (last.status_code, last.headers["Location"]) == (303, "/console")
        shown = page(vendor, browser)
        assert f"{name}@x.org · {role}" in " ".join(shown.texts("//header//span"))
        assert ("Create a customer" in shown.main) == (role == "operator")


def test_sso_117_who_is_in_no_group_stays_out(vendor) -> None:
    browser, last = come_in(vendor, "nina")
    assert (last.status_code, "in no group" in last.text) == (403, True)
    assert page(vendor, browser).status == 401
    assert browser.send("POST", f"{vendor.server.url}/console/signed-on", SAME).status_code == 403


def test_sso_117_who_is_refused_finds_the_way_back_to_the_console(vendor) -> None:
    browser = vendor.browser()
    answered = browser.answer(browser.begin(f"{vendor.server.url}/console/sign-on"), name_id="nobody@x.org", attributes={})
    assert answered.status_code == 403
    assert f'<a href="{vendor.server.url}/console">Back to the console</a>' in answered.text


def test_sso_117_who_loses_the_group_is_out_at_the_next_click(vendor) -> None:
    browser, _ = come_in(vendor, "wim")
    assert page(vendor, browser).status == 200
    operations = [{"op": "remove", "path": f'members[value eq "{vendor.people["wim"]}"]'}]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
    path = f"/Groups/{vendor.groups['Watchers']}"
    assert vendor.request("PATCH", path, body).status_code < 300
    assert page(vendor, browser).status == 401
    body["Operations"] = [{"op": "add", "path": "members", "value": [{"value": vendor.people["wim"]}]}]
    assert vendor.request("PATCH", path, body).status_code < 300
    assert page(vendor, browser).status == 401  # the visit has ended


def test_sso_117_who_is_disabled_is_out_at_the_next_click(vendor) -> None:
    name = "zoe"
    vendor.people[name] = vendor.user(f"{name}@x.org")
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        {"op": "add", "path": "members", "value": [{"value": vendor.people[name]}]}]}
    vendor.request("PATCH", f"/Groups/{vendor.groups['Operators']}", body)
    browser, _ = come_in(vendor, name)
    assert page(vendor, browser).status == 200
    vendor.disable(vendor.people[name])
    assert page(vendor, browser).status == 401


def test_the_file_that_they_export_is_cut_off(vendor) -> None:
    """A browser that reads slowly could otherwise go on for hours."""
    database = vendor.server.database
    database.db.events.insert_many([
        {"_id": f"e{number}", "tenant": "vendor", "time": datetime.now(UTC) - timedelta(days=1), "operation": "create",
         "resource": {"type": "User", "id": str(number)}, "keys": [], "credential": "x", "request": "r", "status": 201,
         "detail": "x" * 4_000} for number in range(6_000)
    ])
    browser, _ = come_in(vendor, "olga")
    file = browser.get(f"{vendor.server.url}/console/customers/vendor/log.ndjson", stream=True)
    assert file.status_code == 200
    vendor.disable(vendor.people["olga"])
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        file.content  # noqa: B018 - reads it
    until(lambda: AuditLog(database).find()[-1]["outcome"] == "failed")


def test_co_32_a_grave_act_asks_for_a_new_sign_in_that_leads_back(vendor, monkeypatch) -> None:
    browser, _ = come_in(vendor, "olga", "?again=1")
    begun = browser.begin(f"{vendor.server.url}/console/sign-on?again=1")
    assert begun.xml.get("ForceAuthn") == "true"
    vendor.database.db[VISITS.name].update_many({}, {"$set": {"back": "/console/customers/vendor/credentials"}})
    last = arrive(vendor, browser, begun, "olga")
    assert last.headers["Location"] == "/console/customers/vendor/credentials"
    visit = vendor.database.db[VISITS.name].find_one({"who": "olga@x.org"}, sort=[("opened", -1)])
    assert datetime.now(UTC) - visit["fresh"].replace(tzinfo=UTC) < timedelta(minutes=5)


def test_co_32_a_sign_in_whose_moment_the_identity_provider_has_not_said_is_none_that_is_new(vendor) -> None:
    browser, _ = come_in(vendor, "olga")
    vendor.database.db.sessions.update_many({}, {"$set": {"undated": True}})
    assert browser.send("POST", f"{vendor.server.url}/console/signed-on", SAME).status_code == 303
    visit = vendor.database.db[VISITS.name].find_one({"who": "olga@x.org"}, sort=[("opened", -1)])
    assert visit["fresh"].year == 1970


def test_ca_02_another_site_cannot_let_a_browser_in(vendor) -> None:
    browser = vendor.browser()
    begun = browser.begin(f"{vendor.server.url}/console/sign-on")
    answered = browser.answer(begun, name_id="olga@x.org", attributes={})
    browser.get(answered.headers["Location"])
    posted = browser.send("POST", f"{vendor.server.url}/console/signed-on", {"Sec-Fetch-Site": "cross-site"})
    assert posted.status_code == 403
    assert page(vendor, browser).status == 401


def test_without_the_settings_there_is_no_sign_on(pages) -> None:
    assert requests.get(f"{pages.url}/console/sign-on", timeout=30, allow_redirects=False).status_code == 404
    assert requests.get(f"{pages.url}/console/signed-on", timeout=30, allow_redirects=False).status_code == 404


@pytest.mark.parametrize("settings", [
    {"SCIMD_CONSOLE_TENANT": "vendor"}, {"SCIMD_CONSOLE_GROUP": "Operators"}, {"SCIMD_CONSOLE_VIEWERS": "Watchers"},
])
def test_the_tenant_and_a_group_come_together(settings) -> None:
    with pytest.raises(ConfigError, match="must come with SCIMD_CONSOLE_"):
        Config.from_environment(settings)
