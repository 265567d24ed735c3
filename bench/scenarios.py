"""Two sides compared, and what must come out: the goals are those that scimd has set itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench import people, requests, sign_on
from bench.client import Source
from bench.loading import Credentials
from bench.people import Population
from bench.requests import CONNECTIONS

ACME = Population("bench", users=2_000, teams=1_000)
LEAVERS = Population("bench-leavers", users=30_000, leaving=30_000, first=1_000_000, circles=0, tens=0, empties=0)
"""These two are compared with the bare app, which has the same users. There are
leavers for eight seconds of 7,000 a second."""
SMALL = Population("bench-small", users=1_000)
LARGE = Population("bench-large", users=200_000, crowds=(1_000_000, 100_000))
DEEP_PAGE = 1_000
FRESH_APART = 1_000_000
"""Between the numbers of the users that different scenarios create in one tenant."""


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared."""

    name: str
    server: str
    """`scimd` or `bare`."""
    source: Source


@dataclass(frozen=True)
class Scenario:
    """Two sides, driven in turn, and the goal for the first one."""

    name: str
    first: Side
    second: Side
    least: float = 0.0
    """The least that the first side's rate may be, as a part of the second one's; 0 for no goal."""
    connections: int = CONNECTIONS
    populations: tuple[Population, ...] = (ACME,)

    @property
    def goal(self) -> str:
        """The goal in words."""
        if not self.least:
            return "-"
        return f">= {self.least:.2f}" if self.second.server == "bare" else f"cost <= {1 / self.least:.2f}x"


def scenarios(credentials: Credentials) -> list[Scenario]:
    """Return all comparisons; what was not loaded has empty credentials."""
    return [
        *_with_bare_app(credentials), *_by_size(credentials), *_by_credential(credentials), *_sign_on(credentials),
    ]


def _with_bare_app(credentials: Credentials) -> list[Scenario]:
    def compared(name: str, least: float, source: Callable[[str], Source], of: Population = ACME) -> Scenario:
        sides = Side("scimd", "scimd", source(credentials[of.name])), Side("bare", "bare", source(""))
        return Scenario(name, *sides, least, populations=(of,))

    tens, empties = ACME.groups("ten", ACME.tens), ACME.groups("empty", ACME.empties)
    teams = ACME.groups("team", ACME.teams)
    return [
        compared("get", 0.75, lambda key: requests.Get(ACME, key)),
        compared("get-connected", 0.5, lambda key: requests.GetConnected(ACME, key)),
        compared("find", 0.75, lambda key: requests.Find(ACME, key)),
        compared("find-miss", 0.75, lambda key: requests.FindNobody(ACME, key)),
        compared("post", 0.55, lambda key: requests.Post(ACME, key)),
        compared("patch", 0.42, lambda key: requests.Patch(ACME, key)),
        compared("disable", 0.45, lambda key: requests.Disable(LEAVERS, key), LEAVERS),
        compared("delete", 0.25, lambda key: requests.Delete(LEAVERS, key), LEAVERS),
        compared("group-create", 0.4, lambda key: requests.CreateGroup(ACME, key)),
        compared("add-member", 0.35, lambda key: requests.AddMember(ACME, key, tens)),
        compared("add-members", 0.35, lambda key: requests.AddMember(ACME, key, teams, at_once=20)),
        compared("grow", 0.2, lambda key: requests.Grow(ACME, key, empties)),
        compared("page", 0.5, lambda key: requests.Page(ACME, key)),
    ]


def _by_size(credentials: Credentials) -> list[Scenario]:
    def compared(name: str, most: float, first: tuple[str, Source], second: tuple[str, Source], *of: Population,
                 connections: int = CONNECTIONS) -> Scenario:
        sides = [Side(title, "scimd", source) for title, source in (first, second)]
        return Scenario(name, sides[0], sides[1], 1 / most, connections, of)

    large, small = (LARGE, credentials[LARGE.name]), (SMALL, credentials[SMALL.name])
    crowd, tens = (LARGE.group_id("crowd", 0),), LARGE.groups("ten", LARGE.tens)
    cursor = credentials["cursor"]
    return [
        compared("add-member-size", 1.5, ("1,000,000 members", requests.AddMember(*large, crowd)),
                 ("10 members", requests.AddMember(*large, tens)), LARGE, connections=1),
        compared("page-size", 1.5, ("200,000 users", requests.Page(*large)), ("1,000 users", requests.Page(*small)),
                 SMALL, LARGE),
        compared("find-size", 1.2, ("200,000 users", requests.Find(*large)), ("1,000 users", requests.Find(*small)),
                 SMALL, LARGE),
        compared("index-depth", 1.2, (f"page {DEEP_PAGE:,}", requests.IndexPage(*large, DEEP_PAGE)),
                 ("page 1", requests.IndexPage(*large)), LARGE),
        compared("cursor-depth", 1.3, (f"page {DEEP_PAGE:,}", requests.CursorPage(*large, cursor)),
                 ("page 1", requests.CursorPage(*large)), LARGE),
    ]


def _by_credential(credentials: Credentials) -> list[Scenario]:
    """Return the credentials compared. Every four seconds a worker checks each in full: that is in the figures."""
    token = Side("token", "scimd", requests.Find(ACME, credentials[ACME.name]))
    kinds = {"access-token": "access token", "jwt": "JWT of an issuer"}
    return [
        Scenario(kind, Side(title, "scimd", requests.Find(ACME, credentials[kind])), token, 1 / 1.25)
        for kind, title in kinds.items()
    ]


def _sign_on(credentials: Credentials) -> list[Scenario]:
    """Return the two steps of a sign-in that cost most, each compared with the creation of a user."""
    of, token = sign_on.PEOPLE, credentials[sign_on.PEOPLE.name]
    steps = {
        "sign-on-answer": sign_on.Answer(of, token, credentials["responses"]),
        "sign-on-exchange": sign_on.Exchange(of, token, credentials["app"], credentials["app-secret"]),
    }
    creates = [requests.Post(of, token, people.FRESH + place * FRESH_APART) for place in range(len(steps))]
    return [
        Scenario(
            name, Side(name.removeprefix("sign-on-"), "scimd", source), Side("create", "scimd", create), 1 / 3,
            populations=(of,),
        )
        for (name, source), create in zip(steps.items(), creates, strict=True)
    ]
