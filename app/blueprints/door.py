"""The door: every path below a tenant's SCIM URL asks for a credential first, whether or not the path exists.

`/ServiceProviderConfig` is open, because a client learns there how to authenticate (RFC 7643 section 5). It answers the
same for every name, so it does not reveal which tenants exist.
"""

from __future__ import annotations

from functools import partial

from flask import Blueprint
from flask_httpauth import HTTPTokenAuth

from app.auth import Principal, require_read, require_write
from app.blueprints.exchange import READING, Exchange, current, current_principal
from app.blueprints.service import Service

NAME = "tenant"
PREFIX = "/<tenant>/scim"
bearer = HTTPTokenAuth(scheme="Bearer")
_DISCOVERY = f"{NAME}.discovery"
_ALWAYS_OPEN = f"{_DISCOVERY}.service_provider_config"


def tenant_blueprint(*children: Blueprint) -> Blueprint:
    """Return the parent of the blueprints below a tenant's SCIM URL, with the door before all their views."""
    parent = Blueprint(NAME, __name__, url_prefix=PREFIX)
    parent.before_request(_let_in)
    parent.teardown_request(_release_thread)
    for child in children:
        parent.register_blueprint(child)
    return parent


def _let_in() -> None:
    """Authenticate and authorize the client; raises Unauthorized, Forbidden, TooManyRequests, Unavailable."""
    exchange = current()
    exchange.take_tenant()
    parts, request = exchange.service, exchange.request
    parts.require()
    if exchange.method == "OPTIONS":
        return  # needs no credential
    if exchange.method in READING and "Authorization" not in request.headers:
        # Decided by the view, not by the path: /ServiceProviderConfig/Users is another view.
        if request.endpoint == _ALWAYS_OPEN:
            return
        if request.blueprint == _DISCOVERY:
            exchange.catalogue = parts.catalogue(exchange.tenant_name or "")
            return
    _prepare(parts, exchange)


def _release_thread(_: BaseException | None) -> None:
    """Release the tenant's thread, unless a streamed response does so at its end."""
    exchange = current()
    if exchange.release is not None:
        exchange.release()
        exchange.release = None


@bearer.verify_token
def verify(token: str) -> Principal:
    """Return the principal that the token stands for; raises Unauthorized, Forbidden, TooManyRequests."""
    exchange = current()
    principal = exchange.service.authenticate(exchange.tenant_name or "", token, exchange.request.remote_addr or "")
    exchange.principal = principal
    return principal


@bearer.error_handler
def refuse(status: int) -> None:
    """Refuse a request without a token like one with a wrong token; raises Unauthorized."""
    verify("")


@bearer.login_required
def _prepare(parts: Service, exchange: Exchange) -> None:
    principal = current_principal()
    tenant = principal.tenant.name
    parts.enter(tenant)
    exchange.release = partial(parts.leave, tenant)
    exchange.provider = provider = parts.provider(principal, exchange.request_id)
    exchange.catalogue = provider.catalogue
    if exchange.reads():
        require_read(principal)
    else:
        require_write(principal)
