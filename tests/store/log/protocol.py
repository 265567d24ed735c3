"""Several relays at once, each stopped before every command that it sends, beside writers and a reader.

A lease ends at once here, so that whichever relay goes on next takes it from another, which does not know. Whoever has
lost it goes on all the same: nothing but the protocol keeps it from doing harm.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from pymongo import MongoClient, monitoring

from app.errors import Unavailable
from app.schemas.storage.collection import CollectionSpec
from app.store.log import events, lease, outbox
from app.store.log.lease import Deposed
from app.store.log.outbox import OUTBOX, PENDING
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from tests.store.log.conftest import an_event

COLLECTIONS = ("users", "deleted", "outbox")
SPECS = (
    *(CollectionSpec(name=name, indexes=(PENDING,)) for name in COLLECTIONS[:2]), outbox.SPEC, outbox.LEASES, events.SPEC,
    CollectionSpec(name="counts"),
)
ALL = (*COLLECTIONS, "events", "counts", "leases")
TENANT = "t"
START = datetime(2026, 11, 29, tzinfo=UTC)
BLOCKED_SECONDS = 0.1
"""A command that takes longer waits for a transaction of another relay; others go on meanwhile."""


class Wrong(AssertionError):
    """What the protocol promises does not hold."""


class Killed(BaseException):
    """Ends the thread of a relay, as a kill ends its process: nothing that it has begun is tidied up."""


class Gate(monitoring.CommandListener):
    """Stops a relay before each command of its client."""

    owner: Owner | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Stop, unless it is another thread that uses the client."""
        if self.owner is threading.current_thread():
            self.owner.arrive(f"{event.command_name} {event.command[event.command_name]}")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Go on."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Go on."""


class Owner(threading.Thread):
    """A relay that does what a worker's does, one command at a time."""

    def __init__(self, database: Database, gate: Gate) -> None:
        super().__init__(daemon=True)
        self.relay = Relay(database, COLLECTIONS)
        self.next = ""
        """The command that it is about to send, and to which collection."""
        self.failure: BaseException | None = None
        self._go, self._here = threading.Semaphore(0), threading.Semaphore(0)
        self._under_way, self._killed = False, False
        gate.owner = self
        self.start()
        self._here.acquire()

    def run(self) -> None:
        """Move events for ever."""
        try:
            while True:
                with suppress(Deposed, Unavailable):
                    if self.relay.take():
                        while True:
                            self.relay.round()
        except Killed:
            pass
        except BaseException as error:  # shown by the next step
            self.failure = error
        finally:
            self.next = "ended"
            self._here.release()

    def arrive(self, command: str) -> None:
        """Wait until the command may be sent."""
        if not self._killed:
            self.next = command
            self._here.release()
            self._go.acquire()
        if self._killed:
            raise Killed

    def step(self) -> None:
        """Let it send its next command, and wait for the answer."""
        if not self._under_way:
            self.next = "waits"
            self._go.release()
        self._under_way = not self._here.acquire(timeout=BLOCKED_SECONDS)
        if self.failure:
            raise Wrong("a relay failed") from self.failure

    def step_to(self, command: str) -> None:
        """Step until it is about to send this command."""
        for _ in range(200):
            if self.next == command:
                return
            self.step()
        raise Wrong(f"it never comes to {command!r}")

    def kill(self) -> dict[str, Any] | None:
        """End it where it is, and return the id of its session."""
        self._killed = True
        self._go.release()
        session = self.relay._lease._session
        return dict(session.session_id) if session else None


class World:
    """Documents that are created, changed, deleted, restored and cleared, and what a reader has seen of that."""

    def __init__(self, database: Database, clients: Sequence[tuple[MongoClient[dict[str, Any]], Gate]]) -> None:
        self._database, self._clients = database, clients
        for name in ALL:
            database.db[name].delete_many({})
        self.written: defaultdict[str, list[str]] = defaultdict(list)
        """Document -> the ids of its events, in their order."""
        self._number = 0
        self._count = 0
        self._seen: list[tuple[int, str]] = []
        self._left: list[dict[str, Any] | None] = []
        """Sessions of relays that were killed with the lease."""
        self.owners = [self._owner(place) for place in range(len(clients))]

    def _owner(self, place: int) -> Owner:
        client, gate = self._clients[place]
        return Owner(Database(client, self._database.db.name), gate)

    def _event(self, document: str, more: int = 0) -> dict[str, Any]:
        self._count += 1
        event = an_event(
            _id=f"{document}{self._count}-{uuid.uuid4().hex[:8]}", time=START + timedelta(milliseconds=self._count),
            resource={"type": "User", "id": document},
        )
        self.written[document].append(event["_id"])
        self._number += more
        return event | ({"more": {"number": more, "disabled": 0}} if more else {})

    def write(self, document: str) -> None:
        """Change a document; create or restore it where there is none."""
        db = self._database.db
        if row := db.deleted.find_one({"_id": document}):
            pending = [*row.get(OUTBOX, ()), self._event(document, 1)]
            self._move("deleted", {"_id": document}, "users", {"_id": document, "tenant": TENANT, OUTBOX: pending})
        elif db.users.find_one({"_id": document}, {"_id": 1}):
            db.users.update_one({"_id": document}, {"$push": {OUTBOX: self._event(document)}})
        else:
            db.users.insert_one({"_id": document, "tenant": TENANT, OUTBOX: [self._event(document, 1)]})

    def remove(self, document: str) -> None:
        """Delete a document; delete it for good where that was done, as soon as nothing of it is pending."""
        if row := self._database.db.users.find_one({"_id": document}):
            pending = [*row.get(OUTBOX, ()), self._event(document, -1)]
            self._move("users", {"_id": document}, "deleted", {"_id": document, "tenant": TENANT, OUTBOX: pending})
        else:
            self._database.db.deleted.delete_one({"_id": document, f"{OUTBOX}.0": {"$exists": False}})

    def leave(self, document: str) -> None:
        """Delete a document as the deletion of a tenant does: what is pending goes where it has no document."""
        if row := self._database.db.users.find_one({"_id": document}):
            pending = [*row.get(OUTBOX, ()), self._event(document, -1)]
            self._move("users", {"_id": document}, "outbox", {"_id": f"{document} {self._count}", "tenant": TENANT, OUTBOX: pending})

    def _move(self, source: str, query: dict[str, Any], target: str, row: dict[str, Any]) -> None:
        def work(session: Any) -> None:
            self._database.db[source].delete_one(query, session=session)
            self._database.db[target].insert_one(row, session=session)

        self._database.transaction(work)

    def kill(self, place: int) -> None:
        """Kill a relay; another process takes its place."""
        owner = self.owners[place]
        session = owner.kill()
        row = self._database.db.leases.find_one() or {}
        if session == row.get("session"):  # whoever takes the lease ends it
            self._left.append(session)
        else:
            self._end([session])
        owner.join(20)
        self.owners[place] = self._owner(place)

    def look(self) -> None:
        """Read as consumers do, and compare totals with what was acknowledged."""
        db = self._database.db
        with self._database.snapshot_session() as session:
            row = db.leases.find_one({}, session=session) or {"published": 0, "moving": []}
            query = {"seq": {"$lte": row["published"]}}
            found = [(each["seq"], each["_id"]) for each in db.events.find(query, sort=[("seq", 1)], session=session)]
            moving = {event for each in row["moving"] for event in each["events"]}
            pending = [
                event for name in COLLECTIONS for each in db[name].find({f"{OUTBOX}.0": {"$exists": True}}, session=session)
                for event in each[OUTBOX] if event["_id"] not in moving
            ]
            number = sum(each["number"] for each in db.counts.find(session=session))
        if found[: len(self._seen)] != self._seen:
            raise Wrong(f"a reader has seen {self._seen}, and now there is {found}")
        self._seen = found
        number += sum(event.get("more", {"number": 0})["number"] for event in pending)
        if number != self._number:
            raise Wrong(f"there are {self._number} documents, and the totals say {number}")

    def close(self) -> None:
        """End all relays."""
        self._end([*self._left, *(owner.kill() for owner in self.owners)])
        for owner in self.owners:
            owner.join(20)

    def _end(self, sessions: Sequence[dict[str, Any] | None]) -> None:
        """End transactions of the dead, as MongoDB does by itself after some seconds."""
        if known := [session for session in sessions if session]:
            self._database.client.admin.command("killSessions", known)

    def finish(self) -> None:
        """End all relays, let another one move what is left, and compare the log with what was written."""
        self.close()
        Relay(self._database, COLLECTIONS).drain()
        self.look()
        rows = list(self._database.db.events.find().sort("seq", 1))
        if twice := [number for number, times in Counter(row["seq"] for row in rows).items() if times > 1]:
            raise Wrong(f"numbers were given out twice: {twice}")
        for document, written in self.written.items():
            found = [row["_id"] for row in rows if row["resource"]["id"] == document]
            if found != written:
                raise Wrong(f"{document}: {written} were written, {found} are in the log")
        if left := [row for name in COLLECTIONS for row in self._database.db[name].find({f"{OUTBOX}.0": {"$exists": True}})]:
            raise Wrong(f"these were moved, and are pending: {left}")
        if self._database.db.outbox.find_one():
            raise Wrong("a document that exists for its events has outlived them")


@contextmanager
def no_lease_lasts() -> Iterator[None]:
    """Let each lease end at once inside the block, and no owner stop of itself."""
    with patch.object(lease, "_UNTIL", "$$NOW"), patch.object(lease, "OWN_SECONDS", 1_000.0):
        yield
