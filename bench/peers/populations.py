"""Who is in the directories that are compared: the same people and groups, under the ids that each server has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.people import Population

GROUP_SIZE = 100
"""The members of a group that is read."""


class AtRoot(Population):
    """The population of a server that knows no tenants."""

    @property
    def path(self) -> str:
        return "/v2"


class Numbered(AtRoot):
    """The same with numbers as ids, as Django's models have them."""

    KINDS = ("circle", "empty", "team")

    def user_id(self, number: int) -> str:
        return str(number + 1)

    def group_id(self, kind: str, number: int) -> str:
        return str(self.KINDS.index(kind) * 1_000_000 + number + 1)


def population(users: int, kind: type[Population] = Population) -> Population:
    """Return so many users: a quarter in two groups of a hundred each, a quarter leaving, and empty groups to fill."""
    circles, leaving = users // (2 * GROUP_SIZE), users // 4
    return kind(f"peers-{users}", users, circles=circles, tens=0, empties=200, teams=400, leaving=leaving)


@dataclass(frozen=True)
class StoredGroup:
    """A group as it is loaded."""

    id: str
    name: str
    members: tuple[int, ...]
    """The numbers of the users in it."""


def groups(of: Population) -> Iterator[StoredGroup]:
    """Return each group of a population made here."""
    members: dict[str, list[int]] = {}
    for number in of.connected:
        for group in of.circles_of(number):
            members.setdefault(group, []).append(number)
    for kind, number in {"circle": of.circles, "empty": of.empties, "team": of.teams}.items():
        for place, group in enumerate(of.groups(kind, number)):
            yield StoredGroup(group, f"{kind} {place:04d}", tuple(members.get(group, ())))
