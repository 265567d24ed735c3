"""What the pages cost: few commands, and the same ones however much is stored; nothing is counted and nothing skipped."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from pymongo import MongoClient, monitoring

from app.assembly import assemble
from app.config import Config
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.operators.links import Links
from app.store.operators.reports import labels
from app.store.operators.visits import CONSOLE, SETUP, Visits
from tests.console.test_door import at, routes

MOST = 9
"""Eight of the page, and the one that reads the visit."""
NOT_OF_A_PAGE = {"endSessions", "ping", "hello", "commitTransaction", "abortTransaction"}


class Sent(monitoring.CommandListener):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name not in NOT_OF_A_PAGE:
            self.commands.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to keep."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to keep."""


class World:
    """An application on a database whose commands are seen, and an operator in the console."""

    def __init__(self, uri: str, kind: type[Database] = Database, name: str = "") -> None:
        self.sent = Sent()
        client: MongoClient[Any] = MongoClient(uri, tz_aware=True, event_listeners=[self.sent])
        self.database = kind(client, name or f"console-{uuid.uuid4().hex[:12]}")
        self.app: Flask = assemble(Config.from_environment({}), self.database)
        Tenants(self.database).create("contoso", "gallery")
        secret, _ = Visits(self.database).open(kind=CONSOLE, who="alice", role="operator")
        self.cookie = f"__Host-scimd-console={secret}"
        self.size = 0
        """Of the last page, in bytes."""

    def get(self, path: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the status and the commands of a page."""
        self.sent.commands.clear()
        with self.app.test_client(use_cookies=False) as client:
            response = client.get(path, headers={"Cookie": self.cookie}, base_url="http://127.0.0.1:8000")
        self.size = len(response.data)
        return response.status_code, list(self.sent.commands)

    def close(self) -> None:
        self.database.client.drop_database(self.database.db.name)
        self.database.client.close()


@pytest.fixture
def world(mongod_uri: str, reused_database: Database) -> Iterator[World]:
    made = World(mongod_uri, type(reused_database), reused_database.db.name)
    made.get("/console/customers/contoso/log")  # the first request prepares what later ones have
    yield made
    made.database.client.close()


def pages(world: World) -> list[str]:
    found = [path for path, method, _ in routes(world.app) if method == "GET" and path.startswith("/console")]
    return [at(path, "contoso") for path in found if "/enter/" not in path]


def test_co_100_101_a_page_takes_few_commands_and_counts_nothing(world: World) -> None:
    for path in pages(world):
        status, commands = world.get(path)
        assert status in ((303,) if path == "/console/out" else (200, 404)), path
        assert len(commands) <= MOST, (path, [next(iter(command)) for command in commands])
        for command in commands:
            text = json.dumps(command, default=str)
            assert "$skip" not in text and '"skip"' not in text and "$count" not in text, (path, text)
            assert next(iter(command)) not in ("count", "distinct"), (path, text)


def read_by(commands: list[dict[str, Any]]) -> list[str]:
    """The collections that commands read."""
    assert {next(iter(command)) for command in commands} <= {"find", "aggregate"}
    return [next(iter(command.values())) for command in commands]


def test_co_101_105_a_live_part_takes_two_commands_besides_those_for_visit_and_tenant(world: World) -> None:
    here = "/console/customers/contoso/log?live="
    assert read_by(world.get(f"{here}2099-01-01T00:00:00.000Z")[1]) == ["visits", "tenants", "events"]
    Events(world.database, "contoso", LogSettings(90)).append(Event("create", status=400), Actor())
    status, commands = world.get(f"{here}2020-01-01T00:00:00.000Z")
    assert (status, read_by(commands)) == (200, ["visits", "tenants", "events", "events"])


def of_the_log(commands: list[dict[str, Any]]) -> int:
    """How many commands read the log by the index of names or of refusals, and no other way."""
    found = [command for command in commands if next(iter(command.values())) == "events"]
    assert all(command.get("hint") for command in found)
    return len(found)


def test_d_621_lists_of_refusals_take_one_command_more_for_what_solved_them(world: World) -> None:
    log = Events(world.database, "contoso", LogSettings(90))
    for number in range(60):
        log.append(Event("create", "User", name=f"ann{number}", cause="required", attribute="title", status=400), Actor())
    here = "/console/customers/contoso/log"
    for filtered in ("failed=1", "cause=required"):
        _, commands = world.get(f"{here}?{filtered}")
        assert len(commands) <= MOST and of_the_log(commands) == 2
        for live, status, events in (("2099", 204, ["events"]), ("2020", 200, ["events", "events"])):
            found, commands = world.get(f"{here}?{filtered}&live={live}-01-01T00:00:00.000Z")
            assert (found, read_by(commands)) == (status, ["visits", "tenants", *events])
    _, commands = world.get("/console/find?q=ann")
    assert len(commands) <= MOST and of_the_log(commands) == 2
    secret, _ = Visits(world.database).open(kind=SETUP, who="link", role="setup", tenant="contoso")
    world.cookie = f"__Host-scimd-setup={secret}"
    assert of_the_log(world.get("/setup/refused")[1]) == 2


def test_d_571_the_labels_of_what_is_shown_are_read_once(world: World) -> None:
    log = Events(world.database, "contoso", LogSettings(90))
    for number in range(9):
        log.append(Event("create", status=201), Actor(f"{number:012}"))
    for also in (["tokens"], [], []):
        status, commands = world.get("/console/customers/contoso/log?live=2020-01-01T00:00:00.000Z")
        assert (status, read_by(commands)) == (200, ["visits", "tenants", "events", "events", *also])


def test_d_571_labels_are_those_of_the_tenant_and_not_more_than_so_many_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST", 2)
    kept, tokens = labels.Labels(world.database), Tokens(world.database)
    first, second = (tokens.issue("contoso", label=name)[1].id for name in ("one", ""))
    other = tokens.issue("fabrikam", label="theirs")[1].id
    for _ in range(2):
        assert kept.of("contoso", [first, "command line: alice", "", "nothing"]) == {first: "one"}
        assert kept.of("contoso", [first, second, other]) == {first: "one", second: ""}
        assert kept.of("fabrikam", [first, other]) == {other: "theirs"}
        assert len(kept._known) <= 3


def test_co_101_105_so_does_that_of_the_test_on_the_setup_pages(world: World) -> None:
    secret, _ = Visits(world.database).open(kind=SETUP, who="link", role="setup", tenant="contoso")
    world.cookie = f"__Host-scimd-setup={secret}"
    status, commands = world.get("/setup/test?since=2020-01-01T00:00:00Z&live=1")
    assert (status, read_by(commands)) == (200, ["visits", "tenants", "pulses", "events"])


def test_co_101_credentials_take_one_command_however_many_there_are(world: World) -> None:
    Tokens(world.database).issue("contoso")
    for _ in range(12):
        Clients(world.database).create("contoso", lifetime=timedelta(days=1))
    status, commands = world.get("/console/customers/contoso/credentials")
    assert (status, read_by(commands[1:])) == (200, ["tenants", "clients"])
    secret, _ = Visits(world.database).open(kind=SETUP, who="link", role="setup", tenant="contoso")
    world.cookie = f"__Host-scimd-setup={secret}"
    status, commands = world.get("/setup/tokens?live=1")
    assert (status, read_by(commands)) == (200, ["visits", "tenants", "clients"])


def test_co_100_links_are_found_by_their_hash(world: World) -> None:
    secret = Links(world.database).make_console("operator", "alice")
    _, commands = world.get(f"/console/enter/{secret}")
    assert [command.get("find") or command["findAndModify"] for command in commands] == ["visits", "tickets"]


def test_co_104_a_page_of_fifty_customers_is_small_and_takes_as_few_commands(world: World) -> None:
    moment = now()
    hours = {f"{hour:02}": {"reads": 60, "done": 25 + hour, "refused": hour % 3} for hour in range(24)}
    names = [f"customer-{number:04}" for number in range(120)]
    world.database.db.tenants.insert_many([
        {"_id": name, "profile": "gallery", "created": moment, "suspended": False} for name in names
    ])
    world.database.db.days.insert_many([
        {"_id": f"{name} {back}", "tenant": name, "day": f"{moment - back * timedelta(days=1):%Y-%m-%d}", "hours": hours, "refused": 8}
        for name in names for back in range(8)
    ])
    world.database.db.counts.insert_many([
        {"_id": f"{name} {kind}", "tenant": name, "type": kind, "number": 3, "disabled": 0} for name in names for kind in ("User", "Group")
    ])
    status, commands = world.get("/console?after=contoso")
    assert status == 200 and len(commands) <= MOST, [next(iter(command)) for command in commands]
    assert world.size < 60_000
