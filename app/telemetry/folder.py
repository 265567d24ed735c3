"""The folder in which the processes of a server keep their metrics, and the process that serves them.

The client library keeps a set of files for each process. Ours are named after slots, not process ids: a process takes
the lowest free slot and continues its counters, so there are never more sets of files than processes at once (D-72). A
slot is a lock, which the kernel releases however its process ends.
"""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.processes import start_module, try_lock

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder for the client library, which reads it when it is first imported."""
PREFIX = "scimd-metrics-"
PAUSE = 1.0
"""Seconds before a metrics server that has ended is restarted."""

log = logging.getLogger("scimd")
_slot = (0, -1, -1)
"""The id of the process that has the slot, the slot's number, and the descriptor with its lock."""


def join() -> None:
    """Create the folder, or use that of the server that this one replaces, and take a slot for this process."""
    if VARIABLE not in os.environ:
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove(left)  # left by a server that was killed
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix=PREFIX)
    if _slot[0] != os.getpid():
        take_slot()


def take_slot() -> None:
    """Take the lowest free slot for this process, in place of the one inherited by a fork."""
    global _slot
    if _slot[2] >= 0:
        os.close(_slot[2])  # the parent keeps its lock
    for number in itertools.count():
        lock = os.open(_folder() / f"{number}.slot", os.O_RDWR | os.O_CREAT, 0o600)
        if try_lock(lock, fcntl.LOCK_EX):
            break
        os.close(lock)
    _slot = (os.getpid(), number, lock)
    _remove_gauges(number)


def slot() -> int:
    """Return the slot of this process, -1 if it shares no folder."""
    return _slot[1]


def remove_gauges_of_ended() -> None:
    """Remove the gauges of processes that have ended, such as their numbers of connections."""
    for file in _folder().glob("*.slot"):
        with _free(file) as free:
            if free:
                _remove_gauges(int(file.stem))


def leave() -> None:
    """Remove the folder, unless another server uses it."""
    if _slot[2] >= 0:
        os.close(_slot[2])
    _remove(_folder())


def supervise_metrics_server() -> None:
    """Keep one metrics server running for all workers; it ends with the worker that has started it."""
    threading.Thread(target=_keep_metrics_server, name="metrics", daemon=True).start()


def _keep_metrics_server() -> None:
    lock = os.open(_folder() / "exporter.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)  # waits until the worker that holds it has ended
    while True:
        server = start_module("app.telemetry.metrics_server", str(os.getpid()))
        log.warning("the process that serves /metrics has ended (%s) and is restarted", server.wait())
        time.sleep(PAUSE)


def _remove(folder: Path) -> None:
    """Remove a folder of ours, if all its slots are free."""
    slots = list(folder.glob("*.slot"))
    if folder.name.startswith(PREFIX) and slots and all(_is_free(file) for file in slots):
        shutil.rmtree(folder, ignore_errors=True)


def _is_free(file: Path) -> bool:
    with _free(file) as free:
        return free


@contextmanager
def _free(file: Path) -> Iterator[bool]:
    """Hold a slot's lock inside the block and yield whether it was free; another user's slot is not."""
    try:
        lock = os.open(file, os.O_RDWR)
    except OSError:
        yield False
        return
    try:
        yield try_lock(lock, fcntl.LOCK_EX)
    finally:
        os.close(lock)


def _remove_gauges(number: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(number, str(_folder()))


def _folder() -> Path:
    return Path(os.environ[VARIABLE])
