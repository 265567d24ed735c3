"""Compare scimd with the SCIM servers that one would install in Python instead, by turns, in one run.

    python -m bench.peers                            all operations at 1,000 and at 100,000 users, about twelve minutes
    python -m bench.peers --users 1000 --only find   one of them, at one size
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import report
from bench.client import Client
from bench.peers import environment, table
from bench.peers.contenders import CONTENDERS, Contender, Place
from bench.peers.operations import NAMES
from bench.peers.turns import compare
from bench.processes import ROOT, mongod

SIZES = (1_000, 100_000)


def main() -> int:
    """Run what the command line asks for; return 1 if a goal is missed, 2 if the peers cannot be installed."""
    options = _options()
    try:
        python = environment.python()
    except environment.NotInstalled as missing:
        print(missing, file=sys.stderr)
        return 2
    results: list[dict[str, Any]] = []
    servers: dict[str, str] = {}
    for users in options.users:
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            measured, servers = _measure(Path(folder), python, users, options)
        results += measured
    table.show(results, servers)
    report.keep(
        results, options.json or ROOT / "bench" / "results" / "peers.json", seconds=options.seconds, servers=servers,
        peers=environment.versions(python),
    )
    return 1 if any(result["passed"] is False for result in results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description="Compare scimd with its peers.")
    parser.add_argument("--users", nargs="+", type=int, default=SIZES, help="sizes (default: 1000 100000)")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, default=4.0, help="for each server in an operation (default: 4)")
    parser.add_argument("--json", type=Path, help="the file for the figures (default: bench/results/peers.json)")
    return parser.parse_args()


def _measure(
    folder: Path, python: Path, users: int, options: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the results at one size, and a note on each server."""
    with contextlib.ExitStack() as stack:
        place = Place(folder, stack.enter_context(mongod(folder)), python, users)
        running: list[Contender] = []
        for start in CONTENDERS:
            _say(f"loading {users:,} users: {start.__name__}")
            running.append(stack.enter_context(start(place)))
        client, results = stack.enter_context(Client()), []
        for name in NAMES:
            if name in options.only:
                _say(f"{users:,} users: {name}")
                results.append(compare(name, running, client, place.mongod, options.seconds))
        return results, {each.name: each.note for each in running}


def _say(what: str) -> None:
    print(f"{time.perf_counter() - START:5.0f} s  {what}", file=sys.stderr, flush=True)


START = time.perf_counter()

if __name__ == "__main__":
    sys.exit(main())
