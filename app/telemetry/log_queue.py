"""Log lines that no request waits for: they go into a queue, and a thread writes them together, ten times a second.

Writing each line at once costs a busy process more than the write itself, because a thread that has released the
interpreter's lock for it gets it back late: with a write for each request, GETs of one user reached 0.62 of the bare
app's rate, without 0.74. A process that is killed loses the last tenth of a second. What has been changed is in the
provisioning log, whose lines are in the database.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from select import PIPE_BUF

PAUSE = 0.1
"""Seconds between two writes."""
MOST = 10_000
"""Lines that wait while they cannot be written; further ones are dropped, counted, and the count is logged."""

log = logging.getLogger("scimd")


class Bounded(QueueHandler):
    """Puts formatted lines into a queue that holds at most `MOST`."""

    queue: SimpleQueue[bytes | None]
    dropped = 0

    def prepare(self, record: logging.LogRecord) -> bytes:
        """Return the line of a record; QueueHandler's own would copy the record."""
        return self.format(record).encode(errors="backslashreplace") + b"\n"

    def enqueue(self, line: bytes) -> None:  # type: ignore[override]  # what `prepare` returns
        """Put a line into the queue, or count it as dropped."""
        if self.queue.qsize() < MOST:
            self.queue.put(line)
        else:
            self.acquire()
            self.dropped += 1
            self.release()

    def write(self, line: bytes) -> None:
        """Put a whole line into the queue: structlog writes to this handler as to a file."""
        self.enqueue(line)

    def take_dropped(self) -> int:
        """Return how many lines have been dropped since the last call."""
        self.acquire()
        dropped, self.dropped = self.dropped, 0
        self.release()
        return dropped


class Lines(QueueListener):
    """Writes what a queue holds to a descriptor, from a thread of its own; `handler` puts lines into that queue."""

    queue: SimpleQueue[bytes | None]

    def __init__(self, descriptor: int) -> None:
        self.handler = Bounded(SimpleQueue())
        self._descriptor = descriptor
        self._taken: list[bytes] = []
        super().__init__(self.handler.queue)

    def dequeue(self, block: bool) -> bytes | None:  # type: ignore[override]  # what `enqueue` puts
        """Return the next line; before that, if none is waiting, write those that have been taken and pause."""
        if self.queue.empty():
            self._report()
            self._flush()
            time.sleep(PAUSE)
        return self.queue.get(block)

    def handle(self, line: bytes) -> None:  # type: ignore[override]
        """Take a line."""
        self._taken.append(line)

    def stop(self) -> None:
        """Write all that is in the queue, and end the thread."""
        self._report()
        super().stop()
        while not self.queue.empty():  # put there by threads that are still running
            self._taken.append(self.queue.get() or b"")
        self._flush()

    def _report(self) -> None:
        dropped = self.handler.take_dropped()
        if dropped:
            log.warning("%d lines of the log were dropped: they are written more slowly than they come", dropped)

    def _flush(self) -> None:
        """Write the lines, as many at a time as a pipe takes at once: other processes write their lines to it, too."""
        lines, self._taken = self._taken, []
        together = b""
        for line in lines:
            if len(together) + len(line) > PIPE_BUF:
                self._write(together)
                together = b""
            together += line
        self._write(together)

    def _write(self, text: bytes) -> None:
        with suppress(OSError):  # a log that cannot be written, such as on a full disk, stops nothing
            while text:
                text = text[os.write(self._descriptor, text) :]
