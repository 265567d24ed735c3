"""The thread that clears what is kept for a while, when its time is over. Every worker has one; they do not get in each
other's way, and it does not matter which of them is killed."""

from __future__ import annotations

import logging
import random
import threading
import time
from datetime import UTC, datetime

from pymongo.errors import InvalidOperation

from app.errors import Unavailable
from app.store.database import Database
from app.store.deleted import clear_expired

log = logging.getLogger("scimd")
PAUSE = 3_600
"""Seconds between two rounds."""
FIRST = 60
"""Seconds within which the first one begins: a worker that is given much to do is replaced after some minutes."""


def start(database: Database, *, pause: float = PAUSE) -> threading.Thread:
    """Start the thread; it ends with the process."""
    thread = threading.Thread(target=_work, args=(database, pause), name="janitor", daemon=True)
    thread.start()
    return thread


def clear(database: Database, seconds: float = PAUSE) -> bool:
    """Clear once what is over, and tell whether there can be another round; what fails is logged and tried again."""
    try:
        with database.budget(seconds):
            cleared = clear_expired(database, datetime.now(UTC))
    except Unavailable as error:
        log.warning("not all was cleared: %s", error.detail)
    except InvalidOperation:  # the client was closed: the process ends
        return False
    except Exception:
        log.exception("the janitor failed")
    else:
        if cleared:
            log.info("cleared %s deleted resources whose time was over", cleared)
    return True


def _work(database: Database, pause: float) -> None:
    # At random times, so that not all workers start at once.
    time.sleep(random.uniform(0, min(FIRST, pause)))  # noqa: S311
    while clear(database):
        time.sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311
