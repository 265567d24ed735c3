"""Pending events, as writers leave them, and a database that can have some."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.config import Config
from app.store.log.outbox import OUTBOX, pending_collections
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.open import collections

DAYS = timedelta(days=30)
CONFIG = Config.from_environment({})
COLLECTIONS = pending_collections(collections(CONFIG))


@pytest.fixture
def database(reused_database: Database) -> Database:
    """Return an empty database with scimd's collections and indexes."""
    reused_database.prepare(collections(CONFIG))
    return reused_database


@pytest.fixture
def relay(database: Database) -> Relay:
    """Return a relay of the database."""
    return Relay(database, COLLECTIONS)


def an_event(**fields: Any) -> dict[str, Any]:
    """Return a pending event, complete as a writer makes it; `fields` take the place of its own."""
    moment = fields.get("time", now())
    return {
        "_id": str(uuid.uuid4()), "tenant": "t", "tenantId": "1a2232751c3", "time": moment, "until": moment + DAYS,
        "type": "scimd.user.updated", "operation": "patch", "resource": {"type": "User", "id": "u", "name": "ann"},
        "version": 1, "keys": ["ann", "u"], "credential": "c", "request": "r", "status": 204,
    } | fields


def created(kind: str = "User", **fields: Any) -> dict[str, Any]:
    """Return a pending event of a new resource, which is to be counted."""
    resource = {"type": kind, "id": "u", "name": "ann"}
    more = {"number": 1, "disabled": 0}
    return an_event(type=f"scimd.{kind.lower()}.created", operation="create", resource=resource, more=more) | fields


def pend(database: Database, collection: str, document_id: str, *events: dict[str, Any], tenant: str = "t") -> None:
    """Append events to a document's outbox; the document is made if it is not there."""
    database.db[collection].update_one(
        {"_id": document_id, "tenant": tenant}, {"$push": {OUTBOX: {"$each": list(events)}}}, upsert=True,
        bypass_document_validation=True,
    )


def numbered(database: Database) -> list[dict[str, Any]]:
    """Return the events of the log in the order of their numbers."""
    return list(database.db.events.find({"seq": {"$exists": True}}).sort("seq", 1))


def left(database: Database) -> list[str]:
    """Return the ids of the events that are in outboxes."""
    rows = [row for name in COLLECTIONS for row in database.db[name].find({f"{OUTBOX}.0": {"$exists": True}})]
    return [event["_id"] for row in rows for event in row[OUTBOX]]


def the_lease(database: Database) -> dict[str, Any]:
    """Return the document of the lease."""
    row: dict[str, Any] = database.db.leases.find_one({"_id": "relay"})
    return row


def let_expire(database: Database, seconds: float = 0.001) -> None:
    """Make the lease one that ended some seconds ago, however it came to be."""
    ended = datetime.now(UTC) - timedelta(seconds=seconds)
    database.db.leases.update_one({"_id": "relay"}, {"$set": {"until": ended}})
