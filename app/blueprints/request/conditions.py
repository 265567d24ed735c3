"""The conditions of a request: `If-Match` and `If-None-Match` (RFC 9110 section 13.1)."""

from __future__ import annotations

from flask import Request

from app.protocol.etag import Condition, Conditions


def conditions_of(request: Request) -> Conditions:
    """Return the conditions in the headers of a request."""
    headers = request.headers
    return Conditions(Condition.parse(headers.get("If-Match")), Condition.parse(headers.get("If-None-Match")))
