"""A receiver of security event tokens that shares no code with scimd: it verifies the signature and RFC 9967's rules."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

PROV = "urn:ietf:params:scim:event:prov:"
NOTICES = {f"{PROV}create:notice", f"{PROV}patch:notice", f"{PROV}put:notice"}
BARE = {f"{PROV}delete", f"{PROV}activate", f"{PROV}deactivate"}
PATH = re.compile(r"(?:urn:[\w.:-]+:)?[A-Za-z$][\w$-]*(?:\.[A-Za-z$][\w$-]*)?")
"""A path of a PATCH without a filter (RFC 7644 section 3.5.2)."""


def decoded(text: str) -> bytes:
    """Return what is encoded in base64url without padding (RFC 7515 section 2)."""
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(token: str, jwks: dict[str, Any]) -> dict[str, Any]:
    """Return the claims of a token that one of the keys has signed; raises InvalidSignature."""
    head, body, signature = token.split(".")
    header = json.loads(decoded(head))
    assert header["alg"] == "RS256"
    assert header["typ"] == "secevent+jwt"
    (key,) = [each for each in jwks["keys"] if each["kid"] == header["kid"]]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}, "a public key, and nothing private"
    numbers = RSAPublicNumbers(int.from_bytes(decoded(key["e"]), "big"), int.from_bytes(decoded(key["n"]), "big"))
    numbers.public_key().verify(decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
    claims: dict[str, Any] = json.loads(decoded(body))
    return claims


def checked(token: str, jwks: dict[str, Any], issuer: str, audience: str) -> dict[str, Any]:
    """Return the claims of a valid token, which keep all the rules."""
    claims = verified(token, jwks)
    assert claims["iss"] == issuer
    assert claims["aud"] == audience
    check_rules(claims)
    return claims


def check_rules(claims: dict[str, Any]) -> None:
    """Check what RFC 8417 and RFC 9967 say about the claims, whoever they are for."""
    assert claims.keys() == {"iss", "aud", "iat", "jti", "txn", "sub_id", "events"}, "no sub, no exp"
    assert type(claims["iat"]) is int
    assert all(isinstance(claims[name], str) and claims[name] for name in ("iss", "aud", "jti", "txn"))
    subject = claims["sub_id"]
    assert subject["format"] == "scim"
    assert re.fullmatch(r"/[A-Za-z]+/[^/]+", subject["uri"])
    assert subject.keys() <= {"format", "uri", "externalId"}
    assert claims["events"]
    for uri, payload in claims["events"].items():
        assert uri in NOTICES | BARE
        assert "data" not in payload
        assert "sub_id" not in payload
        if uri in BARE:
            assert payload == {}
            continue
        assert payload["attributes"], "exactly one of data and attributes"
        assert all(PATH.fullmatch(path) for path in payload["attributes"])
        assert payload.keys() == ({"attributes"} if uri.endswith("create:notice") else {"attributes", "version"})
        assert re.fullmatch(r'W/"\d+"', payload.get("version", 'W/"1"'))
