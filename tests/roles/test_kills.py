"""Workers are killed and stopped at any moment: each person is told of each change once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.roles.giving import Giving
from app.store.roles.progress import Deposed
from tests.blueprints.conftest import USER_URN
from tests.conftest import make_server
from tests.processes import children, until
from tests.relay import relay
from tests.roles.conftest import CHANGED, World, copy_of, times

PEOPLE = 3_000


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no handler either."""


@pytest.mark.parametrize("moment", [
    pytest.param("before the transaction", marks=pytest.mark.long), "in the transaction",
    pytest.param("after the transaction", marks=pytest.mark.long),
])
def test_a_worker_that_is_killed_leaves_a_batch_done_or_not(
    world: World, small_batches: None, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    people = world.import_people(35, world.scim.group("Sales")["id"])
    relay(world.database)
    world.map("Sales", "seller")
    transaction = world.database.transaction
    left = [2]

    def killing(work: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] != 0:
            return transaction(work, **named)
        if moment == "after the transaction":
            transaction(work, **named)
        if moment == "in the transaction":

            def cut(session: Any) -> None:
                work(session)
                raise Killed

            transaction(cut, **named)
        raise Killed

    monkeypatch.setattr(world.database, "transaction", killing)
    with pytest.raises(Killed):
        while world.follower.round():
            continue
    monkeypatch.setattr(world.database, "transaction", transaction)
    done = len([each for each in world.snapshot().values() if each])
    assert done == (20 if moment == "after the transaction" else 10)
    world.database.db.role_maps.update_one({}, {"$unset": {"until": ""}})  # ten seconds later
    world.follower = world.new_follower()
    world.settle()
    assert times(world.told()) == dict.fromkeys(people, 1)


def test_a_worker_that_was_stopped_between_reading_and_writing_stores_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = world.people(1)
    sales = world.scim.group("Sales")["id"]
    world.map("Sales", "seller")
    world.settle()
    world.add(sales, ann)
    relay(world.database)
    stopped, store_all = world.follower, Giving._store_all
    meanwhile = []

    def stop(self: Giving, *arguments: Any, **named: Any) -> Any:
        if not meanwhile:
            meanwhile.append(True)  # this one stands still; ten seconds later another worker takes its place
            world.remove(sales, ann)
            world.database.db.role_maps.update_one({}, {"$unset": {"until": ""}})
            world.follower = world.new_follower()
            world.settle()
            with pytest.raises(Deposed):
                store_all(self, *arguments, **named)
            raise Deposed
        return store_all(self, *arguments, **named)

    monkeypatch.setattr(Giving, "_store_all", stop)
    stopped.round()
    world.settle()
    assert meanwhile
    assert world.snapshot() == {ann: ()}
    assert world.told() == []


def test_a_map_that_changes_while_people_are_looked_at_does_not_give_a_role_of_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = world.people(1)
    world.scim.group("Sales", ann)
    world.map("Sales", "seller")
    store_all, meanwhile = Giving._store_all, []

    def change_first(self: Giving, *arguments: Any, **named: Any) -> Any:
        if not meanwhile:
            meanwhile.append(True)
            world.command("role", "unmap", "acme", "Sales")
        return store_all(self, *arguments, **named)

    monkeypatch.setattr(Giving, "_store_all", change_first)
    world.settle()
    assert meanwhile
    assert world.told() == []


@pytest.mark.long
def test_workers_are_killed_while_a_large_group_gets_its_role(tmp_path: Path) -> None:
    random.seed()
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_THREADS="8", SCIMD_RATE_LIMIT="off")
    server.start()
    try:
        url, token = server.create_tenant(profile="interop")
        tenant = url.split("/")[3]
        lines = [f'{{"type": "Group", "resource": {{"schemas": ["{GROUP}"], "id": "g", "displayName": "All"}}}}']
        lines += [f'{{"type": "User", "resource": {{"schemas": ["{USER_URN}"], "id": "u{n}", "userName": "u{n}"}}}}' for n in range(PEOPLE)]
        lines += [f'{{"type": "Membership", "group": "g", "member": "u{n}"}}' for n in range(PEOPLE)]
        (tmp_path / "lines").write_text("\n".join(lines))
        server.command("import", tenant, str(tmp_path / "lines"))
        server.command("role", "map", tenant, "All", "member")
        maps, events = server.database.db.role_maps, server.database.db.events
        kills = 0
        while kills < 8:
            time.sleep(random.uniform(0.1, 1.5))  # noqa: S311
            os.kill(random.choice(workers(server)), signal.SIGKILL)  # noqa: S311
            kills += 1
            if kills == 4:
                server.command("role", "map", tenant, "All", "member", "--default", "guest")

        def done() -> bool:
            row = maps.find_one({"_id": tenant})
            return not row["tasks"] and events.count_documents({"tenant": tenant, "type": CHANGED}) >= PEOPLE

        until(done, seconds=120)
        until(lambda: server.database.db.users.count_documents({"_outbox.time": {"$exists": True}}) == 0, seconds=60)
        rows = events.find({"tenant": tenant, "type": CHANGED}).sort("seq")
        told = [(row["resource"]["id"], tuple(row["roles"])) for row in rows]
        assert Counter(person for person, _ in told) == {f"u{n}": 1 for n in range(PEOPLE)}
        assert set(copy_of(told).values()) == {("member",)}
    finally:
        server.stop()


GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def workers(server: Any) -> list[int]:
    found = children(server.process.pid)
    return [each for each in found if b"mongod" not in Path(f"/proc/{each}/cmdline").read_bytes()]
