"""The keys that security event tokens are verified with; they need no credential, since they are public."""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints.exchange import service
from app.blueprints.response.answers import public_response

keys = Blueprint("event_keys", __name__)


@keys.get("/jwks")
def jwks() -> Response:
    """Return the keys (RFC 7517 section 5)."""
    service().require()
    return public_response(service().event_keys())
