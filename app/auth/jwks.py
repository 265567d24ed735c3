"""Fetching an issuer's public keys: https only, no redirects, with limits on size and time (reliability API7, API10).

What a token says about keys (`jku`, `x5u`, `jwk`) is never followed: the URL comes from the trust, or from the metadata
of the issuer that it names.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from app.errors import InvalidValue
from app.store.trusts import Trust, check_url

SECONDS = 2.5
"""For connection, request and answer together: the whole of a refused request stays under three seconds."""
MOST_BYTES = 256 * 1024
MOST_KEYS = 100
LEAST_BITS = 2048


class FetchError(Exception):
    """The keys could not be had; the text is for the operator."""


def fetch_keys(trust: Trust) -> list[dict[str, str]]:
    """Give the issuer's keys that RS256 can be checked with; raises FetchError."""
    keys = usable_keys(_fetch_object(trust.jwks_uri or _discover(trust.issuer)))
    if not keys:
        raise FetchError("the issuer's key set has no RSA signing key with an id and at least 2048 bits")
    return keys


def usable_keys(key_set: Mapping[str, Any]) -> list[dict[str, str]]:
    """Give the RSA signing keys of a JWK Set, public parts only; what is not understood is left out (RFC 7517 5)."""
    rows = key_set.get("keys")
    found: dict[str, dict[str, str]] = {}
    for row in rows[:MOST_KEYS] if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("kty") != "RSA" or row.get("use", "sig") != "sig":
            continue
        key = {name: row[name] for name in ("kty", "kid", "n", "e") if row.get(name) and isinstance(row[name], str)}
        if row.get("alg", "RS256") != "RS256" or len(key) < 4:
            continue
        try:
            bits = RSAKey.import_key(dict(key)).raw_value.key_size
        except (JoseError, ValueError, TypeError):
            continue
        if bits >= LEAST_BITS:
            found.setdefault(key["kid"], key)
    return list(found.values())


def _discover(issuer: str) -> str:
    """Give the `jwks_uri` of the issuer's metadata (OpenID Connect Discovery section 4), which must be its own."""
    metadata = _fetch_object(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if metadata.get("issuer") != issuer:
        raise FetchError("the metadata at the issuer's URL is another issuer's")
    uri = metadata.get("jwks_uri")
    try:
        check_url(uri if isinstance(uri, str) else "", "The issuer's jwks_uri", query=True)
    except InvalidValue as error:
        raise FetchError(error.detail) from None
    return str(uri)


def _fetch_object(url: str) -> dict[str, Any]:
    """Get a JSON object; raises FetchError."""
    try:
        found = json.loads(_get(url))
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise FetchError(f"{url} could not be read: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise FetchError(f"{url} is no JSON object")
    return found


def _get(url: str) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    # The time-out above is for each packet: an issuer that drips would hold a thread for ever without this one.
    timer = threading.Timer(SECONDS, _cut, [connection])
    timer.start()
    try:
        connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "scimd"})
        response = connection.getresponse()
        if response.status != 200:  # 301 and its like among them: a redirect leads where nobody has looked
            raise FetchError(f"{url} answered {response.status}")
        body = response.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise FetchError(f"{url} is larger than {MOST_BYTES} bytes")
        return body
    finally:
        timer.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        try:
            # Of the plain socket: the thread that reads is inside the TLS layer.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already
