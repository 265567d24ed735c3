"""The corpus of attacks on an ID token and on the exchange: what the provider does, and the reason of the refusal.

Each row is tried against the functions and over HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwe
from joserfc.jwk import RSAKey

from app.sign_on.reasons import Reason
from tests.sign_on.oidc.provider import FakeProvider, Forge, keys

ID_TOKEN, NONCE, ENDPOINT = Reason.ID_TOKEN, Reason.NONCE, Reason.TOKEN_ENDPOINT
OTHER = "99999999-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Case:
    """One attack."""

    name: str
    reason: Reason
    arrange: Callable[[FakeProvider], None]


def forged(forge: Forge) -> Callable[[FakeProvider], None]:
    """Arrange that the ID token is what `forge` makes of the honest claims."""
    return lambda provider: setattr(provider, "forge", forge)


def claims(**changes: Any) -> Callable[[FakeProvider], None]:
    """Arrange that some claims differ; those that can be called get the provider."""

    def forge(provider: FakeProvider, honest: dict[str, Any]) -> str:
        found = {name: value(provider) if callable(value) else value for name, value in changes.items()}
        whole = honest | found
        return provider.sign({name: value for name, value in whole.items() if value is not ...})

    return forged(forge)


def header(**changes: Any) -> Callable[[FakeProvider], None]:
    """Arrange that the header differs, in a token that is signed by the right key."""

    def forge(provider: FakeProvider, honest: dict[str, Any]) -> str:
        found = {name: value(provider) if callable(value) else value for name, value in changes.items()}
        return by_hand(provider, honest, found)

    return forged(forge)


def rows(*made: Callable[[], dict[str, Any]], signer: str = "good") -> Callable[[FakeProvider], None]:
    """Arrange which keys are published, and which one signs."""

    def arrange(provider: FakeProvider) -> None:
        provider.rows = [each() for each in made]
        provider.signer = keys()[signer]

    return arrange


def behaviour(name: str) -> Callable[[FakeProvider], None]:
    """Arrange how the token endpoint answers."""
    return lambda provider: setattr(provider, "behaviour", name)


def encoded(part: Any) -> str:
    """Return a part of a token."""
    octets = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def by_hand(provider: FakeProvider, payload: dict[str, Any], changes: dict[str, Any]) -> str:
    """Sign as somebody would who keeps to no rules: with RS256, whatever the header says."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    whole = {"alg": "RS256", "kid": provider.signer.kid, "typ": "JWT"} | changes
    first = f"{encoded({n: v for n, v in whole.items() if v is not ...})}.{encoded(payload)}"
    key: Any = provider.signer.private_key
    return f"{first}.{encoded(key.sign(first.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def mac(form: str) -> Forge:
    """Sign with the public key as the secret."""

    def forge(provider: FakeProvider, honest: dict[str, Any]) -> str:
        key = keys()["good"]
        secret = key.as_pem(private=False) if form == "pem" else json.dumps(key.as_dict(private=False)).encode()
        first = f"{encoded({'alg': 'HS256', 'kid': 'good', 'typ': 'JWT'})}.{encoded(honest)}"
        return f"{first}.{encoded(hmac.digest(secret, first.encode(), 'sha256'))}"

    return forge


def own_key(name: str) -> Callable[[FakeProvider], None]:
    """Arrange a token that is signed by a stranger, whose key is in the header or where it says."""

    def forge(provider: FakeProvider, honest: dict[str, Any]) -> str:
        stranger: RSAKey = keys()["stranger"]
        public = stranger.as_dict(private=False)
        value = {"jwk": public, "x5c": ["MIIB"]}.get(name, f"{provider.url}/elsewhere")
        header = {name: value, "kid": "good"}
        return provider.sign(honest, header, key=stranger)

    return forged(forge)


def encrypted(provider: FakeProvider, honest: dict[str, Any]) -> str:
    """Encrypt a good token with the public key."""
    header = {"alg": "RSA-OAEP", "enc": "A128GCM", "zip": "DEF"}
    key = RSAKey(keys()["good"].private_key, keys()["good"].private_key, {"kid": "good"})  # without `use`
    return jwe.encrypt_compact(header, provider.sign(honest), key, algorithms=["RSA-OAEP", "A128GCM", "DEF"])


def as_json(provider: FakeProvider, honest: dict[str, Any]) -> dict[str, Any]:
    """Write a good token in the JSON serialisation."""
    first, payload, signature = provider.sign(honest).split(".")
    return {"payload": payload, "protected": first, "signature": signature}


def public(name: str, **changes: Any) -> Callable[[], dict[str, Any]]:
    """Return the row of a key in a key set."""
    return lambda: dict(keys()[name].as_dict(private=False)) | changes


def now(seconds: int) -> Callable[[FakeProvider], int]:
    return lambda _: int(time.time()) + seconds


def at_hash(algorithm: str) -> Callable[[FakeProvider], str]:
    return lambda _: encoded(hashlib.new(algorithm, b"another").digest()[:16])


def case_id(case: Case) -> str:
    return case.name


CORPUS = tuple(Case(*row) for row in (
    ("oi_03 another verifier", ENDPOINT, lambda p: [c.parameters.update(code_challenge="x" * 43) for c in p.codes.values()]),
    ("oi_04 no algorithm", ID_TOKEN, forged(lambda p, c: f"{encoded({'alg': 'none'})}.{encoded(c)}.")),
    ("oi_04 no algorithm, with a signature", ID_TOKEN, header(alg="none")),
    ("oi_04 no algorithm, in capitals", ID_TOKEN, header(alg="NONE")),
    ("oi_05 HS256 with the PEM", ID_TOKEN, forged(mac("pem"))),
    ("oi_05 HS256 with the JWK", ID_TOKEN, forged(mac("jwk"))),
    ("oi_06 a key in jwk", ID_TOKEN, own_key("jwk")),
    ("oi_06 a key at jku", ID_TOKEN, own_key("jku")),
    ("oi_06 a key at x5u", ID_TOKEN, own_key("x5u")),
    ("oi_06 a key in x5c", ID_TOKEN, own_key("x5c")),
    ("oi_06 jwk beside the right key", ID_TOKEN, header(jwk=lambda p: p.rows[0])),
    ("oi_06 signed by a stranger", ID_TOKEN, forged(lambda p, c: p.sign(c, {"kid": "good"}, key=keys()["stranger"]))),
    ("oi_07 crit", ID_TOKEN, header(crit=["exp"])),
    ("oi_07 b64", ID_TOKEN, header(b64=False)),
    ("oi_07 compressed", ID_TOKEN, header(zip="DEF")),
    ("oi_07 encrypted", ID_TOKEN, forged(encrypted)),
    ("oi_07 JSON serialisation", ENDPOINT, forged(as_json)),
    ("oi_07 larger than a token can be", ID_TOKEN, claims(x="x" * 100_000)),
    ("oi_07 1 MB", ENDPOINT, claims(x="x" * 1_000_000)),
    ("oi_08 an unknown key", ID_TOKEN, forged(lambda p, c: p.sign(c, key=keys()["stranger"]))),
    ("oi_08 no kid", ID_TOKEN, header(kid=...)),
    ("oi_08 a kid that is no text", ID_TOKEN, header(kid={"$ne": ""})),
    ("oi_09 a key of 1,024 bits", ID_TOKEN, rows(public("short"), public("good"), signer="short")),
    ("oi_09 a key for encryption", ID_TOKEN, rows(public("good", use="enc"), public("next"))),
    ("oi_09 two keys with one kid", ID_TOKEN, rows(public("good"), public("next", kid="good"), public("next"))),
    ("oi_09 a key for another algorithm", ID_TOKEN, rows(public("good", alg="PS256"))),
    ("oi_10 a slash more", ID_TOKEN, claims(iss=lambda p: p.issuer + "/")),
    ("oi_10 another case", ID_TOKEN, claims(iss=lambda p: p.issuer.upper())),
    ("oi_10 another directory", ID_TOKEN, claims(iss=lambda p: f"{p.url}/{OTHER}/v2.0", tid=OTHER)),
    ("oi_10 no issuer", ID_TOKEN, claims(iss=...)),
    ("oi_10 the tid of another directory", ID_TOKEN, claims(tid=OTHER)),
    ("oi_11 another audience", ID_TOKEN, claims(aud="another")),
    ("oi_11 no audience", ID_TOKEN, claims(aud=...)),
    ("oi_11 an empty list", ID_TOKEN, claims(aud=[])),
    ("oi_11 a list without azp", ID_TOKEN, claims(aud=lambda p: [p.client.client_id, "another"])),
    ("oi_11 another azp", ID_TOKEN, claims(azp="another")),
    ("oi_11 a list with another azp", ID_TOKEN, claims(aud=lambda p: ["another", p.client.client_id], azp="another")),
    ("oi_12 expired", ID_TOKEN, claims(exp=now(-61))),
    ("oi_12 no expiry", ID_TOKEN, claims(exp=...)),
    ("oi_12 an expiry that is text", ID_TOKEN, claims(exp=lambda p: str(now(300)(p)))),
    ("oi_12 an expiry that is true", ID_TOKEN, claims(exp=True)),
    ("oi_12 an expiry after all time", ID_TOKEN, claims(exp=10**400)),
    ("oi_12 issued in the future", ID_TOKEN, claims(iat=now(90))),
    ("oi_12 issued an hour ago", ID_TOKEN, claims(iat=now(-3_600))),
    ("oi_12 not issued", ID_TOKEN, claims(iat=...)),
    ("oi_12 not yet valid", ID_TOKEN, claims(nbf=now(90))),
    ("oi_12 authenticated in the future", ID_TOKEN, claims(auth_time=now(90))),
    ("oi_13 no nonce", NONCE, claims(nonce=...)),
    ("oi_13 another nonce", NONCE, claims(nonce="another")),
    ("oi_13 a nonce that is no text", NONCE, claims(nonce={"$ne": ""})),
    ("oi_13 a lone surrogate", NONCE, forged(lambda p, c: by_hand(p, c | {"nonce": "\ud800"}, {}))),
    ("oi_14 an access token", ID_TOKEN, claims(scp="User.Read")),
    ("oi_14 an access token by its type", ID_TOKEN, header(typ="at+jwt")),
    ("oi_14 an app's token", ID_TOKEN, claims(idtyp="app", nonce=...)),
    ("oi_14 a logout token", ID_TOKEN, header(typ="logout+jwt")),
    ("oi_15 another at_hash", ID_TOKEN, claims(at_hash=at_hash("sha256"))),
    ("oi_15 an at_hash for another algorithm", ID_TOKEN, claims(at_hash=at_hash("sha384"))),
    ("oi_15 an unknown algorithm", ID_TOKEN, header(alg="RS384")),
    ("oi_16 a redirect", ENDPOINT, behaviour("redirect")),
    ("oi_16 a failure", ENDPOINT, behaviour("failure")),
    ("oi_16 HTML", ENDPOINT, behaviour("html")),
    ("oi_16 10 MB", ENDPOINT, behaviour("huge")),
    ("oi_16 drips", ENDPOINT, behaviour("drip")),
    ("oi_16 two ID tokens", ENDPOINT, behaviour("twice")),
    ("oi_16 brackets without end", ENDPOINT, behaviour("list")),
    ("oi_16 no ID token", ENDPOINT, forged(lambda p, c: None)),
    ("oi_16 an ID token that is no text", ENDPOINT, forged(lambda p, c: 7)),
    ("oi_16 no JWT", ID_TOKEN, forged(lambda p, c: "x")),
    ("no subject", ID_TOKEN, claims(sub=...)),
    ("an empty subject", ID_TOKEN, claims(sub="")),
    ("a subject that is a list", ID_TOKEN, claims(sub=["a", "b"])),
    ("a long subject", ID_TOKEN, claims(sub="x" * 256)),
))
