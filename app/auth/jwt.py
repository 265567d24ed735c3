"""Verifies the JSON Web Tokens of issuers that a tenant trusts: signature, issuer, audience, subject, app and time.

The algorithm is always RS256, whatever the token says (RFC 8725 section 3.1). The key is looked up by its id among the
keys of the trust. Before the signature is verified, only the issuer and the key id are used, to choose the trust and
the key.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import ClaimError, JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from app.auth.keys import Keys
from app.auth.refusal import Inspection, Refused, length_of, seconds_ago
from app.store.accounts.trusts import Trust

ALGORITHM = "RS256"
LEEWAY = 60
"""Seconds by which the clocks of issuer and server may differ (D-108)."""
MOST_CHARACTERS = 16_384
CAUSE_OF_TIME = "lifetime"
"""The cause of refusing a token that is not valid now; a check by that name concerns credentials of our own."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_DIRECTORY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Unknown header parameters must be ignored (RFC 7515 section 4); `crit` is refused before the library sees it.
_REGISTRY = JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash")
_OF_PEOPLE = ("auth_time", "name", "preferred_username", "unique_name", "upn", "email", "given_name", "family_name")
_OF_APPS = ("appid", "azp", "client_id", "cid")


@dataclass(frozen=True)
class Unverified:
    """A token whose signature has not been verified: its text and contents."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]


def looks_like_jwt(text: str) -> bool:
    """Return whether a credential has the form of a signed JWT."""
    return len(text) <= MOST_CHARACTERS and _COMPACT.fullmatch(text) is not None


def decode_unverified(text: str) -> Unverified | None:
    """Return the contents of a token without verifying it, or None if it cannot be read."""
    match = _COMPACT.fullmatch(text) if len(text) <= MOST_CHARACTERS else None
    if match is None:
        return None
    try:
        header, claims = _json(match[1]), _json(match[2])
    except (ValueError, RecursionError):
        return None
    return Unverified(text, header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def verify(
    inspection: Inspection, text: str, trusts: Sequence[Trust], keys: Keys, now: float
) -> tuple[Trust, dict[str, Any]]:
    """Return the first of the trusts that accepts the token, and the token's claims.

    `now` is in seconds since 1970. Raises Refused, with the checks made, if none of them accepts it.
    """
    unverified = decode_unverified(text)
    size = length_of(text)
    if unverified is None:
        inspection.fail("form", expected="a signed JWT", received=size, reason="malformed")
    inspection.check("form", True, expected="a signed JWT", received=size, reason="")
    issuer = unverified.claims.get("iss")
    candidates = [trust for trust in trusts if trust.issuer == issuer]
    known = ", ".join(dict.fromkeys(trust.issuer for trust in trusts)) or "there is no such trust"
    inspection.check("issuer", bool(candidates), expected=known, received=issuer, reason="of an issuer not trusted")
    before = list(inspection.checks)
    refused: Refused | None = None
    for trust in candidates:
        inspection.checks = list(before)
        inspection.credential_id, inspection.label = trust.id, trust.label
        try:
            return trust, _verify(inspection, unverified, trust, keys, int(now))
        except Refused as error:
            refused = error
    raise refused or AssertionError("there is a candidate")


def _verify(
    inspection: Inspection, unverified: Unverified, trust: Trust, keys: Keys, now: int
) -> dict[str, Any]:
    header = unverified.header
    inspection.check(
        "algorithm", header.get("alg") == ALGORITHM, expected=ALGORITHM, received=header.get("alg"),
        reason=f"not signed with {ALGORITHM}",
    )
    inspection.check(
        "extensions", "crit" not in header, expected="none that is critical", received=header.get("crit", "none"),
        reason="needs an extension that is not understood",
    )
    key_id = header.get("kid")
    key = keys.find(trust, key_id) if isinstance(key_id, str) else None
    inspection.check("key", key is not None, expected="a key of the issuer", received=key_id, reason="unknown key")
    assert key is not None
    try:
        claims = jwt.decode(unverified.text, key, registry=_REGISTRY).claims
    except (JoseError, ValueError) as error:
        fault = type(error).__name__
        inspection.fail("signature", expected="one by that key", received=fault, reason="wrong signature")
    inspection.check("signature", True, expected="one by that key", received="it", reason="")
    _check_claims(inspection, claims, trust, now)
    return claims


def _check_claims(inspection: Inspection, claims: dict[str, Any], trust: Trust, now: int) -> None:
    def claim(name: str, label: str, expected: str, reason: str, *, cause: str = "", **option: Any) -> None:
        registry = JWTClaimsRegistry(now=now, leeway=LEEWAY, **{name: option})  # type: ignore[arg-type]
        try:
            registry.validate({name: claims[name]} if name in claims else {})
        except ClaimError:
            inspection.fail(
                label, expected=expected, received=claims.get(name, "nothing"), reason=reason, cause=cause
            )
        inspection.check(label, True, expected=expected, received=claims.get(name, "nothing"), reason="")

    claim("iss", "issuer", trust.issuer, "of another issuer", essential=True, value=trust.issuer)
    audiences = list(trust.accepted_audiences)
    claim("aud", "audience", " or ".join(audiences), "for another audience", essential=True, values=audiences)
    expired = _expired(claims.get("exp"), now)
    claim("exp", "expiry", f"later than {now - LEEWAY}", expired, cause=CAUSE_OF_TIME, essential=True)
    claim("nbf", "not before", f"{now + LEEWAY} or earlier", "not valid yet", cause=CAUSE_OF_TIME)
    claim("iat", "issued at", f"{now + LEEWAY} or earlier", "issued in the future", cause=CAUSE_OF_TIME)
    subject = {"value": trust.subject} if trust.subject else {}
    claim("sub", "subject", trust.subject or "any", "of another subject", essential=bool(trust.subject), **subject)
    _check_app(inspection, claims, trust)
    _check_kind(inspection, claims)
    _check_directory(inspection, claims, trust)


def _check_app(inspection: Inspection, claims: dict[str, Any], trust: Trust) -> None:
    if trust.app_id:
        app_id = claims.get("appid", claims.get("azp"))  # Entra's tokens of version 1 and of version 2
        inspection.check(
            "app", app_id == trust.app_id, expected=trust.app_id, received=app_id, reason="of another application"
        )


def _check_kind(inspection: Inspection, claims: dict[str, Any]) -> None:
    """Refuse ID tokens: they identify a person and give no permission to call an API (RFC 8725 section 3.12)."""
    signs = [name for name in _OF_ID_TOKENS if name in claims]
    if not any(name in claims for name in _OF_APPS):
        signs += [name for name in _OF_PEOPLE if name in claims]
    inspection.check(
        "kind", not signs, expected="an access token", received=f"a token with {', '.join(signs) or 'no name'}",
        reason="an ID token in place of an access token",
    )


def directory_of(issuer: str) -> str:
    """Return the id of the directory in Entra's issuer URL, or "" for another issuer's."""
    found = _DIRECTORY.search(issuer.lower())
    return found[0] if found else ""


def _check_directory(inspection: Inspection, claims: dict[str, Any], trust: Trust) -> None:
    """Check that a token is of the directory in Entra's issuer URL, since all directories share the same keys."""
    directory = directory_of(trust.issuer)
    if directory and "tid" in claims:
        inspection.check(
            "directory", claims["tid"] == directory, expected=directory, received=claims["tid"],
            reason="of another customer's directory",
        )


def _expired(moment: object, now: int) -> str:
    if isinstance(moment, (int, float)) and not isinstance(moment, bool) and moment <= now:
        return f"expired {seconds_ago(now - moment)}"
    return "without an expiry"


def _json(part: str) -> Any:
    return json.loads(base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True))
