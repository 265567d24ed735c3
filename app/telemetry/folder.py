"""The folder in which the processes of a server count together, and the process that serves what they have counted.

The client library keeps a set of files for each process. Ours are named after slots, not after process ids: a process
takes the lowest free slot and goes on with the counters in it, so that there are never more files than there were
processes at once (D-72). A slot is a lock, which the kernel frees however its process ends.
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
"""Where the client library looks for the folder, when it is first imported."""
PREFIX = "scimd-metrics-"
PAUSE = 1.0
"""Seconds before an exporter that has died is started again."""

log = logging.getLogger("scimd")
_slot = (0, -1, -1)
"""The process that has the slot, the slot's number, and the descriptor that holds its lock."""


def join() -> None:
    """Make the folder, or join that of the server which this one replaces, and take a slot for this process."""
    if VARIABLE not in os.environ:
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove(left)  # of a server that was killed
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix=PREFIX)
    if _slot[0] != os.getpid():
        take_slot()


def take_slot() -> None:
    """Take the lowest free slot for this process, in place of the one that it has from before a fork."""
    global _slot
    if _slot[2] >= 0:
        os.close(_slot[2])  # the parent's lock holds on
    for number in itertools.count():
        lock = os.open(_folder() / f"{number}.slot", os.O_RDWR | os.O_CREAT, 0o600)
        if try_lock(lock, fcntl.LOCK_EX):
            break
        os.close(lock)
    _slot = (os.getpid(), number, lock)
    _forget_gauges(number)


def slot() -> int:
    """Return the slot of this process, -1 where it counts alone."""
    return _slot[1]


def forget_the_dead() -> None:
    """Forget the gauges of processes that are gone: how many connections they had, for example."""
    for file in _folder().glob("*.slot"):
        with _free(file) as free:
            if free:
                _forget_gauges(int(file.stem))


def leave() -> None:
    """Remove the folder, unless another server counts in it, too."""
    if _slot[2] >= 0:
        os.close(_slot[2])
    _remove(_folder())


def supervise_exporter() -> None:
    """Keep one exporter running for all workers; the one that has started it is its parent, and it ends with that."""
    threading.Thread(target=_keep_exporter, name="metrics", daemon=True).start()


def _keep_exporter() -> None:
    lock = os.open(_folder() / "exporter.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)  # waits until the worker that has it is gone
    while True:
        exporter = start_module("app.telemetry.exporter", str(os.getpid()))
        log.warning("the process that serves /metrics has ended (%s); it is started again", exporter.wait())
        time.sleep(PAUSE)


def _remove(folder: Path) -> None:
    """Remove a folder that we have made, if none of its slots is taken."""
    slots = list(folder.glob("*.slot"))
    if folder.name.startswith(PREFIX) and slots and all(_is_free(file) for file in slots):
        shutil.rmtree(folder, ignore_errors=True)


def _is_free(file: Path) -> bool:
    with _free(file) as free:
        return free


@contextmanager
def _free(file: Path) -> Iterator[bool]:
    """Hold the lock of a slot inside the block, if it is free; another user's is not."""
    try:
        lock = os.open(file, os.O_RDWR)
    except OSError:
        yield False
        return
    try:
        yield try_lock(lock, fcntl.LOCK_EX)
    finally:
        os.close(lock)


def _forget_gauges(number: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(number, str(_folder()))


def _folder() -> Path:
    return Path(os.environ[VARIABLE])
