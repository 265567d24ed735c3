"""Measure scimd: one real mongod, two servers under the same gunicorn, one client, in turns.

    python -m bench                        all scenarios, about three minutes
    python -m bench --only get post        some of them
    python -m bench --seconds 10           longer, for steadier figures
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import cursors, loading, memory, report
from bench.client import Client
from bench.people import Population
from bench.processes import ROOT, gunicorn, mongod
from bench.rounds import Course
from bench.scenarios import ACME, LARGE, Token, scenarios

ROUND = 0.25
"""Seconds of a turn. The machine changes within seconds: of turns of one second the ratios differ by a fifth, between
four runs; of short ones by a twelfth."""
RESULTS = ROOT / "bench" / "results"
MEMORY = {"memory": (memory.after_many, ACME), "memory-huge-group": (memory.huge_group, LARGE)}


def main() -> int:
    """Run what the command line asks for; 1 where a goal is missed."""
    names = [*(scenario.name for scenario in scenarios(lambda _: "")), cursors.NAME, *MEMORY]
    options = _options(names)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        results = _measure(Path(folder), options.only or names, options.seconds)
        if any(side["failure"] for result in results for side in result.get("sides", ())):
            print((Path(folder) / "scimd.log").read_text()[-3000:], file=sys.stderr)
    report.table(results)
    rounds = _rounds(options.seconds)
    report.keep(results, options.json or RESULTS / "latest.json", seconds=options.seconds, rounds=rounds)
    if options.plot:
        report.plot(results, options.plot)
    return 1 if any(result["passed"] is False for result in results) else 0


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure scimd beside a bare app.")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of: {', '.join(names)}")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each side of a scenario (default: 8)")
    parser.add_argument("--json", type=Path, help="where the figures go (default: bench/results/latest.json)")
    parser.add_argument("--plot", type=Path, help="draw a PNG; needs the extra `bench`")
    return parser.parse_args()


def _measure(folder: Path, wanted: list[str], seconds: float) -> list[Any]:
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(mongod(folder))
        compared = [scenario for scenario in scenarios(lambda _: "") if scenario.name in wanted]
        populations = {population for scenario in compared for population in scenario.populations}
        populations |= {MEMORY[name][1] for name in wanted if name in MEMORY}
        populations |= {LARGE} if cursors.NAME in wanted else set()
        tokens = _load(database.uri, populations)
        environment = {"SCIMD_MONGODB_URI": database.uri, "SCIMD_RATE_LIMIT": "off"}
        applications = {"scimd": ("app:create_app()", "/healthz"), "bare": ("bench.bare:create_app()", "/users/0")}
        servers = {
            name: stack.enter_context(gunicorn(application, environment, folder / f"{name}.log", probe))
            for name, (application, probe) in applications.items()
        }
        course = Course(stack.enter_context(Client()), servers, database)

        def token(population: Population) -> str:
            return tokens.get(population.name, "")

        return _results(course, wanted, seconds, token)


def _results(course: Course, wanted: list[str], seconds: float, token: Token) -> list[Any]:
    results: list[Any] = []
    for scenario in scenarios(token):
        if scenario.name in wanted:
            _say(scenario.name)
            results.append(course.run(scenario, seconds, _rounds(seconds)))
    if cursors.NAME in wanted:
        _say(cursors.NAME)
        results.append(cursors.depth(course, token, seconds, _rounds(seconds)))
    for name, (measure, _) in MEMORY.items():
        if name in wanted:
            _say(name)
            results.append(measure(course, token))
    return results


def _load(uri: str, populations: set[Population]) -> dict[str, str]:
    """Store the populations and give each one's token."""
    tokens: dict[str, str] = {}
    for population in sorted(populations, key=lambda population: population.users):
        _say(f"loading {population.users:,} users")
        tokens[population.name] = loading.tenant(uri, population)
        loading.load_scimd(uri, population)
    if ACME in populations:
        loading.load_bare(uri, ACME)
    loading.prepare(uri)
    return tokens


def _rounds(seconds: float) -> int:
    """Give the number of turns in which a side has its seconds."""
    return max(2, round(seconds / ROUND))


def _say(what: str) -> None:
    print(f"{time.perf_counter() - START:5.0f} s  {what}", file=sys.stderr, flush=True)


START = time.perf_counter()

if __name__ == "__main__":
    sys.exit(main())
