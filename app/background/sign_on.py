"""The chores of sign-on: sessions end because of what happens to users, apps are told, and metadata is read again."""

from __future__ import annotations

from collections.abc import Callable

from app.background.janitor import Chore
from app.sign_on.endings import Follower
from app.sign_on.logout_tokens import Teller
from app.sign_on.refreshing import Refreshing
from app.store.accounts.tenants import Tenant
from app.store.directory.directory import Directory
from app.store.mongo.database import Database


def sign_on_chores(
    database: Database, teller: Teller, refreshing: Refreshing, directory: Callable[[Tenant], Directory]
) -> tuple[Chore, ...]:
    """Return the chores.

    `teller` tells apps of ended sessions, `refreshing` reads what identity providers publish, and `directory` opens the
    directory of a tenant.
    """
    follower = Follower(database, teller.days, directory)
    return (
        # Each round but the first begins with one read of one document, and as a rule ends with it.
        Chore("ending sessions", lambda _: follower.round(), pause=1, first=1, seconds=60, done="ended %s sessions"),
        Chore(
            "telling apps", lambda _: teller.round(), pause=1, first=1, seconds=3_600, done="told apps of %s logouts",
        ),
        Chore("reading metadata", lambda _: refreshing.round(), pause=60, first=60, seconds=600),
    )
