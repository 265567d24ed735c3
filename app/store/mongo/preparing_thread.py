"""The thread that prepares the database while requests are refused.

An index over millions of documents takes longer than a request may, and MongoDB abandons it when the request ends. So a
thread builds it, without a request's budget.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread

from pymongo.errors import InvalidOperation

from app.errors import Unavailable, describe
from app.store.mongo.failures import StoreError

log = logging.getLogger("scimd")
RETRY_SECONDS = 10.0
"""The pause after a failure that an operator has to resolve; otherwise each request would start the work again."""


class Preparation:
    """Runs `work` in one thread at a time; `work` raises StoreError or Unavailable."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._lock = Lock()
        self._thread: Thread | None = None
        self._begun = 0.0
        self._not_before = 0.0
        self.state = "The database is being prepared."
        """What is being done, or why it failed: one sentence for the clients that are refused meanwhile."""

    def begin(self) -> Thread | None:
        """Return the running thread, started now if there was none; None shortly after a failure."""
        with self._lock:
            if self._thread and self._thread.is_alive():
                return self._thread
            if time.monotonic() < self._not_before:
                return None
            self._begun = time.monotonic()
            self._thread = Thread(target=self._run, name="preparing", daemon=True)  # a new thread has no budget
            self._thread.start()
            return self._thread

    def report(self, state: str) -> None:
        """Set the sentence about what is being done."""
        self.state = state

    def wait(self, seconds: float) -> None:
        """Start the thread unless it runs, and wait until it ends or has run for `seconds`."""
        thread = self.begin()
        if thread:
            thread.join(max(0.0, self._begun + seconds - time.monotonic()))

    def _run(self) -> None:
        try:
            self._work()
        except Unavailable as error:
            self.state = error.detail
        except StoreError as error:
            self._not_before = time.monotonic() + RETRY_SECONDS
            self.state = "The database cannot be prepared; see the server's log."
            log.error("the database cannot be prepared: %s", describe(error))  # noqa: TRY400 - no bug, no traceback
        except InvalidOperation:  # the client was closed, since the process is ending
            return
        except Exception:
            self._not_before = time.monotonic() + RETRY_SECONDS
            log.exception("preparing the database failed")
