"""What the client sends: for each request of the measurements the two ways to ask for it, scimd's and the bare app's.

A source is called with the number of the connection and its turn, and gives the bytes of one HTTP request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from bench import people
from bench.people import Population

CONNECTIONS = 8
"""The most that a source is asked to tell apart."""
BLOCK = 100
"""Members in one PATCH while a group grows."""
BLOCKS = 20
"""Turns until it has its 2,000."""


def request(method: str, path: str, body: Any = None, *, token: str = "") -> bytes:
    """Give the bytes of a request."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        head += [f"Authorization: Bearer {token}", "Accept: application/scim+json"]
    if body is not None:
        head += [f"Content-Type: application/{'scim+' if token else ''}json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*head, "", ""]).encode() + content


@dataclass(frozen=True)
class Asker:
    """Somebody who asks one side: of a tenant with its token, or the bare app, which wants none."""

    population: Population
    token: str = ""
    expected: ClassVar[bytes] = b'"userName":'

    def __call__(self, connection: int, turn: int) -> bytes:
        """Give the request of a connection's turn."""
        raise NotImplementedError

    def send(self, method: str, path: str, body: Any = None) -> bytes:
        """Give a request on a path below the side's root."""
        root = f"/{self.population.name}/scim/v2" if self.token else ""
        return request(method, root + path, body, token=self.token)

    def add(self, group: str, ids: list[str]) -> bytes:
        """Give the request that adds members to a group."""
        if not self.token:
            return self.send("POST", f"/groups/{group}/members", ids)
        operation = {"op": "Add", "path": "members", "value": [{"value": member} for member in ids]}
        return self.send("PATCH", f"/Groups/{group}", people.patch(operation))

    def user(self, connection: int, turn: int, among: range) -> str:
        """Give the id of somebody of a range, another one each time."""
        return self.population.user_id(_somebody(connection, turn, among))


class Get(Asker):
    """GET of a user in no group and without a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        path = "/Users/" if self.token else "/users/"
        return self.send("GET", path + self.user(connection, turn, self.population.alone))


class GetConnected(Asker):
    """GET of a user in two groups and with a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        path = "/Users/" if self.token else "/users/"
        return self.send("GET", path + self.user(connection, turn, self.population.connected))


class Find(Asker):
    """The query by userName with which Entra looks for somebody, here in no group and without a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        name = people.user_name(_somebody(connection, turn, self.population.alone))
        if self.token:
            return self.send("GET", "/Users?filter=" + quote(f'userName eq "{name}"', safe=""))
        return self.send("GET", "/users?userName=" + quote(name, safe=""))


class Page(Asker):
    """A page of 100 users, somewhere among the first thousand."""

    def __call__(self, connection: int, turn: int) -> bytes:
        start = (connection * 131 + turn * 37) % 900
        if self.token:
            return self.send("GET", f"/Users?startIndex={start + 1}&count=100")
        return self.send("GET", f"/users?skip={start}&limit=100")


class Post(Asker):
    """POST of a full Entra user."""

    def __call__(self, connection: int, turn: int) -> bytes:
        body = people.user(people.FRESH + turn * CONNECTIONS + connection)
        return self.send("POST", "/Users" if self.token else "/users", body)


class Patch(Asker):
    """PATCH of one attribute of a full user in no group and without a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        user = self.user(connection, turn, self.population.alone)
        title = f"Title {connection}.{turn}"
        if not self.token:
            return self.send("PATCH", f"/users/{user}", {"title": title})
        return self.send("PATCH", f"/Users/{user}", people.patch({"op": "Replace", "path": "title", "value": title}))


@dataclass(frozen=True)
class AddMember(Asker):
    """One member more for a group, for each of `groups` in turn."""

    groups: tuple[str, ...] = ()
    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        number = len(self.groups)
        group = self.groups[(turn + connection * number // CONNECTIONS) % number]
        member = turn // number * CONNECTIONS + connection
        return self.add(group, [self.population.user_id(member % self.population.users)])


@dataclass(frozen=True)
class Grow(Asker):
    """100 members in one PATCH; a group takes 20 of them, then the next one follows."""

    groups: tuple[str, ...] = ()
    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        mine = len(self.groups) // CONNECTIONS
        group = self.groups[connection * mine + turn // BLOCKS % mine]
        start = turn % BLOCKS * BLOCK
        return self.add(group, [self.population.extra_id(number) for number in range(start, start + BLOCK)])


@dataclass(frozen=True)
class GetGroup(Asker):
    """GET of one whole group."""

    group: str = ""
    expected: ClassVar[bytes] = b'"members":'

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", f"/Groups/{self.group}")


class Cycle(Asker):
    """What Entra sends all day: look for somebody, read him, change him, create somebody."""

    def __call__(self, connection: int, turn: int) -> bytes:
        kinds = (Find, Get, Find, Patch, GetConnected, Post)
        ask = kinds[turn % len(kinds)](self.population, self.token)
        return ask(connection, 1_000_000 + turn)


def _somebody(connection: int, turn: int, among: range) -> int:
    return among[(connection * 7919 + turn * 104_729) % len(among)]
