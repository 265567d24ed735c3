"""The door of the feed: a credential with the scope `events.read`, of the tenant in the path or of all tenants."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from flask import Blueprint, g, request

from app.auth import require_events
from app.blueprints.exchange import current, current_principal
from app.blueprints.request.bearer import bearer_token
from app.blueprints.service import service

feed = Blueprint("feed", __name__)


@feed.url_value_preprocessor
def take_tenant(_: str | None, values: dict[str, Any] | None) -> None:
    """Move the tenant's name from the arguments of the view to `g`, where `begin` looks for it."""
    if values:
        g.tenant_name = values.pop("tenant", None)


@feed.before_request
def let_in() -> None:
    """Authenticate and authorize the client; raises Unauthorized, Forbidden, TooManyRequests, Unavailable."""
    parts, exchange = service(), current()
    parts.require()
    exchange.is_consumer = True
    token, address = bearer_token(request), request.remote_addr or ""
    exchange.principal = principal = parts.authenticate_consumer(exchange.tenant_name, token, address)
    _take_thread()
    require_events(principal)


@feed.teardown_request
def leave(_: BaseException | None) -> None:
    """Release the thread."""
    exchange = current()
    if exchange.release is not None:
        exchange.release()
        exchange.release = None


@contextmanager
def aside() -> Iterator[None]:
    """Hold none of the consumer's threads inside the block; raises TooManyRequests if none is free afterwards."""
    leave(None)
    begun = time.perf_counter()
    yield
    current().waited += time.perf_counter() - begun
    _take_thread()


def _take_thread() -> None:
    parts, owner = service(), current_principal().owner
    parts.enter(owner)
    current().release = partial(parts.leave, owner)
