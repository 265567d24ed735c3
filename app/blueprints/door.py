"""Who is let in: every path below a tenant's SCIM URL asks for a credential first, whether the path exists or not.

`/ServiceProviderConfig` is open, since a client learns there how to authenticate (RFC 7643 section 5); it says the same
of every tenant, so that it does not tell which there are.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from flask import Flask, Response, g, request
from flask_httpauth import HTTPTokenAuth

from app.auth import Principal, require_read, require_write
from app.blueprints.service import service
from app.errors import Unauthorized

door = HTTPTokenAuth(scheme="Bearer")
_SCIM = re.compile(r"^/([^/]+)/scim/v\d+(/[^/]*)?")
_ALWAYS_OPEN = ("/serviceproviderconfig", "/serviceconfiguration")
_OPEN_BY_PROFILE = ("/schemas", "/resourcetypes")
_READING = ("GET", "HEAD", "OPTIONS")
_SANE_ID = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")


def install(app: Flask) -> None:
    """Put the door before every route of the application."""
    app.url_value_preprocessor(_drop_tenant)
    app.before_request(_enter)
    app.after_request(_leave)


@door.verify_token
def verify(token: str) -> Principal:
    """Give who sends the token; raises Unauthorized, Forbidden."""
    return service().authenticate(g.tenant_name, token, request.remote_addr or "")


@door.error_handler
def refuse(status: int) -> None:
    """Refuse who does not send a token at all."""
    raise Unauthorized("The request needs a credential: Authorization: Bearer <token>.")


def _drop_tenant(_: str | None, values: dict[str, Any] | None) -> None:
    """Spare the views a tenant: who has been let in has one."""
    if values and _SCIM.match(request.path):
        values.pop("tenant", None)


def _enter() -> Any:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _SANE_ID.match(given) else uuid.uuid4().hex
    match = _SCIM.match(request.path)
    if match is None:
        return None
    g.tenant_name, endpoint = match[1], (match[2] or "").lower()
    g.base_url = service().base_url(g.tenant_name)
    with service().budget():
        service().require()
        return _let_in(endpoint)


def _let_in(endpoint: str) -> Any:
    if request.method == "OPTIONS":
        return None  # answered from the routes alone
    if "Authorization" not in request.headers and request.method in _READING and request.routing_exception is None:
        if endpoint in _ALWAYS_OPEN:
            return None
        if endpoint in _OPEN_BY_PROFILE:
            g.catalogue = service().catalogue(g.tenant_name)
            return None
    return door.login_required(_prepare)()


def _prepare() -> None:
    g.principal = door.current_user()
    g.provider = service().provider(g.principal, g.request_id)
    g.catalogue = g.provider.catalogue
    if request.method in _READING or request.path.endswith("/.search"):
        require_read(g.principal)
    else:
        require_write(g.principal)


def _leave(response: Response) -> Response:
    if "request_id" in g:
        response.headers["X-Request-Id"] = g.request_id
    return response
