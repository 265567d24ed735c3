"""Exchanges an authorization code for the verified identity of a person (OpenID Connect Core section 3.1.3).

The access token that comes along is used to check `at_hash` and then thrown away; no other request is made with it.
"""

from __future__ import annotations

import json
import time
from typing import Any

from app.auth.jwks import SECONDS
from app.auth.refusal import loggable
from app.outgoing import http
from app.sign_on.checks import Checks
from app.sign_on.identity import Identity
from app.sign_on.oidc.client import Client
from app.sign_on.oidc.id_token import Expected, verify
from app.sign_on.reasons import Reason, SignOnRefused

MOST_BYTES = 256 * 1024


def exchange(client: Client, code: str, expected: Expected, checks: Checks | None = None) -> Identity:
    """Return who has signed in, by the ID token that the code is exchanged for; raises SignOnRefused.

    The checks made are added to `checks`, for the page of a test.
    """
    answer = _request_tokens(client, code, expected)
    token, access_token = answer.get("id_token"), answer.get("access_token")
    if not isinstance(token, str):
        raise _refused("The token endpoint's answer has no ID token.")
    return verify(client, token, access_token if isinstance(access_token, str) else None, expected, checks or Checks())


def _request_tokens(client: Client, code: str, expected: Expected) -> dict[str, Any]:
    fields, headers = client.authentication()
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": expected.redirect_uri,
        "code_verifier": expected.verifier, **fields,
    }
    url, deadline = client.metadata.token_endpoint, time.monotonic() + SECONDS
    try:
        answer = http.post(url, form, deadline=deadline, most_bytes=MOST_BYTES, headers=headers)
    except http.Unreachable as error:
        raise SignOnRefused(Reason.UNAVAILABLE, f"The token endpoint does not answer: {error}.") from error
    except http.OutgoingError as error:
        raise _refused(f"The token endpoint's answer cannot be used: {error}.") from error
    try:
        found = json.loads(answer.body, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        found = None
    if answer.status != 200:
        raise _refused(f"The token endpoint answered {answer.status}{_error_of(found)}.")
    if not isinstance(found, dict):
        raise _refused("The token endpoint's answer is not a JSON object with each member once.")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member that comes twice")
    return members


def _error_of(answer: object) -> str:
    """Return what an error response says (RFC 6749 section 5.2), for the log."""
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
        return ""
    description = answer.get("error_description")
    said = f": {loggable(description).rstrip('.')}" if isinstance(description, str) else ""
    return f" with the error {loggable(answer['error'])!r}{said}"


def _refused(detail: str) -> SignOnRefused:
    return SignOnRefused(Reason.TOKEN_ENDPOINT, detail)
