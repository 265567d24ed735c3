"""The keys of issuers: cached, refreshed on an unknown id, used on while the issuer is down, fetched with limits."""

import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from types import SimpleNamespace

import pytest

from app.auth import Authenticator, jwks
from app.auth.jwks import MOST_BYTES, SECONDS, FetchError, fetch_keys, usable_keys
from app.auth.keys import MOST_AGE, PAUSE, Keys
from app.errors import InvalidValue, Unauthorized
from app.store.accounts.tenants import Tenants
from app.store.accounts.trusts import Conditions, Trusts, check_url
from tests.auth.issuer import AUDIENCE, KEYS, make_key


@pytest.fixture
def trust(trusts, tenants, issuer):
    return trusts.add("acme", Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE]))


def accepted(authenticator, token):
    try:
        return bool(authenticator.authenticate("acme", token))
    except Unauthorized:
        return False


def test_fetched_once(authenticator, trust, issuer, clock):
    for _ in range(5):
        assert accepted(authenticator, issuer.token(uti=str(_)))
        clock.forward(5)
    assert issuer.fetches == 1


def test_a_key_that_is_new_is_fetched(authenticator, trust, issuer):
    assert accepted(authenticator, issuer.token())
    issuer.keys = ["a", "b"]
    assert accepted(authenticator, issuer.token(key="b"))
    assert issuer.fetches == 2


def test_f33_an_unknown_key_asks_at_most_once_a_minute(authenticator, trust, issuer, clock):
    assert accepted(authenticator, issuer.token())
    for _ in range(20):
        assert not accepted(authenticator, issuer.token(key="stranger"))
    assert issuer.fetches == 2
    clock.forward(PAUSE.total_seconds() + 1)
    assert not accepted(authenticator, issuer.token(key="stranger"))
    assert issuer.fetches == 3


def test_f33_workers_ask_together(database, authenticator, trust, issuer, clock):
    others = [type(authenticator)(database, clock=clock) for _ in range(4)]
    assert accepted(authenticator, issuer.token())
    for other in others:
        assert accepted(other, issuer.token())
        assert not accepted(other, issuer.token(key="stranger"))
    assert issuer.fetches == 2


def test_threads_wait_for_the_one_that_asks(real_database, issuer):
    """On the real MongoDB, since mongomock is for one thread."""
    authenticator = Authenticator(real_database)
    Tenants(real_database).create("acme", "gallery")
    Trusts(real_database).add("acme", Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE]))
    tokens = [issuer.token(uti=str(n)) for n in range(8)]
    results = []
    threads = [threading.Thread(target=lambda t=t: results.append(accepted(authenticator, t))) for t in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
    assert issuer.fetches == 1


def test_f33_a_known_key_goes_on_working_while_the_issuer_is_down(authenticator, trust, issuer, clock, trusts):
    assert accepted(authenticator, issuer.token())
    issuer.behaviour = "error"
    clock.forward(MOST_AGE.total_seconds() + 60)
    token = issuer.token(exp=int(clock()) + 600)
    assert accepted(authenticator, token)
    assert "answered 500" in trusts.find(trust.id).fault
    issuer.behaviour = "good"
    clock.forward(PAUSE.total_seconds() + 1)
    assert accepted(authenticator, issuer.token(exp=int(clock()) + 600))
    assert trusts.find(trust.id).fault == ""


def test_a_key_rotated_out_is_refused_once_its_successor_is_seen(authenticator, trust, issuer):
    assert accepted(authenticator, issuer.token())
    issuer.keys = ["b"]
    assert accepted(authenticator, issuer.token(key="b"))
    assert not accepted(authenticator, issuer.token(uti="fresh"))


def test_a_key_rotated_out_is_refused_after_a_while(authenticator, trust, issuer, clock):
    assert accepted(authenticator, issuer.token())
    issuer.keys = ["b"]
    clock.forward(MOST_AGE.total_seconds() + 1)
    assert not accepted(authenticator, issuer.token(exp=int(clock()) + 600))


def test_an_issuer_that_is_down_at_first(authenticator, trust, issuer, clock):
    issuer.behaviour = "error"
    assert not accepted(authenticator, issuer.token())
    assert not accepted(authenticator, issuer.token())
    assert issuer.fetches == 1
    issuer.behaviour = "good"
    clock.forward(6)
    assert accepted(authenticator, issuer.token())


def test_a_worker_that_died_while_asking_holds_nobody_up(trusts, trust, issuer, database, monkeypatch):
    waits = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: pytest.fail("it waits for the dead"))
    monkeypatch.setattr("app.auth.keys.time", waits)
    trusts.claim_fetch(trust, datetime.now(UTC) - timedelta(seconds=5), PAUSE)  # and nothing comes of it
    assert Keys(database).find(trusts.find(trust.id), "a") is not None


@pytest.mark.parametrize("behaviour", [
    "error", "redirect", "garbage", "deep", "list", "empty", "huge", "drip", "drip header", "cut",
])
def test_api10_bad_answers_are_refused_in_three_seconds(authenticator, trust, issuer, behaviour, trusts, monkeypatch):
    assert SECONDS < 3
    if behaviour.startswith("drip"):
        monkeypatch.setattr(jwks, "SECONDS", 0.3)
    issuer.behaviour = behaviour
    began = time.monotonic()
    assert not accepted(authenticator, issuer.token())
    assert time.monotonic() - began < 10  # on a busy machine; what drips takes 20 seconds
    assert issuer.followed == 0
    assert trusts.find(trust.id).fault


def test_an_issuer_that_nobody_answers_for(trusts, tenants):
    trust = trusts.add("acme", Conditions("bearer", issuer="http://127.0.0.1:1/x", audiences=["x"]))
    with pytest.raises(FetchError, match="could not be read"):
        fetch_keys(trust)


def test_size_is_limited(issuer, trust):
    assert MOST_BYTES < 1_000_000
    issuer.behaviour = "huge"
    with pytest.raises(FetchError, match="larger than"):
        fetch_keys(trust)


def test_keys_at_a_given_url(authenticator, trusts, tenants, issuer):
    issuer.metadata = {}
    trusts.add("acme", Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE], jwks_uri=issuer.jwks_uri))
    assert accepted(authenticator, issuer.token())


@pytest.mark.parametrize("metadata", [
    {}, {"issuer": "https://evil.example"}, {"issuer": None}, [],
])
def test_metadata_of_another_issuer(trust, issuer, metadata):
    issuer.metadata = metadata if not isinstance(metadata, dict) else {"jwks_uri": issuer.jwks_uri} | metadata
    with pytest.raises(FetchError, match="another issuer: https://evil.example|names no issuer|not a JSON object"):
        fetch_keys(trust)


@pytest.mark.parametrize("uri", [None, 7, "", "http://example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/x", "//x"])
def test_metadata_with_a_jwks_uri_that_cannot_be(trust, issuer, uri):
    issuer.metadata["jwks_uri"] = uri
    with pytest.raises(FetchError, match="must be an https URL"):
        fetch_keys(trust)


def test_usable_keys():
    public = KEYS["a"].as_dict(private=False)
    small = make_key("small", 1024).as_dict(private=False)
    rows = [
        public, public | {"kid": "enc", "use": "enc"}, public | {"kid": "other", "alg": "RS512"}, small,
        {name: value for name, value in public.items() if name != "kid"}, public | {"kid": 7}, public | {"kid": ""},
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "x", "y": "y"}, {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
        public | {"kid": "broken", "n": "!"}, public | {"kid": "broken2", "e": ""}, None, "x", [],
        KEYS["b"].as_dict(private=True), KEYS["stranger"].as_dict(private=False) | {"kid": "a"},
    ]
    found = usable_keys({"keys": rows})
    assert [key["kid"] for key in found] == ["a", "b"]
    assert found[0]["n"] == public["n"]  # the first of an id counts
    assert all(set(key) == {"kty", "kid", "n", "e"} for key in found)


@pytest.mark.parametrize("key_set", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_no_keys(key_set):
    assert usable_keys(key_set) == []


@pytest.mark.parametrize("url", [
    "https://login.microsoftonline.com/x/v2.0", "https://sts.windows.net/x/", "http://127.0.0.1:80/x", "http://localhost/",
    "http://[::1]:8080/x", "http://127.3.2.1/",
])
def test_urls_that_can_be(url):
    check_url(url, "The issuer")


@pytest.mark.parametrize("url", [
    "", "x", "http://example.com/", "http://169.254.169.254/", "http://10.0.0.1/", "http://127.0.0.1.example.com/",
    "http://localhost.example.com/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://", "https://user:pass@example.com/",
    "https://example.com/?x=y", "https://example.com/#x", "https://example.com:x/", "https://exa mple.com/", "https://ex\n.com/",
    "HTTPS//example.com", "https://exämple.com/", "gopher://127.0.0.1/",
])
def test_urls_that_cannot_be(url):
    with pytest.raises(InvalidValue):
        check_url(url, "The issuer")


@pytest.mark.parametrize("uri", ["", "{jwks_uri}"])
def test_what_an_administrator_trusts_is_not_asked_for_keys_inside(trusts, tenants, issuer, uri):
    conditions = Conditions("assertion", issuer.url, [AUDIENCE], jwks_uri=uri.format(jwks_uri=issuer.jwks_uri), only_public=True)
    trust = trusts.add("acme", conditions)
    assert trusts.find(trust.id).only_public
    with pytest.raises(FetchError, match="SCIMD_WEBHOOK_NETWORKS"):
        fetch_keys(trust)
    assert issuer.fetches == 0
    assert [key["kid"] for key in fetch_keys(trust, (ip_network("127.0.0.0/8"),))] == ["a"]


@pytest.mark.parametrize("inside", ["https://10.1.2.3/keys", "https://169.254.169.254/latest", "https://[::1]/keys"])
def test_metadata_does_not_lead_inside(trusts, tenants, issuer, inside):
    trust = trusts.add("acme", Conditions("assertion", issuer.url, [AUDIENCE], only_public=True))
    issuer.metadata["jwks_uri"] = inside
    with pytest.raises(FetchError, match="is not a public address"):
        fetch_keys(trust, (ip_network("127.0.0.0/8"),))
