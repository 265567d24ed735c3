"""The chores of sign-on: sessions end because of what happens to users, and apps are told."""

from __future__ import annotations

from collections.abc import Callable

from app.background.janitor import Chore
from app.sign_on.endings import Follower
from app.store.accounts.tenants import Tenant
from app.store.directory.directory import Directory
from app.store.mongo.database import Database


def sign_on_chores(database: Database, days: int, directory: Callable[[Tenant], Directory]) -> tuple[Chore, ...]:
    """Return the chores; `days` is how long a log is kept, and `directory` opens the directory of a tenant."""
    follower = Follower(database, days, directory)
    return (
        # Each round but the first begins with one read of one document, and as a rule ends with it.
        Chore("ending sessions", lambda _: follower.round(), pause=1, first=1, seconds=60, done="ended %s sessions"),
    )
