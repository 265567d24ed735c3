"""The janitor: deletes what has expired or was left for later, and looks after the indexes.

Every worker runs every chore in a thread of its own. They do not interfere with each other, and any may be killed.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from app.errors import Unavailable, describe
from app.store.accounts.tenant_deletion import finish_deletions
from app.store.directory.deleted import clear_expired
from app.store.directory.membership_sweep import sweep
from app.store.log.retention import delete_expired
from app.store.mongo.database import REQUEST_SECONDS, Database
from app.store.sign_on.links import forget_cleared

log = logging.getLogger("scimd")


@dataclass(frozen=True)
class Chore:
    """Work that is repeated."""

    name: str
    work: Callable[[Database], int | None]
    """Returns how much it did, for the log. Raises Unavailable; the next round continues where this one stopped."""
    pause: float
    """Seconds between two rounds, on average: half to one and a half times that, so that workers do not coincide."""
    first: float
    """The most seconds before the first round."""
    seconds: float
    """The time for the database calls of one round."""
    done: str = ""
    """The log line about what was done, with %s for the number; "" for none."""


def _until_now(work: Callable[[Database, datetime], int]) -> Callable[[Database], int]:
    """Return the work of a chore that deals with everything up to the current time."""
    return lambda database: work(database, datetime.now(UTC))


def _clear(database: Database, moment: datetime) -> int:
    return clear_expired(database, moment, partial(forget_cleared, database))


SWEEPING = Chore(
    "sweeping", _until_now(sweep), pause=10, first=10, seconds=3_600,
    done="deleted %s memberships of groups that were cleared",
)
# The first round comes within a minute: a busy worker is replaced after some minutes.
CLEARING = Chore(
    "clearing", _until_now(_clear), pause=3_600, first=60, seconds=3_600,
    done="deleted %s resources for good, which can no longer be restored",
)
DELETING = Chore(
    "deleting", _until_now(finish_deletions), pause=10, first=10, seconds=3_600,
    done="finished the deletion of %s tenants",
)
RETENTION = Chore("retention", _until_now(delete_expired), pause=3_600, first=60, seconds=3_600)
# Often: after an operator has dropped a unique index, a name can be taken twice until it is built again.
CHECKING = Chore("checking the indexes", Database.ready, pause=5, first=5, seconds=REQUEST_SECONDS)
CHORES = (SWEEPING, CLEARING, DELETING, RETENTION, CHECKING)


def start(database: Database, chores: Iterable[Chore] = CHORES) -> list[threading.Thread]:
    """Start a thread for each chore and return them; they end with the process."""
    threads = [
        threading.Thread(target=_repeat, args=(database, chore), name=chore.name, daemon=True) for chore in chores
    ]
    for thread in threads:
        thread.start()
    return threads


def once(database: Database, chore: Chore) -> bool:
    """Do a chore once and log it; return whether there can be another round."""
    try:
        with database.budget(chore.seconds):
            number = chore.work(database)
        if number and chore.done:
            log.info(chore.done, number)
    except Unavailable as error:
        log.warning("%s is not finished: %s", chore.name, describe(error))
    except Exception:
        if database.closed:  # the process is ending
            return False
        log.exception("%s failed", chore.name)
    return True


def _repeat(database: Database, chore: Chore) -> None:
    time.sleep(random.uniform(0, chore.first))  # noqa: S311
    while once(database, chore):
        time.sleep(random.uniform(0.5, 1.5) * chore.pause)  # noqa: S311
