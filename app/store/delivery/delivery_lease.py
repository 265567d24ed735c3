"""The lease that lets one process at a time send events to endpoints: a document in `leases`, by MongoDB's clock.

It is prolonged by work alone, so a sender that is stuck loses it. Its owner stops some seconds before it ends, by a
clock that nobody sets. The owner's transactions have a session of their own, which the next owner ends, so that nobody
waits for what a killed process has begun.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from app.store.log.lease import LEASE_SECONDS, OWN_SECONDS, PROLONG_SECONDS, Deposed, end_transaction
from app.store.log.outbox import LEASES
from app.store.mongo.database import Database

DELIVERIES = "deliveries"
"""The `_id` of the lease."""
_UNTIL = {"$add": ["$$NOW", LEASE_SECONDS * 1_000]}
_IS_FREE = {"$lte": ["$until", "$$NOW"]}


class DeliveryLease:
    """The lease as one process holds it, or tries to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases = database.db[LEASES.name]
        self._session: ClientSession | None = None
        self._epoch = 0
        self._prolonged = -OWN_SECONDS

    def seconds_left(self) -> float:
        """Return how long the owner may rely on the lease; raises Deposed if that is over."""
        left = self._prolonged + OWN_SECONDS - time.monotonic()
        if left <= 0:
            raise Deposed
        return left

    def session(self) -> ClientSession:
        """Return the session for the owner's transactions; raises Deposed if there is no owner here."""
        if self._session is None:
            raise Deposed
        return self._session

    def take(self) -> bool:
        """Take the lease if it is free, and return whether that succeeded."""
        asked = time.monotonic()
        row = self._leases.find_one({"_id": DELIVERIES}, {"session": 1, "free": _IS_FREE})
        if row is None:
            with suppress(DuplicateKeyError):  # another process was first
                self._leases.insert_one({"_id": DELIVERIES, "epoch": 0, "until": datetime.fromtimestamp(0, UTC)})
        elif not row["free"]:
            return False
        else:
            end_transaction(self._database, row.get("session"))
        session = self._database.client.start_session()
        change = {
            "epoch": {"$add": ["$epoch", 1]}, "owner": {"$literal": f"{socket.gethostname()} {os.getpid()}"},
            "session": {"$literal": session.session_id}, "until": _UNTIL,
        }
        taken = self._leases.find_one_and_update(
            {"_id": DELIVERIES, "$expr": _IS_FREE}, [{"$set": change}], return_document=True
        )
        if taken is None:
            session.end_session()
            return False
        # A session that was held before is dropped: it is the one that was just ended.
        self._session, self._epoch, self._prolonged = session, taken["epoch"], asked
        return True

    def prolong(self) -> None:
        """Prolong the lease, unless that was done within the last seconds; raises Deposed."""
        asked = time.monotonic()
        if asked - self._prolonged >= PROLONG_SECONDS:
            if not self._update({"until": _UNTIL}):
                raise Deposed
            self._prolonged = asked

    def give_back(self) -> None:
        """Let another process take the lease at once."""
        session, self._session = self._session, None
        self._prolonged = -OWN_SECONDS
        if self._update({"until": "$$NOW", "session": None}) and session:
            session.end_session()

    def _update(self, change: dict[str, Any]) -> bool:
        mine = {"_id": DELIVERIES, "epoch": self._epoch}
        return bool(self._leases.update_one(mine, [{"$set": change}]).matched_count)


def sender(database: Database) -> str | None:
    """Return the host and process that sends events to endpoints, None if none does."""
    rows = list(database.db[LEASES.name].aggregate([{"$match": {"_id": DELIVERIES}}, {"$set": {"free": _IS_FREE}}]))
    return rows[0].get("owner") if rows and not rows[0]["free"] else None
