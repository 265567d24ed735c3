"""One MongoDB database as scimd uses it: transactions, time budgets, and the preparation of its collections.

No write is acknowledged before a majority of the replica set has it on disk (D-102), and no request waits without end.
A client does not survive a fork, so each process makes its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import Context
from threading import Condition, Lock
from typing import Any, TypeVar

import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from app.errors import Unavailable
from app.schemas.storage.collection import CollectionSpec
from app.store.mongo.budget import (
    REQUEST_SECONDS,
    TRANSACTION_SECONDS,
    Budget,
    budget,
    current_deadline,
    out_of_time,
)
from app.store.mongo.client import DEFAULT_NAME, new_client
from app.store.mongo.collections import missing_unique_indexes, prepare_collections
from app.store.mongo.failures import StoreError, reason, translate, translating
from app.store.mongo.preparing_thread import Preparation
from app.store.mongo.writer_turns import Turns

__all__ = [
    "REQUEST_SECONDS", "TRANSACTION_SECONDS", "Budget", "Database", "Session", "StoreError", "budget", "connect",
    "out_of_time", "translate", "translating",
]

T = TypeVar("T")
Session = ClientSession | None
"""None outside of a transaction, and in unit tests with mongomock, which has no transactions."""

PING_SECONDS = 5.0
"""How long a start waits for MongoDB; after that scimd starts all the same, and says that it is not ready."""
GIVE_UP_SECONDS = 1.0
PREPARE_SECONDS = 3600.0
"""Enough to build an index over millions of documents."""
WRITES = WriteConcern(w="majority", j=True, wtimeout=10_000)
SINGLE_SERVER = (
    "MongoDB is a single server, which has no transactions; make it a replica set, of which one member is enough: "
    "start mongod with --replSet scimd, and run rs.initiate() once in mongosh."
)


def _wake_nobody() -> None:
    """Do nothing: the relay of another process finds what was written by itself."""


class Database:
    """One MongoDB database; `client` may be one of mongomock's."""

    def __init__(self, client: Any, name: str = DEFAULT_NAME) -> None:
        self.client = client
        self.db = client[name]
        self.closed = False
        self._is_mock = not isinstance(client, pymongo.MongoClient)
        self._specs: tuple[CollectionSpec, ...] = ()
        self._afterwards: tuple[Callable[[Database], object], ...] = ()
        self._prepared = False
        self._preparing = Lock()
        self._preparation = Preparation(self.prepare)
        self._turns = Turns()
        self.wake: Callable[[], object] = _wake_nobody
        """Called after a change was written, so that a relay on this machine moves its event at once; never fails."""
        self.moved = Condition()
        """Notified when the relay of this process has moved events to the log."""

    def budget(self, seconds: float = REQUEST_SECONDS) -> Budget:
        """Limit all database calls inside the block, as the function `budget` does."""
        return budget(seconds)

    def transaction(
        self, work: Callable[[Session], T], *, turn: tuple[str, str] | None = None, session: Session = None
    ) -> T:
        """Do `work` as a whole or not at all, and return its result.

        It may be run several times, and must change nothing but the database.

        `turn` names what it changes, by tenant and id: one transaction at a time of this process changes that. It is
        done in `session` if one is given, which stays open. Raises Unavailable where the database does not let it
        through in the time that is left; whether it took place is then not known.
        """
        with self.budget(TRANSACTION_SECONDS):
            if self._is_mock:
                return work(None)
            deadline = current_deadline() or 0.0
            alone = self._turns.turn(turn, deadline - time.monotonic()) if turn else nullcontext()
            with alone, nullcontext(session) if session else self.client.start_session() as own:
                return _run(own, work, deadline)

    def answers(self) -> bool:
        """Return whether MongoDB answers within a second, even if the request's budget is used up."""
        return Context().run(self._answers)

    def check(self) -> None:
        """Check that MongoDB answers and has transactions; raises Unavailable, and StoreError for a single server."""
        if self._is_mock:
            return
        with translating():
            self.client.admin.command("ping")
        servers = self.client.topology_description.server_descriptions().values()
        if any(server.server_type_name == "Standalone" for server in servers):
            raise StoreError(SINGLE_SERVER)

    def _answers(self) -> bool:
        try:
            with self.budget(GIVE_UP_SECONDS):
                self.check()
        except (Unavailable, StoreError):
            return False
        return True

    def snapshot(self, collection: str) -> Any:
        """Return a collection in which each query reads a snapshot, across all collections that it joins.

        The snapshot has every acknowledged write.
        """
        return self.db[collection].with_options(read_concern=ReadConcern("snapshot"))

    def snapshot_session(self) -> AbstractContextManager[ClientSession]:
        """Return a session in which all queries read the same snapshot, which has every acknowledged write."""
        session: ClientSession = self.client.start_session(snapshot=True)
        return session

    def prepare(
        self, specs: Iterable[CollectionSpec] | None = None, afterwards: Iterable[Callable[[Database], object]] = ()
    ) -> None:
        """Create or update the collections, validators and indexes, then do the work that needs them, `afterwards`.

        Both are remembered for later calls, which give neither. Several processes may do this at once. Raises
        StoreError if the stored data prevents it, and Unavailable if the database does not answer; `require` then tries
        again.
        """
        if specs is not None:
            self._specs, self._afterwards, self._prepared = tuple(specs), tuple(afterwards), False
        # First with a short budget: the long one is for building indexes, not for waiting for MongoDB.
        with self.budget(PING_SECONDS):
            self.check()
        with self._preparing:
            if not self._prepared:
                try:
                    with self.budget(PREPARE_SECONDS):
                        prepare_collections(self.db, self._specs, self._preparation.report)
                        for work in self._afterwards:
                            work(self)
                except OperationFailure as error:
                    raise StoreError(f"The database refuses to prepare its collections: {reason(error)}") from error
                self._prepared = True

    def require(self) -> None:
        """Make sure that the database is prepared; raises Unavailable, which says what is missing.

        A thread prepares it, which continues after the request has stopped waiting. Once it is prepared, this costs
        nothing.
        """
        if not self._prepared:
            left = (current_deadline() or math.inf) - time.monotonic()
            self._preparation.wait(min(PING_SECONDS, left))
            if not self._prepared:
                raise Unavailable(self._preparation.state)

    def ready(self) -> None:
        """Check that the database answers and has all its unique indexes; raises Unavailable.

        Only the indexes keep names unique, so a missing one is built again, and until then `require` refuses requests.
        """
        self.require()
        with self.budget():
            missing = [name for spec in self._specs for name in missing_unique_indexes(self.db, spec)]
        if missing:
            self._prepared = False
            self._preparation.begin()
            raise Unavailable(f"The index {', '.join(missing)} is missing and is being built.")

    def close(self) -> None:
        """Close all connections."""
        self.closed = True
        self.client.close()


def connect(uri: str, *, threads: int = 16, name: str | None = None, heartbeat_ms: int = 5_000) -> Database:
    """Return the database that the connection string names, or the one called `name`, without connecting yet.

    `threads` is how many threads will use it at once. Raises StoreError for a string that cannot be used.
    """
    client, default = new_client(uri, threads=threads, heartbeat_ms=heartbeat_ms)
    return Database(client, name or default)


def _run(session: ClientSession, work: Callable[[Session], T], deadline: float) -> T:
    """Run one transaction, again while it fails with a transient error and there is time."""
    try:
        return session.with_transaction(work, ReadConcern("snapshot"), WRITES, ReadPreference.PRIMARY)
    finally:
        if time.monotonic() >= deadline:
            # PyMongo sends nothing once the budget is spent, so this runs in a context without one.
            Context().run(_give_up, session)


def _give_up(session: ClientSession) -> None:
    """End the session on the server, with its open transaction; a commit that took place stays.

    Otherwise the server keeps its locks until it ends the session itself, and a client that repeats the request on
    another process waits for them.
    """
    with suppress(PyMongoError), pymongo.timeout(GIVE_UP_SECONDS):
        session.client.admin.command("killSessions", [session.session_id])
