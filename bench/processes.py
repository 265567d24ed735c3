"""The measured processes: started, probed, their processor time and memory read, and stopped."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.embedded import private

ROOT = Path(__file__).resolve().parent.parent
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server: gunicorn's master, or mongod."""

    pid: int
    port: int = 0
    uri: str = ""

    def cpu_seconds(self) -> float:
        """Return the processor time of the process and its children, those that have ended included."""
        return sum(_cpu(pid) for pid in (self.pid, *self.workers()))

    def workers(self) -> list[int]:
        """Return the ids of the processes that the master has started."""
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
                found += [int(child) for child in (task / "children").read_text().split()]
        return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICK


def memory(pid: int, field: str = "VmRSS") -> float:
    """Return the resident memory of a process in MB; `VmHWM` is its highest value so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def forget_highest(pid: int) -> None:
    """Reset the highest memory of a process to what it uses now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def mongod(folder: Path) -> Iterator[Server]:
    """Run one private mongod for both sides."""
    with private.using(folder) as place:
        pid = int((place.data / "mongod.lock").read_text())
        yield Server(pid, uri=place.uri())


@contextlib.contextmanager
def gunicorn(application: str, environment: Mapping[str, str], log: Path, probe: str) -> Iterator[Server]:
    """Run an application under gunicorn with scimd's own settings, until it answers at the path `probe`."""
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), application]
    with serving(command, environment, log, probe) as server:
        yield server


@contextlib.contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], log: Path, probe: str, patience: float = 30.0
) -> Iterator[Server]:
    """Run gunicorn on a free port until the block ends.

    `command` starts it in the project's folder. Raises RuntimeError if no answer to `probe` comes in so many seconds.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"], cwd=ROOT, env={**os.environ, **environment},
            stdout=output, stderr=output, start_new_session=True,
        )
    try:
        _wait_for_answer(f"http://127.0.0.1:{port}{probe}", process, log, patience)
        yield Server(process.pid, port=port)
    finally:
        _stop(process)


def _wait_for_answer(url: str, process: subprocess.Popen[bytes], log: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as refused:
            if refused.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"no answer from {url}; the end of its log:\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
