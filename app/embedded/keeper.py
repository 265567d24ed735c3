"""The keeper of a private mongod: a small process that starts it, restarts it, and ends it when nobody uses it.

`private.launch` starts `python -m app.embedded.keeper DATA_DIR`, which writes one line: `ready`, or a sentence that
says why mongod does not start.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pymongo.errors import OperationFailure, PyMongoError

from app.embedded.binary import NOT_RUNNABLE, STOP_SECONDS, command, does_not_run, end_orphan, find_binary
from app.embedded.folder import REPLICA_SET, MongodFolder
from app.embedded.private import PATIENCE, direct_client, hello
from app.processes import try_lock
from app.store.mongo.failures import StoreError

POLL = 0.1
ALREADY_INITIALIZED = 23
"""The code of MongoDB's error for a replica set that is initiated twice."""
LARGEST_LOG = 20_000_000
ROOM = 100 << 20
"""The bytes that mongod allocates on the disk at once, for a journal file."""


class Keeper:
    """Keeps one mongod running while some process uses it."""

    def __init__(self, folder: MongodFolder, test_commands: bool = False) -> None:
        self._folder = folder
        self._test_commands = test_commands
        self._mongod: subprocess.Popen[bytes] | None = None
        self._users = os.open(folder.users_lock, os.O_RDWR | os.O_CREAT, 0o600)

    def start(self) -> None:
        """Start mongod and wait until it takes writes; raises StoreError."""
        binary = find_binary()
        end_orphan(self._folder)
        _private_folder(self._folder.socket.parent)
        self._folder.socket.unlink(missing_ok=True)
        _shorten(self._folder.log)
        try:
            with self._folder.errors.open("wb") as errors:
                self._mongod = subprocess.Popen(  # noqa: S603 - the binary was looked up, the arguments are ours
                    command(binary, self._folder, test_commands=self._test_commands),
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                    preexec_fn=_end_with_parent, cwd=self._folder.path,
                )
        except OSError as error:
            raise StoreError(does_not_run(binary, error.strerror or str(error))) from error
        deadline = time.monotonic() + PATIENCE
        while not self._is_primary():
            if self._mongod.poll() is not None:
                raise StoreError(self._reason(binary))
            if time.monotonic() >= deadline:
                raise StoreError(f"The private mongod does not become ready; see {self._folder.log}.")
            time.sleep(0.02)

    def keep(self) -> None:
        """Restart mongod whenever it dies, until no process uses it or SIGTERM arrives; raises StoreError.

        A failed restart ends the keeper: the processes that use mongod start another one, which reports the reason.
        """
        while self._in_use() and signal.sigtimedwait({signal.SIGTERM}, POLL) is None:
            if self._mongod and self._mongod.poll() is not None:
                _log(f"mongod has ended with status {self._mongod.returncode}; it is restarted")
                self.start()

    def stop(self) -> None:
        """End mongod, with time to write its data to disk."""
        if self._mongod and self._mongod.poll() is None:
            self._mongod.terminate()
            try:
                self._mongod.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._mongod.kill()
                self._mongod.wait()
        self._folder.socket.unlink(missing_ok=True)

    def _in_use(self) -> bool:
        """Return whether a process holds the shared lock; if none does, new users wait until this process has ended."""
        return not try_lock(self._users, fcntl.LOCK_EX)

    def _is_primary(self) -> bool:
        """Return whether mongod takes writes; initiate its replica set, or adapt it to a new path, if need be."""
        answer = hello(self._folder)
        if answer.get("isreplicaset"):
            member = {"_id": 0, "host": str(self._folder.socket)}
            with direct_client(self._folder) as client:
                try:
                    config = client.admin.command("replSetGetConfig")["config"]
                    config |= {"version": config["version"] + 1, "members": [config["members"][0] | member]}
                    client.admin.command("replSetReconfig", config, force=True)
                except PyMongoError:  # it has not been initiated, or has not read its configuration yet
                    try:
                        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
                    except OperationFailure as error:
                        if error.code != ALREADY_INITIALIZED:
                            raise
        return bool(answer.get("isWritablePrimary"))

    def _reason(self, binary: str) -> str:
        """Return the sentence that says why mongod has ended, or where its log says so."""
        assert self._mongod
        if self._mongod.returncode in NOT_RUNNABLE or not self._folder.log.exists():
            lines = self._folder.errors.read_text(errors="replace").strip().splitlines()
            return does_not_run(binary, lines[-1] if lines else f"status {self._mongod.returncode}")
        return (
            f"The private mongod ({binary}) ends with status {self._mongod.returncode}; {self._folder.log} says why. "
            f"To use another MongoDB, set SCIMD_MONGODB_URI."
        )


def _private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    info = path.lstat()
    if path.is_symlink() or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise StoreError(f"The folder {path} must belong to this user alone; delete it, and scimd creates it.")


def _shorten(log: Path) -> None:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))


def _end_with_parent() -> None:
    """Let the kernel send SIGTERM to mongod if its keeper is killed (prctl: PR_SET_PDEATHSIG is 1)."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _log(line: str) -> None:
    with contextlib.suppress(OSError):  # the log file is on the disk that is full
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), line, file=sys.stderr, flush=True)


def _no_room(folder: Path) -> str:
    """Return the sentence that the disk is full, or ""; allocating a file is the only test that respects quotas."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, ROOM)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            disk = next(path for path in (folder, *folder.parents) if path.is_mount())
            return (
                f"The disk is full: {disk}, with the private mongod's folder {folder}, has less than {ROOM >> 20} MB "
                "left. Make room, and mongod is restarted."
            )
    return ""


def _report(line: str) -> None:
    """Write the one line and close the pipe, since the reader waits for its end."""
    with contextlib.suppress(BrokenPipeError):  # the reader has ended
        print(line, flush=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def main(arguments: list[str]) -> int:
    """Run the keeper for the data folder in `arguments`; return the exit status."""
    folder = MongodFolder(Path(arguments[0]))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # `keep` waits for it
    lock = os.open(folder.keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
    if not try_lock(lock, fcntl.LOCK_EX):
        _report("ready")  # another keeper runs
        return 0
    keeper = Keeper(folder, "--test-commands" in arguments)
    try:
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        keeper.start()
        _report("ready")
        keeper.keep()
    except (StoreError, OSError, PyMongoError) as error:
        why = _no_room(folder.path) or " ".join(str(error).split())
        _log(why)
        _report(why)
        return 1
    finally:
        keeper.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
