"""Work that is done at a deadline unless it is called off before, by one thread for all.

A thread for each deadline, as `threading.Timer` has it, took a quarter of the processor time of a delivery (D-518).
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable


class Deadlines:
    """The deadlines of this process, times of `time.monotonic`; the work must be short and not raise."""

    _due: dict[object, tuple[float, Callable[[], object]]]
    _wakes: float
    """The deadline at which the thread wakes; what is called off does not wake it."""
    _thread: threading.Thread | None

    def __init__(self) -> None:
        self._start_anew()
        # A process that was forked has neither the thread nor the requests of its parent, but may have its locks.
        os.register_at_fork(after_in_child=self._start_anew)

    def add(self, deadline: float, work: Callable[[], object]) -> object:
        """Do the work at the deadline, at once if that has passed; return what calls it off."""
        key = object()
        with self._changed:
            self._due[key] = deadline, work
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline < self._wakes:
                self._changed.notify()
        return key

    def call_off(self, key: object) -> None:
        """Do not do the work, unless it is being done already."""
        with self._changed:
            self._due.pop(key, None)

    def _start_anew(self) -> None:
        self._changed = threading.Condition()
        self._due, self._wakes, self._thread = {}, math.inf, None

    def _run(self) -> None:
        while True:
            for work in self._wait():
                work()

    def _wait(self) -> list[Callable[[], object]]:
        """Wait until the first deadline, or a new one before it, and return what is due."""
        with self._changed:
            self._wakes = min((deadline for deadline, _ in self._due.values()), default=math.inf)
            left = self._wakes - time.monotonic()
            if left > 0:
                self._changed.wait(None if math.isinf(left) else left)
            moment = time.monotonic()
            due = [key for key, (deadline, _) in self._due.items() if deadline <= moment]
            return [self._due.pop(key)[1] for key in due]


DEADLINES = Deadlines()
"""Those of all outgoing requests."""
