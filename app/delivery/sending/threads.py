"""The threads that send: made when they are needed, and never waited for when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

MOST = 32


class Threads:
    """At most `MOST` threads, each of which does one piece of work after the other; work must not raise."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._number = 0
        self._busy = 0

    @property
    def free(self) -> int:
        """How many more pieces of work can be begun at once."""
        return MOST - self._busy

    def begin(self, work: Callable[[], None]) -> None:
        """Do it in a thread; one is free. Its end is noted by `ended`."""
        self._busy += 1
        if self._number < self._busy:
            self._number += 1
            # Unlike those of an executor, these threads do not keep a process from ending.
            threading.Thread(target=self._run, name="sending events", daemon=True).start()
        self._work.put(work)

    def ended(self) -> None:
        """Note that a piece of work has ended; called by the thread that begins them."""
        self._busy -= 1

    def _run(self) -> None:
        while True:
            self._work.get()()
