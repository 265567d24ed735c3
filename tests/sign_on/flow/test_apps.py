"""A sign-in that an app has asked for, and the Sign on URL that leads to an app."""

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.store.accounts.tenants import Tenants
from app.store.mongo.moments import now
from app.store.sign_on.apps import Apps, Settings
from tests.conftest import make_server, new_database
from tests.processes import until
from tests.reliability.test_drain import workers
from tests.sign_on.flow.world import World

CALLBACK = "https://app.example.com/callback"
LOGIN = "https://app.example.com/login?x=1"


@pytest.fixture
def app(world):
    tenant = Tenants(world.database).require(world.tenant)
    settings = Settings(
        name="Portal <1>", redirect_uris=(CALLBACK,), initiate_login_uri=LOGIN, tenants=((tenant.name, tenant.tenant_id),),
    )
    return Apps(world.database).create(settings, lifetime=timedelta(days=1))[0]


def authorize(world, app, **more):
    """Return the URL with which the app sends a person here."""
    query = {
        "client_id": app.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid", "state": "of the app",
        "code_challenge": "c" * 43, "code_challenge_method": "S256", **more,
    }
    return f"{world.server.url}/{world.tenant}/oauth/authorize?{urlencode(query)}"


def arguments(url):
    assert url.startswith(f"{CALLBACK}?"), url
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_person_who_comes_from_an_app_goes_back_to_it_with_a_code(world, app):
    browser = world.browser()
    finished = browser.get(browser.answer(browser.begin(authorize(world, app))).headers["Location"])
    assert finished.status_code == 303
    back = arguments(finished.headers["Location"])
    assert (back["state"], back["iss"], back["code"].startswith("scimd_code_")) == ("of the app", f"{world.server.url}/{world.tenant}", True)
    (event,) = world.events()
    assert event["signOn"]["app"] == app.id


def test_page_e_leads_back_to_the_app_with_an_error(world, app):
    browser = world.browser()
    response = browser.answer(browser.begin(authorize(world, app)), name_id="nobody@contoso.com")
    assert response.status_code == 403
    assert "Back to Portal &lt;1&gt;" in response.text
    (link,) = [part.partition('"')[0] for part in response.text.split('href="') if part.startswith(CALLBACK)]
    back = arguments(link.replace("&amp;", "&"))
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "of the app", f"{world.server.url}/{world.tenant}")
    assert world.events()[-1]["signOn"]["app"] == app.id


def test_sso_33_the_login_hint_of_the_app_goes_along(world, app):
    assert world.browser().begin(authorize(world, app, login_hint="b+s@contoso.com")).query["login_hint"] == "b+s@contoso.com"
    assert "login_hint" not in world.browser().begin(authorize(world, app)).query


def test_sso_36_an_app_can_ask_that_the_person_authenticates_anew(world, app):
    browser = world.browser()
    browser.sign_in()
    begun = browser.begin(authorize(world, app, prompt="login"))
    assert begun.xml.get("ForceAuthn") == "true"
    old = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert browser.answer(begun, authenticated=old).status_code == 403
    assert world.reasons() == ["not-reauthenticated"]
    begun = browser.begin(authorize(world, app, max_age="0"))
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    finished = browser.get(browser.answer(begun, authenticated=moment).headers["Location"])
    assert "code" in arguments(finished.headers["Location"])
    assert len(world.sessions()) == 1


def test_sso_37_the_sign_on_url_leads_to_the_app_that_begins_a_login(world, app):
    browser = world.browser()
    finished = browser.sign_in()
    again = browser.get(world.url)
    for response in (finished, again):
        where = urlsplit(response.headers["Location"])
        assert f"{where.scheme}://{where.netloc}{where.path}" == "https://app.example.com/login"
        query = parse_qs(where.query)
        assert query == {"x": ["1"], "iss": [f"{world.server.url}/{world.tenant}"], "target_link_uri": ["https://app.example.com/"]}
    asked = browser.get(authorize(world, app))  # the app asks in the ordinary way, and the session answers
    assert "code" in arguments(asked.headers["Location"])


def test_sso_37_an_app_of_other_tenants_is_not_where_the_sign_on_url_leads(world, app):
    Apps(world.database).change(app.id, replace(app.settings, tenants=(("another", "1"),)))
    browser = world.browser()
    assert browser.sign_in().headers["Location"] == world.url
    assert browser.is_signed_in()


@pytest.mark.long
def test_pe_13_the_person_goes_on_where_the_worker_was_killed_in_between(tmp_path, mongod_uri):
    server = make_server(tmp_path, SCIMD_WORKERS="1", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    world = World(server)
    world.user()
    browser = world.browser()
    where = browser.answer(browser.begin()).headers["Location"]
    server.process.kill()
    server.process.wait(30)
    server.start()
    assert browser.get(where).headers["Location"] == world.url
    assert len(world.sessions()) == 1
    assert server.stop() == 0


@pytest.mark.long
def test_pe_13_an_app_is_told_again_where_the_worker_was_killed_while_it_told(tmp_path, receiver):
    server = make_server(tmp_path, SCIMD_WORKERS="1")
    server.start()
    world = World(server)
    user = world.user()
    world.browser().sign_in()
    world.signed_in_to_app(receiver.url)
    receiver.go.clear()
    world.disable(user)
    until(lambda: receiver.tokens)
    for worker in workers(server):
        os.kill(worker, signal.SIGKILL)
    receiver.go.set()
    # The claim of the worker that is gone ends after half a minute; here it has.
    world.database.db.logouts.update_many({}, {"$set": {"due": now()}})
    until(lambda: len(receiver.tokens) == 2 and world.events("logout-told"))
    assert len(world.events("logout-told")) == 1
    assert server.stop() == 0
