"""What the tests of the command line share: `scimd` run in this process on the real MongoDB."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import pytest

from app.assembly import assemble
from app.cli import run
from app.cli.connection import Connection
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import Client


@dataclass
class Done:
    """What a command has left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture
def scimd(database, capsys, monkeypatch):
    """Run `scimd` with some arguments; `answer` is what stdin says, or takes its place."""
    settings = {"SCIMD_PUBLIC_URL": "https://scim.example.com"}

    def command(*arguments, answer=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer) if isinstance(answer, str) else answer)
        connection = Connection(settings, database)
        connection.prepared = database  # which has no validators
        status = run(list(arguments), connection)
        out, err = capsys.readouterr()
        return Done(status, out, err)

    command.settings = settings
    return command


class Operator:
    """An operator at the command line, beside a client of the tenant `acme`."""

    def __init__(self, database: Database, capsys: pytest.CaptureFixture[str], **settings: str) -> None:
        self.database = database
        self._capsys = capsys
        self._settings = settings
        self._app = assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off"} | settings), database)
        self.client = self.new_client("acme")
        self.other = self.new_client("other")

    def new_client(self, name: str, profile: str = "rfc") -> Client:
        """Create a tenant and give a client of it."""
        Tenants(self.database).create(name, profile)
        return Client(self._app, name, Tokens(self.database).issue(name, label="entra")[0])

    def keep_activity(self) -> None:
        """Do at once what a worker does every two seconds."""
        next(chore for chore in self._app.chores if chore.name == "activity").work(self.database)  # type: ignore[attr-defined]

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run a command; give what it prints, or what it says where it fails."""
        self._capsys.readouterr()
        done = run(list(arguments), Connection(self._settings, self.database))
        out, said = self._capsys.readouterr()
        assert done == status, said
        assert "Traceback" not in said
        self.out, self.said = out, said
        return out if status == 0 else said

    def events(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the provisioning log of `acme`."""
        return [json.loads(line) for line in self("events", "acme", "--json", *arguments).splitlines()]


@pytest.fixture
def operator(database: Database, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(database, capsys)
