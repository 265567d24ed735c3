"""Verifies an ID token: signature, issuer, audience, times and nonce (OpenID Connect Core section 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from app.auth.jwt import LEEWAY, Unverified, decode_unverified, directory_of
from app.sign_on.checks import Checks
from app.sign_on.identity import Identity
from app.sign_on.oidc.client import Client
from app.sign_on.oidc.keys import ALGORITHMS, Key
from app.sign_on.reasons import Reason

_REASON = Reason.ID_TOKEN
MOST_AGE = 600
"""Seconds since an ID token was issued."""
MOST_SUBJECT = 255
"""Characters of `sub` (OpenID Connect Core section 2); more than that are refused."""
_SKEW = timedelta(seconds=LEEWAY)
# Unknown header parameters must be ignored (RFC 7515 section 4).
_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_REFUSED_HEADERS = ("crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c")
_OF_ACCESS_TOKENS = ("scp", "scope", "idtyp", "azpacr", "appidacr")
_PROTOCOL = ("nonce", "at_hash", "c_hash", "s_hash")
"""Claims that say nothing about the person."""
_FAR = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True)
class Expected:
    """What the sign-in that began has sent and expects."""

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    now: datetime
    forced_since: datetime | None = None
    """When the sign-in began, if the person must have authenticated since then."""
    require_mfa: bool = False


def verify(client: Client, text: str, access_token: str | None, expected: Expected, checks: Checks) -> Identity:
    """Return what the ID token says about the person; raises SignOnRefused.

    `access_token` is what came along, or None; only its hash is compared with `at_hash`. The checks made are added to
    `checks`.
    """
    claims = _signed_claims(checks, client, text)
    _check_parties(checks, client, claims)
    _check_times(checks, claims, int(expected.now.timestamp()))
    _check_access_token(checks, claims, access_token)
    identity = _identity(checks, claims)
    _check_nonce(checks, claims, expected.nonce)
    _check_authentication(checks, claims, identity, expected)
    return identity


def _signed_claims(checks: Checks, client: Client, text: str) -> dict[str, Any]:
    unverified = decode_unverified(text)
    checks.check(_REASON, "form", unverified is not None, "a signed JWT", f"{len(text)} characters")
    assert unverified is not None
    key = _key(checks, client, unverified)
    try:
        claims = jwt.decode(unverified.text, key, registry=_REGISTRY).claims
    except (JoseError, ValueError) as error:
        checks.fail(_REASON, "signature", "one by that key", type(error).__name__)
    checks.check(_REASON, "signature", True, "one by that key", "it")
    return claims


def _key(checks: Checks, client: Client, token: Unverified) -> Key:
    """Return the key to verify with; the header chooses among the keys and algorithms that are allowed."""
    header = token.header
    algorithm, key_id, typ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    kind = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    checks.check(_REASON, "algorithm", kind is not None, " or ".join(ALGORITHMS), algorithm)
    named = [name for name in _REFUSED_HEADERS if name in header]
    checks.check(_REASON, "header", not named, "no extension and no key", ", ".join(named) or "none")
    is_jwt = isinstance(typ, str) and typ.lower() == "jwt"
    checks.check(_REASON, "token type", is_jwt, "JWT", typ)
    key = client.find_key(key_id) if isinstance(key_id, str) else None
    fits = key is not None and key.key_type == kind and (key.get("alg") or algorithm) == algorithm
    checks.check(_REASON, "key", fits, "a key of the issuer for that algorithm", key_id)
    assert key is not None
    return key


def _check_parties(checks: Checks, client: Client, claims: Mapping[str, Any]) -> None:
    ours, issuer = client.client_id, client.metadata.issuer
    checks.check(_REASON, "issuer", claims.get("iss") == issuer, issuer, claims.get("iss", "nothing"))
    directory = directory_of(issuer)
    if directory and "tid" in claims:  # all directories share the same keys
        checks.check(_REASON, "directory", claims["tid"] == directory, directory, claims["tid"])
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    checks.check(_REASON, "audience", ours in audiences, ours, audience)
    party = claims.get("azp", ours if len(audiences) == 1 else "nothing")
    checks.check(_REASON, "authorized party", party == ours, ours, party)
    # An access token gives permission to call an API and does not say that somebody has signed in here.
    signs = [name for name in _OF_ACCESS_TOKENS if name in claims]
    checks.check(_REASON, "kind", not signs, "an ID token", f"a token with {', '.join(signs) or 'no scope'}")


def _check_times(checks: Checks, claims: Mapping[str, Any], now: int) -> None:
    def check(name: str, least: int, most: int) -> None:
        value = claims.get(name, "nothing")
        good = _is_number(value) and least <= value <= most
        ends = (f"not before {_moment(least)}" if least else "", f"not after {_moment(most)}" if most < _FAR else "")
        checks.check(_REASON, name, good, ", ".join(filter(None, ends)), _moment(value))

    check("exp", now - LEEWAY + 1, _FAR)
    check("iat", now - MOST_AGE - LEEWAY, now + LEEWAY)
    if "nbf" in claims:
        check("nbf", 0, now + LEEWAY)
    if "auth_time" in claims:
        check("auth_time", 0, now + LEEWAY)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _moment(value: object) -> object:
    """Return a number of seconds since 1970 as a moment for people, and anything else unchanged."""
    if not (_is_number(value) and 0 <= value <= _FAR):
        return value
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _check_access_token(checks: Checks, claims: Mapping[str, Any], access_token: str | None) -> None:
    """Check `at_hash`; the hash is SHA-256 for each of the algorithms (OpenID Connect Core section 3.1.3.6)."""
    if "at_hash" in claims:
        half = hashlib.sha256((access_token or "").encode(errors="surrogatepass")).digest()[:16]
        right = access_token is not None and claims["at_hash"] == _base64url(half)
        received = "it" if right else "another"
        checks.check(_REASON, "access token", right, "the one that at_hash names", received)


def _identity(checks: Checks, claims: Mapping[str, Any]) -> Identity:
    values = {name: _texts(value) for name, value in claims.items() if name not in _PROTOCOL and _is_text(name)}
    subject = _only(values.get("sub", ()))
    checks.check(
        _REASON, "subject", 0 < len(subject) <= MOST_SUBJECT, f"1 to {MOST_SUBJECT} characters", claims.get("sub"),
    )
    directory, person = _only(values.get("tid", ())), _only(values.get("oid", ()))
    return Identity(
        subject=f"{directory}/{person}" if directory and person else subject,
        values={name: found for name, found in values.items() if found},
        auth_time=datetime.fromtimestamp(claims.get("auth_time", claims["iat"]), UTC),
        session_index=_only(values.get("sid", ())) or None, acr=_only(values.get("acr", ())) or None,
        amr=values.get("amr", ()), undated="auth_time" not in claims,
    )


def _check_nonce(checks: Checks, claims: Mapping[str, Any], nonce: str) -> None:
    value = claims.get("nonce", "")
    right = isinstance(value, str) and hmac.compare_digest(value.encode(errors="surrogatepass"), nonce.encode())
    received = "it" if right else "another" if "nonce" in claims else "nothing"
    checks.check(Reason.NONCE, "nonce", right, "that of this sign-in", received)


def _check_authentication(
    checks: Checks, claims: Mapping[str, Any], identity: Identity, expected: Expected
) -> None:
    since = expected.forced_since
    if since is not None:
        received = identity.auth_time.isoformat() if "auth_time" in claims else "nothing"
        anew = "auth_time" in claims and identity.auth_time >= since - _SKEW
        checks.check(Reason.NOT_REAUTHENTICATED, "auth_time", anew, f"{since.isoformat()} or later", received)
    if expected.require_mfa:
        received = ", ".join(identity.amr) or "nothing"
        checks.check(Reason.NO_MFA, "amr", "mfa" in identity.amr, "mfa", received)


def _texts(value: object) -> tuple[str, ...]:
    """Return the values of a claim that are texts, without those that Unicode does not allow (lone surrogates)."""
    rows = value if isinstance(value, list) else [value]
    return tuple(row for row in rows if _is_text(row))


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.encode(errors="replace").decode() == value


def _only(values: tuple[str, ...]) -> str:
    """Return the value of a claim that has one, else ""."""
    return values[0] if len(values) == 1 else ""


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
