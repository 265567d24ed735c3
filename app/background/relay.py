"""The relay as a thread of every worker: one of them has the lease and moves events, the others look each second.

The one that moves events is woken by writes on its own machine, and finds those of other machines by looking.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
import time
from contextlib import suppress

from app.errors import Unavailable, describe
from app.store.log.batch import MOST_EVENTS
from app.store.log.lease import Deposed
from app.store.log.relay import Relay
from app.store.mongo.database import Database

log = logging.getLogger("scimd")
CANDIDATE_SECONDS = 1.0
"""How often a worker looks for a free lease, on average; also the pause while the database does not answer."""
FEW = 5
"""A batch below this number is followed by the short pause, any other by the long one, and a full one by none.

Large batches cost less: of 14 events, one took 0.8 ms of processor time in all, of 100 and more 0.26 ms.
"""
SHORT, LONG = 0.02, 0.1
ACTIVE_SECONDS = 2.0
"""After this time without events the relay rests."""
REST = 0.25
"""How often a resting relay looks, in seconds."""
STOP_SECONDS = 2.0


class Bell:
    """Wakes the relay, if it runs in a process of this server; made before the workers, which inherit it."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def ring(self) -> None:
        """Wake the relay, or keep it from falling asleep; takes about a microsecond and never fails."""
        with suppress(OSError):  # rung 2^64 times, with no relay on this machine
            os.eventfd_write(self._descriptor, 1)

    def wait(self, seconds: float) -> None:
        """Wait until it rings."""
        if self._poll.poll(seconds * 1_000):
            with suppress(BlockingIOError):
                os.eventfd_read(self._descriptor)


class RelayThread:
    """The thread of one worker."""

    def __init__(self, database: Database, relay: Relay) -> None:
        self._database = database
        self._relay = relay
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._bell: Bell

    def start(self, bell: Bell) -> None:
        """Start the thread; `bell` is that of all workers, and rings from now on when this one writes."""
        self._bell = bell
        self._database.wake = bell.ring
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it was started, and give the lease back, so that another process has it at once."""
        if self._thread.is_alive():
            self._stopping.set()
            self._bell.ring()
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        in_trouble = False
        while not self._stopping.is_set():
            try:
                self._database.require()
                if self._relay.take():
                    self._move_events()
                in_trouble = False
            except Unavailable as error:
                if not in_trouble:  # logged once, not each second
                    log.warning("no events are moved to the log: %s", describe(error))
                in_trouble = True
            except Deposed:
                log.warning("the relay of this worker has lost its lease to another one, or made no progress")
            except Exception:
                if self._database.closed:  # the process is ending
                    return
                log.exception("the relay failed")
            self._stopping.wait(random.uniform(0.75, 1.25) * CANDIDATE_SECONDS)  # noqa: S311

    def _move_events(self) -> None:
        """Move events as long as this worker has the lease; raises Deposed."""
        last = time.monotonic()
        while not self._stopping.is_set():
            try:
                number = self._relay.round()
            except Unavailable as error:
                log.warning("events were not moved to the log: %s", describe(error))
                self._stopping.wait(CANDIDATE_SECONDS)
                continue
            if number:
                last = time.monotonic()
            if time.monotonic() - last > ACTIVE_SECONDS:
                self._bell.wait(REST)
            elif number < MOST_EVENTS:
                self._stopping.wait(SHORT if number < FEW else LONG)
        self._relay.give_back()
