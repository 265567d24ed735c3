"""What the pages of people and groups cost: as much at 20,000 users, events, members and deleted ones as at 200."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from app.schemas.meta import first_meta
from app.store.accounts.tenants import Tenants
from app.store.log.changes import Request
from app.store.log.event import Actor
from app.store.mongo.moments import now
from tests.console.test_costs import MOST, World


class Stored:
    """The tenant with so many users, events about one of them, members of a group, and deleted ones."""

    def __init__(self, world: World, number: int) -> None:
        directory = world.app.extensions["scimd-console"].directory(Tenants(world.database).require("contoso"))
        request, db = Request("create", Actor("token")), world.database.db
        user, group = (directory.catalogue.named(name) for name in ("User", "Group"))
        ids = [str(uuid.uuid4()) for _ in range(number)]
        self.user, self.group = ids[0], str(uuid.uuid4())
        for kind, name, its_id in ((user, "first", self.user), (group, "Sales", self.group)):
            made = {"schemas": [kind.schema.id], kind.identifier: name, "id": its_id, "meta": first_meta(kind.name, now())}
            directory.create(kind, made, (), request)
        document = db.users.find_one({"_id": self.user})
        names = [{"userName": f"u{at:06}"} for at in range(number)]
        users = [
            document | name | {"_id": each, "_outbox": [], "_folded": name, "_unique": name}
            for name, each in zip(names, ids, strict=True)
        ]
        db.users.insert_many(users[1:])
        db.memberships.insert_many([
            {"tenant": "contoso", "group": self.group, "member": each, "type": "User"} for each in ids
        ])
        line = {"tenant": "contoso", "operation": "patch", "resource": {"type": "User", "id": self.user}, "status": 200}
        line |= {"keys": [self.user], "credential": "t", "request": "r"}
        db.events.insert_many([
            line | {"_id": str(uuid.uuid4()), "time": now() + timedelta(milliseconds=at)} for at in range(number)
        ])
        kept = {"tenant": "contoso", "type": "User", "keys": [], "expires": now() + timedelta(days=9), "memberships": []}
        db.deleted.insert_many([
            kept | {"_id": str(uuid.uuid4()), "name": "d", "deleted": now() - timedelta(milliseconds=at), "document": users[at]}
            for at in range(number)
        ])

    def paths(self) -> list[str]:
        here = "/console/customers/contoso"
        return [
            f"{here}/people", f"{here}/people?q=u00", f"{here}/people?q=first", f"{here}/groups",
            f"{here}/people/{self.user}", f"{here}/groups/{self.group}", f"{here}/groups/{self.group}?is=first",
            f"{here}/groups/{self.group}?only=1", f"{here}/deleted", f"{here}/log", "/console/find?q=first",
            "/console/find?q=u00",
        ]


def cost_of(world: World, path: str) -> tuple[list[str], int]:
    """The names of the commands of a page, and how many documents MongoDB has examined for it."""
    world.get(path)  # what is read once
    db = world.database.db
    db.command("profile", 2)
    status, commands = world.get(path)
    db.command("profile", 0)
    examined = sum(row.get("docsExamined", 0) for row in db["system.profile"].find())
    db["system.profile"].drop()
    assert status == 200, path
    return [next(iter(command)) for command in commands], examined


@pytest.mark.long
def test_co_100_101_pages_of_people_cost_the_same_at_200_and_at_20_000(mongod_uri: str) -> None:
    costs = []
    for number in (200, 20_000):
        world = World(mongod_uri)
        try:
            paths = Stored(world, number).paths()
            costs.append([cost_of(world, path) for path in paths])
        finally:
            world.close()
    few, many = costs
    assert [commands for commands, _ in few] == [commands for commands, _ in many]
    for path, (commands, examined) in zip(paths, many, strict=True):
        assert len(commands) <= MOST, (path, commands)
        assert examined <= 4 * 51 + 100, (path, examined)
