"""A tenant with many users, the guard as workers run it, and an operator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app import create_app
from app.background.guard import GuardFollower
from app.cli import run
from app.cli.connection import Connection
from app.config import Config
from app.schemas.meta import first_meta
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.directory.documents import encode
from app.store.directory.totals import Totals
from app.store.guard import deactivations, guards
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from tests.blueprints.conftest import USER_URN, Client
from tests.relay import relay

WARNED = "scimd.tenant.unusual_deactivations"
CONFIG = Config.from_environment({"SCIMD_RATE_LIMIT": "off"})


class World:
    """The tenant `acme` with `number` users, over the whole application and a real MongoDB."""

    def __init__(self, database: Database, capsys: pytest.CaptureFixture[str], number: int) -> None:
        self.database = database
        self._capsys = capsys
        self.tenant = Tenants(database).create("acme", "interop")
        self.token = Tokens(database).issue("acme")[0]
        self.everyone = Tokens(database).issue(ALL_TENANTS, scopes=[EVENTS_READ])[0]
        self.scim = self.new_process()
        self.users = [f"u{each}" for each in range(number)]
        meta = first_meta(USER_TYPE.name, now())
        people = [{"schemas": [USER_URN], "id": each, "userName": each, "active": True, "meta": meta} for each in self.users]
        database.db.users.insert_many([encode(each, USER_TYPE, tenant="acme") for each in people])
        database.db.counts.insert_one({"tenant": "acme", "type": USER_TYPE.name, "number": number, "disabled": 0})
        relay(database)
        self.follower = self.new_follower()
        self.follower.round()

    def new_process(self) -> Client:
        """Return a client of another worker, which has read the tenant's settings just now."""
        self.app = create_app(CONFIG, self.database)
        return Client(self.app, "acme", self.token)

    def new_follower(self) -> GuardFollower:
        """Return the guard of another worker."""
        return GuardFollower(self.database, 90, lambda tenant: Totals(self.database, tenant).of(USER_TYPE).number)

    def command(self, *arguments: str, status: int = 0) -> str:
        """Run a command, and return what it prints."""
        self._capsys.readouterr()
        done = run(list(arguments), Connection({"SCIMD_RATE_LIMIT": "off"}, self.database))
        out, said = self._capsys.readouterr()
        assert done == status, said
        return out if status == 0 else said

    def guard(self, *options: str) -> None:
        """Set the guard; workers notice it."""
        self.command("tenant", "guard", "acme", *options)
        self.scim = self.new_process()

    def facts(self) -> dict[str, Any]:
        """Return what the guard is set to, and has found."""
        found: dict[str, Any] = json.loads(self.command("tenant", "guard", "acme", "--json"))
        return found

    def disable(self, *users: str, active: bool = False) -> list[int]:
        """Disable users, and return the statuses."""
        operation = {"op": "replace", "path": "active", "value": active}
        return [self.scim.patch(f"/Users/{each}", operation).status_code for each in users]

    def delete(self, *users: str) -> list[int]:
        """Delete users, and return the statuses."""
        return [self.scim("DELETE", f"/Users/{each}").status_code for each in users]

    def look(self) -> int:
        """Do what workers do; return how often they have warned."""
        relay(self.database)
        self.database.db.server.update_one({"_id": "guard"}, {"$unset": {"until": ""}})  # some seconds later
        warned = self.follower.round()
        relay(self.database)
        return warned

    def warnings(self) -> list[dict[str, Any]]:
        """Return the events that consumers of all tenants get."""
        answer = self.app.test_client().get(f"/changes?types={WARNED}", headers={"Authorization": f"Bearer {self.everyone}"})
        return list(answer.get_json()["events"])


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a tenant be looked at from five people on; else it is fifty."""
    for module in (deactivations, guards):
        monkeypatch.setattr(module, "WATCHED", 5)


@pytest.fixture
def world(reused_database: Database, capsys: pytest.CaptureFixture[str]) -> World:
    return World(reused_database, capsys, 30)
