"""The lease that lets one relay at a time move events to the log, and the place that the log has reached.

Every batch is moved in a transaction that also writes to the lease, under the condition that it has not changed hands:
a relay that has lost the lease can store nothing. Only MongoDB's clock says when a lease ends, and the owner stops some
seconds before, by a clock that nobody sets. The lease is prolonged by work alone, so a relay that is stuck loses it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError, OperationFailure

from app.errors import Unavailable
from app.store.log.outbox import LEASES, RELAY
from app.store.mongo.database import Database, Session

LEASE_SECONDS = 10
"""How long the lease lasts after the last work."""
OWN_SECONDS = 8.0
"""How long the owner relies on it, counted from before it asked: less, since clocks do not run alike."""
PROLONG_SECONDS = 2.0
"""How often a relay prolongs the lease that finds nothing to move."""
_UNTIL = {"$add": ["$$NOW", LEASE_SECONDS * 1_000]}
_IS_FREE = {"$lte": ["$until", "$$NOW"]}
_WAS_FREE = {"$lt": ["$until", {"$subtract": ["$$NOW", LEASE_SECONDS * 1_000]}]}
_BEGIN = {"$max": [{"$add": ["$published", 1]}, {"$multiply": [{"$toLong": "$$NOW"}, 1_000]}]}
"""The number after a break: a million a second since 1970, more than have ever been given out; below 2^53 (JSON)."""
_BREAK = {"$concatArrays": ["$breaks", [{"from": "$published", "to": _BEGIN}]]}


class Moved(TypedDict):
    """The events that a batch takes from one document's outbox."""

    collection: str
    document: Any
    """Its `_id`."""
    tenant: NotRequired[str]
    """Of a resource; the other collections are not sharded."""
    events: list[str]
    """Their ids."""


class LeaseRow(TypedDict):
    """The document of the lease."""

    _id: str
    epoch: int
    """How many owners there have been."""
    owner: str
    """Host and process."""
    session: dict[str, Any] | None
    """The session of the owner's transactions; None after the lease was given back."""
    until: datetime
    published: int
    """The number of the last event in the log; numbers after it may be visible already, but do not count yet."""
    moving: list[Moved]
    """The last batch, which may still be in the outboxes, too."""
    breaks: list[dict[str, int]]
    """[{from, to}]: numbers between the two are not given out, but a database that was replaced may have done so."""
    free: NotRequired[bool]
    """Whether its time is over by MongoDB's clock; not stored."""
    horizon: int
    """Events up to this number may have been deleted because of their age."""


class Deposed(Exception):
    """The lease was lost: another process has it, or may have it."""


class Lease:
    """The lease as one process holds it, or tries to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases = database.db[LEASES.name]
        self._session: ClientSession | None = None
        self._epoch = 0
        self._prolonged = -OWN_SECONDS
        self.published = 0
        """The number of the last event in the log."""
        self.moving: Sequence[Moved] = ()
        """The last batch."""

    def seconds_left(self) -> float:
        """Return how long the owner may rely on the lease; raises Deposed if that is over."""
        left = self._prolonged + OWN_SECONDS - time.monotonic()
        if left <= 0:
            raise Deposed
        return left

    def take(self) -> bool:
        """Take the lease if it is free, and return whether that succeeded.

        If it was free for longer than a lease lasts, the database may be a restored backup, and numbers may have been
        given out that it knows nothing of: the new ones begin after a break.
        """
        asked = time.monotonic()
        row = self._leases.find_one({"_id": RELAY}, {"session": 1, "free": _IS_FREE})
        if row is None:
            self._create()
        elif not row["free"]:
            return False
        else:
            end_transaction(self._database, row["session"])
        session = self._database.client.start_session()
        change = {
            "epoch": {"$add": ["$epoch", 1]}, "owner": {"$literal": f"{socket.gethostname()} {os.getpid()}"},
            "session": {"$literal": session.session_id}, "until": _UNTIL,
            "published": {"$cond": [_WAS_FREE, _BEGIN, "$published"]},
            "breaks": {"$cond": [_WAS_FREE, _BREAK, "$breaks"]},
        }
        taken = self._leases.find_one_and_update(
            {"_id": RELAY, "$expr": _IS_FREE}, [{"$set": change}], return_document=ReturnDocument.AFTER
        )
        if taken is None:
            session.end_session()
            return False
        self._session, self._epoch, self._prolonged = session, taken["epoch"], asked
        self.published, self.moving = taken["published"], taken["moving"]
        return True

    def read(self) -> None:
        """Read what has been moved, after a failure that left it open; raises Deposed.

        Raises Unavailable if that is less than is known: a primary that was just elected does not know everything yet.
        A database that was replaced never will, and the lease is over before long.
        """
        row = self._leases.find_one({"_id": RELAY, "epoch": self._epoch})
        if row is None:
            raise Deposed
        if row["published"] < self.published:
            raise Unavailable("The database does not know all events that are in the log.")
        self.published, self.moving = row["published"], row["moving"]

    def prolong(self) -> None:
        """Prolong the lease, unless that was done within the last seconds; raises Deposed."""
        asked = time.monotonic()
        if asked - self._prolonged >= PROLONG_SECONDS:
            self._change({"until": _UNTIL})
            self._prolonged = asked

    def commit(self, published: int, moving: Sequence[Moved], write: Callable[[Session], None]) -> None:
        """Do `write`, which moves events, and note in the lease what it moves, in one transaction.

        `published` is the number of the last event. Raises Deposed, Unavailable, and what MongoDB refuses.
        """
        asked = time.monotonic()

        def work(session: Session) -> None:
            write(session)
            # Last: the lease's document is then locked only until the commit.
            self._change({"until": _UNTIL, "published": published, "moving": {"$literal": moving}}, session)

        self._database.transaction(work, session=self._held())
        self.published, self.moving, self._prolonged = published, moving, asked

    def give_back(self) -> None:
        """Let another process take the lease at once."""
        session, self._session = self._session, None
        free = [{"$set": {"until": "$$NOW", "session": None}}]
        if session and self._leases.update_one({"_id": RELAY, "epoch": self._epoch}, free).matched_count:
            session.end_session()

    def forget(self) -> None:
        """Stop acting as the owner.

        The session is dropped, not returned to the client's pool: the next owner ends what runs in it.
        """
        self._session, self._prolonged = None, -OWN_SECONDS

    def _held(self) -> ClientSession:
        if self._session is None:
            raise Deposed
        return self._session

    def _change(self, change: dict[str, Any], session: Session = None) -> None:
        # `published` differs if the database was restored, or if the numbers were made to begin anew.
        mine = {"_id": RELAY, "epoch": self._epoch, "published": self.published}
        if not self._leases.update_one(mine, [{"$set": change}], session=session).matched_count:
            raise Deposed

    def _create(self) -> None:
        row = LeaseRow(
            _id=RELAY, epoch=0, owner="", session=None, until=datetime.fromtimestamp(0, UTC), published=0, moving=[],
            breaks=[], horizon=0,
        )
        with suppress(DuplicateKeyError):  # another process was first
            self._leases.insert_one({**row})


def end_transaction(database: Database, session: dict[str, Any] | None) -> None:
    """End the transaction of a lease's former owner, which may hold documents long after the lease is over."""
    if session:
        with suppress(OperationFailure):  # not allowed: MongoDB ends the transaction when its time is over
            database.client.admin.command("killSessions", [session])


def read_lease(database: Database) -> LeaseRow | None:
    """Return the lease, also with `free`; None before there was a relay."""
    steps = [{"$match": {"_id": RELAY}}, {"$set": {"free": _IS_FREE}}]
    rows: list[LeaseRow] = list(database.db[LEASES.name].aggregate(steps))
    return rows[0] if rows else None


def restart(database: Database) -> dict[str, int] | None:
    """Let the numbers begin anew, and return the break in them, {from, to}; None if there is no relay yet.

    The owner of the lease is deposed, and the next one is at work within seconds.
    """
    change = {"published": _BEGIN, "breaks": _BREAK, "epoch": {"$add": ["$epoch", 1]}, "until": "$$NOW"}
    row: LeaseRow | None = database.db[LEASES.name].find_one_and_update(
        {"_id": RELAY}, [{"$set": change}], return_document=ReturnDocument.AFTER
    )
    return row["breaks"][-1] if row else None
