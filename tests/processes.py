"""Looks at processes, as an operator would with `ps`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def of_folder(folder: Path, name: str = "") -> list[int]:
    """Return the ids of processes whose command line contains the folder's path and `name`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in command and name in command:
                found.append(int(entry.name))
    return sorted(found)


def children(parent: int) -> list[int]:
    """Return the ids of a process's children, of all its threads."""
    found = []
    for thread in Path(f"/proc/{parent}/task").iterdir():
        with suppress(FileNotFoundError):  # the thread has ended
            found += [int(number) for number in (thread / "children").read_text().split()]
    return found


def until(condition: Callable[[], object], seconds: float = 30, pause: float = 0.1) -> None:
    """Wait until the condition holds, looking every `pause` seconds; raise AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s"
        time.sleep(pause)


def listens_on_a_port(process: int) -> bool:
    """Return whether the process listens on a TCP port."""
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A":
                listening.add(f"socket:[{parts[9]}]")
    links = {os.readlink(entry) for entry in Path(f"/proc/{process}/fd").iterdir() if entry.exists() or entry.is_symlink()}
    return bool(links & listening)
