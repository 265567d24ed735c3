"""The public keys by which an identity provider's ID tokens are verified."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.auth.jwks import MOST_KEYS, SECONDS, FetchError, fetch_object, is_good_rsa
from app.sign_on.oidc.discovery import MOST_BYTES, Metadata

ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
"""The algorithms that an ID token may be signed with, and the type of key of each."""
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}

Key = RSAKey | ECKey


def fetch_keys(metadata: Metadata) -> list[dict[str, str]]:
    """Return the identity provider's keys as JWKs, which can be stored; raises FetchError."""
    keys = usable_keys(fetch_object(metadata.jwks_uri, time.monotonic() + SECONDS, MOST_BYTES))
    if not keys:
        raise FetchError("the issuer's key set has no signing key with an id, of RSA with 2048 bits or of P-256")
    return keys


def usable_keys(key_set: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the signing keys of a JWK Set, public parts only, without what is not understood (RFC 7517 section 5).

    Different keys with the same id are all left out, since an id must lead to one key.
    """
    rows = key_set.get("keys")
    found: dict[str, dict[str, str] | None] = {}
    for row in rows[:MOST_KEYS] if isinstance(rows, list) else ():
        key = _usable(row)
        if key is not None:
            found[key["kid"]] = key if found.get(key["kid"], key) == key else None
    return [key for key in found.values() if key is not None]


def pick(keys: Iterable[Mapping[str, str]], key_id: str) -> Key | None:
    """Return the key with this id, or None."""
    for key in keys:
        if key["kid"] == key_id:
            return _imported(key)
    return None


def _usable(row: object) -> dict[str, str] | None:
    if not isinstance(row, dict) or row.get("use", "sig") != "sig":
        return None
    kind = row.get("kty")
    members = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if members is None:
        return None
    names = ("kty", "kid", *members, *(("alg",) if "alg" in row else ()))
    key = {name: row[name] for name in names if isinstance(row.get(name), str) and row[name]}
    if len(key) < len(names) or ("alg" in key and ALGORITHMS.get(key["alg"]) != kind):
        return None
    return key if _is_good(key) else None


def _is_good(key: Mapping[str, str]) -> bool:
    if key["kty"] == "RSA":
        return is_good_rsa(key)
    try:
        return key["crv"] == "P-256" and bool(_imported(key))
    except (JoseError, ValueError):
        return False


def _imported(key: Mapping[str, str]) -> Key:
    return (RSAKey if key["kty"] == "RSA" else ECKey).import_key(dict(key))
