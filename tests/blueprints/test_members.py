"""PATCH of members as Entra sends it all day: answered without reading the group, and told as for any other PATCH."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pymongo
import pytest
from flask import Flask
from pymongo import monitoring

from app import create_app
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.directory import membership_plan, membership_reader
from app.store.directory.membership_plan import MOST_FILTERS, MOST_NAMED
from app.store.mongo.database import Database
from tests.blueprints.conftest import GROUP_URN, Client
from tests.relay import logged

NOBODY = "3f0c1a5e-0000-4000-8000-000000000000"


def add(*members: str) -> dict[str, Any]:
    return {"op": "Add", "path": "members", "value": [{"value": member} for member in members]}


def remove(*members: str) -> dict[str, Any]:
    return {"op": "Remove", "path": "members", "value": [{"value": member} for member in members]}


def members(client: Client, group: str) -> set[str]:
    shown = client("GET", f"/Groups/{group}").get_json()
    return {member["value"] for member in shown.get("members", [])}


@pytest.fixture
def events(http_database: Database) -> Callable[[Client], list[dict[str, Any]]]:
    def read(client: Client) -> list[dict[str, Any]]:
        return logged(http_database, tenant=client.tenant)

    return read


def test_members_come_and_go_with_a_new_version_each_and_a_line_in_the_log(
    gallery: Client, events: Callable[[Client], list[dict[str, Any]]]
) -> None:
    jane, john = gallery.user("jane")["id"], gallery.user("john")["id"]
    group = gallery("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": "G", "externalId": "Ext-1"}).get_json()
    for operation, left in ((add(jane), {jane}), (add(john), {jane, john}), (remove(jane), {john})):
        before = gallery("GET", f"/Groups/{group['id']}").headers["ETag"]
        answer = gallery.patch(f"/Groups/{group['id']}", operation)
        assert (answer.status_code, answer.data) == (204, b"")
        assert members(gallery, group["id"]) == left
        after = gallery("GET", f"/Groups/{group['id']}").headers["ETag"]
        assert answer.headers["ETag"] == after != before
    last = events(gallery)[-1]
    assert set(last["keys"]) == {"g", "ext-1", group["id"], f"member:{jane}"}
    assert last["resource"] == {"type": "Group", "id": group["id"], "name": "G", "externalId": "Ext-1"}
    assert (last["operation"], last["status"], last["members"]) == ("patch", 204, {"removed": [jane], "removedCount": 1})


def test_who_is_there_already_changes_nothing(
    gallery: Client, events: Callable[[Client], list[dict[str, Any]]]
) -> None:
    jane = gallery.user("jane")["id"]
    group = gallery.group("G", jane)
    version, lines = gallery("GET", f"/Groups/{group['id']}").headers["ETag"], len(events(gallery))
    for operation in (add(jane), remove(NOBODY), remove()):
        answer = gallery.patch(f"/Groups/{group['id']}", operation)
        assert (answer.status_code, answer.headers["ETag"]) == (204, version)
    assert members(gallery, group["id"]) == {jane}
    assert len(events(gallery)) == lines


@pytest.mark.parametrize("profile", ["gallery", "rfc"])
@pytest.mark.parametrize("operation", [
    add(NOBODY), remove(NOBODY), {"op": "Replace", "path": "members", "value": []},
    {"op": "Add", "path": "members", "value": 5}, {"op": "Add", "path": "nothing[", "value": 5},
])
def test_a_missing_group_is_told_before_anything_else(
    new_client: Callable[[str], Client], profile: str, operation: dict[str, Any]
) -> None:
    client = new_client(profile)
    answer = client.patch(f"/Groups/{uuid.uuid4()}", operation, Prefer="return=minimal")
    assert answer.status_code == 404


def test_where_members_must_exist_nothing_is_changed_for_one_that_does_not(rfc: Client) -> None:
    jane = rfc.user("jane")["id"]
    group = rfc.group("G")["id"]
    answer = rfc.patch(f"/Groups/{group}", add(jane), add(NOBODY), Prefer="return=minimal")
    assert (answer.status_code, answer.get_json(force=True)["scimType"]) == (400, "invalidValue")
    assert members(rfc, group) == set()


@pytest.mark.parametrize("profile", ["gallery", "rfc"])
def test_a_filter_knows_whom_an_operation_before_it_has_added(request: pytest.FixtureRequest, profile: str) -> None:
    """RFC 7644 section 3.5.2: operations are applied one after the other."""
    client: Client = request.getfixturevalue(profile)
    jane, john, jim = (client.user(name)["id"] for name in ("jane", "john", "jim"))
    inner = client.group("inner")["id"]
    for before, operations, left in (
        ([jane], [add(john), {"op": "remove", "path": 'members[type eq "User"]'}], set()),
        ([jane], [add(inner), {"op": "remove", "path": 'members[type ne "Group"]'}], {inner}),
        ([jane], [{"op": "replace", "path": "members", "value": [{"value": john}, {"value": jim}]},
                  {"op": "remove", "path": 'members[display eq "john"]'}], {jim}),
    ):
        group = client.group(f"G{len(left)}{uuid.uuid4()}", *before)["id"]
        assert client.patch(f"/Groups/{group}", *operations).status_code in (200, 204)
        assert members(client, group) == left


def test_a_condition_on_the_version_holds(gallery: Client) -> None:
    jane, group = gallery.user("jane")["id"], gallery.group("G")["id"]
    assert gallery.patch(f"/Groups/{group}", add(jane), If_Match='W/"7"').status_code == 412
    assert members(gallery, group) == set()
    assert gallery.patch(f"/Groups/{group}", add(jane), If_Match='W/"1"').status_code == 204
    assert members(gallery, group) == {jane}


class Commands(monitoring.CommandListener):
    """Notes the name of each command that is sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@pytest.fixture(scope="module")
def watched_app(mongod_uri: str) -> Iterator[tuple[Flask, Database, Commands]]:
    """Return an application whose commands are noted."""
    commands = Commands()
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        mongod_uri, tz_aware=True, event_listeners=[commands]
    )
    database = Database(client, f"watched-{uuid.uuid4().hex}")
    app = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database)
    yield app, database, commands
    client.drop_database(database.db.name)
    client.close()


@pytest.fixture
def watched(watched_app: tuple[Flask, Database, Commands]) -> tuple[Client, Commands]:
    """Return a client of a new tenant whose commands are noted."""
    app, database, commands = watched_app
    name = f"t-{uuid.uuid4().hex[:12]}"
    Tenants(database).create(name, "gallery")
    return Client(app, name, Tokens(database).issue(name)[0]), commands


def test_more_members_take_as_few_commands_as_they_can(
    watched: tuple[Client, Commands], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership_reader, "BELIEVED", 60)  # one command a second more, in a tenant without clearances
    client, commands = watched
    users = [client.user(name)["id"] for name in ("jane", "john", "ada", "grace")]
    group = client.group("G")["id"]
    assert client.patch(f"/Groups/{group}", add(users[0])).status_code == 204
    commands.names.clear()
    assert client.patch(f"/Groups/{group}", add(users[1])).status_code == 204
    assert client.patch(f"/Groups/{group}", add(*users[2:])).status_code == 204
    assert commands.names == ["find", "findAndModify", "insert", "commitTransaction"] * 2


def test_a_group_without_members_takes_one_command(watched: tuple[Client, Commands]) -> None:
    client, commands = watched
    client.user("jane")  # whose request reads the credential and the tenant
    commands.names.clear()
    for body in ({"displayName": "A"}, {"displayName": "B", "members": []}):
        answer = client("POST", "/Groups", {"schemas": [GROUP_URN], **body})
        assert answer.status_code == 201 and "members" not in answer.get_json()
    assert commands.names == ["insert", "insert"]


def test_a_list_shows_every_member_of_groups_of_any_size(gallery: Client) -> None:
    sizes = (3, 0, 999, 1_001, 2_500, 1, 1_000)
    sent = {}
    for size in sizes:
        ids = [str(uuid.uuid4()) for _ in range(size)]
        sent[gallery.group(f"of {size}", *ids)["id"]] = ids
    for path in ("/Groups", "/", "/Groups?attributes=members.value", '/Groups?filter=members pr&count=200'):
        found = gallery("GET", path).get_json()["Resources"]
        shown = {group["id"]: [member["value"] for member in group.get("members", [])] for group in found}
        assert shown == {group: sorted(ids) for group, ids in sent.items() if ids or "pr" not in path}, path


def test_the_members_of_a_page_of_groups_are_read_together(watched: tuple[Client, Commands]) -> None:
    client, commands = watched
    people = [client.user(f"user{number}")["id"] for number in range(6)]
    for number in range(20):
        client.group(f"G{number}", *people[: number % 6])
    commands.names.clear()
    found = client("GET", "/Groups").get_json()["Resources"]
    assert sum(len(group.get("members", ())) for group in found) == sum(number % 6 for number in range(20))
    assert len(commands.names) <= 4


def _by_hand(stored: set[str], operations: list[tuple[str, str]]) -> set[str]:
    """Return the members after the operations, one after the other, as RFC 7644 section 3.5.2 says."""
    members = set(stored)
    for kind, name in operations:
        if kind == "add":
            members.add(name)
        elif kind == "replace":
            members = {name}
        else:
            members = {each for each in members if name not in each}
    return members


@pytest.mark.parametrize("seed", range(12))
def test_filters_select_whom_the_operations_before_them_have_left(gallery: Client, seed: int) -> None:
    random = Random(seed)
    ids = {name: gallery.user(name)["id"] for name in ("ab", "bc", "cd", "da")}
    stored = set(random.sample(sorted(ids), 2))
    group = gallery.group("G", *(ids[name] for name in stored))["id"]
    steps = [(kind, random.choice(sorted(ids) if kind in ("add", "replace") else "abcd"))
             for kind in random.choices(["add", "remove", "replace"], [5, 5, 1], k=7)]
    operations = [
        {"op": "remove", "path": f'members[display co "{name}"]'} if kind == "remove"
        else {"op": kind, "path": "members", "value": [{"value": ids[name]}]} for kind, name in steps]
    assert gallery.patch(f"/Groups/{group}", *operations).status_code == 204
    shown = gallery("GET", f"/Groups/{group}").get_json().get("members", [])
    assert {member["display"] for member in shown} == _by_hand(stored, steps), (stored, steps)


def test_more_filters_than_one_request_can_have_are_refused(gallery: Client) -> None:
    group = gallery.group("G", gallery.user("u")["id"])["id"]
    filters = [{"op": "remove", "path": f'members[display co "{n}"]'} for n in range(MOST_FILTERS + 1)]
    assert gallery.patch(f"/Groups/{group}", *filters[1:], *filters[1:]).status_code == 204
    refused = gallery.patch(f"/Groups/{group}", *filters)
    assert (refused.status_code, refused.get_json()["scimType"]) == (400, "tooMany")
    assert "up to 10 filters on members, and this one has 11" in refused.get_json()["detail"]


@pytest.mark.parametrize("most", [50, pytest.param(MOST_NAMED, marks=pytest.mark.long)])
def test_as_many_members_as_one_request_can_name_are_stored_and_one_more_is_refused(
    gallery: Client, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D-171: what takes longer than a transaction may is refused at once, and the client is told what to do."""
    assert MOST_NAMED == 50_000
    monkeypatch.setattr(membership_plan, "MOST_NAMED", most)
    ids = [str(uuid.uuid4()) for _ in range(most + 1)]
    body = {"schemas": [GROUP_URN], "displayName": "G"}
    few, many = ([{"value": each} for each in ids[:number]] for number in (most, most + 1))
    created = gallery("POST", "/Groups?attributes=id", body | {"members": few})
    assert created.status_code == 201
    path = f"/Groups/{created.get_json()['id']}"
    refused = [
        gallery("POST", "/Groups", body | {"members": many}),
        gallery("PUT", path, body | {"members": many}),
        gallery.patch(path, add(*ids)),
        gallery.patch(path, add(*ids[:1]), remove(*ids[1:])),
    ]
    assert {each.status_code for each in refused} == {413}
    assert {each.get_json()["detail"] for each in refused} == {
        f"members: {most + 1} are more than the {most} that one request can name. Send them in several PATCH requests, "
        "each of which adds or removes a part of them."
    }
    assert gallery.patch("/Groups/none", add(*ids)).status_code == 404
    assert gallery.patch(path, add(ids[-1])).status_code == 204
