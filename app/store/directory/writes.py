"""One write of a directory with its event: done as a whole or not at all, and its outcome found out if need be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from app.errors import PayloadTooLarge, Unavailable
from app.store.directory.newcomers import Newcomers
from app.store.directory.resources import Resources, full
from app.store.log.changes import Change, Kind, Request, line_of
from app.store.log.event import new_id
from app.store.log.events import Events
from app.store.log.outbox import Pending
from app.store.mongo.database import TRANSACTION_SECONDS, Database, Session

Line = Callable[[Change], Pending]
"""Returns the event to store with a change."""


@dataclass(frozen=True)
class Write:
    """A write to one resource, and to what belongs to it."""

    work: Callable[[Session, Line], Change]
    """Writes, and returns what it did; it may be called several times."""
    store: Resources
    resource_id: str
    alone: bool = False
    """Whether it writes one document with one command, and so needs no transaction."""
    is_new: bool = False
    """Whether nobody else can be writing to the resource."""


class Gate(Protocol):
    """What deactivations pass in a tenant whose guard may refuse them."""

    def enter(self, user: str, *, deleted: bool) -> bool:
        """Count a user; return whether they were not counted before. Raises Unavailable to refuse it."""

    def leave(self, user: str) -> None:
        """Take back that a user was counted."""


class Writes:
    """The writes of one tenant's directory; `gate` is None unless its guard may refuse deactivations."""

    def __init__(
        self, database: Database, tenant: str, events: Events, newcomers: Newcomers, gate: Gate | None = None
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._events = events
        self._newcomers = newcomers
        self._gate = gate

    def commit(self, write: Write, request: Request) -> Change:
        """Do a write with its event, in turn with others of the resource; raises Unavailable, PayloadTooLarge.

        If its outcome is unknown, the stored event says whether it took place: all 16 writes that ended in a network
        error when failover was measured had (D-101).
        """
        counted: list[str] = []
        try:
            change = self._commit(write, request, counted)
        except BaseException:
            self._leave(counted)
            raise
        self._newcomers.settle(change)
        return change

    def _commit(self, write: Write, request: Request, counted: list[str]) -> Change:
        """Do a write; add to `counted` the user whom the gate has counted for it."""
        event_id, made = new_id(), list[Change]()

        def line(change: Change) -> Pending:
            if self._gate is not None and change.deactivates:
                user, deleted = change.resource["id"], change.kind is Kind.DELETED
                counted.extend([user] if self._gate.enter(user, deleted=deleted) else [])
            made[:] = [change]
            return self._events.pending(line_of(change, request, event_id), request.actor)

        def whole(session: Session) -> None:
            made[:] = [write.work(session, line)]
            self.log_unchanged(made[0], request, event_id, session)

        try:
            if write.alone:
                with self._database.budget(TRANSACTION_SECONDS):
                    whole(None)
            else:
                turn = None if write.is_new else (self._tenant, write.resource_id)
                self._database.transaction(whole, turn=turn)
        except Unavailable:
            if not (made and self._events.contains(event_id, write.store.collection.name, write.resource_id)):
                raise
        except PayloadTooLarge as error:
            if made and write.store.has_pending(write.resource_id):
                raise full(write.store.type) from error
            raise
        self._database.wake()
        return made[0]

    def _leave(self, counted: list[str]) -> None:
        """Take back that users were counted, for a write that failed."""
        for user in counted:
            assert self._gate is not None
            with suppress(Unavailable):  # they stay counted for an hour
                self._gate.leave(user)

    def log_unchanged(
        self, change: Change, request: Request, event_id: str | None = None, session: Session = None
    ) -> None:
        """Write the line of a request that has changed nothing, which it has only for its warnings."""
        if change.kind is Kind.UNCHANGED and request.warnings:
            self._events.append(line_of(change, request, event_id or new_id()), request.actor, session)
