"""Measure scimd: one real mongod, two servers under the same gunicorn, one load generator, in turn.

    python -m bench                                  all but the long ones; eleven minutes
    python -m bench --only get post                  some of them
    python -m bench --seconds 10                     longer, for steadier figures
    python -m bench --only soak --seconds 600        Entra's mix to ten tenants for ten minutes
    python -m bench --only webhooks-dead --seconds 60    the mix with fifty dead endpoints and without, in four minutes
    python -m bench --scale                          a tenant of a million users beside one of 1,000; 15 minutes
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from app.store.mongo.database import connect
from bench import loading, report, scale, sign_on
from bench.client import Client
from bench.loading import Credentials
from bench.measurements import LONG, MEASUREMENTS, Options
from bench.people import Population
from bench.processes import ROOT, Server, gunicorn, mongod
from bench.rounds import Course
from bench.scenarios import ACME, DEEP_PAGE, LARGE, LEAVERS, scenarios
from tests.auth.issuer import running_issuer

ROUND = 0.25
"""Seconds of a turn. The machine changes within seconds: with turns of one second the ratios of four runs differ by a
fifth, with short ones by a twelfth."""
RESULTS = ROOT / "bench" / "results"
APPLICATIONS = {
    "scimd": ("app:create_app()", "/healthz", {"SCIMD_RATE_LIMIT": "off", "SCIMD_WEBHOOK_NETWORKS": "127.0.0.0/8"}),
    "limited": ("app:create_app()", "/healthz", {"SCIMD_WORKERS": "2"}),
    "bare": ("bench.bare:create_app()", "/users/0", {}),
}
"""Server -> its application, a path that it answers, its settings."""


def main() -> int:
    """Run what the command line asks for; return 1 if a goal is missed."""
    names = [*(scenario.name for scenario in scenarios(defaultdict(str))), *MEASUREMENTS]
    options = _options(names)
    if options.scale:
        return _scale(options)
    wanted = options.only or [name for name in names if name not in LONG]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        results = _measure(Path(folder), wanted, Options(options.seconds, options.rate))
        if any(side.get("failure") for result in results for side in result.get("sides", [result])):
            print((Path(folder) / "scimd.log").read_text()[-3000:], file=sys.stderr)
    report.table(results)
    rounds = _rounds(options.seconds)
    report.keep(results, options.json or RESULTS / "latest.json", seconds=options.seconds, rounds=rounds)
    if options.plot:
        report.plot(results, options.plot)
    return 1 if any(result["passed"] is False for result in results) else 0


def _scale(options: argparse.Namespace) -> int:
    """Compare a large tenant with a small one; return 1 if a goal is missed."""
    rounds = _rounds(options.seconds)
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
        results = scale.measure(Path(folder), options.users, options.seconds, rounds, _say)
    report.table(results)
    path = options.json or RESULTS / "scale.json"
    report.keep(results, path, seconds=options.seconds, rounds=rounds, users=options.users)
    return 1 if any(result["passed"] is False for result in results) else 0


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Compare scimd with a bare app.")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of: {', '.join(names)}")
    parser.add_argument("--scale", action="store_true", help="compare a large tenant with one of 1,000 users instead")
    parser.add_argument("--users", type=int, default=scale.USERS, help="of the large tenant (default: a million)")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each side of a scenario (default: 8)")
    parser.add_argument("--rate", type=float, default=250.0, help="requests per second of the soak (default: 250)")
    parser.add_argument("--json", type=Path, help="the file for the figures (default: in bench/results)")
    parser.add_argument("--plot", type=Path, help="draw a PNG; needs the extra `bench`")
    return parser.parse_args()


def _measure(folder: Path, wanted: list[str], options: Options) -> list[Any]:
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(mongod(folder))
        compared = [scenario for scenario in scenarios(defaultdict(str)) if scenario.name in wanted]
        populations = {population for scenario in compared for population in scenario.populations}
        populations |= {population for name in wanted if name in MEASUREMENTS for population in MEASUREMENTS[name][1]}
        credentials = defaultdict(str, _load(database, populations))
        if ACME in populations:
            issuer = stack.enter_context(running_issuer())
            with contextlib.closing(connect(database.uri)) as opened:
                credentials |= loading.other_credentials(opened, ACME.name, issuer)
        if sign_on.PEOPLE in populations:
            _say("signing what identity providers answer")
            with contextlib.closing(connect(database.uri)) as opened:
                credentials |= sign_on.prepare(opened, folder, options.seconds + 1)
        servers = {
            name: stack.enter_context(gunicorn(
                application, {"SCIMD_MONGODB_URI": database.uri} | settings, folder / f"{name}.log", probe
            ))
            for name, (application, probe, settings) in APPLICATIONS.items() if name != "limited" or "flood" in wanted
        }
        if "index-depth" in wanted:
            loading.read_to(servers["scimd"].port, LARGE, credentials[LARGE.name], DEEP_PAGE)
        if "cursor-depth" in wanted:
            credentials["cursor"] = loading.walk(servers["scimd"].port, LARGE, credentials[LARGE.name], DEEP_PAGE)
        course = Course(stack.enter_context(Client()), servers, database)
        return _results(course, wanted, options, credentials)


def _results(course: Course, wanted: list[str], options: Options, credentials: Credentials) -> list[Any]:
    results: list[Any] = []
    for scenario in scenarios(credentials):
        if scenario.name in wanted:
            _say(scenario.name)
            results.append(course.run(scenario, options.seconds, _rounds(options.seconds)))
    for name, (measure, _) in MEASUREMENTS.items():
        if name in wanted:
            _say(name)
            results.append(measure(course, credentials, options))
    return results


def _load(mongod: Server, populations: set[Population]) -> dict[str, str]:
    """Store the populations; return the token of each."""
    tokens: dict[str, str] = {}
    with contextlib.closing(connect(mongod.uri)) as database:
        _say(f"loading {sum(population.users for population in populations):,} users")
        for population in sorted(populations, key=lambda population: population.users):
            tokens[population.name] = loading.load_scimd(database, population)
        for population in populations & {ACME, LEAVERS}:
            loading.load_bare(mongod.uri, population)
        loading.prepare(database)
    return tokens


def _rounds(seconds: float) -> int:
    """Return the number of turns in which a side has its seconds."""
    return max(2, round(seconds / ROUND))


def _say(what: str) -> None:
    print(f"{time.perf_counter() - START:5.0f} s  {what}", file=sys.stderr, flush=True)


START = time.perf_counter()

if __name__ == "__main__":
    sys.exit(main())
