"""Apps are told of the end of a session by a logout token, until they have been."""

from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.sign_on.endings import Endings
from app.sign_on.logout_tokens import EVENT, Teller
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenants
from app.store.log.events import Events, LogSettings
from app.store.mongo.moments import now
from app.store.sign_on.apps import Apps, Settings
from app.store.sign_on.logouts import PAUSES, Logouts
from app.store.sign_on.sessions import Session, Sessions
from app.store.sign_on.signing_keys import ID_TOKEN, SigningKeys
from tests.sign_on.apps import running_receiver
from tests.tenants import delete_for_good

BASE = "https://scim.example.com"
MS = timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def tenant(database):
    return Tenants(database).create("contoso", "gallery")


@pytest.fixture
def receiver():
    with running_receiver() as one:
        yield one


@pytest.fixture
def keys(database):
    return SigningKeys(database, Sealer(database))


@pytest.fixture
def counted():
    return []


@pytest.fixture
def teller(database, keys, clock, counted, monkeypatch):
    monkeypatch.setattr("app.sign_on.logout_tokens.SECONDS", 30)  # for a machine that is busy with other tests

    def count(app, result):
        counted.append(result)

    return Teller(database, keys, lambda tenant: f"{BASE}/{tenant}", 90, count, clock)


def make_app(database, uri):
    settings = Settings(name="Portal", redirect_uris=("https://app.example.com/callback",), backchannel_logout_uri=uri)
    return Apps(database).create(settings, lifetime=timedelta(days=1))[0].id


def sign_out(database, *apps, clock=None):
    """Open a session with some apps and end it; return its `sid`."""
    moment = now()
    about = {"tenant": "contoso", "user": "u", "connection": "sso_1", "auth_time": moment, "apps": apps}
    _, opened = Sessions(database).open(Session(**about, expires=moment + timedelta(hours=8)))
    Endings(database, 90).end("contoso", {"sid": opened.sid}, "disabled")
    if clock:
        clock.moment = now() + MS
    return opened.sid


def told(database):
    log = Events(database, "contoso", LogSettings(90))
    return [line for line in log.find() if line["operation"] == "logout-told"]


def test_sso_75_an_app_gets_a_logout_token(database, teller, receiver, keys, clock, counted):
    app = make_app(database, receiver.url)
    sid = sign_out(database, app, clock=clock)
    assert teller.round() == 1
    (token,) = receiver.tokens
    assert receiver.requests == ["/logout application/x-www-form-urlencoded"]
    found = jwt.decode(token, KeySet.import_key_set({"keys": [key.public for key in keys.published(ID_TOKEN)]}))
    assert found.header == {"alg": "RS256", "typ": "logout+jwt", "kid": keys.current(ID_TOKEN).id}
    moment = int(clock.moment.timestamp())
    jti = found.claims.pop("jti")
    assert len(jti) == 32
    assert found.claims == {
        "iss": f"{BASE}/contoso", "aud": app, "sub": "u", "sid": sid, "iat": moment, "exp": moment + 120,
        "events": {EVENT: {}},
    }
    (line,) = told(database)
    assert (line["resource"]["id"], line["signOn"]) == ("u", {"app": app, "sid": sid})
    assert "failed" not in line
    assert token not in str(line)
    assert counted == ["done"]
    assert teller.round() == 0


def test_sso_75_an_answer_of_204_is_done_and_400_is_not_repeated(database, teller, receiver, clock, counted):
    app = make_app(database, receiver.url)
    receiver.answers = [204, 400]
    for _ in range(2):
        sign_out(database, app, clock=clock)
        teller.round()
    assert Logouts(database).waiting("contoso") == 0
    assert counted == ["done", "refused"]
    assert [line.get("failed", False) for line in told(database)] == [False, True]
    assert f"The app {app} answered 400." in told(database)[1]["detail"]


@pytest.mark.parametrize("status", [302, 401, 500, 503])
def test_op_24_any_other_answer_is_tried_again_and_no_redirect_is_followed(
    database, teller, receiver, clock, counted, status
):
    receiver.answers = [status]
    sign_out(database, make_app(database, receiver.url), clock=clock)
    assert teller.round() == 0
    assert (len(receiver.tokens), counted, told(database)) == (1, ["later"], [])
    clock.moment += PAUSES[0] - MS
    assert teller.round() == 0
    clock.moment += MS
    assert teller.round() == 1
    assert counted == ["later", "done"]
    assert len(set(receiver.tokens)) == 2  # each with its own `jti`
    assert not any("followed" in each for each in receiver.requests)


def test_sso_75_an_app_that_is_never_reached_is_given_up_with_an_event(database, teller, clock, counted):
    with running_receiver() as gone:
        uri = gone.url
    sign_out(database, make_app(database, uri), clock=clock)
    for pause in PAUSES:
        teller.round()
        clock.moment += pause
    assert told(database) == []
    teller.round()
    assert counted == ["later"] * len(PAUSES) + ["failed"]
    (line,) = told(database)
    assert (line["status"], line["failed"]) == (504, True)
    clock.moment += timedelta(days=1)
    teller.round()
    assert len(counted) == len(PAUSES) + 1


def test_one_slow_or_dead_app_does_not_keep_the_others_from_being_told(database, teller, receiver, clock, counted):
    with running_receiver() as gone:
        dead = make_app(database, gone.url)
    sign_out(database, dead, make_app(database, receiver.url), clock=clock)
    assert teller.round() == 1
    assert sorted(counted) == ["done", "later"]


def test_an_app_without_a_uri_and_a_deleted_app_are_not_told(database, teller, clock, counted):
    gone = make_app(database, "https://app.example.com/logout")
    Apps(database).delete(gone)
    sign_out(database, make_app(database, ""), gone, clock=clock)
    assert teller.round() == 0
    assert (counted, told(database), Logouts(database).waiting("contoso")) == ([], [], 0)


def test_pe_11_many_logouts_are_told_in_one_round(database, teller, receiver, clock):
    app = make_app(database, receiver.url)
    for _ in range(50):
        sign_out(database, app, clock=clock)
    assert teller.round() == 50
    assert len(receiver.tokens) == 50


def test_an_app_is_told_of_a_deleted_tenant_and_nothing_is_left_of_it(database, teller, receiver, clock):
    sign_out(database, make_app(database, receiver.url), clock=clock)
    delete_for_good(database, "contoso")
    assert teller.round() == 1
    assert database.db.events.find_one({"tenant": "contoso"}) is None


def test_a_new_tenant_with_the_name_of_a_deleted_one_has_no_line_about_its_people(
    database, teller, receiver, clock, counted
):
    sign_out(database, make_app(database, receiver.url), clock=clock)
    delete_for_good(database, "contoso")
    Tenants(database).create("contoso", "gallery")
    assert teller.round() == 1
    assert (counted, told(database)) == (["done"], [])
