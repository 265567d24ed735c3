"""Starts `scimd` by a fork of a process that has imported it: the imports are half of the processor time of a start.

Such a process differs from the installed program in what `ps` shows, and in its relay, which rests sooner and then looks
once a second: a resting one is woken by what its own server writes, and an active one asks fifty times a second.
tests/cli/test_serve.py starts the program.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from werkzeug.routing import Rule

from tests.routes import read_once

ROOT = Path(__file__).parents[1]
IMPORTED = ("app.assembly", "app.cli.serve", "app.background.janitor", "app.background.relay", "gunicorn.workers.gthread")
LARGEST = 1 << 17
"""Bytes of a request: arguments, environment and folder."""


class Forked:
    """A process that was forked, with what tests use of `subprocess.Popen`."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self.pid = int(pipe.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while the process runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process, and return its exit status; raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._pipe], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("scimd", timeout or 0)
            self.returncode = int(self._pipe.readline())
            self._pipe.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def fork(arguments: Sequence[str], environ: Mapping[str, str], folder: Path, out: IO[bytes], err: IO[bytes]) -> Forked:
    """Start `scimd` with these arguments, environment and working directory, in a session of its own."""
    ours, theirs = os.pipe()
    request = json.dumps([list(arguments), dict(environ), str(folder)]).encode()
    assert len(request) < LARGEST
    socket.send_fds(_imported(), [request], [out.fileno(), err.fileno(), theirs])
    os.close(theirs)
    return Forked(os.fdopen(ours, "rb"))


@cache
def _imported() -> socket.socket:
    """Start the process that has imported scimd, and return the socket to it; it ends when this one has."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", "tests.forking", str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
        )
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork a process for each request; returns in such a process, prepared to be `scimd`."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, LARGEST, 3)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not request:
            sys.exit()
        if os.fork() == 0:
            requests.close()
            _end_with_parent()
            out, err, report = descriptors
            if (process := os.fork()) == 0:
                _become(*json.loads(request), out, err)
                return
            os.write(report, b"%d\n" % process)
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            os.write(report, b"%d\n" % status)
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(arguments: list[str], environ: dict[str, str], folder: str, out: int, err: int) -> None:
    """Make this process one with these arguments, environment, working directory and files."""
    os.setsid()
    _end_with_parent()
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = ["scimd", *arguments]


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM if the parent process is killed (prctl: PR_SET_PDEATHSIG is 1)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


if __name__ == "__main__":
    for _module in IMPORTED:
        importlib.import_module(_module)
    _relay: Any = sys.modules["app.background.relay"]
    _relay.ACTIVE_SECONDS, _relay.REST = 0.1, 1.0
    for _name, _replaced in read_once().items():
        setattr(Rule, _name, _replaced)
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    importlib.import_module("app.cli").main()
