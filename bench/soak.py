"""A soak: Entra's mix of requests at a steady pace against a live `scimd serve`, and what its processes keep in memory.

    python -m bench.soak --minutes 10 --rate 50

Each request has its moment. What is measured begins then, not when a connection is free: a server that falls behind is
not spared (an open loop). Workers are not replaced, so that a leak has no way out.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, socket
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import loading
from bench import requests as ask
from bench.people import Population
from bench.processes import ROOT, Server, children, memory, serve
from bench.requests import CONNECTIONS

PEOPLE = Population("soak", users=2_000)
KINDS: dict[str, type[ask.Asker]] = {
    "find": ask.Find, "get": ask.Get, "patch": ask.Patch, "post": ask.Post, "group": ask.AddMember,
}
MIX = (
    "find", "get", "patch", "find", "post", "find", "get", "find", "patch", "get",
    "find", "group", "find", "get", "patch", "find", "post", "get", "find", "patch",
)
"""In twenty requests 8 look for somebody, 5 read, 4 change, 2 create, and 1 adds a member to a group."""
INTERVAL = 5.0
"""Seconds between two looks at the memory."""
FLAT = 0.05
"""A process is flat where the last quarter of the run needs so little more than the second one."""
PATIENCE = 30.0


@dataclass
class Course:
    """How the run goes."""

    port: int
    rate: float
    total: int
    sources: dict[str, ask.Asker]
    times: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    sent: list[float] = field(default_factory=list)
    """The same from the sending on: without the wait for one of the connections."""
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    start: float = field(default_factory=lambda: time.perf_counter() + 0.5)
    _numbers: Any = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def drive(self, connection: int) -> None:
        """Send what is due next, over one connection, until everything is sent."""
        line: socket | None = None
        while (number := self._next()) < self.total:
            due = self.start + number / self.rate
            time.sleep(max(0.0, due - time.perf_counter()))
            kind = MIX[number % len(MIX)]
            request = self.sources[kind](connection, number)
            sent = time.perf_counter()
            try:
                line = line or _connect(self.port)
                line.sendall(request)
                status, answer, closing = _receive(line)
            except (OSError, HTTPException) as error:
                status, answer, closing = 0, repr(error).encode(), True
            self._note(kind, status, answer, due, sent)
            if closing and line:
                line.close()
                line = None
        if line:
            line.close()

    def _next(self) -> int:
        with self._lock:
            return next(self._numbers)

    def _note(self, kind: str, status: int, answer: bytes, due: float, sent: float) -> None:
        now = time.perf_counter()
        with self._lock:
            self.statuses[status] += 1
            self.times[kind].append(now - due)
            self.sent.append(now - sent)
            if not 200 <= status < 300 or self.sources[kind].expected not in answer:
                self.failures.append(f"{kind}: {status} {answer[:500].decode(errors='replace')}")


def _connect(port: int) -> socket:
    line = create_connection(("127.0.0.1", port), timeout=PATIENCE)
    line.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return line


def _receive(line: socket) -> tuple[int, bytes, bool]:
    """Give status and body of an answer, and whether it is the connection's last one."""
    with contextlib.closing(HTTPResponse(line)) as answer:
        answer.begin()
        body = answer.read()
        return answer.status, body, answer.will_close


def processes(server: Server) -> dict[str, int]:
    """Give the processes of a running server by name."""
    found, workers = {"master": server.pid}, itertools.count(1)
    waiting = children(server.pid)
    for pid in waiting:
        waiting += children(pid)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        names = [name for name in ("keeper", "mongod") if name.encode() in command.split(b"--")[0]]
        found[names[0] if names else f"worker {next(workers)}"] = pid
    return found


def watch(course: Course, pids: dict[str, int], over: threading.Event) -> list[dict[str, float]]:
    """Look at memory and answers again and again; give a row for each look."""
    rows: list[dict[str, float]] = []
    seen = dict.fromkeys(KINDS, 0)
    while not over.wait(max(0.0, course.start + len(rows) * INTERVAL - time.perf_counter())):
        fresh = [seconds for kind, times in course.times.items() for seconds in times[seen[kind]:]]
        seen = {kind: len(times) for kind, times in course.times.items()}
        rows.append({
            "seconds": round(time.perf_counter() - course.start, 1), "answered": sum(seen.values()),
            "errors": len(course.failures), "p99_ms": percentile(fresh, 99),
            **{name: round(memory(pid), 2) for name, pid in pids.items()},
        })
    return rows


def percentile(times: list[float], part: int) -> float:
    """Give a percentile in milliseconds, 0 where there is nothing."""
    ordered = sorted(times)
    return round(ordered[min(len(ordered) * part // 100, len(ordered) - 1)] * 1000, 1) if ordered else 0.0


def growth(rows: list[dict[str, float]], name: str) -> float:
    """Give by how many MB a process grew from the second quarter of the run to the last one (medians)."""
    quarter = max(1, len(rows) // 4)
    second, last = rows[quarter:2 * quarter] or rows, rows[-quarter:]
    return round(median(row[name] for row in last) - median(row[name] for row in second), 2)


def summary(course: Course, rows: list[dict[str, float]], pids: dict[str, int], seconds: float) -> dict[str, Any]:
    """Give what came out."""
    kinds = course.times | {"all": [seconds for times in course.times.values() for seconds in times]}
    kinds |= {"all, from sending": course.sent}
    last = rows[-1]
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"), "cores": len(os.sched_getaffinity(0)),
        "load": [round(load, 1) for load in os.getloadavg()],
        "seconds": round(seconds, 1), "asked_rate": course.rate, "rate": round(course.total / seconds, 1),
        "errors": len(course.failures), "statuses": dict(sorted(course.statuses.items())),
        "failures": course.failures[:10],
        "kinds": {
            kind: {"requests": len(times), **{f"p{part}_ms": percentile(times, part) for part in (50, 95, 99)}}
            for kind, times in kinds.items()
        },
        "memory": {name: {"end_mb": last[name], "growth_mb": growth(rows, name)} for name in pids},
        # mongod keeps what is stored in a cache of its own, and more is stored all the time.
        "flat": all(growth(rows, name) <= max(1.0, FLAT * last[name]) for name in pids if name != "mongod"),
    }


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    shown = Table("requests", "number", "p50 ms", "p95 ms", "p99 ms", title="Soak")
    for kind, figures in result["kinds"].items():
        shown.add_row(kind, *map(str, figures.values()))
    kept = Table("process", "MB at the end", "MB grown", title="Memory")
    for name, figures in result["memory"].items():
        kept.add_row(name, *map(str, figures.values()))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(shown, kept)
    console.print(f"{result['rate']} requests/s for {result['seconds']} s, {result['errors']} errors, "
                  f"statuses {result['statuses']}, flat: {result['flat']}, "
                  f"load of the machine {result['load']} on {result['cores']} cores", markup=False)
    for failure in result["failures"]:
        console.print(failure, markup=False)


def keep(result: dict[str, Any], rows: list[dict[str, float]], pids: dict[str, int], base: Path) -> None:
    """Write JSON, CSV and, where matplotlib is installed, a plot."""
    base.parent.mkdir(parents=True, exist_ok=True)
    base.with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    with base.with_suffix(".csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    with contextlib.suppress(ImportError):
        plot(rows, list(pids), base.with_suffix(".png"))


def plot(rows: list[dict[str, float]], names: list[str], path: Path) -> None:
    """Draw memory and p99 over time; raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (upper, lower) = pyplot.subplots(2, 1, sharex=True, figsize=(9, 6), layout="constrained")
    minutes = [row["seconds"] / 60 for row in rows]
    for name in names:
        upper.plot(minutes, [row[name] for row in rows], label=name)
    upper.set(ylabel="resident memory, MB", ylim=(0, None))
    upper.legend(loc="center", ncols=len(names))
    lower.plot(minutes, [row["p99_ms"] for row in rows], color="tab:red")
    lower.set(ylabel=f"p99 of {INTERVAL:.0f} s, ms", xlabel="minutes", ylim=(0, None))
    figure.savefig(path, dpi=110)


def main() -> int:
    """Run the soak; 1 where a request failed or a process grew."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Entra's requests for a while.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second (default: 50)")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results" / "soak", help="without a suffix")
    options = parser.parse_args()
    environment = {"SCIMD_RATE_LIMIT": "off"}
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        with serve(folder / "data", environment, folder / "server.log") as server:
            token = loading.tenant(server.uri, PEOPLE)
            loading.load_scimd(server.uri, PEOPLE)
            tens = {"group": (PEOPLE.groups("ten", PEOPLE.tens),)}
            sources = {kind: asker(PEOPLE, token, *tens.get(kind, ())) for kind, asker in KINDS.items()}
            course = Course(server.port, options.rate, round(options.minutes * 60 * options.rate), sources)
            pids, over = processes(server), threading.Event()
            with ThreadPoolExecutor(CONNECTIONS + 1) as pool:
                watching = pool.submit(watch, course, pids, over)
                try:
                    for driving in [pool.submit(course.drive, number) for number in range(CONNECTIONS)]:
                        driving.result()
                finally:
                    over.set()
                seconds = time.perf_counter() - course.start
                rows = watching.result()
    result = summary(course, rows, pids, seconds)
    keep(result, rows, pids, options.results)
    show(result)
    return 0 if result["flat"] and not course.failures else 1


if __name__ == "__main__":
    sys.exit(main())
