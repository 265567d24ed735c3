"""A consumer that takes a snapshot at any moment, page by page, and follows the feed from its cursor, has all roles."""

from __future__ import annotations

from typing import Any

import pytest

from tests.roles.conftest import CHANGED, World
from tests.roles.test_random import Chaos, reference

Roles = dict[str, tuple[str, ...]]


class Consumer:
    """Takes a snapshot with pages of three items, and whatever may happen between two of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cursor = ""
        self._page: str | None = ""
        self.roles: Roles = {}

    def step(self) -> bool:
        """Read the next page; return whether there are more."""
        answer = self._world.get(f"/acme/snapshot?limit=3{f'&page={self._page}' if self._page else ''}")
        for item in answer["items"]:
            if item["type"] == "User":
                self.roles[item["resource"]["id"]] = tuple(item.get("roles", ()))
        self._page, self._cursor = answer["page"], answer["changes"]
        return self._page is not None

    def follow(self) -> None:
        """Apply all events behind the snapshot, by the rules of the page for consumers."""
        more = True
        while more:
            answer = self._world.get(f"/acme/changes?limit=1000&after={self._cursor}")
            for event in answer["events"]:
                self._apply(event)
            self._cursor, more = answer["cursor"], answer["more"]

    def _apply(self, event: dict[str, Any]) -> None:
        user = event["data"]["id"]
        match event["type"]:
            case "scimd.user.deleted":
                self.roles.pop(user, None)
            case "scimd.user.created" | "scimd.user.restored":
                self.roles.setdefault(user, ())
            case kind if kind == CHANGED:
                self.roles[user] = tuple(event["data"]["roles"])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 40))])
def test_snapshot_and_feed_together_say_who_has_which_roles(world: World, seed: int) -> None:
    chaos = Chaos(world, 100 + seed)
    consumers = []
    for _ in range(5 if seed else 2):
        chaos.run(10)
        consumers.append(Consumer(world))
        while consumers[-1].step():
            chaos.run(3)
    world.settle()
    expected = reference(world)
    for consumer in consumers:
        consumer.follow()
        assert consumer.roles == expected
