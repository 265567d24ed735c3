"""Fetches an issuer's public keys: https only, no redirects, with limits on size and time (D-135).

A token's own statements about keys (`jku`, `x5u`, `jwk`) are ignored: the URL comes from the trust, or from the
metadata of the issuer that the trust names.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from app.auth.refusal import loggable
from app.errors import InvalidValue
from app.outgoing import http
from app.outgoing.addresses import Networks
from app.store.accounts.trusts import Trust, check_url

SECONDS = 2.5
"""The time for all fetches together, so that a request that has to wait for them stays under three seconds."""
MOST_BYTES = 256 * 1024
MOST_KEYS = 100
LEAST_BITS = 2048


class FetchError(Exception):
    """The keys could not be fetched; the text is for the operator."""

    for_operators = True


def fetch_keys(trust: Trust, networks: Networks = ()) -> list[dict[str, str]]:
    """Return the issuer's keys for RS256 signatures, as JWKs; raises FetchError.

    `networks` are those beside the public ones from which the keys of a trust may come that is `only_public`.
    """
    deadline = time.monotonic() + SECONDS
    allowed = networks if trust.only_public else None
    uri = trust.jwks_uri or _discover(trust.issuer, deadline, allowed)
    keys = usable_keys(fetch_object(uri, deadline, allowed=allowed))
    if not keys:
        raise FetchError("the issuer's key set has no RSA signing key with an id and at least 2048 bits")
    return keys


def usable_keys(key_set: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the RSA signing keys of a JWK Set, public parts only, without what is not understood (RFC 7517 section 5).
    """
    rows = key_set.get("keys")
    found: dict[str, dict[str, str]] = {}
    for row in rows[:MOST_KEYS] if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("kty") != "RSA" or row.get("use", "sig") != "sig":
            continue
        key = {name: row[name] for name in ("kty", "kid", "n", "e") if row.get(name) and isinstance(row[name], str)}
        if row.get("alg", "RS256") != "RS256" or len(key) < 4:
            continue
        if is_good_rsa(key):
            found.setdefault(key["kid"], key)
    return list(found.values())


def is_good_rsa(key: Mapping[str, str]) -> bool:
    """Return whether a JWK is an RSA key of at least 2048 bits."""
    try:
        modulus = base64.b64decode(key["n"] + "=" * (-len(key["n"]) % 4), b"-_", validate=True)
        return int.from_bytes(modulus).bit_length() >= LEAST_BITS and bool(RSAKey.import_key(dict(key)))
    except (JoseError, ValueError):
        return False


def _discover(issuer: str, deadline: float, allowed: Networks | None) -> str:
    """Return the `jwks_uri` of the issuer's metadata, which must name this issuer; raises FetchError.

    OpenID Connect Discovery section 4.
    """
    metadata = fetch_object(issuer.rstrip("/") + "/.well-known/openid-configuration", deadline, allowed=allowed)
    if metadata.get("issuer") != issuer:
        raise another_issuer(metadata.get("issuer"), issuer)
    uri = metadata.get("jwks_uri")
    try:
        check_url(uri if isinstance(uri, str) else "", "The issuer's jwks_uri", query=True)
    except InvalidValue as error:
        raise FetchError(error.detail) from None
    return str(uri)


def another_issuer(named: object, issuer: str) -> FetchError:
    """Return the error for metadata at the URL of `issuer` that names another one."""
    if not isinstance(named, str):
        return FetchError(f"the metadata at the issuer's URL names no issuer; it must name {issuer}")
    return FetchError(f"the metadata at the issuer's URL is of another issuer: {loggable(named)}, and not {issuer}")


def fetch_object(
    url: str, deadline: float, most_bytes: int = MOST_BYTES, *, allowed: Networks | None = None
) -> dict[str, Any]:
    """Return the JSON object at the URL; raises FetchError.

    `deadline` is a time of `time.monotonic`, `allowed` as for `http.get`.
    """
    try:
        found = json.loads(http.get(url, deadline=deadline, most_bytes=most_bytes, allowed=allowed))
    except http.OutgoingError as error:
        raise FetchError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{url} could not be read: it is not JSON") from error
    if not isinstance(found, dict):
        raise FetchError(f"{url} is not a JSON object")
    return found
