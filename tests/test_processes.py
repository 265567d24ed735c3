"""The processes that tests start have the default signal handlers, whatever the tests themselves were started from."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.processes import AddressTaken, wait_for_address

CHILD = """
import subprocess, sys
import tests.conftest
status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
print(next(line for line in status.splitlines() if line.startswith("SigIgn")))
"""


def test_fa_21_children_do_not_ignore_what_we_were_started_to_ignore() -> None:
    numbers = signal.SIGINT, signal.SIGQUIT
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
        env=os.environ, preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in numbers],
    )
    ignored = int(done.stdout.split()[1], 16)
    assert not [number for number in numbers if ignored & 1 << number - 1]


@pytest.mark.parametrize(("host", "why"), [
    ("192.0.2.1", "Cannot assign requested address"), ("nobody.invalid", "Name or service not known|[Tt]emporary failure"),
])
def test_an_address_that_cannot_be_used_is_told_at_once(host: str, why: str) -> None:
    with pytest.raises(AddressTaken, match=f"^{host}:8000 cannot be used: ({why}).*; set SCIMD_BIND to another address"):
        wait_for_address((host, 8000), 60)


@pytest.mark.parametrize(("name", "why"), [
    ("missing/s", "No such file or directory"), ("file", "it exists and is not a socket"),
    (".", "it exists and is not a socket"), ("file/s", "Not a directory"), ("s" * 120, "AF_UNIX path too long"),
])
def test_a_socket_that_cannot_be_made_is_told_at_once(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / name)
    with pytest.raises(AddressTaken) as told:
        wait_for_address(path, 60)
    assert str(told.value) == f"unix:{path} cannot be used: {why}; set SCIMD_BIND to another address."


def test_the_socket_of_a_process_that_runs_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    wait_for_address(str(path), 0)
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(AddressTaken, match=f"^unix:{path} is in use by another process"):
            wait_for_address(str(path), 0)
    wait_for_address(str(path), 0)  # its process was killed
