"""What the load generator sends: each request of the measurements, to scimd and to the bare app.

A source is called with the number of a connection and its turn, and returns the bytes of one HTTP request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from bench import people
from bench.people import Population

CONNECTIONS = 8
"""The most connections that a source tells apart."""
BLOCK = 100
"""Members in one PATCH while a group grows."""
BLOCKS = 20
"""Turns until it has its 2,000."""


def request(method: str, path: str, body: Any = None, *, token: str = "") -> bytes:
    """Return the bytes of a request."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        head += [f"Authorization: Bearer {token}", "Accept: application/scim+json"]
    if body is not None:
        head += [f"Content-Type: application/{'scim+' if token else ''}json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*head, "", ""]).encode() + content


@dataclass(frozen=True)
class Requests:
    """Requests of one kind: to a tenant with its token, or without one to the bare app."""

    population: Population
    token: str = ""
    expected: ClassVar[bytes] = b'"userName":'
    block: ClassVar[int] = 1

    def __call__(self, connection: int, turn: int) -> bytes:
        """Return the request of a connection's turn."""
        raise NotImplementedError

    def send(self, method: str, path: str, body: Any = None) -> bytes:
        """Return a request to a path below the tenant's SCIM URL, or below the bare app's root."""
        root = self.population.path if self.token else ""
        return request(method, root + path, body, token=self.token)

    def add(self, group: str, ids: list[str]) -> bytes:
        """Return the request that adds members to a group."""
        if not self.token:
            return self.send("POST", f"/groups/{group}/members", ids)
        operation = {"op": "Add", "path": "members", "value": [{"value": member} for member in ids]}
        return self.send("PATCH", f"/Groups/{group}", people.patch(operation))

    def user(self, connection: int, turn: int, among: range) -> str:
        """Return the path of one of these users, another one each turn."""
        return self._path(one_of(among, connection, turn))

    def leaver(self, connection: int, turn: int) -> str:
        """Return the path of a user who has not been named before; raises RuntimeError after the last one."""
        number, leavers = turn * CONNECTIONS + connection, self.population.leavers
        if number >= len(leavers):
            raise RuntimeError(f"all {len(leavers):,} users of {self.population.name} have left")
        return self._path(leavers[number])

    def _path(self, number: int) -> str:
        return ("/Users/" if self.token else "/users/") + self.population.user_id(number)


class Get(Requests):
    """GET of a user in no group and without a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", self.user(connection, turn, self.population.alone))


class GetConnected(Requests):
    """GET of a user in two groups and with a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", self.user(connection, turn, self.population.connected))


class Find(Requests):
    """The query by userName with which Entra looks up a user, here one in no group and without a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        name = people.user_name(one_of(self.population.alone, connection, turn))
        if self.token:
            return self.send("GET", "/Users?filter=" + quote(f'userName eq "{name}"', safe=""))
        return self.send("GET", "/users?userName=" + quote(name, safe=""))


class FindNobody(Requests):
    """The same query for a name that nobody has, which Entra sends before it creates a user."""

    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        name = people.user_name(people.FRESH - 1 - turn * CONNECTIONS - connection)
        if self.token:
            return self.send("GET", "/Users?filter=" + quote(f'userName eq "{name}"', safe=""))
        return self.send("GET", "/users?userName=" + quote(name, safe=""))


class Page(Requests):
    """A page of 100 users, somewhere among the first thousand."""

    def __call__(self, connection: int, turn: int) -> bytes:
        start = (connection * 131 + turn * 37) % 900
        if self.token:
            return self.send("GET", f"/Users?startIndex={start + 1}&count=100")
        return self.send("GET", f"/users?skip={start}&limit=100")


@dataclass(frozen=True)
class CursorPage(Requests):
    """A page by its cursor (RFC 9865); the first page has an empty one."""

    cursor: str = ""

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", f"/Users?count=100&attributes=userName&cursor={quote(self.cursor, safe='')}")


@dataclass(frozen=True)
class IndexPage(Requests):
    """A page by its index, as a client that reads page after page asks for it."""

    page: int = 1

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", f"/Users?count=100&startIndex={(self.page - 1) * 100 + 1}")


@dataclass(frozen=True)
class Post(Requests):
    """POST of a user with all that Entra sends; `first` is the number of the first one."""

    first: int = people.FRESH

    def __call__(self, connection: int, turn: int) -> bytes:
        body = people.user(self.first + turn * CONNECTIONS + connection)
        return self.send("POST", "/Users" if self.token else "/users", body)


class Patch(Requests):
    """PATCH of one attribute of a user in no group and without a manager."""

    def __call__(self, connection: int, turn: int) -> bytes:
        path = self.user(connection, turn, self.population.alone)
        title = f"Title {connection}.{turn}"
        if not self.token:
            return self.send("PATCH", path, {"title": title})
        return self.send("PATCH", path, people.patch({"op": "Replace", "path": "title", "value": title}))


class Disable(Requests):
    """PATCH that disables a user as Entra does, another one each turn."""

    def __call__(self, connection: int, turn: int) -> bytes:
        path = self.leaver(connection, turn)
        if not self.token:
            return self.send("PATCH", path, {"active": False})
        return self.send("PATCH", path, people.patch({"op": "Replace", "path": "active", "value": "False"}))


class Delete(Requests):
    """DELETE of a user in no group and without a manager, another one each turn."""

    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("DELETE", self.leaver(connection, turn))


class CreateGroup(Requests):
    """POST of a group without members."""

    expected: ClassVar[bytes] = b'"displayName":'

    def __call__(self, connection: int, turn: int) -> bytes:
        body = people.group(people.FRESH + turn * CONNECTIONS + connection)
        return self.send("POST", "/Groups" if self.token else "/groups", body)


@dataclass(frozen=True)
class AddMember(Requests):
    """One more member, or `at_once` more, for a group, for each of `groups` in turn."""

    groups: tuple[str, ...] = ()
    at_once: int = 1
    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        number = len(self.groups)
        group = self.groups[(turn + connection * number // CONNECTIONS) % number]
        first = (turn // number * CONNECTIONS + connection) * self.at_once
        members = range(first, first + self.at_once)
        return self.add(group, [self.population.joiner(member) for member in members])


@dataclass(frozen=True)
class Grow(Requests):
    """100 members in one PATCH; after 20 of them, the next group follows."""

    groups: tuple[str, ...] = ()
    expected: ClassVar[bytes] = b""
    block: ClassVar[int] = BLOCKS

    def __call__(self, connection: int, turn: int) -> bytes:
        mine = len(self.groups) // CONNECTIONS
        group = self.groups[connection * mine + turn // BLOCKS % mine]
        start = turn % BLOCKS * BLOCK
        return self.add(group, [self.population.extra_id(number) for number in range(start, start + BLOCK)])


@dataclass(frozen=True)
class GetGroup(Requests):
    """GET of one whole group."""

    group: str = ""
    expected: ClassVar[bytes] = b'"members":'

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", f"/Groups/{self.group}")


def one_of(among: range, connection: int, turn: int) -> int:
    """Return one of the numbers, another one each turn."""
    return among[(connection * 7919 + turn * 104_729) % len(among)]
