"""The processes that are measured: started, asked whether they answer, their processor time and memory, and stopped."""

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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.embedded import private

ROOT = Path(__file__).resolve().parent.parent
_TICK = os.sysconf("SC_CLK_TCK")
_LOOPBACK = "0100007F"


@dataclass(frozen=True)
class Server:
    """A server that runs: gunicorn's master, or mongod."""

    pid: int
    port: int = 0
    uri: str = ""

    def cpu_seconds(self) -> float:
        """Give the processor time of the process, its children and those of them that are gone."""
        return sum(_cpu(pid) for pid in (self.pid, *children(self.pid)))

    def workers(self) -> list[int]:
        """Give the processes that gunicorn's master has started."""
        return children(self.pid)


def children(pid: int) -> list[int]:
    """Give the ids of a process's children."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def holder(workers: Iterable[int], port: int, client_port: int) -> int | None:
    """Give the worker that has accepted a connection between two ports of this machine, None while there is none."""
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


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICK


def memory(pid: int, field: str = "VmRSS") -> float:
    """Give a process's resident memory in MB; `VmHWM` is the highest that it has been."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def forget_highest(pid: int) -> None:
    """Let the highest memory of a process be what it is now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def mongod(folder: Path) -> Iterator[Server]:
    """Run one mongod for both sides, the one that scimd brings with it."""
    with private.using(folder) as place:
        pid = int((place.data / "mongod.lock").read_text())
        yield Server(pid, uri=place.uri())


@contextlib.contextmanager
def gunicorn(application: str, environment: Mapping[str, str], log: Path, probe: str) -> Iterator[Server]:
    """Run an application under gunicorn with the project's own settings."""
    port = _free_port()
    arguments = [sys.executable, "-m", "gunicorn", *_settings(), "--bind", f"127.0.0.1:{port}", application]
    with _running(arguments, environment, log, port, probe) as server:
        yield server


@contextlib.contextmanager
def serve(folder: Path, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Run `scimd serve` with a mongod of its own in the folder, as an operator would."""
    port = _free_port()
    place = private.MongodFolder(folder)
    settings = {"SCIMD_BIND": f"127.0.0.1:{port}", "SCIMD_DATA_DIR": str(folder), **environment}
    with _running([str(Path(sys.executable).with_name("scimd")), "serve"], settings, log, port, "/readyz") as server:
        yield Server(server.pid, port=port, uri=place.uri())


@contextlib.contextmanager
def _running(
    arguments: list[str], environment: Mapping[str, str], log: Path, port: int, probe: str
) -> Iterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _until_it_answers(f"http://127.0.0.1:{port}{probe}", process, log)
        yield Server(process.pid, port=port)
    finally:
        _stop(process)


def _settings() -> list[str]:
    settings = ROOT / "gunicorn.conf.py"
    if settings.exists():
        return ["--config", str(settings)]
    return ["--workers", "2", "--worker-class", "gthread", "--threads", "16", "--no-control-socket"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
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
