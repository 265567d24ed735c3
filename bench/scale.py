"""Growth: what requests cost in a tenant of a million users, as a multiple of their cost in one of 1,000.

`python -m bench --scale` fills both tenants, and then drives each request against both by turns.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from app.schemas.meta import now, timestamp
from app.store.mongo.database import connect
from bench import loading, people, requests
from bench.client import Client, Source
from bench.people import Population
from bench.processes import Server, gunicorn, mongod
from bench.requests import Requests
from bench.rounds import Course
from bench.scenarios import Scenario, Side

MOST = 1.3
"""What a request may cost in the large tenant, as a multiple of its cost in the small one."""
USERS = 1_000_000
GROUP = 1_000
"""Members of each group of the large tenant but the largest one, which has as many as there are users."""
DEEPEST = 10_000
"""The page that is read deep in the large tenant, of 100 users each; the last one if there are fewer."""
SHALLOW = 5
"""The page that is read in the small tenant."""
MOST_MINUTES = 15.0
"""For filling both tenants."""
SMALL = Population("bench-scale-small", users=1_000, tens=2_000)
NEW = 10
"""Users that are created in each tenant after it is filled: found by when they changed, and by a name like no other."""
NAME = "Quinn"
"""How their displayName begins."""
Tenant = tuple[Population, str]
"""A population and the token of its tenant."""


@dataclass(frozen=True)
class _Place:
    """A page of a tenant, with its cursor; those before it have been read, by cursor and by index."""

    tenant: Tenant
    page: int
    cursor: str

    @classmethod
    def read(cls, port: int, tenant: Tenant, page: int) -> _Place:
        """Read up to a page."""
        cursor = loading.walk(port, *tenant, page)
        loading.read_to(port, *tenant, page)
        return cls(tenant, page, cursor)


@dataclass(frozen=True)
class FindBy(Requests):
    """The query for the user with a value, another one each turn, in no group and without a manager."""

    filter: str = ""
    """With the value in place of {}."""
    value_of: Callable[[int], str] = people.user_name

    def __call__(self, connection: int, turn: int) -> bytes:
        value = self.value_of(requests.one_of(self.population.alone, connection, turn))
        return self.send("GET", "/Users?filter=" + quote(self.filter.format(json.dumps(value)), safe=""))


@dataclass(frozen=True)
class FindNew(Requests):
    """A query that finds the users that were created after the tenant was filled."""

    filter: str = ""

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", "/Users?filter=" + quote(self.filter, safe=""))


@dataclass(frozen=True)
class RemoveMember(Requests):
    """A member leaves a group, of each of `groups` in turn; by one connection, which removes nobody twice."""

    groups: tuple[str, ...] = ()
    members: range = range(0)
    """The numbers of the members of each, which are no users."""
    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        round_, place = divmod(turn, len(self.groups))
        if round_ >= len(self.members):
            raise RuntimeError(f"all {len(self.members):,} members of the groups of {self.population.name} have left")
        path = f'members[value eq "{self.population.extra_id(self.members[round_])}"]'
        return self.send("PATCH", f"/Groups/{self.groups[place]}", people.patch({"op": "Remove", "path": path}))


def large(users: int) -> Population:
    """Return the large tenant: half of its users are in two groups of 1,000, and one group has as many members."""
    circles = max(users // GROUP, 8)  # fewer would put a user into one group twice
    return Population("bench-scale-large", users, circles=circles, tens=0, empties=0, crowds=(users,))


def measure(folder: Path, users: int, seconds: float, rounds: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Fill two tenants, and return the results; `say` gets what is done next."""
    populations, depth = (large(users), SMALL), max(2, min(DEEPEST, users // 100))
    with contextlib.ExitStack() as stack:
        stored = stack.enter_context(mongod(folder))
        say(f"storing {users:,} users")
        begun = time.monotonic()
        first, second = _fill(stored, populations)
        results = [_filled(time.monotonic() - begun)]
        since = timestamp(now())
        settings = {"SCIMD_MONGODB_URI": stored.uri, "SCIMD_RATE_LIMIT": "off"}
        server = stack.enter_context(gunicorn("app:create_app()", settings, folder / "scimd.log", "/healthz"))
        for tenant in (first, second):
            _create(server.port, *tenant)
        say(f"reading to page {depth:,}")
        deep, shallow = _Place.read(server.port, first, depth), _Place.read(server.port, second, SHALLOW)
        course = Course(stack.enter_context(Client()), {"scimd": server}, stored)
        for scenario in scenarios(deep, shallow, since):
            say(scenario.name)
            results.append(course.run(scenario, seconds, rounds))
    return results


def scenarios(deep: _Place, shallow: _Place, since: str) -> list[Scenario]:
    """Return the comparisons of the large tenant with the small one, each read up to a page.

    `since` is when the new users were created, or before.
    """
    first, second = deep.tenant, shallow.tenant
    sizes = [f"{tenant[0].users:,} users" for tenant in (first, second)]

    def compared(name: str, one: Source, other: Source, sizes: list[str] = sizes, connections: int = 8) -> Scenario:
        sides = [Side(size, "scimd", source) for size, source in zip(sizes, (one, other), strict=True)]
        return Scenario(name, *sides, 1 / MOST, connections, (first[0], second[0]))

    def both(name: str, source: Callable[[Population, str], Source]) -> Scenario:
        return compared(name, source(*first), source(*second))

    of, crowd, tens = first[0], (first[0].group_id("crowd", 0),), second[0].groups("ten", second[0].tens)
    members = [f"{of.users:,} members", "10 members"]
    leaving = [range(of.users // 2, of.users), range(10)]
    pages = [f"page {place.page:,} of {size}" for place, size in zip((deep, shallow), sizes, strict=True)]
    email = 'emails[type eq "work"].value eq {}'
    return [
        both("find by userName", lambda *tenant: FindBy(*tenant, "userName eq {}")),
        both("find by externalId", lambda *tenant: FindBy(*tenant, "externalId eq {}", people.external_id)),
        both("find by work e-mail", lambda *tenant: FindBy(*tenant, email, people.email)),
        both("get", requests.Get),
        compared("add a member", requests.AddMember(*first, crowd), requests.AddMember(*second, tens), members, 1),
        compared("remove a member", RemoveMember(*first, crowd, leaving[0]), RemoveMember(*second, tens, leaving[1]),
                 members, 1),
        compared("page by cursor", requests.CursorPage(*first, deep.cursor),
                 requests.CursorPage(*second, shallow.cursor), pages),
        compared("page by index", requests.IndexPage(*first, deep.page), requests.IndexPage(*second, shallow.page),
                 pages),
        both("displayName sw", lambda *tenant: FindNew(*tenant, f'displayName sw "{NAME}"')),
        both("meta.lastModified gt", lambda *tenant: FindNew(*tenant, f'meta.lastModified gt "{since}"')),
    ]


def _fill(stored: Server, populations: tuple[Population, ...]) -> list[Tenant]:
    with contextlib.closing(connect(stored.uri)) as database:
        tenants = [(population, loading.load_scimd(database, population)) for population in populations]
        loading.prepare(database)
    return tenants


def _filled(seconds: float) -> dict[str, Any]:
    """Return the result of filling the tenants."""
    minutes = seconds / 60
    return {
        "scenario": "fill", "goal": f"<= {MOST_MINUTES:.0f} min", "figure": f"{minutes:.1f} min",
        "seconds": round(seconds, 1), "passed": minutes <= MOST_MINUTES,
    }


def _create(port: int, population: Population, token: str) -> None:
    """Create the users that are found later; raises RuntimeError where one is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    for number in range(NEW):
        user = people.user(people.FRESH + number) | {"displayName": f"{NAME} {number}"}
        connection.request("POST", f"{population.path}/Users", json.dumps(user), headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 201:
            raise RuntimeError(f"a user was refused: {answer[:300]!r}")
    connection.close()
