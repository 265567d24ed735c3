"""The chores of sign-on: sessions end because of what happens to users, apps are told, and metadata is read again.

While no tenant has a connection, they ask the database nothing but whether one has, once a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.background.janitor import Chore
from app.sign_on.endings import Follower
from app.sign_on.logout_tokens import Teller
from app.sign_on.refreshing import Refreshing
from app.store.accounts.tenants import Tenant
from app.store.directory.directory import Directory
from app.store.mongo.database import Database
from app.store.sign_on.logouts import is_used

LOOK_SECONDS = 60.0
"""How long it may take until a worker that has signed nobody in notices the first connection."""


class Rest:
    """Whether the chores of a worker may rest, because nobody uses sign-on; `clock` returns seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._looked: float | None = None
        self._rests = False
        self.begins: Callable[[], None] = lambda: None
        """Called at each look after which there is a rest."""

    def wake(self) -> None:
        """Let the chores work, because this worker has signed somebody in."""
        self._rests = False

    def __bool__(self) -> bool:
        moment = self._clock()
        if self._looked is None or moment - self._looked >= LOOK_SECONDS:
            self._looked = moment
            self._rests = not is_used(self._database)
            if self._rests:
                self.begins()
        return self._rests


def sign_on_chores(
    rest: Rest, database: Database, teller: Teller, refreshing: Refreshing, directory: Callable[[Tenant], Directory]
) -> tuple[Chore, ...]:
    """Return the chores.

    `teller` tells apps of ended sessions, `refreshing` reads what identity providers publish, and `directory` opens the
    directory of a tenant.
    """
    follower = Follower(database, teller.days, directory)
    rest.begins = follower.rest

    def unless_resting(work: Callable[[], int]) -> Callable[[Database], int]:
        return lambda _: 0 if rest else work()

    return (
        # A round reads one or two documents, and as a rule ends with that.
        Chore("ending sessions", unless_resting(follower.round), 1, first=1, seconds=60, done="ended %s sessions"),
        Chore("telling apps", unless_resting(teller.round), 1, first=1, seconds=3_600, done="told apps of %s logouts"),
        Chore("reading metadata", lambda _: refreshing.round(), pause=60, first=60, seconds=600),
    )
