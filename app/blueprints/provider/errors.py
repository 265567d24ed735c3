"""Errors of the endpoints that clients and apps ask by themselves, in the form of OAuth (RFC 6749 section 5.2)."""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints.exchange import current
from app.blueprints.request.misdirected import outside
from app.blueprints.response.answers import json_response
from app.blueprints.response.errors import error_for_client, refuse
from app.errors import ScimError
from app.protocol.messages import JSON


def install(blueprint: Blueprint) -> None:
    """Answer all errors of a blueprint's views in this form."""
    blueprint.register_error_handler(Exception, _failed)


def unknown(tenant: str, path: str = "") -> Response:
    """Refuse a path that does not exist; raises NotFound."""
    raise outside(current())


def not_stored(response: Response) -> Response:
    """Add to a response that nothing may store it, and return it (RFC 6749 section 5.1)."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _failed(error: Exception) -> Response:
    return refuse(error_for_client(error), _response)


def _response(error: ScimError) -> Response:
    code = "server_error" if error.status >= 500 else "invalid_request"
    if error.status in (429, 503):
        code = "temporarily_unavailable"
    body = {"error": code, "error_description": error.detail}
    response = not_stored(json_response(body, error.status, mimetype=JSON))
    response.headers.update(error.headers)
    return response
