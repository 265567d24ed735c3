"""Tokens that Entra issues: every pitfall of JSON Web Tokens, against a real issuer."""

import base64
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.jwt import LEEWAY, decode_unverified, looks_like_jwt
from app.errors import Forbidden, Unauthorized
from app.store.accounts.trusts import Conditions
from tests.auth.issuer import APP, AUDIENCE, KEYS, OTHER_DIRECTORY, SUBJECT, running_issuer
from tests.examples import examples


@pytest.fixture
def trust(trusts, tenants, issuer):
    return trusts.add(
        "acme", Conditions("bearer", issuer.url, audiences=["another", AUDIENCE], subject=SUBJECT, app_id=APP),
        label="entra",
    )


def refused(authenticator, token, tenant="acme"):
    with pytest.raises(Unauthorized) as caught:
        authenticator.authenticate(tenant, token)
    assert caught.value.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    return caught.value.refusal


def signed(header, payload, key="a"):
    """Sign by hand, as somebody would who keeps to no rules: any header, any payload."""
    first = f"{encoded(header)}.{encoded(payload)}"
    signature = KEYS[key].private_key.sign(first.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{first}.{encoded(signature)}"


def mac(header, payload):
    """Sign with the public key as the secret."""
    first = f"{encoded(header)}.{encoded(payload)}"
    digest = hmac.digest(KEYS["a"].as_pem(private=False), first.encode(), "sha256")
    return f"{first}.{encoded(digest)}"


def encoded(part):
    return base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_good_token(authenticator, trust, issuer):
    principal = authenticator.authenticate("acme", issuer.token())
    assert (principal.tenant.name, principal.kind, principal.credential_id, principal.label) == (
        "acme", "JWT", trust.id, "entra")
    assert principal.scopes == {"scim.read", "scim.write"}


def test_version_1_and_2_of_entras_tokens(authenticator, trust, issuer):
    assert authenticator.authenticate("acme", issuer.token(appid=..., azp=APP))
    assert authenticator.authenticate("acme", issuer.token(ver="1.0", appidacr="1", idp="x"))


def test_an_audience_among_several(authenticator, trust, issuer):
    assert authenticator.authenticate("acme", issuer.token(aud=["x", AUDIENCE]))


def test_n_02_a_bearers_audience_is_exact(authenticator, trust, issuer):
    assert refused(authenticator, issuer.token(aud=f"api://{AUDIENCE}")).reason == "for another audience"


def test_an_unknown_header_is_ignored(authenticator, trust, issuer):
    assert authenticator.authenticate("acme", issuer.token(header={"x5t": "abc", "rh": "abc"}))




def now(seconds=0):
    """Return a time from now, when it is asked for: these cases are collected long before they run."""
    return lambda: int(time.time()) + seconds

WRONG_CLAIMS = {
    "issuer": {"iss": "https://login.microsoftonline.com/common/v2.0"},
    "issuer missing": {"iss": ...},
    "issuer as a list": {"iss": ["x"]},
    "issuer as an object": {"iss": {"x": "y"}},
    "audience": {"aud": "https://graph.microsoft.com"},
    "audience missing": {"aud": ...},
    "audience empty": {"aud": []},
    "audience null": {"aud": None},
    "audience that begins alike": {"aud": AUDIENCE + "x"},
    "audience in capitals": {"aud": AUDIENCE.upper()},
    "audience of odd things": {"aud": [{"x": AUDIENCE}, 7]},
    "subject": {"sub": "another"},
    "subject missing": {"sub": ...},
    "subject as a list": {"sub": [SUBJECT]},
    "app": {"appid": "another"},
    "app missing": {"appid": ...},
    "app as a list": {"appid": [APP]},
    "expired": {"exp": now(-LEEWAY - 1)},
    "expiry missing": {"exp": ...},
    "expiry null": {"exp": None},
    "expiry as text": {"exp": lambda: str(now(3_600)())},
    "expiry true": {"exp": True},
    "expiry far back": {"exp": -(10**400)},
    "not yet valid": {"nbf": now(LEEWAY + 30)},
    "not before as text": {"nbf": "x"},
    "issued in the future": {"iat": now(3_600)},
    "directory": {"tid": OTHER_DIRECTORY},
    "directory null": {"tid": None},
    "ID token by nonce": {"nonce": "n"},
    "ID token by at_hash": {"at_hash": "h"},
}


@pytest.mark.parametrize("fault", WRONG_CLAIMS)
def test_b43_wrong_claims(authenticator, trust, issuer, fault):
    assert authenticator.authenticate("acme", issuer.token())
    claims = {name: value() if callable(value) else value for name, value in WRONG_CLAIMS[fault].items()}
    refusal = refused(authenticator, issuer.token(**claims))
    assert refusal.kind == "JWT"
    assert refusal.checks[-1].passed is False


def test_expiry_infinite_or_not_a_number(authenticator, trust, issuer):
    """JSON has neither, Python's reader takes both."""
    for odd in ("NaN", "Infinity"):
        claims = json.dumps(issuer.claims(exp=0)).replace('"exp": 0', f'"exp": {odd}')
        token = signed({"alg": "RS256", "kid": "a"}, claims.encode())
        assert refused(authenticator, token).reason == "without an expiry"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_clocks_may_differ_a_little(authenticator, trust, issuer, claim):
    value = int(time.time()) + (20 - LEEWAY if claim == "exp" else LEEWAY - 5)
    assert authenticator.authenticate("acme", issuer.token(**{claim: value}))


def test_an_expiry_far_away_is_no_error(authenticator, trust, issuer):
    assert authenticator.authenticate("acme", issuer.token(exp=10**400))


def test_expiry_ends_what_is_remembered(authenticator, trust, issuer, clock):
    token = issuer.token()
    assert authenticator.authenticate("acme", token)
    clock.forward(3_600 + LEEWAY + 1)
    assert str(refused(authenticator, token)) == f'JWT: expired 1 minute ago (id {trust.id}, label "entra")'


def test_a_person_may_not_come_with_an_id_token(authenticator, trusts, tenants, issuer):
    trusts.add("acme", Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE]))
    person = {"appid": ..., "name": "Ann", "preferred_username": "ann@example.com"}
    assert refused(authenticator, issuer.token(**person)).reason == "an ID token in place of an access token"
    assert authenticator.authenticate("acme", issuer.token())


GOOD = {"alg": "RS256", "kid": "a"}
FORMS = {
    "alg none": ("algorithm", lambda i: f"{encoded({'alg': 'none', 'kid': 'a'})}.{encoded(i.claims())}.x"),
    "alg none, no signature": ("form", lambda i: f"{encoded({'alg': 'none', 'kid': 'a'})}.{encoded(i.claims())}."),
    "alg None in capitals": ("algorithm", lambda i: signed(GOOD | {"alg": "NONE"}, i.claims())),
    "alg missing": ("algorithm", lambda i: signed({"kid": "a"}, i.claims())),
    "alg as a list": ("algorithm", lambda i: signed(GOOD | {"alg": ["RS256"]}, i.claims())),
    "HS256 with the public key": ("algorithm", lambda i: mac({"alg": "HS256", "kid": "a"}, i.claims())),
    "RS256 in the header, HS256 in fact": ("signature", lambda i: mac(GOOD, i.claims())),
    "RS384": ("algorithm", lambda i: i.token(header={"alg": "RS384"})),
    "PS256": ("algorithm", lambda i: i.token(header={"alg": "PS256"})),
    "RS256 in the header, PS256 in fact": ("signature", lambda i: f"{encoded(GOOD)}." + i.token(
        header={"alg": "PS256"}).partition(".")[2]),
    "no kid": ("key", lambda i: signed({"alg": "RS256"}, i.claims())),
    "kid null": ("key", lambda i: signed(GOOD | {"kid": None}, i.claims())),
    "kid as a list": ("key", lambda i: signed(GOOD | {"kid": ["a"]}, i.claims())),
    "kid empty": ("key", lambda i: signed(GOOD | {"kid": ""}, i.claims())),
    "kid as a path": ("key", lambda i: signed(GOOD | {"kid": "../../../dev/null"}, i.claims())),
    "kid as an operator": ("key", lambda i: signed(GOOD | {"kid": {"$ne": ""}}, i.claims())),
    "kid of another key": ("signature", lambda i: signed(GOOD, i.claims(), key="stranger")),
    "unknown key": ("key", lambda i: i.token(key="stranger")),
    "key in the header": ("key", lambda i: i.token(
        key="stranger", header={"jwk": KEYS["stranger"].as_dict(private=False)})),
    "key in the header, known kid": ("signature", lambda i: signed(
        GOOD | {"jwk": KEYS["stranger"].as_dict(private=False)}, i.claims(), key="stranger")),
    "key URL in the header": ("key", lambda i: i.token(
        key="stranger", header={"jku": i.jwks_uri.replace("keys", "elsewhere")})),
    "certificate in the header": ("key", lambda i: i.token(key="stranger", header={"x5c": ["MIIB"], "x5u": i.jwks_uri})),
    "crit": ("extensions", lambda i: signed(GOOD | {"crit": ["exp"], "exp": 1}, i.claims())),
    "crit of an unknown extension": ("extensions", lambda i: signed(GOOD | {"crit": ["x"], "x": 1}, i.claims())),
    "crit empty": ("extensions", lambda i: signed(GOOD | {"crit": []}, i.claims())),
    "crit null": ("extensions", lambda i: signed(GOOD | {"crit": None}, i.claims())),
    "b64 false": ("extensions", lambda i: signed(GOOD | {"b64": False, "crit": ["b64"]}, i.claims())),
    "changed claims": ("signature", lambda i: "{}.{}.{}".format(
        i.token().split(".")[0], encoded(i.claims(admin=True)), i.token().split(".")[2])),
    "cut signature": ("signature", lambda i: i.token()[:-20]),
    "lengthened signature": ("signature", lambda i: i.token() + "AAAA"),
    "four parts": ("form", lambda i: i.token() + ".AAAA"),
    "encrypted": ("form", lambda i: ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "a"})] + ["AAAA"] * 4)),
    "header no object": ("form", lambda i: signed([1], i.claims())),
    "claims no object": ("form", lambda i: signed(GOOD, [1])),
    "claims no JSON": ("form", lambda i: signed(GOOD, b"{")),
    "claims no UTF-8": ("form", lambda i: signed(GOOD, b'{"iss":"\xff"}')),
    "deep claims": ("form", lambda i: signed(GOOD, b"[" * 8_000)),
    "long": ("form", lambda i: i.token(padding="x" * 20_000)),
    "padded": ("form", lambda i: i.token() + "="),
    "blank inside": ("form", lambda i: i.token().replace(".", ". ", 1)),
}


@pytest.mark.parametrize("fault", FORMS)
def test_b43_algorithms_keys_and_forms(authenticator, trust, issuer, fault):
    assert authenticator.authenticate("acme", signed(GOOD, issuer.claims()))
    check, make = FORMS[fault]
    refusal = refused(authenticator, make(issuer))
    assert refusal.checks[-1].name == check
    assert not refusal.checks[-1].passed
    assert issuer.followed == 0


def test_another_tenants_trust_does_not_count(authenticator, trust, issuer):
    refusal = refused(authenticator, issuer.token(), tenant="globex")
    assert refusal.checks[-1].expected == "there is no such trust"
    assert refused(authenticator, issuer.token(), tenant="nobody")


def test_an_assertions_trust_lets_no_bearer_in(authenticator, trusts, tenants, issuer):
    trusts.add("acme", Conditions("assertion", issuer=issuer.url, audiences=[AUDIENCE]))
    assert refused(authenticator, issuer.token())


def test_another_issuers_key_of_the_same_id(authenticator, trust, issuer, trusts, monkeypatch):
    """The key is looked for among those of the issuer that the token names."""
    with running_issuer() as other:
        other.keys = ["b"]
        monkeypatch.setitem(KEYS, "a2", KEYS["a"])
        trusts.add("acme", Conditions("bearer", issuer=other.url, audiences=[AUDIENCE]))
        assert authenticator.authenticate("acme", other.token(key="b"))
        assert refused(authenticator, issuer.token(key="b"))
        assert refused(authenticator, other.token(key="a"))


def test_two_trusts_in_one_issuer(authenticator, trust, trusts, issuer):
    second = trusts.add("acme", Conditions("bearer", issuer=issuer.url, audiences=["second"]))
    assert authenticator.authenticate("acme", issuer.token(aud="second")).credential_id == second.id
    assert authenticator.authenticate("acme", issuer.token()).credential_id == trust.id


def test_suspended(authenticator, trust, tenants, issuer):
    tenants.suspend("acme")
    with pytest.raises(Forbidden):
        authenticator.authenticate("acme", issuer.token())


def test_seen_a_moment_ago_costs_nothing(authenticator, trust, issuer, reads):
    token = issuer.token()
    authenticator.authenticate("acme", token)
    reads.clear()
    for _ in range(5):
        authenticator.authenticate("acme", token)
    assert reads == []


def test_its_use_is_noted(authenticator, trust, trusts, issuer):
    authenticator.authenticate("acme", issuer.token())
    assert trusts.find(trust.id).used


def test_a_refusal_shows_no_token(authenticator, trust, issuer):
    token = issuer.token(aud="x", sub=issuer.token())
    refusal = refused(authenticator, token)
    assert token not in repr(refusal)
    assert "eyJ" not in repr(refusal)


@settings(max_examples=examples(60), deadline=None)
@given(st.one_of(
    st.text(max_size=300),
    st.lists(st.one_of(st.binary(max_size=60).map(encoded), st.text(alphabet="abcAB_-", max_size=20)), min_size=3, max_size=3)
    .map(".".join),
    st.tuples(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "x"]), st.none() | st.booleans() | st.text(max_size=5)
              | st.lists(st.text(max_size=3), max_size=2)),
              st.dictionaries(st.sampled_from(["iss", "aud", "exp"]), st.none() | st.floats() | st.text(max_size=5)))
    .map(lambda parts: f"{encoded(parts[0])}.{encoded(parts[1])}.AAAA"),
))
def test_reading_never_fails(text):
    assert decode_unverified(text) is None or looks_like_jwt(text)
