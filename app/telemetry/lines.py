"""Lines of a log that nobody waits for: they are put aside and written together, ten times a second.

A write lets go of the interpreter's lock, and in a busy process it comes back late: with a write for each request a
GET of one user made 0.62 of the bare app's rate, without 0.74. A process that ends writes what is left; one that is
killed loses the last tenth of a second. What was changed is in the provisioning log, whose lines are in the database.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from contextlib import suppress
from select import PIPE_BUF

PAUSE = 0.1
"""Seconds between two writes."""
MOST = 10_000
"""Lines that wait where they cannot be written; beyond that the oldest are lost, and no answer is held up."""


class Lines:
    """A file to which a logger writes whole lines, for one process; it is written to a descriptor by a thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque(maxlen=MOST)
        self._writing = threading.Lock()
        threading.Thread(target=self._go_on, name="log", daemon=True).start()
        atexit.register(self.drain)

    def write(self, line: bytes) -> None:
        """Put a line aside."""
        self._waiting.append(line)

    def flush(self) -> None:
        """Leave it to the thread."""

    def drain(self) -> None:
        """Write what has been put aside, several lines at a time."""
        with self._writing, suppress(OSError):  # a log that cannot be written, a full disk, harms nobody
            while self._waiting:
                # Not more than a pipe takes as a whole: other processes write lines to it, too.
                together = self._waiting.popleft()
                while self._waiting and len(together) + len(self._waiting[0]) <= PIPE_BUF:
                    together += self._waiting.popleft()
                while together:
                    together = together[os.write(self._descriptor, together) :]

    @property
    def waiting(self) -> int:
        """Tell how many lines wait."""
        return len(self._waiting)

    def _go_on(self) -> None:
        while True:
            time.sleep(PAUSE)
            self.drain()
