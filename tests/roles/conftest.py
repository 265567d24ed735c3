"""A tenant with people in groups, its map, what followers do, and what consumers learn of it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.cli import run
from app.cli.connection import Connection
from app.config import Config
from app.roles import follower, giving
from app.roles.follower import Follower
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.mongo.database import Database
from app.store.open import open_directory
from tests.blueprints.conftest import USER_URN, Client
from tests.relay import relay

CONFIG = Config.from_environment({"SCIMD_RATE_LIMIT": "off"})
CHANGED = "scimd.user.roles_changed"


class World:
    """The tenant `acme`, over the whole application and a real MongoDB."""

    def __init__(self, database: Database, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._folder = folder
        self.settings = {"SCIMD_RATE_LIMIT": "off"}
        self.database = database
        self._capsys = capsys
        self.app = create_app(CONFIG, database)
        self.tenant = Tenants(database).create("acme", "interop")
        self.scim = Client(self.app, "acme", Tokens(database).issue("acme")[0])
        self.everyone = Tokens(database).issue(ALL_TENANTS, scopes=[EVENTS_READ])[0]
        self.follower = self.new_follower()

    def new_follower(self) -> Follower:
        """Return what another process has."""
        config = Config.from_environment(self.settings)
        return Follower(self.database, lambda tenant: open_directory(config, self.database, tenant))

    def command(self, *arguments: str, status: int = 0) -> str:
        """Run a command, and return what it prints."""
        self._capsys.readouterr()
        done = run(list(arguments), Connection(self.settings, self.database))
        out, said = self._capsys.readouterr()
        assert done == status, said
        return out if status == 0 else said

    def map(self, *arguments: str) -> None:
        """Map a group of the tenant."""
        self.command("role", "map", "acme", *arguments)

    def people(self, number: int, prefix: str = "u") -> list[str]:
        """Create people, and return their ids."""
        return [self.scim.user(f"{prefix}{each}@x")["id"] for each in range(number)]

    def import_people(self, number: int, group: str = "") -> list[str]:
        """Import people with the ids u0, u1, ..., and perhaps their memberships in a group."""
        ids = [f"u{each}" for each in range(number)]
        users = [{"type": "User", "resource": {"schemas": [USER_URN], "id": each, "userName": f"{each}@x"}} for each in ids]
        members = [{"type": "Membership", "group": group, "member": each} for each in ids] if group else []
        file = self._folder / "lines"
        file.write_text("\n".join(map(json.dumps, [*users, *members])))
        self.command("import", "acme", str(file))
        return ids

    def add(self, group: str, *members: str) -> None:
        """Add members to a group."""
        self._members(group, {"op": "add", "path": "members", "value": [{"value": each} for each in members]})

    def remove(self, group: str, *members: str) -> None:
        """Remove members from a group."""
        for each in members:
            self._members(group, {"op": "remove", "path": f'members[value eq "{each}"]'})

    def _members(self, group: str, operation: dict[str, Any]) -> None:
        assert self.scim.patch(f"/Groups/{group}", operation).status_code in (200, 204)

    def delete(self, path: str) -> None:
        """Delete a resource."""
        assert self.scim("DELETE", path).status_code == 204

    def settle(self) -> int:
        """Do what workers do until nothing is left; return how many people got other roles."""
        changed = 0
        while True:
            relay(self.database)
            done = self.follower.round()
            changed += done
            row = self.database.db.role_maps.find_one({"_id": "acme"})
            if not done and not (row and row["tasks"]):
                relay(self.database)
                return changed

    def told(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return whose roles have changed, and to which, as the feed says, all there is."""
        data = [event["data"] for event in self.feed(CHANGED)]
        return [(each["id"], tuple(each["roles"])) for each in data]

    def feed(self, types: str) -> list[dict[str, Any]]:
        """Return the CloudEvents of some types."""
        answer = self.get(f"/acme/changes?limit=1000&types={types}")
        assert not answer["more"]
        return list(answer["events"])

    def get(self, path: str) -> Any:
        """Ask as a consumer of all tenants does."""
        answer = self.app.test_client().get(path, headers={"Authorization": f"Bearer {self.everyone}"})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def snapshot(self) -> dict[str, tuple[str, ...]]:
        """Return the roles of each user in a snapshot."""
        found, page = {}, ""
        while page is not None:
            answer = self.get("/acme/snapshot?limit=1000" + (f"&page={page}" if page else ""))
            users = [item for item in answer["items"] if item["type"] == "User"]
            found |= {item["resource"]["id"]: tuple(item.get("roles", ())) for item in users}
            page = answer["page"]
        return found

    def listed(self, *arguments: str) -> Any:
        """Return what `role list` prints."""
        return json.loads(self.command("role", "list", "acme", "--json", *arguments))


def copy_of(told: list[tuple[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Return the roles that a consumer has that reads all events; each of them changes something."""
    roles: dict[str, tuple[str, ...]] = {}
    for person, now in told:
        assert roles.get(person, ()) != now, "an event that changes nothing"
        roles[person] = now
    return roles


def times(told: list[tuple[str, tuple[str, ...]]]) -> Counter[str]:
    """Return how many events each person has."""
    return Counter(person for person, _ in told)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let roles be given to ten people at a time; else it is a hundred."""
    for module in (giving, follower):
        monkeypatch.setattr(module, "BATCH", 10)


@pytest.fixture
def world(reused_database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[World]:
    random.seed()
    one = World(reused_database, capsys, tmp_path)
    yield one
    one.app.feed.stop_waiting()  # type: ignore[attr-defined]
