"""Whether the server itself is all right: its database, the relay, and the process that sends to endpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.store.delivery.delivery_lease import sender
from app.store.log.batch import oldest_pending
from app.store.log.lease import read_lease
from app.store.mongo.database import Database


@dataclass(frozen=True)
class Health:
    """What is known."""

    milliseconds: float
    """How long the database took to answer."""
    version: str
    member: str
    """The member of the replica set that answered, "" for a router of a sharded cluster."""
    members: tuple[str, ...]
    bytes: int
    """Of the data, without indexes."""
    relay: str
    """The process that moves changes to the log, "" if there is none."""
    published: int
    waiting: float | None
    """Seconds that the oldest change has been waiting for it; None if none waits."""
    sender: str
    """The process that sends to endpoints, "" if there is none."""


def health(database: Database, sources: Iterable[str], now: datetime) -> Health:
    """Return how the server is, in six commands; `sources` are the collections with outboxes. Raises Unavailable."""
    begun = time.perf_counter()
    hello = database.client.admin.command("hello")
    milliseconds = (time.perf_counter() - begun) * 1_000
    lease, oldest = read_lease(database), oldest_pending(database, list(sources))
    return Health(
        milliseconds=milliseconds, version=database.client.server_info()["version"], member=hello.get("me", ""),
        members=tuple(hello.get("hosts", ())), bytes=int(database.db.command("dbStats")["dataSize"]),
        relay=lease["owner"] if lease and not lease["free"] else "", published=lease["published"] if lease else 0,
        waiting=max(0.0, (now - min(oldest.values())).total_seconds()) if oldest else None,
        sender=sender(database) or "",
    )
