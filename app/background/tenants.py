"""The chores that follow what happens to the users of tenants: their roles by groups, and the guard."""

from __future__ import annotations

from collections.abc import Callable

from app.background.guard import GuardFollower
from app.background.janitor import Chore
from app.roles.follower import Follower
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenant
from app.store.directory.directory import Directory
from app.store.directory.totals import Totals
from app.store.mongo.database import Database


def tenant_chores(database: Database, days: int, directory: Callable[[Tenant], Directory]) -> tuple[Chore, ...]:
    """Return the chores; `days` is how long the log is kept, and `directory` opens the directory of a tenant."""
    roles = Follower(database, directory)
    guard = GuardFollower(database, days, lambda tenant: Totals(database, tenant).of(USER_TYPE).number)
    return (
        # As long as no tenant maps a group, a round is one read of an empty collection.
        Chore(
            "giving roles", lambda _: roles.round(), pause=1, first=1, seconds=600,
            done="changed the roles of %s people",
        ),
        # A round is two reads of one document each, and one of the events that are new.
        Chore("guarding", lambda _: guard.round(), pause=1, first=1, seconds=60),
    )
