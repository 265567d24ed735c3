"""What a server's relay does, for tests with and without a server."""

from __future__ import annotations

import time
from typing import Any

from app.config import Config
from app.store.log.batch import oldest_pending
from app.store.log.relay import drain_unless_running
from app.store.mongo.database import Database
from app.store.open import outboxes

SOURCES = outboxes(Config.from_environment({}))
PATIENCE = 60
"""Seconds until whoever relays has moved everything."""


def relay(database: Database) -> None:
    """Move all pending events to the log, or wait until a server has."""
    deadline = time.monotonic() + PATIENCE
    drain_unless_running(database, SOURCES)
    while oldest_pending(database, SOURCES):
        assert time.monotonic() < deadline, "nobody relays"
        time.sleep(0.02)
        drain_unless_running(database, SOURCES)


def logged(database: Database, **query: Any) -> list[dict[str, Any]]:
    """Return the lines of the log that match, in the order of writing, once nothing is pending."""
    relay(database)
    return list(database.db.events.find(query, sort=[("$natural", 1)]))
