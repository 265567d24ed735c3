"""The thread that makes what the database must have, while requests are refused.

An index over millions of documents takes longer than a request may, and a request that is cut off takes the index with
it. So it is built by a thread without a request's budget.
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
"""After a failure that only an operator can mend: what was built until then would be built again at each request."""


class Preparation:
    """Runs `work`, one thread at a time; `work` raises StoreError or Unavailable."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._lock = Lock()
        self._thread: Thread | None = None
        self._begun = 0.0
        self._not_before = 0.0
        self.state = "The database is being prepared."
        """What is being done, or why it failed: a sentence for those who are refused meanwhile."""

    def begin(self) -> Thread | None:
        """Return the thread at work, begun now if there was none; None shortly after a failure."""
        with self._lock:
            if self._thread and self._thread.is_alive():
                return self._thread
            if time.monotonic() < self._not_before:
                return None
            self._begun = time.monotonic()
            self._thread = Thread(target=self._run, name="preparing", daemon=True)  # with no budget: contexts are new
            self._thread.start()
            return self._thread

    def wait(self, seconds: float) -> None:
        """Begin, and wait for the thread until it has run for `seconds`."""
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
            self.state = "The database is not as it must be; see the server's log."
            log.error("the database is not as it must be: %s", describe(error))  # noqa: TRY400 - no bug, no trace
        except InvalidOperation:  # the client was closed: the process ends
            return
        except Exception:
            self._not_before = time.monotonic() + RETRY_SECONDS
            log.exception("preparing the database failed")
