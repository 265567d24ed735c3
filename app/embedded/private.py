"""The private mongod of a machine that has no MongoDB: a real one, on a Unix socket that only this user can reach.

It runs as long as some process uses it. Each such process holds a shared lock on `users.lock`. One keeper process
(`keeper.py`) holds `keeper.lock`, runs mongod, restarts it when it dies, and ends it when no user is left. The kernel
releases the locks of a killed process, so nothing has to be cleaned up.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from app.embedded.folder import MongodFolder
from app.errors import describe
from app.processes import start_module, try_lock
from app.store.mongo.failures import StoreError

PATIENCE = 60.0
"""Seconds that a start may take: recovery after a crash, on a slow disk."""
PAUSE = 0.05
WATCH_PAUSE = 1.0
"""Seconds between two looks at whether the keeper runs."""
TROUBLE_PAUSE = 5.0
"""Seconds between two attempts to start it while that fails."""

log = logging.getLogger("scimd")


class PrivateMongod:
    """A private mongod that this process uses, until `leave` or the end of the process."""

    def __init__(self, folder: MongodFolder, test_commands: bool) -> None:
        self.folder = folder
        self._test_commands = test_commands
        self._process = os.getpid()
        self._lock = _shared_lock(folder)
        self._left = threading.Event()
        self._watched_by = 0
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def inherited(self) -> bool:
        """Whether a fork inherited this: the parent's lock holds for the child, and only the parent may leave."""
        return self._process != os.getpid()

    def start(self) -> None:
        """Start mongod unless another process does, and wait until it takes writes; raises StoreError."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._launch()
            if takes_writes(self.folder):
                return
            time.sleep(PAUSE)
        raise StoreError(f"The private mongod does not start; see {self.folder.log}.")

    def watch(self) -> None:
        """Restart the keeper if it is killed, as long as this process lives."""
        if self._watched_by == os.getpid():
            return
        self._watched_by = os.getpid()
        threading.Thread(target=self._watch, name="mongod-watch", daemon=True).start()

    def leave(self) -> None:
        """Stop using it; if no other process uses it, wait until it has ended."""
        if self.inherited or self._left.is_set():
            return
        self._left.set()
        # Only the last user gets an exclusive lock, which makes new users wait until mongod has ended.
        if try_lock(self._lock, fcntl.LOCK_EX):
            deadline = time.monotonic() + PATIENCE
            while locked(self.folder.keeper_lock) and time.monotonic() < deadline:
                _end_keeper(self.folder)
                time.sleep(PAUSE)
            if self._keeper:
                self._keeper.wait(PATIENCE)
        os.close(self._lock)

    def _launch(self) -> None:
        if not locked(self.folder.keeper_lock):
            self._keeper = launch(self.folder, test_commands=self._test_commands)

    def _watch(self) -> None:
        trouble = ""
        while not self._left.wait(TROUBLE_PAUSE if trouble else WATCH_PAUSE):
            try:
                self._launch()
                if trouble and takes_writes(self.folder):
                    log.warning("The private mongod runs again.")
                    trouble = ""
            except StoreError as error:
                if str(error) != trouble:  # logged once, not at each attempt
                    log.error(describe(error))  # noqa: TRY400 - one sentence, no traceback
                trouble = str(error)


_in_use: dict[Path, PrivateMongod] = {}


def use(data_dir: Path, *, watch: bool = False, test_commands: bool = False) -> MongodFolder:
    """Use the private mongod in `data_dir` until `leave` or the end of this process; raises StoreError.

    It is started unless another process uses it. `watch` is for a process that keeps running. `test_commands` lets
    tests provoke failures.
    """
    folder = MongodFolder(data_dir)
    if folder.path not in _in_use:
        folder.create()
        _in_use[folder.path] = PrivateMongod(folder, test_commands)
    _in_use[folder.path].start()
    if watch:
        _in_use[folder.path].watch()
    return folder


@contextlib.contextmanager
def using(data_dir: Path, *, test_commands: bool = False) -> Iterator[MongodFolder]:
    """Use the private mongod in `data_dir` inside the block; raises StoreError."""
    try:
        yield use(data_dir, test_commands=test_commands)
    finally:
        leave(data_dir)


def leave(data_dir: Path) -> None:
    """Stop using the private mongod in `data_dir`; the last user waits until it has ended."""
    mongod = _in_use.pop(MongodFolder(data_dir).path, None)
    if mongod:
        mongod.leave()


@atexit.register
def leave_all() -> None:
    """Stop using every private mongod."""
    while _in_use:
        _in_use.popitem()[1].leave()


def launch(folder: MongodFolder, *, test_commands: bool = False) -> subprocess.Popen[bytes]:
    """Start a keeper, wait until its mongod or another keeper's takes writes, and return it; raises StoreError."""
    options = ["--test-commands"] * test_commands
    with os.fdopen(folder.open(folder.keeper_log, os.O_WRONLY | os.O_APPEND), "ab") as log_file:
        keeper = start_module(
            "app.embedded.keeper", str(folder.path.parent), *options, stdout=subprocess.PIPE, stderr=log_file, cwd="/"
        )
    assert keeper.stdout
    with keeper.stdout as output:
        line = output.readline().decode().strip()
    if line != "ready":
        keeper.wait()
        raise StoreError(line or f"The private mongod does not start; see {folder.keeper_log}.")
    return keeper


def locked(path: Path) -> bool:
    """Return whether another process holds the lock on the file."""
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def takes_writes(folder: MongodFolder) -> bool:
    """Return whether mongod takes writes now."""
    return bool(hello(folder).get("isWritablePrimary"))


def hello(folder: MongodFolder) -> dict[str, Any]:
    """Return mongod's answer to `hello`, {} if it does not answer."""
    if not folder.socket.exists():
        return {}
    try:
        with direct_client(folder) as client:
            return dict(client.admin.command("hello"))
    except PyMongoError:
        return {}


def direct_client(folder: MongodFolder) -> MongoClient[dict[str, Any]]:
    """Return a client for mongod itself, even if it is not a primary."""
    return MongoClient(folder.uri("directConnection=true"), serverSelectionTimeoutMS=500, socketTimeoutMS=10_000)


def _end_keeper(folder: MongodFolder) -> None:
    """Ask the keeper to end; its process id is in the file that it has locked."""
    with contextlib.suppress(ValueError, ProcessLookupError):
        os.kill(int(folder.keeper_lock.read_text()), signal.SIGTERM)


def _shared_lock(folder: MongodFolder) -> int:
    deadline = time.monotonic() + PATIENCE
    lock = folder.open(folder.users_lock, os.O_RDWR)
    while not try_lock(lock, fcntl.LOCK_SH):
        if time.monotonic() >= deadline:
            os.close(lock)
            raise StoreError(f"The private mongod in {folder.path} is being stopped but does not end; try again later.")
        time.sleep(PAUSE)
    return lock
