"""The door of the feed: a credential with the scope `events.read`, of the tenant in the path or of all tenants."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from functools import partial

from flask import Blueprint
from flask_httpauth import HTTPTokenAuth

from app.auth import Principal, require_events
from app.blueprints.exchange import Exchange, current, current_principal, service

feed = Blueprint("feed", __name__)
bearer = HTTPTokenAuth(scheme="Bearer")


@feed.before_request
def let_in() -> None:
    """Authenticate and authorize the client; raises Unauthorized, Forbidden, TooManyRequests, Unavailable."""
    exchange = current()
    exchange.take_tenant()
    exchange.service.require()
    exchange.is_consumer = True
    _prepare()


@feed.teardown_request
def leave(_: BaseException | None) -> None:
    """Release the thread."""
    exchange = current()
    if exchange.release is not None:
        exchange.release()
        exchange.release = None


@bearer.verify_token
def verify(token: str) -> Principal:
    """Return the principal that the token stands for; raises Unauthorized, Forbidden, TooManyRequests."""
    exchange = current()
    address = exchange.request.remote_addr or ""
    exchange.principal = exchange.service.authenticate_consumer(exchange.tenant_name, token, address)
    return exchange.principal


@bearer.error_handler
def refuse(status: int) -> None:
    """Refuse a request without a token like one with a wrong token; raises Unauthorized."""
    verify("")


@contextmanager
def aside() -> Iterator[None]:
    """Hold none of the consumer's threads inside the block; raises TooManyRequests if none is free afterwards.

    The credential may have been revoked meanwhile, or the tenant suspended: raises Unauthorized, Forbidden (D-674).
    """
    leave(None)
    begun = time.perf_counter()
    yield
    exchange, auth = current(), bearer.get_auth()
    exchange.waited += time.perf_counter() - begun
    Context().run(_verify_again, exchange, auth.token if auth else "")
    _take_thread()


def _verify_again(exchange: Exchange, token: str | None) -> None:
    with exchange.service.budget():  # that of the request may have been spent with waiting
        exchange.service.authenticate_again(exchange.tenant_name, token, exchange.request.remote_addr or "")


@bearer.login_required
def _prepare() -> None:
    _take_thread()
    require_events(current_principal())


def _take_thread() -> None:
    parts, owner = service(), current_principal().owner
    parts.enter(owner)
    current().release = partial(parts.leave, owner)
