"""One write of a directory with its event: done as a whole or not at all, and its outcome found out if need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.errors import PayloadTooLarge, Unavailable
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


class Writes:
    """The writes of one tenant's directory."""

    def __init__(self, database: Database, tenant: str, events: Events) -> None:
        self._database = database
        self._tenant = tenant
        self._events = events

    def commit(self, write: Write, request: Request) -> Change:
        """Do a write with its event, in turn with others of the resource; raises Unavailable, PayloadTooLarge.

        If its outcome is unknown, the stored event says whether it took place: all 16 writes that ended in a network
        error when failover was measured had (D-101).
        """
        event_id, made = new_id(), list[Change]()

        def line(change: Change) -> Pending:
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

    def log_unchanged(
        self, change: Change, request: Request, event_id: str | None = None, session: Session = None
    ) -> None:
        """Write the line of a request that has changed nothing, which it has only for its warnings."""
        if change.kind is Kind.UNCHANGED and request.warnings:
            self._events.append(line_of(change, request, event_id or new_id()), request.actor, session)
