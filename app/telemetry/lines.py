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
    """Puts formatted records into a queue that holds at most `MOST`."""

    queue: SimpleQueue[logging.LogRecord]
    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put a record into the queue, or count it as dropped. `Handler.handle` lets in one thread at a time."""
        if self.queue.qsize() >= MOST:
            self.dropped += 1
        else:
            super().enqueue(record)

    def take_dropped(self) -> int:
        """Return how many records have been dropped since the last call."""
        self.acquire()
        dropped, self.dropped = self.dropped, 0
        self.release()
        return dropped


class Writer(logging.Handler):
    """Gathers lines, already formatted, until `flush` writes them to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: list[bytes] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Gather the line of a record."""
        self._lines.append(record.getMessage().encode(errors="backslashreplace") + b"\n")

    def flush(self) -> None:
        """Write the lines, as many at a time as a pipe takes at once: other processes write their lines to it, too."""
        lines, self._lines = self._lines, []
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


class Lines(QueueListener):
    """Writes what a queue holds, from a thread of its own; `handler` puts records into that queue."""

    queue: SimpleQueue[logging.LogRecord]

    def __init__(self, descriptor: int) -> None:
        self.handler = Bounded(SimpleQueue())
        self._writer = Writer(descriptor)
        super().__init__(self.handler.queue, self._writer)

    def dequeue(self, block: bool) -> logging.LogRecord:
        """Return the next record; before that, if none is waiting, write those that have been taken and pause."""
        if self.queue.empty():
            self._report()
            self._writer.flush()
            time.sleep(PAUSE)
        return self.queue.get(block)

    def stop(self) -> None:
        """Write all that is in the queue, and end the thread."""
        self._report()
        super().stop()
        while not self.queue.empty():  # put there by threads that are still running
            self.handle(self.queue.get())
        self._writer.flush()

    def _report(self) -> None:
        dropped = self.handler.take_dropped()
        if dropped:
            log.warning("%d lines of the log were dropped: they are written more slowly than they come", dropped)
