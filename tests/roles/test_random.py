"""Whatever happens to people, groups and the map, everybody ends with the roles of a simple reference."""

from __future__ import annotations

import random

import pytest

from app.store.roles.role_maps import RoleMap, RoleMaps
from tests.relay import relay
from tests.roles.conftest import CHANGED, World

ROLES = ("admin", "reader", "writer")


class Chaos:
    """Random changes of a small tenant, with two followers that do some of their work in between."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)  # noqa: S311
        self.followers = [world.follower, world.new_follower()]
        self.people = world.people(6)
        self.groups = [world.scim.group(f"G{each}")["id"] for each in range(7)]
        self.gone: list[str] = []

    def run(self, number: int) -> None:
        for _ in range(number):
            self.random.choice((
                self.join, self.join, self.join, self.leave, self.leave, self.replace, self.delete, self.restore, self.map,
                self.unmap, self.follow, self.follow,
            ))()

    def one(self, among: list[str]) -> str:
        return self.random.choice(among)

    def join(self) -> None:
        self.world.scim.patch(f"/Groups/{self.one(self.groups)}", {
            "op": "add", "path": "members", "value": [{"value": self.one(self.people + self.groups)}],
        })

    def leave(self) -> None:
        member = self.one(self.people + self.groups)
        self.world.scim.patch(f"/Groups/{self.one(self.groups)}", {"op": "remove", "path": f'members[value eq "{member}"]'})

    def replace(self) -> None:
        members = self.random.sample(self.people + self.groups, self.random.randrange(4))
        self.world.scim.patch(f"/Groups/{self.one(self.groups)}", {
            "op": "replace", "path": "members", "value": [{"value": each} for each in members],
        })

    def delete(self) -> None:
        kind, among = self.random.choice((("Users", self.people), ("Groups", self.groups)))
        each = self.one(among)
        if self.world.scim("DELETE", f"/{kind}/{each}").status_code == 204:
            self.gone.append(each)

    def restore(self) -> None:
        if self.gone:
            each = self.gone.pop(self.random.randrange(len(self.gone)))
            self.world.command("restore", "acme", each)

    def map(self) -> None:
        group = self.one([each for each in self.groups if each not in self.gone] or [""])
        if group:
            self.world.map(group, self.random.choice(ROLES), "--priority", str(self.random.randrange(3)))

    def unmap(self) -> None:
        mapped = [each.group for each in RoleMaps(self.world.database).get("acme").mappings]
        if mapped and self.random.random() < 0.5:
            self.world.command("role", "unmap", "acme", self.one(mapped))

    def follow(self) -> None:
        relay(self.world.database)
        self.random.choice(self.followers).round()


def reference(world: World) -> dict[str, tuple[str, ...]]:
    """Return the roles of each user, by walking from each one through the memberships of existing groups."""
    db = world.database.db
    groups = {row["_id"] for row in db.groups.find({"tenant": "acme"}, {"_id": 1})}
    edges = [(row["member"], row["group"]) for row in db.memberships.find({"tenant": "acme"}) if row["group"] in groups]
    role_map: RoleMap = RoleMaps(world.database).get("acme")

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        while new := {group for member, group in edges if member in found | {start}} - found:
            found |= new
        return found

    users = [row["_id"] for row in db.users.find({"tenant": "acme"}, {"_id": 1})]
    return {user: role_map.roles(reached(user)) for user in users}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 60))])
def test_everybody_ends_with_the_roles_of_the_reference_and_the_feed_agrees(world: World, seed: int) -> None:
    chaos = Chaos(world, seed)
    chaos.run(80)
    world.settle()
    expected = reference(world)
    assert world.snapshot() == expected
    assert {user: roles for user, roles in followed(world).items() if roles} == {
        user: roles for user, roles in expected.items() if roles
    }


def followed(world: World) -> dict[str, tuple[str, ...]]:
    """Return the roles that a consumer has that has read the whole feed; each event of roles changes them."""
    roles: dict[str, tuple[str, ...]] = {}
    for event in world.feed("scimd.user.*"):
        user = event["data"]["id"]
        if event["type"].endswith(("deleted", "restored")):
            roles.pop(user, None)
        elif event["type"] == CHANGED:
            assert roles.get(user, ()) != tuple(event["data"]["roles"]), "an event that changes nothing"
            roles[user] = tuple(event["data"]["roles"])
    return roles
