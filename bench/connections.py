"""Connections to a server, dealt out equally to its workers."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

PATIENCE = 60.0
TRIES = 1_000
"""Connections that are opened at most until each worker has its share."""
_LOOPBACK = "0100007F"


def deal(port: int, number: int, workers: Sequence[int] = ()) -> list[socket.socket]:
    """Open `number` connections; raises RuntimeError if a worker does not get its share of them."""
    if not workers:
        return [connect(port) for _ in range(number)]
    share = -(-number // len(workers))
    dealt: Counter[int] = Counter()
    chosen: list[socket.socket] = []
    others: list[socket.socket] = []
    while len(chosen) < number:
        if len(chosen) + len(others) >= TRIES:
            raise RuntimeError(f"of {TRIES} connections the workers took {dict(dealt)}")
        opened = connect(port)
        worker = _wait_for_holder(workers, port, opened.getsockname()[1])
        (chosen if dealt[worker] < share else others).append(opened)
        dealt[worker] += 1
    for one in others:
        one.close()
    return chosen


def connect(port: int) -> socket.socket:
    """Open one connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _wait_for_holder(workers: Sequence[int], port: int, client_port: int) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if worker := holder(workers, port, client_port):
            return worker
        time.sleep(0.001)
    raise RuntimeError(f"no worker accepted a connection within {PATIENCE:.0f} s")


def holder(workers: Iterable[int], port: int, client_port: int) -> int | None:
    """Return the worker that has accepted the connection between two ports of this machine, None if none has yet."""
    ends = f"{_LOOPBACK}:{port:04X} {_LOOPBACK}:{client_port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    inode = next((row[9] for row in rows if f"{row[1]} {row[2]}" == ends), "0")
    return next((pid for pid in workers if f"socket:[{inode}]" in _open_files(pid)), None)


def _open_files(pid: int) -> set[str]:
    found: set[str] = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # one that has just been closed
            found.add(str(entry.readlink()))
    return found
