"""Many small tenants on one server: what a lookup in each of them takes, the memory of a worker, and the metrics."""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import requests as http

from bench.client import Outcome, Round
from bench.loading import Credentials
from bench.mixes import InTurn
from bench.people import Population
from bench.processes import Server, gunicorn, memory
from bench.requests import Find
from bench.rounds import Course, percentiles

MANY = tuple(Population(f"tenant-{number}", users=20, circles=0, tens=0, empties=0) for number in range(5_000))
RATE = 200.0
"""Lookups a second."""
MOST_TIMES = 2.0
"""The 99th percentile of lookups in all tenants in turn may be so many times that of lookups in one."""
MOST_MB = 150.0
"""Of a worker's memory."""
MOST_MS, MOST_BYTES = 100.0, 2_000_000
"""Of an answer with the metrics."""
SCRAPES = 10


def match_in_turn(course: Course, credentials: Credentials, _: Any) -> dict[str, Any]:
    """Look up a user in each tenant, all in turn, beside the same number of lookups in one; then read the metrics.

    The server is a fresh one, which has to read each tenant and each token before the first lookup.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bound = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {"SCIMD_MONGODB_URI": course.mongod.uri, "SCIMD_RATE_LIMIT": "off", "SCIMD_METRICS_BIND": bound}
    with tempfile.TemporaryDirectory(prefix="bench-tenants-") as folder, \
            gunicorn("app:create_app()", settings, Path(folder) / "log", "/healthz") as server:
        one, many = (_lookups(course, server, credentials, of) for of in (MANY[:1], MANY))
        scrapes = [_scrape(f"http://{bound}/metrics") for _ in range(SCRAPES)]
        largest = max(memory(pid) for pid in server.workers())
    times, alone = percentiles(many.times), percentiles(one.times)
    ratio = times["p99_ms"] / alone["p99_ms"] if alone["p99_ms"] else 0.0
    slowest, size = 1_000 * max(seconds for seconds, _ in scrapes), max(size for _, size in scrapes)
    failure = many.failure or one.failure
    good = ratio <= MOST_TIMES and largest <= MOST_MB and slowest <= MOST_MS and size <= MOST_BYTES and not failure
    return {
        "scenario": "tenants", "passed": good, **times, "failure": failure,
        "goal": f"p99 <= {MOST_TIMES:g}x, <= {MOST_MB:.0f} MB, metrics <= {MOST_MS:.0f} ms and {MOST_BYTES / 1e6:g} MB",
        "figure": f"{ratio:.2f}x, {largest:.0f} MB, {slowest:.0f} ms, {size / 1e6:.2f} MB",
        "tenants": len(MANY), "one": alone, "worker_mb": round(largest, 1), "metrics_ms": round(slowest, 1),
        "metrics_bytes": size,
    }


def _lookups(course: Course, server: Server, credentials: Credentials, of: tuple[Population, ...]) -> Outcome:
    source = InTurn(tuple(Find(each, credentials[each.name]) for each in of))
    seconds = 2 * len(MANY) / RATE
    return course.client.run(Round(server.port, source, seconds=seconds, rate=RATE, workers=tuple(server.workers())))


def _scrape(url: str) -> tuple[float, int]:
    """Return the seconds that the metrics take, and their size in bytes."""
    begin = time.perf_counter()
    answer = http.get(url, timeout=60)
    answer.raise_for_status()
    return time.perf_counter() - begin, len(answer.content)
