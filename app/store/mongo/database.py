"""The database: one client for each process, the safety that it asks of MongoDB, transactions and time budgets.

Kept here: no write is acknowledged before a majority of the members has it on disk, whatever the connection string says
(D-102); and no request waits without
end. A client does not survive a fork, so that it is made by the process that uses it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import Context, ContextVar
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from app.errors import Unavailable
from app.schemas.collection import CollectionSpec
from app.store.mongo.collections import missing_unique_indexes, prepare_collection
from app.store.mongo.failures import StoreError, reason, translate, translating
from app.store.mongo.preparation import Preparation
from app.store.mongo.turns import Turns

__all__ = ["Database", "Session", "StoreError", "budget", "connect", "translate", "translating"]

T = TypeVar("T")
Session = ClientSession | None
"""None outside of a transaction, and in unit tests whose database, mongomock, has none."""

DEFAULT_NAME = "scimd"
REQUEST_SECONDS = 20.0
"""What all calls of one request may take together (D-103)."""
TRANSACTION_SECONDS = 12.0
"""What a transaction may take of that; what is left is for finding out whether it took place.

It is MongoDB's limit as well (`transactionLifetimeLimitSeconds`), for a transaction whose process was killed: MongoDB
looks for those every half of that time, so that their locks are held for 18 seconds at most (D-31).
"""
PING_SECONDS = 5.0
"""A server that does not answer yet is started all the same, and says soon that it is not ready."""
GIVE_UP_SECONDS = 1.0
PREPARE_SECONDS = 3600.0
"""An index over an existing collection of millions takes its time."""
WRITES = WriteConcern(w="majority", j=True, wtimeout=10_000)
SINGLE_SERVER = (
    "MongoDB is a single server, which has no transactions; make it a replica set, of which one member is enough: "
    "start mongod with --replSet scimd, and run rs.initiate() once in mongosh."
)

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class Database:
    """One MongoDB database, as scimd uses it; `client` may be one of mongomock's."""

    def __init__(self, client: Any, name: str = DEFAULT_NAME) -> None:
        self.client = client
        self.db = client[name]
        self.closed = False
        self._is_mock = not isinstance(client, pymongo.MongoClient)
        self._specs: tuple[CollectionSpec, ...] = ()
        self._prepared = False
        self._preparing = Lock()
        self._preparation = Preparation(self.prepare)
        self._turns = Turns()

    def budget(self, seconds: float = REQUEST_SECONDS) -> AbstractContextManager[None]:
        """Let all calls inside take `seconds` together; budgets nest, the shorter one counts.

        Raises Unavailable where the database does not answer in that time, or not at all.
        """
        return budget(seconds)

    @staticmethod
    def out_of_time() -> bool:
        """Return whether the time of the innermost budget is over."""
        deadline = _deadline.get()
        return deadline is not None and time.monotonic() >= deadline

    def transaction(self, work: Callable[[Session], T], *, turn: tuple[str, str] | None = None) -> T:
        """Do `work` as a whole or not at all; it may be run several times, and must change nothing but the database.

        `turn` names what it changes, by tenant and id: one transaction at a time of this process changes that. Raises
        Unavailable where the database does not let it through in the time that is left; whether it took place is then
        not known.
        """
        with self.budget(TRANSACTION_SECONDS):
            if self._is_mock:
                return work(None)
            deadline = _deadline.get() or 0.0
            alone = self._turns.turn(turn, deadline - time.monotonic()) if turn else nullcontext()
            with alone, self.client.start_session() as session:
                return _run(session, work, deadline)

    def answers(self) -> bool:
        """Return whether MongoDB answers at once, whatever is left of the request's budget."""
        return Context().run(self._answers)

    def check(self) -> None:
        """Check that MongoDB answers and has transactions; raises Unavailable, StoreError for a single server."""
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
        """Give a collection in which each query sees one moment, in all collections that it reads.

        What has been acknowledged is in it.
        """
        return self.db[collection].with_options(read_concern=ReadConcern("snapshot"))

    def one_moment(self) -> AbstractContextManager[ClientSession]:
        """Return a session in which all queries see one moment; what has been acknowledged is in it."""
        session: ClientSession = self.client.start_session(snapshot=True)
        return session

    def prepare(self, specs: Iterable[CollectionSpec] | None = None) -> None:
        """Make the collections, validators and indexes as they should be, beside what there is; keep `specs` for later.

        Safe to be done by several processes at once. Raises StoreError where what is stored stands against it, and
        Unavailable where the database does not answer; `require` then tries again.
        """
        if specs is not None:
            self._specs, self._prepared = tuple(specs), False
        # Checked before the long budget, which is for building indexes, not for waiting until MongoDB answers.
        with self.budget(PING_SECONDS):
            self.check()
        with self._preparing:
            if not self._prepared:
                try:
                    with self.budget(PREPARE_SECONDS):
                        for spec in self._specs:
                            prepare_collection(self.db, spec, self._tell)
                except OperationFailure as error:
                    raise StoreError(f"The database refuses what scimd needs of it: {reason(error)}") from error
                self._prepared = True

    def _tell(self, state: str) -> None:
        self._preparation.state = state

    def require(self) -> None:
        """Make sure that everything is prepared, at no cost where it is; raises Unavailable, which says what is not.

        A thread does it, and goes on where this request does not wait for it any more.
        """
        if not self._prepared:
            left = (_deadline.get() or math.inf) - time.monotonic()
            self._preparation.wait(min(PING_SECONDS, left))
            if not self._prepared:
                raise Unavailable(self._preparation.state)

    def ready(self) -> None:
        """Check that the database answers and has all its unique indexes; raises Unavailable.

        Without them nothing keeps names unique: one that is missing is built again, and `require` refuses meanwhile.
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


def budget(seconds: float) -> AbstractContextManager[None]:
    """Let all calls of any database inside take `seconds` together, as `Database.budget` does."""
    return _Budget(seconds)


class _Budget(translating):
    """A time limit for what is inside; its failures are told in SCIM's words."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        before = _deadline.get()
        ours = time.monotonic() + self._seconds
        self._shorter = before is None or ours < before
        if self._shorter:
            self._token = _deadline.set(ours)
            self._timeout = pymongo.timeout(self._seconds)
            self._timeout.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._shorter:
            self._timeout.__exit__(kind, error, trace)
            _deadline.reset(self._token)
        super().__exit__(kind, error, trace)


def connect(uri: str, *, threads: int = 16, name: str | None = None, heartbeat_ms: int = 5_000) -> Database:
    """Give the database that the connection string names; nothing is sent before it is used.

    What is given here wins over the same option in the string. Raises StoreError for a string that cannot be.
    """
    options = {key.lower(): value.lower() for key, value in parse_qsl(uri.partition("?")[2])}
    if "zlib" in options.get("compressors", ""):
        raise StoreError("The MongoDB connection string asks for zlib compression, which is not safe: CVE-2025-14847.")
    try:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            uri,
            appname=options.get("appname", "scimd"),
            connect=False,
            tz_aware=True,
            w="majority",
            journal=True,
            wTimeoutMS=10_000,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            retryReads=True,
            # An election of 11 seconds is waited out (D-103); inside a budget that counts instead.
            serverSelectionTimeoutMS=15_000,
            connectTimeoutMS=3_000,
            socketTimeoutMS=10_000,
            heartbeatFrequencyMS=heartbeat_ms,
            maxPoolSize=threads + 4,
            waitQueueTimeoutMS=2_000,
        )
        return Database(client, name or client.get_default_database(DEFAULT_NAME).name)
    except (ConfigurationError, InvalidURI, ValueError, TypeError) as error:
        raise StoreError(f"The MongoDB connection string cannot be used: {error}") from error


def _run(session: ClientSession, work: Callable[[Session], T], deadline: float) -> T:
    """Run one transaction, again and again while its failure is one that goes by and there is time."""
    attempt = 0
    while True:
        session.start_transaction(ReadConcern("snapshot"), WRITES, ReadPreference.PRIMARY)
        try:
            result = work(session)
            _commit(session, deadline)
            return result
        except PyMongoError as error:
            # Never after a commit of unknown outcome: `_commit` has tried again as long as there was time.
            if not error.has_error_label("TransientTransactionError"):
                raise
            pause = random.uniform(0, min(0.005 * 1.5**attempt, 0.5))  # noqa: S311 - jitter, no secret
            if time.monotonic() + pause >= deadline:
                raise
        finally:
            if time.monotonic() >= deadline:
                # The budget is spent, and nothing more would be sent inside it: so outside.
                Context().run(_give_up, session)
            elif session.in_transaction:
                session.abort_transaction()
        time.sleep(pause)
        attempt += 1


def _give_up(session: ClientSession) -> None:
    """End what the server still holds for this session; a commit that took place stays.

    Otherwise it keeps its locks until MongoDB ends it, and who repeats the request on another process waits for them.
    """
    with suppress(PyMongoError), pymongo.timeout(GIVE_UP_SECONDS):
        session.client.admin.command("killSessions", [session.session_id])


def _commit(session: ClientSession, deadline: float) -> None:
    """Commit; a commit whose outcome is not known is asked for again, which does no harm."""
    while True:
        try:
            return session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
