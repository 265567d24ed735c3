"""The gate: what a deactivation passes in a tenant whose guard stops them, before it is written."""

from __future__ import annotations

from collections.abc import Callable

from app.causes import GUARDED
from app.errors import Unavailable
from app.store.accounts.tenants import Tenant
from app.store.guard.deactivations import WATCHED, Counted, Deactivations, Seen
from app.store.guard.guards import Guards
from app.store.mongo.database import Database
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
        counted = self._count(Seen(user, now(), deleted=deleted))
        if counted.number < WATCHED:
            return counted.new
        users = self._users()
        if counted.new and guard.is_unusual(counted.number - 1, users + counted.deleted):
            self.leave(user)
            raise _refusal()
        self._guards.find(self._tenant, counted, users)
        return counted.new

    def leave(self, user: str) -> None:
        """Take back that a user was counted, because they were not disabled or deleted."""
        self._count(Seen(user, now(), back=True))

    def _count(self, seen: Seen) -> Counted:
        turn = self._tenant.name, "guard"
        return self._database.transaction(
            lambda session: self._deactivations.count(self._tenant.name, [seen], session), turn=turn
        )


def _refusal() -> Unavailable:
    return Unavailable(
        "Unusually many users were disabled or deleted within an hour, so no more are until an operator allows it.",
        retry_after=RETRY_SECONDS, cause=GUARDED,
    )
