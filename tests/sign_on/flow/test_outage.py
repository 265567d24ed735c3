"""The database goes away at each step: whoever signs in is told to try again, and nobody is signed in twice by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.store.sign_on.tickets import Tickets
from tests.conftest import make_server
from tests.served import served
from tests.sign_on.flow.world import World
from tests.sign_on.provider.test_whole_way import Portal, back, come

COMMANDS = ["find", "aggregate", "insert", "update", "delete", "findAndModify", "commitTransaction"]
MOST_STEPS = 60
AWAY = {"errorCode": 50}  # MaxTimeMSExpired, which the driver does not try again


@pytest.fixture
def world(reused_database):
    """A tenant of an application in this process, whose commands can be made to fail."""
    with served(reused_database) as server:
        made = World(server)
        made.user_id = made.user()
        yield made


def is_page_f(response):
    """Return whether a response is the page that tells a person to try again."""
    seen = (response.status_code, "Please try again in a minute." in response.text, "Retry-After" in response.headers)
    return seen == (503, True, True)


def is_oauth_error(response):
    """Return whether a response tells an app to try again."""
    assert "Retry-After" in response.headers
    return (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")


OWN = {"Sec-Fetch-Site": "same-origin"}
PLACES = {
    "start": lambda world, browser, portal: browser.get(world.url),
    "unsolicited": lambda world, browser, portal: browser.get(f"{world.url}?unsolicited"),
    "acs": lambda world, browser, portal: browser.post("<x/>", "x" * 43),
    "callback": lambda world, browser, portal: browser.get(f"{world.url}/oidc/callback?state={'x' * 43}"),
    "finish": lambda world, browser, portal: browser.get(f"{world.url}/finish?state={'x' * 43}"),
    "out": lambda world, browser, portal: browser.get(f"{world.url}/out"),
    "sign out": lambda world, browser, portal: browser.send("POST", f"{world.url}/out", OWN),
    "test": lambda world, browser, portal: browser.get(f"{world.url}/test/{'x' * 43}"),
    "SAML logout": lambda world, browser, portal: browser.get(f"{world.url}/saml/logout?SAMLRequest=x"),
    "OpenID Connect logout": lambda world, browser, portal: browser.get(f"{world.url}/oidc/logout?sid=x"),
    "authorize": lambda world, browser, portal: browser.get(portal.url()),
    "logout": lambda world, browser, portal: browser.send("POST", f"{portal.issuer}/oauth/logout", data={"id_token_hint": portal.id_token}),
}


def test_pe_12_without_the_database_each_place_says_so(world, fault):
    browser, portal = world.browser(), Portal(world)
    portal.id_token = portal.tokens(come(browser, portal))["id_token"]
    for place, visit in PLACES.items():
        with fault(COMMANDS, "alwaysOn", **AWAY):
            response = visit(world, browser, portal)
        assert is_page_f(response), (place, response.status_code, response.text)
        assert browser.is_signed_in(), place


def steps(fault):
    """Yield contexts in which the database goes away before the first command, before the second one, and so on."""
    for number in range(MOST_STEPS):
        yield number, fault(COMMANDS, {"skip": number} if number else "alwaysOn", **AWAY)
    raise AssertionError("it never comes to an end")


def test_pe_12_the_database_goes_away_in_the_middle_of_an_answer(world, fault):
    browser = world.browser()
    for number, away in steps(fault):
        begun = browser.begin()
        with away:
            response = browser.answer(begun)
        if response.status_code == 303:
            break
        assert is_page_f(response), number
        assert browser.answer(begun).status_code in (303, 400)  # the sign-in still waits, or is used up
    assert world.sessions() == []
    assert browser.get(response.headers["Location"]).headers["Location"] == world.url
    assert len(world.sessions()) == 1


@pytest.mark.long
def test_pe_12_the_database_goes_away_in_the_middle_of_finish(world, fault):
    for number, away in steps(fault):
        browser, before = world.browser(), len(world.sessions())
        where = browser.answer(browser.begin()).headers["Location"]
        with away:
            response = browser.get(where)
        if response.status_code == 303:
            break
        assert is_page_f(response), number
        assert not browser.session
        browser.get(where)  # what a person does who is told to try again
        assert len(world.sessions()) <= before + 1
    assert browser.is_signed_in()


def test_pe_12_the_database_goes_away_in_the_middle_of_an_exchange(world, fault):
    browser, portal = world.browser(), Portal(world)
    come(browser, portal)
    for number, away in steps(fault):
        code = back(browser.get(portal.url()))["code"]
        with away:
            response = portal.exchange(code)
        if response.status_code == 200:
            break
        assert is_oauth_error(response), number
        assert portal.exchange(code).status_code in (200, 400)
        assert portal.exchange(code).status_code == 400
    assert portal.userinfo(response.json()["access_token"]).status_code == 200


def test_pe_12_the_database_goes_away_in_the_middle_of_userinfo(world, fault):
    browser, portal = world.browser(), Portal(world)
    token = portal.tokens(come(browser, portal))["access_token"]
    for number, away in steps(fault):
        with away:
            response = portal.userinfo(token)
        if response.status_code == 200:
            break
        assert is_oauth_error(response), number


def test_pe_12_a_test_of_a_connection_can_be_repeated(world, fault):
    secret, browser = Tickets(world.database).create(world.tenant, world.connection.id), world.browser()
    with fault(COMMANDS, "alwaysOn", **AWAY):
        assert is_page_f(browser.get(f"{world.url}/test/{secret}"))
    assert browser.get(f"{world.url}/test/{secret}").status_code == 303


@pytest.mark.long
def test_pe_12_without_the_database_a_person_is_told_to_try_again(tmp_path_factory):
    server = make_server(tmp_path_factory.mktemp("away"))
    server.start()
    world = World(server)
    world.user()
    browser = world.browser()
    begun = browser.begin()
    where = browser.answer(browser.begin()).headers["Location"]
    admin = world.database.client.admin
    admin.command("fsync", lock=True)  # no write comes through
    try:
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(browser.get, where), pool.submit(browser.answer, begun)]
            responses = [each.result() for each in waiting]
    finally:
        admin.command("fsyncUnlock")
    for response in responses:
        assert response.status_code == 503, response.text
        assert "Please try again in a minute." in response.text
        assert int(response.headers["Retry-After"]) >= 1
    assert len(world.sessions()) <= 1
    browser.get(where)
    assert len(world.sessions()) <= 1
    assert server.stop() == 0
