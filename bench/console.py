"""How fast the console is at its full size, and what open consoles cost: `python -m bench.console`.

    python -m bench.console                                   a million users, five million events: an hour at most
    python -m bench.console --users 20000 --customers 200 --events 100000
    python -m bench.console --folder /tmp/filled              fill a folder once, and measure it again later

A real mongod is filled, a server started, visits opened by links, and each page and live part asked for many times over
one connection. The exit code is 1 if the 95th percentile of a page is over 100 ms, or open consoles cost too much.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Database, connect
from app.store.operators.visits import CONSOLE, SETUP
from bench import report
from bench.console_commands import Commands
from bench.console_data import BIG, Sizes, fill
from bench.console_pages import Page, pages, quiet_log
from bench.console_visits import Visitor
from bench.processes import ROOT, Server, gunicorn, mongod
from bench.rounds import percentiles

GOAL_MS = 100.0
"""Of the 95th percentile of each page."""
WARM_UP = 4
"""Requests for a page before it is measured: both workers compile its template."""
CONSOLES = 10
PACE = 2.0
"""Seconds between two requests of a live part."""
POLLING_GOAL = 0.02
"""The part of a core that the open consoles may cost."""
RESULTS = ROOT / "bench" / "results" / "console.json"
Result = dict[str, Any]


def main() -> int:
    """Measure what the command line asks for; return 1 if a goal is missed."""
    options = _options()
    sizes = Sizes(options.users, options.customers, options.events)
    results = measure(sizes, options.times, options.seconds, options.folder)
    _table(results)
    report.keep(results, options.json, **vars(sizes), times=options.times)
    return 0 if all(result["passed"] for result in results) else 1


def measure(sizes: Sizes, times: int, seconds: float, folder: Path | None = None) -> list[Result]:
    """Return the figures of each page, asked for so many times, and of open consoles for some seconds.

    `folder` has the database, which is filled if it is empty, and kept; without it, a temporary one is used.
    """
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-console-", dir="/tmp")))
        place.mkdir(parents=True, exist_ok=True)
        stored = stack.enter_context(mongod(place))
        database = stack.enter_context(contextlib.closing(connect(stored.uri)))
        if Tenants(database).get(BIG) is None:
            fill(database, sizes, _say)
        settings = {"SCIMD_MONGODB_URI": stored.uri}
        server = stack.enter_context(gunicorn("app:create_app()", settings, place / "scimd.log", "/healthz"))
        results = _pages(server, stored, database, pages(database, sizes), times)
        _say("asking as ten open consoles do")
        return [*results, _polling(server, stored, database, seconds)]


def one_figure(sizes: Sizes, seconds: float) -> Result:
    """Return the slowest page as one row among other measurements."""
    results = measure(sizes, 100, seconds)
    slowest = max(results, key=lambda result: result.get("p95_ms", 0.0))
    return slowest | {
        "scenario": f"console: {slowest['scenario']}", "passed": all(result["passed"] for result in results),
        "pages": results,
    }


def _pages(server: Server, stored: Server, database: Database, asked: list[Page], times: int) -> list[Result]:
    visitors = {kind: Visitor(server.port, database, kind) for kind in (CONSOLE, SETUP)}
    commands = Commands(stored.uri)
    results = []
    for page in asked:
        _say(page.name)
        visitor = visitors[page.kind]
        results.append(_page(page, visitor, (server, stored), times) | {
            "commands": commands.number(page.paths[0], visitor.cookie()),
        })
    return results


def _page(page: Page, visitor: Visitor, processes: tuple[Server, Server], times: int) -> Result:
    for path in islice(cycle(page.paths), WARM_UP):
        visitor.get(path, reconnect=True)
    before = [process.cpu_seconds() for process in processes]
    answers = [visitor.get(path) for path in islice(cycle(page.paths), times)]
    used = [process.cpu_seconds() - start for process, start in zip(processes, before, strict=True)]
    figures = percentiles([answer.seconds for answer in answers])
    return {
        "scenario": page.name, "goal": f"< {GOAL_MS:.0f} ms", "figure": f"{figures['p95_ms']:.1f} ms", **figures,
        "max_ms": round(max(answer.seconds for answer in answers) * 1000, 2), "passed": figures["p95_ms"] < GOAL_MS,
        "server_cpu_ms": round(used[0] * 1000 / times, 2), "mongod_cpu_ms": round(used[1] * 1000 / times, 2),
        "bytes": max(answer.size for answer in answers), "path": page.paths[0],
    }


def _polling(server: Server, stored: Server, database: Database, seconds: float) -> Result:
    """Return which part of a core open consoles take in which nothing is new, over what the processes take at rest."""
    rest = _load(server, stored, [], seconds)
    visitors = [Visitor(server.port, database, CONSOLE, visits=1) for _ in range(CONSOLES)]
    load = _load(server, stored, visitors, seconds) - rest
    return {
        "scenario": f"{CONSOLES} open consoles", "goal": f"< {POLLING_GOAL:.0%} of a core", "figure": f"{load:.2%}",
        "passed": load < POLLING_GOAL, "load": round(load, 4), "at_rest": round(rest, 4),
    }


def _load(server: Server, stored: Server, visitors: list[Visitor], seconds: float) -> float:
    """Return which part of a core the server and mongod take while each visitor asks every two seconds."""
    path, begun, before = quiet_log(), time.monotonic(), server.cpu_seconds() + stored.cpu_seconds()
    for turn in range(round(seconds / PACE)):
        for place, visitor in enumerate(visitors):
            due = begun + PACE * (turn + place / len(visitors))
            time.sleep(max(0.0, due - time.monotonic()))
            visitor.get(path)
        time.sleep(max(0.0, begun + PACE * (turn + 1) - time.monotonic()))
    return (server.cpu_seconds() + stored.cpu_seconds() - before) / (time.monotonic() - begun)


def _table(results: list[Result]) -> None:
    shown = Table(title="The console")
    shown.add_column("page")
    for heading in ("p50 ms", "p95 ms", "max ms", "CPU ms", "mongod ms", "commands", "bytes", ""):
        shown.add_column(heading, justify="right")
    for result in results:
        verdict = "[green]pass[/]" if result["passed"] else "[red]FAIL[/]"
        times = ("p50_ms", "p95_ms", "max_ms", "server_cpu_ms", "mongod_cpu_ms")
        numbers = [f"{result[key]:.1f}" if key in result else "" for key in times]
        if "load" in result:
            numbers[1] = result["figure"]
        rest = [f"{result[key]:,}" if key in result else "" for key in ("commands", "bytes")]
        shown.add_row(result["scenario"], *numbers, *rest, verdict)
    Console(width=None if sys.stdout.isatty() else 150).print(shown)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.console", description="Measure the console.")
    parser.add_argument("--users", type=int, default=Sizes.users, help="of one customer, and of its largest group")
    parser.add_argument("--customers", type=int, default=Sizes.customers)
    parser.add_argument("--events", type=int, default=Sizes.events)
    parser.add_argument("--times", type=int, default=100, help="requests for each page (default: 100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="with open consoles, and without (default: 60)")
    parser.add_argument("--folder", type=Path, help="the folder of the database, which is filled if empty, and kept")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"the file for the figures (default: {RESULTS})")
    return parser.parse_args()


def _say(what: str) -> None:
    print(f"{time.perf_counter() - START:5.0f} s  {what}", file=sys.stderr, flush=True)


START = time.perf_counter()

if __name__ == "__main__":
    sys.exit(main())
