"""The threads that do what was left for later: count what is still to be counted, and clear what was kept for a while
when its time is over. Every worker has them; they do not get in each other's way, and it does not matter which of them
is killed."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.errors import Unavailable, describe
from app.store.accounts.tenant_deletion import finish_deletions
from app.store.directory.clearances import sweep
from app.store.directory.deleted import clear_expired
from app.store.directory.deleted import settle as settle_deleted
from app.store.directory.totals import settle
from app.store.mongo.database import REQUEST_SECONDS, Database

log = logging.getLogger("scimd")


@dataclass(frozen=True)
class Chore:
    """What is done again and again."""

    name: str
    work: Callable[[Database], object]
    """Raises Unavailable; the next round goes on where this one stopped."""
    pause: float
    """Seconds between two rounds, half of it or half as much again: not all workers are to begin at once."""
    first: float
    """Seconds within which the first one begins."""
    seconds: float
    """What a round may take of the database."""


def _clear(database: Database) -> None:
    cleared = clear_expired(database, datetime.now(UTC))
    if cleared:
        log.info("cleared %s deleted resources whose time was over", cleared)


def _settle(database: Database) -> None:
    settled = settle_deleted(database, datetime.now(UTC))
    if settled:
        log.info("put aside %s memberships of resources that were deleted in the same moment", settled)


def _delete_tenants(database: Database) -> None:
    cleared = finish_deletions(database, datetime.now(UTC))
    if cleared:
        log.info("cleared what was left of %s deleted tenants", cleared)


def _sweep(database: Database) -> None:
    swept = sweep(database, datetime.now(UTC))
    if swept:
        log.info("deleted %s memberships of groups that were cleared", swept)


# What came since the last round is added up by each request that tells a total.
COUNTING = Chore("counting", settle, pause=5, first=5, seconds=REQUEST_SECONDS)
SETTLING = Chore("settling", _settle, pause=10, first=10, seconds=3_600)
SWEEPING = Chore("sweeping", _sweep, pause=10, first=10, seconds=3_600)
# Within a minute: a worker that is given much to do is replaced after some minutes.
CLEARING = Chore("clearing", _clear, pause=3_600, first=60, seconds=3_600)
DELETING = Chore("deleting", _delete_tenants, pause=10, first=10, seconds=3_600)
# Soon after an operator has dropped one: until then a name may be taken twice.
CHECKING = Chore("checking the indexes", Database.ready, pause=5, first=5, seconds=REQUEST_SECONDS)
CHORES = (COUNTING, SETTLING, SWEEPING, CLEARING, DELETING, CHECKING)


def start(database: Database, chores: Iterable[Chore] = CHORES) -> list[threading.Thread]:
    """Start a thread for each chore; they end with the process."""
    threads = [
        threading.Thread(target=_go_on, args=(database, chore), name=chore.name, daemon=True) for chore in chores
    ]
    for thread in threads:
        thread.start()
    return threads


def once(database: Database, chore: Chore) -> bool:
    """Do a chore once, and tell whether there can be another round; what fails is logged and tried again."""
    try:
        with database.budget(chore.seconds):
            chore.work(database)
    except Unavailable as error:
        log.warning("%s is not finished: %s", chore.name, describe(error))
    except Exception:
        if database.closed:  # the process ends
            return False
        log.exception("%s failed", chore.name)
    return True


def _go_on(database: Database, chore: Chore) -> None:
    time.sleep(random.uniform(0, chore.first))  # noqa: S311
    while once(database, chore):
        time.sleep(random.uniform(0.5, 1.5) * chore.pause)  # noqa: S311
