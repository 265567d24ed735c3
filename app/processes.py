"""Processes on this machine: starting a module of ours, locks that end with their process, and ports in use."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

PAUSE = 0.1


class AddressTaken(Exception):
    """The address cannot be listened on; the text is one sentence for the operator."""


def start_module(
    module: str, *arguments: str, stdin: int = subprocess.DEVNULL, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a module of ours as a process that Ctrl-C does not reach; `options` are passed to Popen.

    `-P` and our root at the front of PYTHONPATH keep a package named `app` in the current folder from being imported.
    """
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
        [sys.executable, "-P", "-m", module, *arguments], stdin=stdin, start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, **options,
    )


def collect_seldom() -> None:
    """Let Python look for garbage in cycles after 50,000 new objects, not 700: most have none (D-666)."""
    gc.set_threshold(50_000, 10, 10)


def try_lock(lock: int, kind: int) -> bool:
    """Lock an open file if it is free, and return whether it was; the kernel releases the lock with the process.

    `lock` is the file's descriptor, `kind` is LOCK_SH or LOCK_EX.
    """
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def wait_for_address(address: tuple[str, int] | str, seconds: float) -> None:
    """Wait until no process listens on an address: host and port, or the path of a Unix socket.

    Raises AddressTaken, which names the process that does, or says at once why the address cannot be used.
    """
    deadline = time.monotonic() + seconds
    shown = f"unix:{address}" if isinstance(address, str) else f"{address[0]}:{address[1]}"
    try:
        while _is_socket_taken(Path(address)) if isinstance(address, str) else _is_taken(*address):
            if time.monotonic() >= deadline:
                found = () if isinstance(address, str) else listeners(address[1])
                holder = next(iter(found), "another process")
                raise AddressTaken(f"{shown} is in use by {holder}: end that, or set SCIMD_BIND to another address.")
            time.sleep(PAUSE)
    except OSError as error:
        why = error.strerror or error
        raise AddressTaken(f"{shown} cannot be used: {why}; set SCIMD_BIND to another address.") from error


def _is_taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False


def _is_socket_taken(path: Path) -> bool:
    """Return whether a process listens on a Unix socket. Raises OSError if none can be made there.

    gunicorn removes a socket that exists, also that of a server that runs.
    """
    if path.exists() and not path.is_socket():
        raise FileExistsError(errno.EEXIST, "it exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        if not path.exists():
            probe.bind(str(path))
            path.unlink()
            return False
        with suppress(ConnectionRefusedError, FileNotFoundError):  # its process was killed, or has just removed it
            probe.connect(str(path))
            return True
    return False


def listeners(port: int) -> Iterator[str]:
    """Yield the processes that listen on a TCP port, as `process 4711 (scimd serve)`, as far as we may inspect them."""
    sockets = {
        f"socket:[{row[9]}]" for table in ("tcp", "tcp6") for row in _rows(Path("/proc/net") / table)
        if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port  # 0A: it listens
    }
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if sockets & {os.readlink(entry) for entry in (process / "fd").iterdir()}:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                yield f"process {process.name} ({command})"


def _rows(table: Path) -> list[list[str]]:
    with suppress(FileNotFoundError):  # a machine without IPv6
        return [line.split() for line in table.read_text().splitlines()[1:]]
    return []
