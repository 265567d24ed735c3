"""Signing in by OpenID Connect over HTTP: a real server, a real MongoDB, a provider that can be told to misbehave."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from joserfc.jws import serialize_compact

from app.demo.people import PEOPLE
from app.demo.serving import Place
from app.sign_on.reasons import SHOWN, Reason
from app.sign_on.refreshing import Refreshing
from app.store.sign_on.connections import Connections
from app.store.sign_on.tickets import Tickets
from tests.conftest import Server
from tests.examples import one_of_each
from tests.sign_on.oidc.corpus import CORPUS, OTHER, Case, case_id, public
from tests.sign_on.oidc.provider import ADA, SECRET, keys
from tests.sign_on.oidc.world import World, parameters


@contextmanager
def running(server: Server) -> Iterator[World]:
    place = Place()
    made = World(server, place)
    with place.serving(made.provider.app):
        made.user()
        made.connect()
        yield made


@pytest.fixture
def world(live_server: Server) -> Iterator[World]:
    with running(live_server) as made:
        yield made


@pytest.fixture
def another(live_server: Server) -> Iterator[World]:
    with running(live_server) as made:
        yield made


@pytest.fixture(scope="module")
def attacked(live_server: Server) -> Iterator[World]:
    """A tenant whose provider all attacks come from."""
    with running(live_server) as made:
        yield made


def refused(world: World, response: requests.Response, reason: Reason, sessions: Sequence[object] = ()) -> None:
    """Check that nobody was signed in, that the person sees the page of the reason, and that the log says it."""
    assert response.status_code == SHOWN[reason].status, response.text
    assert response.headers["Content-Type"].startswith("text/html")
    assert world.reasons()[-1] == reason
    assert world.sessions() == [*sessions]
    assert "scimd-t-" not in response.headers.get("Set-Cookie", "")


def reread(world: World) -> None:
    """Read the provider's keys now, as the hourly chore does."""
    connection = Connections(world.server.database).on(world.tenant)
    assert connection
    Refreshing(world.server.database).read(connection)


def test_sso_01_51_a_person_signs_in_by_openid_connect(world: World) -> None:
    browser = world.browser()
    assert browser.sign_in().status_code == 303
    assert browser.is_signed_in()
    session, = world.sessions()
    assert session["subject"] == f"{world.provider.claims(ADA)['tid']}/{ADA.id}"
    assert session["sessionIndex"]
    assert world.refusals() == []


def test_sso_36_a_session_knows_that_the_provider_has_not_said_when_the_person_authenticated(world: World) -> None:
    world.provider.forge = lambda p, claims: p.sign({name: claims[name] for name in claims if name != "auth_time"})
    assert world.browser().sign_in().status_code == 303
    assert world.sessions()[0]["undated"] is True
    world.provider.forge = lambda p, claims: p.sign(claims)
    assert world.browser().sign_in().status_code == 303
    assert "undated" not in world.sessions()[1]


def test_sso_52_a_provider_that_takes_the_secret_in_the_header_alone(world: World) -> None:
    world.provider.changed["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    reread(world)
    browser = world.browser()
    assert browser.sign_in().status_code == 303
    assert browser.is_signed_in()
    form = world.provider.forms[-1]
    assert form["Authorization"].startswith("Basic ")
    assert "client_secret" not in form


def test_oi_19_sso_60_a_claim_is_compared_with_the_attribute_that_the_rule_names(world: World, another: World) -> None:
    grace = PEOPLE[1]
    another.user(grace.login)  # of another tenant
    world.user("other@demo.example", emails=[{"value": grace.login}])  # by an address that the rule does not name
    refused(world, world.browser().sign_in(grace), Reason.NOT_PROVISIONED)


@pytest.mark.parametrize("case", one_of_each(CORPUS, lambda case: (case.name[:5], case.reason)), ids=case_id)
def test_attack(attacked: World, case: Case) -> None:
    """Those of a row that end alike differ in what the functions see, and test_functions.py tries them all."""
    before, sessions, browser = len(attacked.refusals()), attacked.sessions(), attacked.browser()
    url = browser.answered()
    case.arrange(attacked.provider)
    try:
        reread(attacked)
        response = browser.come_back(url)
    finally:
        attacked.provider.forge, attacked.provider.behaviour = None, ""
        attacked.provider.signer, attacked.provider.rows = keys()["good"], [public("good")()]
    refused(attacked, response, case.reason, sessions)
    assert len(attacked.refusals()) == before + 1
    secrets = [parameters(url)["code"], parameters(url)["state"], SECRET]
    assert not any(secret in f"{response.text} {attacked.refusals()}" for secret in secrets)
    assert attacked.provider.asked["elsewhere"] == 0


def test_after_attacks_the_same_browser_signs_in(attacked: World) -> None:
    sessions, browser = attacked.sessions(), attacked.browser()
    attacked.provider.forge = lambda provider, claims: provider.sign(claims | {"nonce": "another"})
    refused(attacked, browser.sign_in(), Reason.NONCE, sessions)
    attacked.provider.forge = None
    reread(attacked)
    assert browser.sign_in().status_code == 303
    assert browser.is_signed_in()


def test_oi_01_states(world: World, another: World) -> None:
    browser = world.browser()
    good = browser.answered()
    callback, sent = good.partition("?")[0], parameters(good)

    def changed(**changes: str) -> str:
        return f"{callback}?{urlencode({n: v for n, v in (sent | changes).items() if v})}"

    for state in ("", "x", "x" * 7_000, "a\0b"):
        refused(world, browser.get(changed(state=state)), Reason.EXPIRED)
    refused(world, browser.get(f"{good}&state={sent['state']}"), Reason.MALFORMED)
    refused(world, browser.get(f"{good}&code=x"), Reason.MALFORMED)
    theirs = parameters(another.browser().answered())
    refused(world, browser.get(changed(state=theirs["state"])), Reason.EXPIRED)
    refused(world, world.browser().get(good), Reason.OTHER_BROWSER)
    stranger = world.browser()
    stranger.begin()
    refused(world, stranger.get(good), Reason.OTHER_BROWSER)
    assert world.provider.asked["token"] == 0
    assert browser.come_back(good).status_code == 303
    assert browser.is_signed_in()
    assert browser.get(good).status_code == 400
    assert world.reasons()[-1] == Reason.EXPIRED
    assert len(world.sessions()) == 1


def test_oi_02_mix_up(world: World, another: World) -> None:
    """The answer of one provider comes with the state of a sign-in at another; the code is sent nowhere."""
    browser = world.browser()
    good, theirs = browser.answered(), parameters(another.browser().answered())
    sent = theirs | {"state": parameters(good)["state"]}
    refused(world, browser.get(f"{good.partition('?')[0]}?{urlencode(sent)}"), Reason.ISSUER)
    assert world.provider.asked["token"] == another.provider.asked["token"] == 0


def test_oi_02_the_issuer_is_missing_though_it_is_promised(world: World) -> None:
    browser = world.browser()
    good = browser.answered()
    sent = {name: value for name, value in parameters(good).items() if name != "iss"}
    refused(world, browser.get(f"{good.partition('?')[0]}?{urlencode(sent)}"), Reason.ISSUER)
    assert world.provider.asked["token"] == 0


def test_oi_03_a_code_of_another_sign_in(world: World) -> None:
    browser = world.browser()
    good, theirs = browser.answered(), world.browser().answered()
    sent = parameters(good) | {"code": parameters(theirs)["code"]}
    refused(world, browser.get(f"{good.partition('?')[0]}?{urlencode(sent)}"), Reason.TOKEN_ENDPOINT)


def test_oi_08_a_hundred_unknown_keys_cost_one_refresh(world: World) -> None:
    browser = world.browser()
    assert browser.sign_in().status_code == 303
    before = world.provider.asked["keys"]
    world.provider.forge = lambda p, claims: p.sign(claims, {"kid": uuid.uuid4().hex}, key=keys()["stranger"])
    for _ in range(20):
        assert world.browser().sign_in().status_code == 403
    assert world.reasons() == [Reason.ID_TOKEN] * 20
    assert world.provider.asked["keys"] == before + 1


def test_sso_53_a_key_that_is_new_is_fetched(world: World) -> None:
    world.provider.signer, world.provider.rows = keys()["next"], [public("good")(), public("next")()]
    assert world.browser().sign_in().status_code == 303
    assert len(world.sessions()) == 1


def test_oi_13_one_token_in_two_sign_ins(world: World) -> None:
    tokens: list[str] = []

    def first(provider, claims):  # type: ignore[no-untyped-def]
        tokens.append(provider.sign(claims))
        return tokens[0]

    world.provider.forge = first
    assert world.browser().sign_in().status_code == 303
    assert world.browser().sign_in().status_code == 403
    assert world.reasons() == [Reason.NONCE]
    assert len(world.sessions()) == 1


def test_oi_17_metadata_that_goes_bad_leaves_the_old_values(world: World) -> None:
    world.provider.changed = {"issuer": f"{world.provider.url}/{OTHER}/v2.0", "token_endpoint": "http://example.com/"}
    world.provider.forge = lambda p, claims: p.sign(claims, {"kid": "unknown"})
    assert world.browser().sign_in().status_code == 403  # which has the metadata read again
    stored = world.server.database.db.connections.find_one({"tenant": world.tenant})
    assert "another issuer: " in stored["fault"]
    assert stored["oidc"]["metadata"]["token_endpoint"].startswith(world.provider.url)
    world.provider.forge = None
    assert world.browser().sign_in().status_code == 303


@pytest.mark.parametrize("changes", [
    {"error": "access_denied"}, {"error": "access_denied", "code": ""},
    {"error": "x", "error_description": "<script>alert(1)</script>\r\nX-Evil: 1"},
])
def test_oi_18_an_error_of_the_provider(world: World, changes: dict[str, str]) -> None:
    browser = world.browser()
    good = browser.answered()
    sent = {name: value for name, value in (parameters(good) | changes).items() if value}
    response = browser.get(f"{good.partition('?')[0]}?{urlencode(sent)}")
    refused(world, response, Reason.IDP_ERROR)
    assert "alert(1)" not in response.text
    assert "X-Evil" not in response.headers
    assert "\n" not in world.refusals()[-1]["detail"]
    assert world.provider.asked["token"] == 0
    refused(world, browser.get(good), Reason.EXPIRED)


def test_oi_16_a_provider_that_is_down(world: World) -> None:
    browser = world.browser()
    good = browser.answered()
    stored = world.server.database.db.connections
    stored.update_one({"tenant": world.tenant}, {"$set": {"oidc.metadata.token_endpoint": "http://127.0.0.1:1/token"}})
    response = browser.get(good)
    refused(world, response, Reason.UNAVAILABLE)
    stored.update_one(
        {"tenant": world.tenant}, {"$set": {"oidc.metadata.token_endpoint": world.provider.metadata()["token_endpoint"]}},
    )
    assert browser.sign_in().status_code == 303


def test_a_callback_of_a_tenant_without_sign_on(world: World, live_server: Server) -> None:
    _, _ = live_server.create_tenant(name := f"t-{uuid.uuid4().hex[:12]}")
    for tenant in (name, "nobody"):
        for path in ("oidc/callback?state=x&code=y", "oidc/logout?sid=x"):
            answer = requests.get(f"{live_server.url}/{tenant}/sign-on/{path}", allow_redirects=False, timeout=30)
            assert (answer.status_code, answer.headers["X-Frame-Options"]) == (404, "DENY")


def test_sso_106_head_uses_no_code(world: World) -> None:
    browser = world.browser()
    good = browser.answered()
    assert browser.head(good).status_code == 200
    assert world.provider.asked["token"] == 0
    assert browser.come_back(good).status_code == 303


def sid_of(world: World) -> str:
    session, = world.sessions()
    return str(session["sessionIndex"])


def test_sso_84_the_provider_signs_a_person_out(world: World) -> None:
    browser = world.browser()
    assert browser.sign_in().status_code == 303
    answer = requests.get(f"{world.url}/oidc/logout?sid={sid_of(world)}", timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")
    place = urlsplit(world.provider.issuer)
    assert f"frame-ancestors {place.scheme}://{place.netloc};" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert world.sessions() == []
    assert not browser.is_signed_in()
    ended = world.server.database.db.events.find_one({"tenant": world.tenant, "operation": "sign-off"})
    assert "idp" in str(ended)


def test_sso_84_with_the_issuer(world: World) -> None:
    assert world.browser().sign_in().status_code == 303
    sent = {"sid": sid_of(world), "iss": world.provider.issuer}
    assert requests.get(f"{world.url}/oidc/logout", params=sent, timeout=30).status_code == 200
    assert world.sessions() == []


def test_oi_20_what_signs_nobody_out(world: World, another: World) -> None:
    assert world.browser().sign_in().status_code == 303
    assert another.browser().sign_in().status_code == 303
    ours, theirs = sid_of(world), sid_of(another)
    for query in (
        "", "sid=", "sid=x", f"sid={theirs}", f"sid={ours}&iss={another.provider.issuer}", f"sid={ours}&iss=",
        f"sid={ours}&sid=x", "sid[$ne]=x", f"sid={ours.upper()}x", "sid=" + "x" * 7_000, f"iss={world.provider.issuer}",
    ):
        answer = requests.get(f"{world.url}/oidc/logout?{query}", timeout=30)
        assert (answer.status_code, answer.content) == (200, b""), query
    assert len(world.sessions()) == len(another.sessions()) == 1



def test_sso_19_a_test_shows_what_came_without_claims_whose_names_are_no_text(world: World) -> None:
    header = {"alg": "RS256", "kid": "good", "typ": "JWT"}
    world.provider.forge = lambda _, claims: serialize_compact(
        header, json.dumps(claims | {"\ud800": "x", "note": "\ud800", "other": "y"}), keys()["good"]
    )
    connection = Connections(world.server.database).on(world.tenant)
    assert connection
    ticket = Tickets(world.server.database).create(world.tenant, connection.id)
    browser = world.browser()
    at_the_provider = browser.get(f"{world.url}/test/{ticket}").headers["Location"]
    answered = requests.post(at_the_provider, data={"person": ADA.id}, allow_redirects=False, timeout=30)
    assert browser.come_back(answered.headers["Location"]).status_code == 200
    outcome = Tickets(world.server.database).outcome(world.tenant, ticket)
    assert outcome and outcome["passed"]
    assert {"name": "other", "values": ["y"]} in outcome["values"]
    assert not {"\ud800", "note"} & {each["name"] for each in outcome["values"]}
