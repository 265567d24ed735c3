"""The operations that read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote

from bench import people, requests
from bench.peers.operation import Answer, Operation, Read, Sent, expect

_NONE = re.compile(rb'"totalResults": ?0\b')
_USER = b'"userName"'


@dataclass(frozen=True)
class Find(Operation):
    """A lookup by userName that finds a user."""

    name: ClassVar[str] = "find"
    title: ClassVar[str] = "look up a user"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        request = self.source(connection, turn)
        return response.count(_USER) == 1 and _name_in(request).encode() in response

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        found = answer.body
        expect(found["totalResults"] == 1, f"found {found['totalResults']} users, where there is one")
        (user,) = found["Resources"]
        _is_user(self, user, _name_in(sent.path.encode()))
        return ""


@dataclass(frozen=True)
class FindNobody(Operation):
    """A lookup by userName that finds no one."""

    name: ClassVar[str] = "find-miss"
    title: ClassVar[str] = "look up a user who does not exist"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        return _USER not in response and bool(_NONE.search(response))

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        found = answer.body
        there = found["totalResults"], len(found.get("Resources") or ())
        expect(there == (0, 0), f"found {max(there)} users, where there is none")
        return ""


@dataclass(frozen=True)
class Get(Operation):
    """GET of one user."""

    name: ClassVar[str] = "get"
    title: ClassVar[str] = "get a user"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        return response.count(_USER) == 1 and Sent.read(self.source(connection, turn)).id.encode() in response

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        user = answer.body
        expect(user["id"] == sent.id, f"returned user {user['id']} instead of {sent.id}")
        _is_user(self, user, user["userName"])
        return ""


@dataclass(frozen=True)
class Page(Operation):
    """A page of a hundred users."""

    name: ClassVar[str] = "page"
    title: ClassVar[str] = "read a page of 100 users"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        return response.count(_USER) == 100

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        page = answer.body
        ids = {user["id"] for user in page["Resources"]}
        expect(len(ids) == 100, f"returned {len(ids)} users instead of 100")
        total, there = page["totalResults"], self.of.users
        expect(total == there, f"returned totalResults {total} instead of {there}")
        for user in page["Resources"]:
            _is_user(self, user, user["userName"])
        return ""


@dataclass(frozen=True)
class GetGroup(Operation):
    """GET of one group with its members."""

    name: ClassVar[str] = "group-get"
    title: ClassVar[str] = "get a group of 100 members"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        return response.count(b'"value"') == self._members

    @property
    def _members(self) -> int:
        return 2 * len(self.of.connected) // self.of.circles

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        group = answer.body
        expect(group["id"] == sent.id, f"returned group {group['id']} instead of {sent.id}")
        expected = {self.of.user_id(n) for n in self.of.connected if sent.id in self.of.circles_of(n)}
        members = {member["value"] for member in group["members"]}
        expect(members == expected, f"returned {len(members & expected)} of {len(expected)} members")
        return ""


class EachGroup(requests.Requests):
    """GET of one of the groups of a hundred members, another one each turn."""

    expected: ClassVar[bytes] = b'"members":'

    def __call__(self, connection: int, turn: int) -> bytes:
        place = turn * requests.CONNECTIONS + connection
        return self.send("GET", f"/Groups/{self.population.group_id('circle', place % self.population.circles)}")


def _name_in(request: bytes) -> str:
    """Return the userName that a lookup asks for."""
    line = unquote(request.split(b"\r\n", 1)[0].decode())
    return line.partition('"')[2].partition('"')[0]


def _is_user(operation: Operation, user: Any, name: str) -> None:
    """Raise Wrong if this is not the user who was loaded under a name."""
    expect(user["userName"] == name, f"returned {user['userName']} instead of {name}")
    number = int(name[len("Person."):].partition("@")[0])
    expect(user["id"] == operation.of.user_id(number), f"returned {name} under the id {user['id']}")
    expect(user["emails"][0]["value"] == people.email(number), f"returned {name} with another e-mail address")
