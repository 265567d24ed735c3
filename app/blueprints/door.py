"""Who is let in: every path below a tenant's SCIM URL asks for a credential first, whether the path exists or not.

`/ServiceProviderConfig` is open, since a client learns there how to authenticate (RFC 7643 section 5); it says the same
of every tenant, so that it does not tell which there are.
"""

from __future__ import annotations

import random
import re
from functools import partial
from typing import Any

from flask import Flask, Request, Response, g, request
from flask.ctx import _AppCtxGlobals
from flask_httpauth import HTTPTokenAuth

from app.auth import Principal, require_read, require_write
from app.blueprints.service import Service, current, service

door = HTTPTokenAuth(scheme="Bearer")
_SCIM = re.compile(r"^/([^/]+)/scim/v\d+")
_ALWAYS_OPEN = "discovery.service_provider_config"
_OPEN_BY_PROFILE = "discovery"
_READING = ("GET", "HEAD", "OPTIONS")
_SANE_ID = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")


def install(app: Flask) -> None:
    """Put the door before every route of the application."""
    app.url_value_preprocessor(_drop_tenant)
    app.before_request(_enter)
    app.after_request(_leave)
    app.teardown_request(_give_back)


@door.verify_token
def verify(token: str) -> Principal:
    """Give who sends the token; raises Unauthorized, Forbidden."""
    asked, here = current()
    here.principal = principal = service().authenticate(here.tenant_name, token, asked.remote_addr or "")
    return principal


@door.error_handler
def refuse(status: int) -> None:
    """Refuse whoever sends no token, in the words in which a wrong one is refused."""
    verify("")


def _drop_tenant(_: str | None, values: dict[str, Any] | None) -> None:
    """Spare the views a tenant: who has been let in has one."""
    if values and _SCIM.match(request.path):
        values.pop("tenant", None)


def _enter() -> Any:
    asked, here = current()
    given = asked.headers.get("X-Request-Id", "")
    here.request_id = given if _SANE_ID.match(given) else f"{random.getrandbits(128):032x}"  # noqa: S311 - no secret
    match = _SCIM.match(asked.path)
    if match is None:
        return None
    parts = service()
    here.tenant_name = tenant = match[1]
    here.base_url = parts.base_url(tenant)
    parts.require()
    return _let_in(parts, asked, here)


def _let_in(parts: Service, asked: Request, here: _AppCtxGlobals) -> Any:
    method = asked.method
    if method == "OPTIONS":
        return None  # answered from the routes alone
    if method in _READING and "Authorization" not in asked.headers:
        # By the view that will answer, not by what the path looks like: /ServiceProviderConfig/Users is another view.
        if asked.endpoint == _ALWAYS_OPEN:
            return None
        if asked.blueprint == _OPEN_BY_PROFILE:
            here.catalogue = parts.catalogue(here.tenant_name)
            return None
    return _prepare(parts, asked, here)


@door.login_required
def _prepare(parts: Service, asked: Request, here: _AppCtxGlobals) -> None:
    principal = here.principal
    parts.enter(principal.tenant.name)
    here.held = partial(parts.leave, principal.tenant.name)
    here.provider = provider = parts.provider(principal, here.request_id)
    here.catalogue = provider.catalogue
    method = asked.method
    if method in _READING or (method == "POST" and asked.path.endswith("/.search")):
        require_read(principal)
    else:
        require_write(principal)


def _give_back(_: BaseException | None) -> None:
    """Give back the thread that the tenant held, unless a response that is still being read has taken it over."""
    leave = g.pop("held", None)
    if leave is not None:
        leave()


def _leave(response: Response) -> Response:
    request_id = g.get("request_id")
    if request_id:
        response.headers.add("X-Request-Id", request_id)
    return response
