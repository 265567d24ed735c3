"""One tenant floods the service with slow filters and Bulks; how long does another one's match take meanwhile?

    python -m bench.flood --seconds 20
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench import loading, people
from bench.client import Client, Round
from bench.people import Population
from bench.processes import gunicorn, mongod
from bench.requests import Asker, Find

NOISY = Population("noisy", users=20_000)
QUIET = Population("quiet", users=1_000)
CONNECTIONS = 48
PAUSE = 0.04
GOAL_MS = 250.0
"""The 99th percentile of the other one's."""
SLOW = "/Users?filter=nickName%20co%20%22zzz%22"
BULK_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


@dataclass(frozen=True)
class Flood(Asker):
    """Filters that no index answers, and from every eighth connection Bulks of 100 new users."""

    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        if connection % 8:
            return self.send("GET", SLOW)
        first = people.FRESH + (turn * CONNECTIONS + connection) * 100
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": str(number), "data": people.user(number)}
            for number in range(first, first + 100)
        ]
        return self.send("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": operations})


def measure(port: int, token: Callable[[Population], str], seconds: float) -> dict[str, Any]:
    """Send a flood to a server, and meanwhile the other tenant's matches; return how both were answered."""
    flood = Flood(NOISY, token(NOISY))
    with Client() as client, ThreadPoolExecutor(1) as pool:
        flooded = pool.submit(client.run, Round(port, flood, 0, CONNECTIONS, seconds))
        times, statuses = _matches(port, Find(QUIET, token(QUIET)), seconds)
        outcome = flooded.result()
    times.sort()
    p50, p99 = (times[int(len(times) * part)] * 1000 for part in (0.5, 0.99))
    return {
        "requests": len(times), "p50_ms": round(p50, 1), "p99_ms": round(p99, 1), "errors": len(times) - statuses[200],
        "passed": p99 < GOAL_MS and statuses[200] == len(times), "flood": dict(outcome.statuses),
    }


def _matches(port: int, source: Asker, seconds: float) -> tuple[list[float], Counter[int]]:
    """Ask some 25 times a second over one connection, as one provisioning job does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times, statuses = [], Counter[int]()
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        path = source(0, len(times)).split()[1].decode()
        connection.request("GET", path, headers={"Authorization": f"Bearer {source.token}"})
        response = connection.getresponse()
        found = source.expected in response.read()
        times.append(time.perf_counter() - start)
        statuses[response.status if found else 0] += 1
        time.sleep(max(0.0, PAUSE - times[-1]))
    return times, statuses


def main() -> int:
    """Measure and print; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, mongod(Path(folder)) as database:
        tokens = {population.name: loading.tenant(database.uri, population) for population in (NOISY, QUIET)}
        for population in (NOISY, QUIET):
            loading.load_scimd(database.uri, population)
        loading.prepare(database.uri)
        environment = {"SCIMD_MONGODB_URI": database.uri, "SCIMD_WORKERS": "2"}
        with gunicorn("app:create_app()", environment, Path(folder) / "scimd.log", "/healthz") as server:
            result = measure(server.port, lambda population: tokens[population.name], seconds)
    print(json.dumps(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
