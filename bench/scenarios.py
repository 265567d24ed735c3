"""What is measured, and what must come out: the figures are those that scimd has set itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench import requests as ask
from bench.client import Source
from bench.people import Population
from bench.requests import CONNECTIONS

ACME = Population("bench", users=2_000)
"""Compared with the bare app, which has the same people."""
SMALL = Population("bench-small", users=1_000)
LARGE = Population("bench-large", users=200_000, crowds=(1_000_000, 100_000))
POPULATIONS = (ACME, SMALL, LARGE)

Token = Callable[[Population], str]


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared."""

    name: str
    server: str
    """`scimd` or `bare`."""
    source: Source


@dataclass(frozen=True)
class Scenario:
    """Two sides, driven by turns, and the goal for what the first one costs."""

    name: str
    first: Side
    second: Side
    least: float = 0.0
    """The least that the first side's rate may be of the second one's; 0 where it is measured for information."""
    connections: int = CONNECTIONS
    populations: tuple[Population, ...] = (ACME,)

    @property
    def goal(self) -> str:
        """The goal in words."""
        if not self.least:
            return "-"
        return f">= {self.least:.2f}" if self.second.server == "bare" else f"cost <= {1 / self.least:.1f}x"


def _against_bare(
    name: str, least: float, source: Callable[[Population, str], Source], token: Token, connections: int = CONNECTIONS
) -> Scenario:
    first, second = Side("scimd", "scimd", source(ACME, token(ACME))), Side("bare", "bare", source(ACME, ""))
    return Scenario(name, first, second, least, connections)


def _by_size(
    name: str, most: float, large: tuple[str, Source], small: tuple[str, Source], connections: int,
    populations: tuple[Population, ...],
) -> Scenario:
    first, second = Side(large[0], "scimd", large[1]), Side(small[0], "scimd", small[1])
    return Scenario(name, first, second, 1 / most, connections, populations)


def scenarios(token: Token) -> list[Scenario]:
    """Give all scenarios; `token` gives the credential of a tenant."""
    crowd = (LARGE.group_id("crowd", 0),)
    tens, empties = ACME.groups("ten", ACME.tens), ACME.groups("empty", ACME.empties)
    sizes = (SMALL, LARGE)
    large, small = token(LARGE), token(SMALL)
    return [
        _against_bare("get", 0.6, ask.Get, token),
        _against_bare("get-connected", 0, ask.GetConnected, token),
        _against_bare("find", 0.5, ask.Find, token),
        _against_bare("post", 0.35, ask.Post, token),
        _against_bare("patch", 0.3, ask.Patch, token),
        _against_bare("add-member", 0.35, lambda people, key: ask.AddMember(people, key, tens), token),
        _against_bare("grow", 0.2, lambda people, key: ask.Grow(people, key, empties), token),
        _against_bare("page", 0.3, ask.Page, token),
        _by_size("add-member-size", 1.5, ("1,000,000 members", ask.AddMember(LARGE, large, crowd)), (
            "10 members", ask.AddMember(LARGE, large, LARGE.groups("ten", LARGE.tens))), 1, (LARGE,)),
        _by_size("page-size", 1.5, ("200,000 users", ask.Page(LARGE, large)), ("1,000 users", ask.Page(SMALL, small)),
                 CONNECTIONS, sizes),
        _by_size("find-size", 1.2, ("200,000 users", ask.Find(LARGE, large)), ("1,000 users", ask.Find(SMALL, small)),
                 CONNECTIONS, sizes),
    ]
