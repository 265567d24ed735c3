"""The gate: what a deactivation passes in a tenant whose guard stops them, before it is written."""

from __future__ import annotations

from collections.abc import Callable

from app.causes import GUARDED
from app.errors import Unavailable
from app.store.accounts.tenants import Tenant
from app.store.guard.deactivations import Counted, Deactivations, Seen
from app.store.guard.guards import Guards
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now

RETRY_SECONDS = 600


class Gate:
    """The gate of one tenant; `users` returns how many users it has."""

    def __init__(self, database: Database, tenant: Tenant, users: Callable[[], int], days: int) -> None:
        self._database = database
        self._tenant = tenant
        self._users = users
        self._guards = Guards(database, days)
        self._deactivations = Deactivations(database)

    def enter(self, user: str, *, deleted: bool) -> bool:
        """Count the user who is to be disabled or deleted; return whether they are counted only now.

        The one with whom it becomes unusual gets through; those after them do not, which raises Unavailable.
        """
        name = self._tenant.name
        guard = self._guards.get(name)
        if not guard.stop:
            return False
        if guard.stopped is not None:
            raise _refusal()
        seen, users = Seen(user, now(), deleted=deleted), self._users()

        def admit(session: Session) -> Counted:
            counted = self._deactivations.count(name, [seen], session, users)
            if counted.new and guard.is_unusual(counted.number - 1, counted.users):
                raise _refusal()  # which ends the transaction, so that they are not counted
            return counted

        counted = self._in_turn(admit)
        if guard.is_unusual(counted.number, counted.users):
            self._guards.find(self._tenant, counted.number, counted.users)
        return counted.new

    def leave(self, user: str) -> None:
        """Take back that a user was counted, because they were not disabled or deleted."""
        back = Seen(user, now(), back=True)
        self._in_turn(lambda session: self._deactivations.count(self._tenant.name, [back], session))

    def _in_turn(self, work: Callable[[Session], Counted]) -> Counted:
        return self._database.transaction(work, turn=(self._tenant.name, "guard"))


def _refusal() -> Unavailable:
    return Unavailable(
        "Unusually many users were disabled or deleted within an hour, so no more are until an operator allows it.",
        retry_after=RETRY_SECONDS, cause=GUARDED,
    )
