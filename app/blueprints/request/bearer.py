"""The bearer token of a request (RFC 6750 section 2.1)."""

from __future__ import annotations

from flask import Request


def bearer_token(request: Request) -> str:
    """Return the token in the Authorization header, "" if there is none."""
    sent = request.authorization
    return sent.token or "" if sent is not None and sent.type == "bearer" else ""
