"""Requests of several kinds: what Entra sends all day, and what a tenant sends that keeps the server busy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench import people
from bench.requests import AddMember, Find, Get, GetConnected, Patch, Post, Requests


class Mix(Requests):
    """What Entra sends all day: in twenty requests 8 lookups, 5 reads, 4 changes, 2 new users and 1 new member."""

    expected: ClassVar[bytes] = b""
    KINDS = (
        Find, Get, Patch, Find, Post, Find, GetConnected, Find, Patch, Get,
        Find, AddMember, Find, Get, Patch, Find, Post, GetConnected, Find, Patch,
    )

    def __call__(self, connection: int, turn: int) -> bytes:
        kind = self.KINDS[(turn + 7 * connection) % len(self.KINDS)]
        groups = {"groups": self.population.groups("ten", self.population.tens)} if kind is AddMember else {}
        return kind(self.population, self.token, **groups)(connection, 1_000_000 + turn)


@dataclass(frozen=True)
class InTurn:
    """Requests to several tenants in turn; each source makes those to one of them."""

    sources: tuple[Requests, ...]
    expected: ClassVar[bytes] = b""
    block: ClassVar[int] = 1

    def __call__(self, connection: int, turn: int) -> bytes:
        """Return the request of a connection's turn, to another tenant each time."""
        number = len(self.sources)
        return self.sources[(turn + connection) % number](connection, turn // number)


class Flood(Requests):
    """Filters without an index, and on every eighth connection Bulk requests of 100 new users."""

    expected: ClassVar[bytes] = b""
    CONNECTIONS = 48

    def __call__(self, connection: int, turn: int) -> bytes:
        if connection % 8:
            return self.send("GET", "/Users?filter=nickName%20co%20%22zzz%22")
        first = people.FRESH + (turn * self.CONNECTIONS + connection) * 100
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": str(number), "data": people.user(number)}
            for number in range(first, first + 100)
        ]
        schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
        return self.send("POST", "/Bulk", {"schemas": schemas, "Operations": operations})
