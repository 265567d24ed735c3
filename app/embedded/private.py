"""The private `mongod` of a machine that has no MongoDB: a real one, on a Unix socket that nobody else can reach.

It lives in `SCIMD_DATA_DIR/mongodb` and runs as long as somebody uses it: every process that does holds a shared lock
on `users.lock`. One keeper process (`keeper.py`) holds `keeper.lock`, runs mongod, starts it again when it dies, and
ends it when nobody is left. The kernel drops the locks of whoever is killed, so that nothing is left to be cleaned up.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import logging
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from app.errors import describe
from app.processes import start_module, try_lock
from app.store.mongo.failures import StoreError

REPLICA_SET = "scimd"
SOCKET_PATH = re.compile(r"[a-z0-9/._-]{1,100}")
"""Paths that a socket can have.

The kernel takes 107 bytes, and mongod wants a few for itself. In a replica set the path is the name of a host: PyMongo
puts that into small letters, and a colon or a comma ends it.
"""
PATIENCE = 60.0
"""Seconds that a start may take: recovery after a crash, on a slow disk."""
PAUSE = 0.05
WATCH_PAUSE = 1.0
TROUBLE_PAUSE = 5.0
"""Seconds between two attempts to start it while that fails."""

log = logging.getLogger("scimd")


class Place:
    """The folder of one private mongod and the files in it."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir.absolute() / "mongodb"
        self.data = self.folder / "data"
        self.log = self.folder / "mongod.log"
        self.complaints = self.folder / "mongod.err"
        self.users = self.folder / "users.lock"
        self.keeper = self.folder / "keeper.lock"
        self.keeper_log = self.folder / "keeper.log"

    def make(self) -> None:
        """Make the folder, for this user alone; raises StoreError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            self.data.mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(f"The folder {self.folder} cannot be used: {error.strerror}.") from error

    def open(self, file: Path, flags: int) -> int:
        """Open one of the files, made where it is not there, for this user alone; raises StoreError."""
        try:
            return os.open(file, flags | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"The folder {self.folder} cannot be used: {error.strerror}.") from error

    @property
    def socket(self) -> Path:
        """Give the socket's path; where it cannot be in the folder, one in a private folder under the temporary one."""
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        own = f"scimd-{os.getuid()}-{name}"
        folders = (self.folder, Path(tempfile.gettempdir()) / own, Path("/tmp") / own)  # noqa: S108 - made for us alone
        paths = (folder / "mongod.sock" for folder in folders)
        return next(path for path in paths if SOCKET_PATH.fullmatch(str(path)))

    def uri(self, options: str = f"replicaSet={REPLICA_SET}") -> str:
        """Give the connection string."""
        return f"mongodb://{quote_plus(str(self.socket))}/scimd?{options}"


class Use:
    """This process's use of a private mongod, until `leave` or the end of the process."""

    def __init__(self, place: Place, test_commands: bool) -> None:
        self.place = place
        self._test_commands = test_commands
        self._process = os.getpid()
        self._lock = _shared_lock(place)
        self._left = threading.Event()
        self._watched_by = 0
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def inherited(self) -> bool:
        """Tell whether a parent process made this; its lock holds for the child too, and leaving is not the child's."""
        return self._process != os.getpid()

    def start(self) -> None:
        """Wait until mongod takes writes, and start it where nobody else does; raises StoreError."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._launch()
            if takes_writes(self.place):
                return
            time.sleep(PAUSE)
        raise StoreError(f"The private mongod does not start; see {self.place.log}.")

    def watch(self) -> None:
        """Start a keeper again should it be killed, as long as this process lives."""
        if self._watched_by == os.getpid():
            return
        self._watched_by = os.getpid()
        threading.Thread(target=self._watch, name="mongod-watch", daemon=True).start()

    def leave(self) -> None:
        """Stop using it, and wait until it has ended where nobody else is using it."""
        if self.inherited or self._left.is_set():
            return
        self._left.set()
        # An exclusive lock is granted to the last one only, and keeps newcomers waiting until all has ended.
        if try_lock(self._lock, fcntl.LOCK_EX):
            deadline = time.monotonic() + PATIENCE
            while locked(self.place.keeper) and time.monotonic() < deadline:
                _ask_to_end(self.place)
                time.sleep(PAUSE)
            if self._keeper:
                self._keeper.wait(PATIENCE)
        os.close(self._lock)

    def _launch(self) -> None:
        if not locked(self.place.keeper):
            self._keeper = launch(self.place, test_commands=self._test_commands)

    def _watch(self) -> None:
        trouble = ""
        while not self._left.wait(TROUBLE_PAUSE if trouble else WATCH_PAUSE):
            try:
                self._launch()
                if trouble and takes_writes(self.place):
                    log.warning("The private mongod runs again.")
                    trouble = ""
            except StoreError as error:
                if str(error) != trouble:  # it is told once, not at each attempt
                    log.error(describe(error))  # noqa: TRY400 - one sentence, no trace
                trouble = str(error)


_uses: dict[Path, Use] = {}


def use(data_dir: Path, *, watch: bool = False, test_commands: bool = False) -> Place:
    """Use the private mongod of the folder until this process ends, or `leave`; raises StoreError.

    Where no other process uses it, it is started. `watch` is for a process that stays. `test_commands` lets tests
    provoke failures.
    """
    place = Place(data_dir)
    if place.folder not in _uses:
        place.make()
        _uses[place.folder] = Use(place, test_commands)
    _uses[place.folder].start()
    if watch:
        _uses[place.folder].watch()
    return place


@contextlib.contextmanager
def using(data_dir: Path, *, test_commands: bool = False) -> Iterator[Place]:
    """Use the private mongod of the folder inside the block; raises StoreError."""
    try:
        yield use(data_dir, test_commands=test_commands)
    finally:
        leave(data_dir)


def leave(data_dir: Path) -> None:
    """Stop using the private mongod of the folder; the last one who leaves waits until it has ended."""
    ours = _uses.pop(Place(data_dir).folder, None)
    if ours:
        ours.leave()


@atexit.register
def leave_all() -> None:
    """Stop using every private mongod."""
    while _uses:
        _uses.popitem()[1].leave()


def launch(place: Place, *, test_commands: bool = False) -> subprocess.Popen[bytes]:
    """Start a keeper and wait until its mongod takes writes, or another keeper is quicker; raises StoreError."""
    options = ["--test-commands"] * test_commands
    with os.fdopen(place.open(place.keeper_log, os.O_WRONLY | os.O_APPEND), "ab") as log_file:
        keeper = start_module(
            "app.embedded.keeper", str(place.folder.parent), *options, stdout=subprocess.PIPE, stderr=log_file, cwd="/"
        )
    assert keeper.stdout
    with keeper.stdout as answer:
        said = answer.readline().decode().strip()
    if said != "ready":
        keeper.wait()
        raise StoreError(said or f"The private mongod does not start; see {place.keeper_log}.")
    return keeper


def locked(path: Path) -> bool:
    """Tell whether another process holds the lock of the file."""
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def takes_writes(place: Place) -> bool:
    """Tell whether the mongod takes writes now."""
    return bool(hello(place).get("isWritablePrimary"))


def hello(place: Place) -> dict[str, Any]:
    """Give mongod's answer to `hello`, or nothing where it does not answer."""
    if not place.socket.exists():
        return {}
    try:
        with direct_client(place) as client:
            return dict(client.admin.command("hello"))
    except PyMongoError:
        return {}


def direct_client(place: Place) -> MongoClient[dict[str, Any]]:
    """Give a client of the mongod, whatever state it is in."""
    return MongoClient(place.uri("directConnection=true"), serverSelectionTimeoutMS=500, socketTimeoutMS=10_000)


def _ask_to_end(place: Place) -> None:
    """Ask the keeper, whose number is in the file that it has locked, to end."""
    with contextlib.suppress(ValueError, ProcessLookupError):
        os.kill(int(place.keeper.read_text()), signal.SIGTERM)


def _shared_lock(place: Place) -> int:
    deadline = time.monotonic() + PATIENCE
    lock = place.open(place.users, os.O_RDWR)
    while not try_lock(lock, fcntl.LOCK_SH):
        if time.monotonic() >= deadline:
            os.close(lock)
            raise StoreError(f"The private mongod in {place.folder} is being stopped, and does not end.")
        time.sleep(PAUSE)
    return lock
