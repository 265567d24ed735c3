"""Two sides driven in turn, so that other work of the machine affects both alike."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.client import Client, Outcome, Round
from bench.processes import Server
from bench.scenarios import Scenario, Side

WARM_UP = 0.3
"""Seconds in which each worker opens its connections and fills its caches."""


@dataclass
class Tally:
    """What one side did in all of its rounds."""

    side: str
    rates: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    server_seconds: float = 0.0
    mongod_seconds: float = 0.0
    failure: str = ""

    def add(self, outcome: Outcome, server: float, mongod: float) -> None:
        """Add one round, and the seconds of processor time that it took of the server and of mongod."""
        self.rates.append(outcome.rate)
        self.times += outcome.times
        self.statuses += outcome.statuses
        self.server_seconds += server
        self.mongod_seconds += mongod
        self.failure = self.failure or outcome.failure

    def figures(self) -> dict[str, Any]:
        """Return the figures of the side: rate, percentiles, and processor milliseconds per request."""
        number = max(len(self.times), 1)
        return {
            "side": self.side,
            "requests": len(self.times),
            "rate": round(statistics.median(self.rates), 1),
            **percentiles(self.times),
            "server_cpu_ms": round(self.server_seconds * 1000 / number, 3),
            "mongod_cpu_ms": round(self.mongod_seconds * 1000 / number, 3),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "failure": self.failure,
        }


def percentiles(times: list[float]) -> dict[str, float]:
    """Return three percentiles of these seconds, in milliseconds."""
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [0.0] * 99
    return {f"p{part}_ms": round(cuts[part - 1] * 1000, 2) for part in (50, 95, 99)}


@dataclass
class Course:
    """The servers and the load generator, ready for measurements."""

    client: Client
    servers: Mapping[str, Server]
    mongod: Server

    def run(self, scenario: Scenario, seconds: float, rounds: int) -> dict[str, Any]:
        """Drive both sides of a scenario, each for `seconds` in `rounds` turns, and return the result."""
        sides = (scenario.first, scenario.second)
        tallies = [Tally(side.name) for side in sides]
        turns = [0, 0]
        for place, side in enumerate(sides):
            turns[place] = _next(self._drive(side, scenario, turns[place], WARM_UP)[0], turns[place], side)
        for number in range(rounds):
            for place in (0, 1) if number % 2 == 0 else (1, 0):  # A B B A: neither is always the one that comes after
                outcome, server, mongod = self._drive(sides[place], scenario, turns[place], seconds / rounds)
                turns[place] = _next(outcome, turns[place], sides[place])
                tallies[place].add(outcome, server, mongod)
        ratios = [first / second for first, second in zip(tallies[0].rates, tallies[1].rates, strict=True) if second]
        return _result(scenario, tallies, ratios)

    def drive(self, side: Side, number: int, connections: int = 8) -> None:
        """Send a number of requests to one side; raises RuntimeError if one fails."""
        work = Round(self.servers[side.server].port, side.source, 0, connections, 600.0, number)
        outcome = self.client.run(work)
        if outcome.failure:
            raise RuntimeError(f"{side.name}: {outcome.failure}")

    def _drive(self, side: Side, scenario: Scenario, turn: int, seconds: float) -> tuple[Outcome, float, float]:
        server = self.servers[side.server]
        workers = tuple(server.workers())
        work = Round(server.port, side.source, turn, scenario.connections, seconds, workers=workers)
        before = server.cpu_seconds(), self.mongod.cpu_seconds()
        outcome = self.client.run(work)
        return outcome, server.cpu_seconds() - before[0], self.mongod.cpu_seconds() - before[1]


def _next(outcome: Outcome, turn: int, side: Side) -> int:
    """Return the turn with which the next round of a side starts: never in the middle of a group that grows."""
    return -(-(turn + outcome.turns) // side.source.block) * side.source.block


def _result(scenario: Scenario, tallies: list[Tally], ratios: list[float]) -> dict[str, Any]:
    ratio = statistics.median(ratios) if ratios else 0.0
    failed = [tally.failure for tally in tallies if tally.failure]
    first, second = (tally.figures() for tally in tallies)
    good = not failed and ratio >= scenario.least
    return {
        "scenario": scenario.name,
        "goal": scenario.goal,
        "ratio": round(ratio, 3),
        "ratios": [round(one, 3) for one in ratios],
        **by_processor(first, second),
        "passed": good if scenario.least or failed else None,
        "sides": [first, second],
    }


def by_processor(first: dict[str, Any], second: dict[str, Any]) -> dict[str, float | None]:
    """Return the first side's processor time as a part of the second one's, and the ratio of the rates by it."""
    return {
        "cpu_ratio": _over(first["server_cpu_ms"], second["server_cpu_ms"]),
        "mongod_ratio": _over(first["mongod_cpu_ms"], second["mongod_cpu_ms"]),
        "ratio_by_cpu": _over(_processor(second), _processor(first)),
    }


def _processor(side: dict[str, Any]) -> float:
    """Return the processor time of a request in all, which on a busy machine is steadier than the rate."""
    total: float = side["server_cpu_ms"] + side["mongod_cpu_ms"]
    return total


def _over(one: float, other: float) -> float | None:
    return round(one / other, 2) if other else None
