"""Groups that more members leave than one transaction deletes: nobody sees it half done (FA-12)."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.assembly import assemble
from app.cli import run
from app.cli.connection import Connection
from app.config import Config
from app.export_import import export
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.directory import deleted, membership_plan, membership_reader, membership_sweep, memberships, references
from app.store.directory.membership_sweep import LEASE, _key, _sweep_batch, sweep
from app.store.directory.memberships import CLEARED
from app.store.directory.operator_views import prepare_views
from app.store.mongo.database import Database
from app.store.open import open_directory
from tests.blueprints.conftest import GROUP_URN, Client
from tests.relay import logged

MOST_AT_ONCE, MOST_LOOKED_AT, BATCH = 100, 200, 25
"""A hundredth or so of the server's own limits, which tests/reliability/test_huge_groups.py exceeds."""
BELIEVED = 0.05
"""The seconds for which a process relies on having found no clearance, and for which each clearance waits; else 1."""
MANY = MOST_AT_ONCE + BATCH
URL = "/Groups/{}"


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership_plan, "MOST_AT_ONCE", MOST_AT_ONCE)
    monkeypatch.setattr(membership_plan, "MOST_LOOKED_AT", MOST_LOOKED_AT)
    believe(monkeypatch, BELIEVED)
    for module in (membership_sweep, references, deleted):
        monkeypatch.setattr(module, "BATCH", BATCH)


def believe(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let a process rely for so long on having found no clearance; where threads compete, it is as long as it really is."""
    for module in (memberships, membership_reader):
        monkeypatch.setattr(module, "BELIEVED", seconds)


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture
def client(database: Database) -> Client:
    prepare_views(database)
    app = assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database)
    Tenants(database).create("acme", "interop")
    return Client(app, "acme", Tokens(database).issue("acme")[0])


class World:
    """A group with many members, inside another one, and three users of whom some are among them."""

    def __init__(self, client: Client, database: Database, number: int = MANY) -> None:
        self.client, self.database = client, database
        self.users = {client.user(name)["id"]: name for name in ("leaver", "stayer", "newcomer")}
        self.leaver, self.stayer, self.newcomer = self.users
        self.group = client.group("Huge", self.leaver, self.stayer)["id"]
        self.outer = client.group("Outer", self.group)["id"]
        self.fill(number)

    def fill(self, number: int) -> None:
        """Add members who do not exist, as a client may name them."""
        rows = ({"tenant": "acme", "group": self.group, "member": str(uuid.uuid4())} for _ in range(number))
        for batch in _batches(rows):
            self.database.db.memberships.insert_many(batch)

    def put(self, *members: str) -> None:
        body = {"schemas": [GROUP_URN], "displayName": "Huge", "members": [{"value": member} for member in members]}
        assert self.client("PUT", f"{URL.format(self.group)}?excludedAttributes=members", body).status_code == 200

    def patch(self, *operations: dict[str, Any]) -> None:
        assert self.client.patch(URL.format(self.group), *operations).status_code in (200, 204)

    def check(self, *members: str, others: int = 0, readers: Iterable[str] = ()) -> None:
        """Check that these readers, or all, see these of the three users in the group, and `others` besides."""
        for name in readers or READERS:
            assert {self.users[each] for each in READERS[name](self)} == {self.users[each] for each in members}, name
        listed = self.client("GET", URL.format(self.group)).get_json().get("members", [])
        assert len(listed) == len(members) + others


def _batches(rows: Iterable[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    rows = iter(rows)
    while batch := list(itertools.islice(rows, 10_000)):
        yield batch


def shown(world: World) -> set[str]:
    group = world.client("GET", URL.format(world.group)).get_json()
    return {each["value"] for each in group.get("members", ())} & world.users.keys()


def listed(world: World) -> set[str]:
    groups = world.client("GET", "/Groups").get_json()["Resources"]
    [group] = [group for group in groups if group["id"] == world.group]
    return {each["value"] for each in group.get("members", ())} & world.users.keys()


def groups_of_each(world: World) -> set[str]:
    found = set()
    for user in world.users:
        kinds = {each["value"]: each["type"] for each in world.client("GET", f"/Users/{user}").get_json().get("groups", ())}
        assert kinds in ({}, {world.group: "direct", world.outer: "indirect"})
        found |= {user} if kinds else set()
    return found


def groups_in_a_list(world: World) -> set[str]:
    users = world.client("GET", "/Users").get_json()["Resources"]
    return {user["id"] for user in users if any(each["value"] == world.group for each in user.get("groups", ()))}


def found_by(path: str) -> Callable[[World], set[str]]:
    def find(world: World) -> set[str]:
        answer = world.client("GET", path.format(group=world.group, outer=world.outer, **_named(world)))
        return {user["id"] for user in answer.get_json()["Resources"]}

    return find


def _named(world: World) -> dict[str, str]:
    return {name: user for user, name in world.users.items()}


def members_eq(world: World) -> set[str]:
    return {
        user for user in world.users
        if world.client("GET", f'/Groups?filter=id eq "{world.group}" and members.value eq "{user}"').get_json()["totalResults"]
    }


def exported(world: World) -> set[str]:
    config = Config.from_environment({})
    rows = export(open_directory(config, world.database, Tenants(world.database).require("acme")))
    return {row["member"] for row in rows if row.get("group") == world.group} & world.users.keys()


def view_of_members(world: World) -> set[str]:
    query = {"tenant": "acme", "group": world.group, "member": {"$in": list(world.users)}}
    return {row["member"] for row in world.database.db.group_members.find(query)}


def view_of_groups(world: World) -> set[str]:
    rows = world.database.db.user_groups.find({"tenant": "acme"})
    return {row["_id"] for row in rows if world.group in {each["id"] for each in row["groups"]}}


READERS: dict[str, Callable[[World], set[str]]] = {
    "GET of the group": shown,
    "a list of groups": listed,
    "GET of each user": groups_of_each,
    "a list of users": groups_in_a_list,
    "groups.value eq": found_by('/Users?filter=groups.value eq "{group}"'),
    "groups.display eq": found_by('/Users?filter=groups.display eq "Outer"'),
    "groups.type eq indirect": found_by('/Users?filter=groups.type eq "indirect"'),
    "groups.type eq direct": found_by('/Users?filter=groups.type eq "direct"'),
    "groups pr": found_by("/Users?filter=groups pr"),
    "members.value eq": members_eq,
    "export": exported,
    "the view group_members": view_of_members,
    "the view user_groups": view_of_groups,
}


FEW = ("a list of users", "groups.value eq", "the view group_members")
"""One reader of each kind, where others have looked at such a state already: all of them take 0.1 s."""
SEVERAL_MOMENTS = {"GET of each user", "members.value eq", "export", "the view group_members", "the view user_groups"}
"""Readers that ask several times, or are not meant to tell of one moment."""


def test_fa_12_whoever_reads_meanwhile_sees_it_before_or_after(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process relies on having found no clearance, and reads while the group is replaced and swept."""
    believe(monkeypatch, 1)
    world = World(client, database)
    other = Client(assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database), "acme", client.headers["Authorization"].removeprefix("Bearer "))
    watched = copy(world)
    watched.client = other
    before, after = {world.leaver, world.stayer}, {world.stayer, world.newcomer}
    names = sorted(READERS.keys() - SEVERAL_MOMENTS)
    seen: dict[str, list[set[str]]] = {name: [READERS[name](watched)] for name in names}
    here, wait, waited, done = threading.current_thread(), time.sleep, threading.Event(), threading.Event()

    def announced(seconds: float) -> None:
        wait(seconds)
        if threading.current_thread() is here:
            waited.set()

    def watch(names: Sequence[str]) -> None:
        waited.wait()  # what is read while the clearance is only announced is as before, and takes processor time
        while True:
            last = done.is_set()
            for name in names:
                seen[name].append(READERS[name](watched))
            if last:
                return

    monkeypatch.setattr(memberships.time, "sleep", announced)
    with ThreadPoolExecutor(3) as pool:
        watching = [pool.submit(watch, names[number::3]) for number in range(3)]
        try:
            world.put(world.stayer, world.newcomer)
            assert waited.is_set()
            sweep(database, datetime.now(UTC))
            sweep(database, later())
        finally:
            waited.set()
            done.set()
        for each in watching:
            each.result()
    for name, states in seen.items():
        assert all(state in (before, after) for state in states), name
        assert [state == after for state in states] == sorted(state == after for state in states), name


def clearance(database: Database) -> dict[str, Any] | None:
    return database.db.memberships.find_one({"group": CLEARED})


def later(times: int = 1) -> datetime:
    return datetime.now(UTC) + times * (LEASE + timedelta(seconds=1))


def test_fa_12_nobody_sees_a_replacement_half_done(client: Client, database: Database) -> None:
    world = World(client, database)
    world.check(world.leaver, world.stayer, others=MANY, readers=FEW)
    world.put(world.stayer, world.newcomer)
    world.check(world.stayer, world.newcomer)
    assert database.db.memberships.count_documents({"group": world.group}) == MANY + 3

    found = clearance(database)
    assert found is not None
    after, number = database.transaction(lambda session: _sweep_batch(database, _key(found), "", session))
    assert 0 < number <= BATCH  # and the process that did this is killed
    world.check(world.stayer, world.newcomer)
    assert sweep(database, datetime.now(UTC)) == MANY + 1 - number
    world.check(world.stayer, world.newcomer, readers=FEW)
    assert clearance(database)  # for those who have read a membership before it was deleted
    assert sweep(database, datetime.now(UTC)) == 0
    assert clearance(database)
    assert sweep(database, later()) == 0
    assert clearance(database) is None
    world.check(world.stayer, world.newcomer)
    assert database.db.memberships.count_documents({"group": world.group}) == 2

    [event] = client_events(database, "replace")
    assert event["members"]["removedCount"] == MANY + 1
    assert (len(event["members"]["removed"]), event["members"]["truncated"]) == (MOST_AT_ONCE + 1, True)
    assert event["members"]["added"] == [world.newcomer]


def client_events(database: Database, operation: str) -> list[dict[str, Any]]:
    return logged(database, tenant="acme", operation=operation)


@pytest.mark.parametrize("operation", [
    {"op": "remove", "path": "members"},
    {"op": "replace", "path": "members", "value": []},
    {"op": "replace", "value": {"members": []}},
])
def test_fa_12_a_group_is_emptied(client: Client, database: Database, operation: dict[str, Any]) -> None:
    world = World(client, database)
    world.patch(operation)
    world.check()
    assert database.db.memberships.count_documents({"group": world.group}) == MANY + 2
    sweep(database, datetime.now(UTC))
    world.check(readers=FEW)
    assert database.db.memberships.count_documents({"group": world.group}) == 0


def test_fa_12_what_one_transaction_deletes_leaves_no_clearance(client: Client, database: Database) -> None:
    world = World(client, database, MOST_AT_ONCE - 2)
    world.patch({"op": "remove", "path": "members"})
    assert database.db.memberships.count_documents({"group": world.group}) == 0
    assert clearance(database) is None


@pytest.mark.parametrize("only_announced", [False, True])
def test_fa_12_an_emptied_group_can_be_put_into_another_one(client: Client, database: Database, only_announced: bool) -> None:
    """The clearance of a group has its id in `member`, and is no membership of it in the other one."""
    world = World(client, database)
    world.patch({"op": "remove", "path": "members"})
    if only_announced:
        database.db.memberships.update_one({"group": CLEARED}, {"$unset": {"since": ""}})
    patched, replaced = (client.group(name)["id"] for name in ("Patched", "Replaced"))
    assert client.patch(URL.format(patched), adding(world.group, world.newcomer)).status_code == 204
    members = [{"value": member} for member in (world.group, world.newcomer)]
    body = {"schemas": [GROUP_URN], "displayName": "Replaced", "members": members}
    assert client("PUT", URL.format(replaced), body).status_code == 200
    for other in (patched, replaced):
        shown = client("GET", URL.format(other)).get_json()["members"]
        assert {member["value"] for member in shown} == {world.group, world.newcomer}


def adding(*users: str) -> dict[str, Any]:
    return {"op": "add", "path": "members", "value": [{"value": user} for user in users]}


def removing(*users: str) -> dict[str, Any]:
    return {"op": "remove", "path": "members", "value": [{"value": user} for user in users]}


@pytest.mark.parametrize("swept", [False, pytest.param(True, marks=pytest.mark.long)], ids=["before it is swept", "afterwards"])
def test_fa_12_changes_of_a_group_that_is_being_swept(client: Client, database: Database, swept: bool) -> None:
    world = World(client, database)
    world.put(world.stayer)
    if swept:
        sweep(database, datetime.now(UTC))
    leaver, stayer, newcomer = world.users
    for number, (operations, members) in enumerate((
        ([adding(leaver)], {leaver, stayer}),  # here all readers look, and at the end
        ([adding(leaver)], {leaver, stayer}),
        ([removing(leaver, newcomer)], {stayer}),
        ([adding(leaver, newcomer)], {leaver, stayer, newcomer}),
        ([removing(stayer)], {leaver, newcomer}),
        ([{"op": "replace", "path": "members", "value": [{"value": stayer}, {"value": leaver}]}], {leaver, stayer}),
        ([removing(leaver), adding(newcomer)], {stayer, newcomer}),
    )):
        version = database.db.groups.find_one({"_id": world.group})["meta"]["version"]
        before = members_eq(world)
        world.patch(*operations)
        world.check(*members, readers=FEW if number else ())
        moved = database.db.groups.find_one({"_id": world.group})["meta"]["version"] - version
        assert moved == (before != members)
    sweep(database, later(2))
    sweep(database, later(4))
    world.check(stayer, newcomer)
    assert database.db.memberships.count_documents({"group": {"$in": [world.group, CLEARED]}}) == 2


def test_fa_12_a_member_that_is_added_around_a_clearance_is_in_the_group(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has just found no clearance adds members without looking for one (D-33)."""
    believe(monkeypatch, 1)
    world = World(client, database)
    here, wait, added = threading.current_thread(), time.sleep, list[float]()

    def announced(seconds: float) -> None:
        if threading.current_thread() is here and not added:
            with ThreadPoolExecutor(1) as another:
                another.submit(world.patch, adding(world.newcomer)).result()
            added.append(time.monotonic())
        wait(seconds)

    monkeypatch.setattr(memberships.time, "sleep", announced)
    world.patch(removing(world.leaver))
    world.patch(adding(world.leaver))  # asks whether there is a clearance
    world.put(world.stayer)
    assert added and clearance(database)
    world.patch(adding(world.leaver))
    world.check(world.leaver, world.stayer, readers=FEW)
    world.patch(adding(world.leaver, world.newcomer))
    world.check(world.leaver, world.stayer, world.newcomer)


def test_fa_12_a_group_is_cleared_again_before_it_is_swept(client: Client, database: Database) -> None:
    world = World(client, database)
    world.put(world.leaver)
    first = clearance(database)
    assert first is not None
    since = first["since"]
    rows = [{"tenant": "acme", "group": world.group, "member": str(uuid.uuid4()), "since": since} for _ in range(MANY)]
    database.db.memberships.insert_many(rows)
    world.check(world.leaver, others=MANY, readers=FEW)
    world.put(world.stayer)
    world.check(world.stayer)
    [_, event] = client_events(database, "replace")
    assert event["members"]["removedCount"] == MANY + 1
    assert database.transaction(lambda session: _sweep_batch(database, _key(first), "", session)) is None
    sweep(database, datetime.now(UTC))
    world.check(world.stayer, readers=FEW)
    assert database.db.memberships.count_documents({"group": world.group}) == 1


@pytest.mark.parametrize("swept", [False, True], ids=["before it is swept", "afterwards"])
def test_fa_12_deletions_and_restores(
    client: Client, database: Database, swept: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(client, database)
    world.put(world.stayer)
    if swept:
        sweep(database, datetime.now(UTC))
    for resource in (f"/Users/{world.leaver}", f"/Users/{world.stayer}", f"/Groups/{world.group}"):
        assert client("DELETE", resource).status_code == 204
        assert run(["restore", "acme", resource.rpartition("/")[2]], Connection({}, database)) == 0
        world.check(world.stayer, readers=FEW)
    assert client("DELETE", f"/Groups/{world.group}").status_code == 204
    sweep(database, later(2))
    sweep(database, later(4))
    assert run(["restore", "acme", world.group], Connection({}, database)) == 0
    world.check(world.stayer)


def test_fa_12_an_import_over_a_group_that_is_being_swept(client: Client, database: Database, tmp_path: Any) -> None:
    world = World(client, database)
    world.put(world.stayer)
    lines = [f'{{"type":"Membership","group":"{world.group}","member":"{user}"}}\n' for user in world.users]
    (tmp_path / "lines").write_text("".join(lines))
    assert run(["import", "acme", str(tmp_path / "lines")], Connection({}, database)) == 0
    world.check(*world.users)
    sweep(database, datetime.now(UTC))
    world.check(*world.users, readers=FEW)


def test_fa_12_other_groups_and_tenants_are_left_alone(client: Client, database: Database) -> None:
    world = World(client, database)
    other = {"tenant": "other", "group": world.group, "member": world.leaver}
    database.db.memberships.insert_one(other)
    beside = client.group("Beside", world.leaver, world.group)["id"]
    world.put()
    sweep(database, datetime.now(UTC))
    assert database.db.memberships.find_one(other)
    group = client("GET", f"/Groups/{beside}").get_json()
    assert {each["value"] for each in group["members"]} == {world.leaver, world.group}


def test_fa_12_the_sweep_costs_what_it_deletes(client: Client, database: Database) -> None:
    """Each step examines a batch, however many members there are."""
    world = World(client, database)
    world.put(world.stayer)
    database.db.command("profile", 2)
    sweep(database, datetime.now(UTC))
    database.db.command("profile", 0)
    seen = list(database.db.system.profile.find({"ns": f"{database.db.name}.memberships"}))
    assert len(seen) > MANY / BATCH
    assert max(row.get("keysExamined", 0) for row in seen) <= 2 * BATCH
    assert max(row.get("docsExamined", 0) for row in seen) <= BATCH


# FA-13


def by_filter(where: str) -> dict[str, Any]:
    return {"op": "remove", "path": f"members[{where}]"}


def test_fa_13_a_filter_on_members_is_too_many_for_a_huge_group(client: Client, database: Database) -> None:
    world = World(client, database, MOST_LOOKED_AT - 2)
    world.patch(by_filter('display co "leaver"'))
    left = {row["member"] for row in database.db.memberships.find({"group": world.group})} & world.users.keys()
    assert left == {world.stayer}
    world.fill(2)
    database.db.command("profile", 2)
    answer = client.patch(URL.format(world.group), by_filter('display co "stayer"'))
    database.db.command("profile", 0)
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "tooMany")
    assert "replace all members" in answer.get_json()["detail"]
    examined = database.db.system.profile.find({"ns": f"{database.db.name}.memberships"})
    assert [row["keysExamined"] for row in examined if row["keysExamined"] > 1] == [MOST_LOOKED_AT + 1]
    client("DELETE", URL.format(world.group))
    assert client.patch(URL.format(world.group), by_filter('display co "stayer"')).status_code == 404


def test_fa_13_nothing_is_read_of_a_group_in_the_transaction(client: Client, database: Database) -> None:
    """Members for whom a filter holds are found before it; who is added in the same request is among them."""
    world = World(client, database, 2 * BATCH)
    database.db.command("profile", 2)
    world.patch(adding(world.newcomer), by_filter('display sw "newc" or display sw "leav"'))
    database.db.command("profile", 0)
    world.check(world.stayer, others=2 * BATCH, readers=FEW)
    within = list(database.db.system.profile.find({"ns": f"{database.db.name}.memberships", "command.txnNumber": {"$exists": True}}))
    assert within
    assert max(row.get("keysExamined", 0) for row in within) < 20
