"""Webhooks: a CloudEvent as the body of a signed request, as Standard Webhooks 1.0 defines it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from app.delivery.message import Form, Message
from app.delivery.signing import headers, unsealed
from app.feed.current import RESOURCE
from app.store.accounts.sealing import Sealer
from app.store.delivery.endpoint import Endpoint
from app.store.mongo.moments import now

MOST_BYTES = 256 * 1024
"""The largest body with all that has changed."""
TRUNCATED = "truncated"


def webhook_form(sealer: Sealer, clock: Callable[[], datetime] = now) -> Form:
    """Return how webhooks are sent; `sealer` opens the keys of endpoints."""
    unseal = lru_cache(1_000)(sealer.unseal)

    def messages(endpoint: Endpoint, event: Mapping[str, Any], _: Mapping[str, Any]) -> list[Message]:
        body, moment = body_of(event), clock()
        keys = unsealed(endpoint.keys, unseal, moment)
        return [Message(endpoint.url, headers(keys, event["id"], body, moment), body)]

    return Form(messages)


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return the body for an event; one that would be too large says that something is left out."""
    body = orjson.dumps(event)
    if len(body) <= MOST_BYTES:
        return body
    data = {name: value for name, value in event["data"].items() if name not in ("changes", "members", RESOURCE)}
    data[TRUNCATED] = True
    if members := event["data"].get("members"):
        counts = {name: members[name] for name in ("addedCount", "removedCount") if name in members}
        data["members"] = counts | {TRUNCATED: True}
    return orjson.dumps({**event, "data": data})
