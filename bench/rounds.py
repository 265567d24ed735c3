"""Two sides driven by turns, so that what else the machine does meets both of them alike."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.client import Client, Outcome, Round
from bench.processes import Server
from bench.requests import BLOCKS
from bench.scenarios import Scenario, Side

WARM_UP = 0.3
"""Seconds: each worker opens its connections and fills its caches."""


@dataclass
class Tally:
    """What one side did in all its rounds."""

    side: str
    rates: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    server_seconds: float = 0.0
    mongod_seconds: float = 0.0
    failure: str = ""

    def add(self, outcome: Outcome, server: float, mongod: float) -> None:
        """Add one round: how it went, and the processor time that it took of the server and of mongod."""
        self.rates.append(outcome.rate)
        self.times += outcome.times
        self.statuses += outcome.statuses
        self.server_seconds += server
        self.mongod_seconds += mongod
        self.failure = self.failure or outcome.failure

    def figures(self) -> dict[str, Any]:
        """Give the figures of the side: rate, milliseconds of the quantiles, processor milliseconds a request."""
        number = len(self.times)
        cuts = statistics.quantiles(self.times, n=100, method="inclusive") if number > 1 else [0.0] * 99
        return {
            "side": self.side,
            "requests": number,
            "rate": round(statistics.median(self.rates), 1),
            "p50_ms": round(cuts[49] * 1000, 2),
            "p95_ms": round(cuts[94] * 1000, 2),
            "p99_ms": round(cuts[98] * 1000, 2),
            "server_cpu_ms": round(self.server_seconds * 1000 / max(number, 1), 3),
            "mongod_cpu_ms": round(self.mongod_seconds * 1000 / max(number, 1), 3),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "failure": self.failure,
        }


class Course:
    """The servers and the client, ready to be measured."""

    def __init__(self, client: Client, servers: Mapping[str, Server], mongod: Server) -> None:
        self._client = client
        self._servers = servers
        self._mongod = mongod

    def run(self, scenario: Scenario, seconds: float, rounds: int) -> dict[str, Any]:
        """Drive both sides of a scenario, `seconds` each in `rounds` turns, and give what came out."""
        sides = (scenario.first, scenario.second)
        tallies = [Tally(side.name) for side in sides]
        turns = [0, 0]
        for place, side in enumerate(sides):
            turns[place] = self._next(self._drive(side, scenario, turns[place], WARM_UP)[0], turns[place])
        for number in range(rounds):
            for place in (0, 1) if number % 2 == 0 else (1, 0):  # A B B A: neither is always the one that comes after
                outcome, server, mongod = self._drive(sides[place], scenario, turns[place], seconds / rounds)
                turns[place] = self._next(outcome, turns[place])
                tallies[place].add(outcome, server, mongod)
        ratios = [first / second for first, second in zip(tallies[0].rates, tallies[1].rates, strict=True) if second]
        return _result(scenario, tallies, ratios)

    def drive(self, side: Side, number: int, first_turn: int, connections: int = 8) -> Outcome:
        """Send a number of requests to one side; raises RuntimeError where one is no success."""
        port = self._servers[side.server].port
        work = Round(port, side.source, first_turn, connections, 600.0, number)
        outcome = self._client.run(work)
        if outcome.failure:
            raise RuntimeError(f"{side.name}: {outcome.failure}")
        return outcome

    def port(self, server: str) -> int:
        """Give where a server listens."""
        return self._servers[server].port

    def workers(self, server: str) -> list[int]:
        """Give the processes that answer for a server."""
        return self._servers[server].workers()

    def _drive(self, side: Side, scenario: Scenario, turn: int, seconds: float) -> tuple[Outcome, float, float]:
        server = self._servers[side.server]
        workers = tuple(server.workers())
        work = Round(server.port, side.source, turn, scenario.connections, seconds, workers=workers)
        before = server.cpu_seconds(), self._mongod.cpu_seconds()
        outcome = self._client.run(work)
        return outcome, server.cpu_seconds() - before[0], self._mongod.cpu_seconds() - before[1]

    @staticmethod
    def _next(outcome: Outcome, turn: int) -> int:
        """Give the turn with which the next round starts: never in the middle of a group that grows."""
        return -(-(turn + outcome.turns) // BLOCKS) * BLOCKS


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
        "cpu_ratio": _over(first["server_cpu_ms"], second["server_cpu_ms"]),
        "mongod_ratio": _over(first["mongod_cpu_ms"], second["mongod_cpu_ms"]),
        "ratio_by_cpu": _over(_processor(second), _processor(first)),
        "passed": good if scenario.least or failed else None,
        "sides": [first, second],
    }


def _processor(side: dict[str, Any]) -> float:
    """Give the processor time of a request in all: on a busy machine it is steadier than rates are."""
    total: float = side["server_cpu_ms"] + side["mongod_cpu_ms"]
    return total


def _over(one: float, other: float) -> float | None:
    return round(one / other, 2) if other else None
