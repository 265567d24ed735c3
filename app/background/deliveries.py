"""The sender as a thread of every worker: one of them has the lease and sends, the others look each second.

It shares no lease, thread or lock with SCIM and the relay, so what happens to an endpoint delays nothing else.
"""

from __future__ import annotations

import logging
import random
import threading
import time

from app.delivery.sending.sender import Sender
from app.errors import Unavailable, describe
from app.store.log.lease import Deposed
from app.store.mongo.database import Database

log = logging.getLogger("scimd")
CANDIDATE_SECONDS = 1.0
"""How often a worker looks for a free lease, on average; also the pause while the database does not answer."""
ACTIVE, REST = 0.05, 0.25
"""How long a round waits, in seconds: shortly after something was sent, and else."""
ACTIVE_SECONDS = 2.0
STOP_SECONDS = 2.0


class DeliveryThread:
    """The thread of one worker."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self._database = database
        self._sender = sender
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it was started, and give the lease back if no attempt is under way."""
        if self._thread.is_alive():
            self._stopping.set()
            self._thread.join(2 * STOP_SECONDS)

    def _run(self) -> None:
        in_trouble = False
        while not self._stopping.is_set():
            try:
                self._database.require()
                if self._sender.take():
                    self._send_events()
                in_trouble = False
            except Unavailable as error:
                if not in_trouble:  # logged once, not each second
                    log.warning("no events are sent to endpoints: %s", describe(error))
                in_trouble = True
            except Deposed:
                log.warning("the sender of this worker has lost its lease to another one, or made no progress")
            except Exception:
                if self._database.closed:  # the process is ending
                    return
                log.exception("the sender failed")
            self._stopping.wait(random.uniform(0.75, 1.25) * CANDIDATE_SECONDS)  # noqa: S311

    def _send_events(self) -> None:
        """Send events as long as this worker has the lease; raises Deposed."""
        last = time.monotonic()
        while not self._stopping.is_set():
            try:
                if self._sender.round(ACTIVE if time.monotonic() - last < ACTIVE_SECONDS else REST):
                    last = time.monotonic()
            except Unavailable as error:
                log.warning("events were not sent to endpoints: %s", describe(error))
                self._stopping.wait(CANDIDATE_SECONDS)
        self._sender.give_back(STOP_SECONDS)
