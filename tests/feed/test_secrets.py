"""No secret is in any event, snapshot, error or log line; and no value at all in an event if values are not logged."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.config import Config
from app.store.accounts.tokens import Tokens
from app.store.log.outbox import pending_collections
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from app.store.open import collections
from tests.blueprints.conftest import ENTERPRISE_URN, GROUP_URN, USER_URN
from tests.feed.conftest import World

SECRET, VALUE = "planted-secret", "planted-value"
ROBOT = "urn:example:Robot"
EXTENSION = "urn:example:1.0:User"
CONSUMED = [
    f"{tenant}{path}" for tenant in ("/acme", "")
    for path in ("/changes?limit=1000", "/changes?limit=1000&resource=current", "/snapshot?limit=1000")
]
NOT_RETURNED = {"returned": "never", "mutability": "writeOnly"}


def schemas(folder: Path) -> None:
    """Write files with secrets of every kind: in a type of one's own, in a part of an attribute, in an extension."""
    keys = {"name": "key", "type": "complex", "multiValued": True, "subAttributes": [{"name": "label"}, {"name": "code", **NOT_RETURNED}]}
    attributes: list[dict[str, Any]] = [{"name": "label", "required": True}, {"name": "pin", **NOT_RETURNED}, keys]
    urn = "urn:ietf:params:scim:schemas:core:2.0:"
    files = {
        "robot": {"schemas": [urn + "Schema"], "id": ROBOT, "name": "Robot", "attributes": attributes},
        "type": {"schemas": [urn + "ResourceType"], "name": "Robot", "endpoint": "/Robots", "schema": ROBOT},
        "more": {"schemas": [urn + "Schema"], "id": EXTENSION, "name": "More", "attributes": [{"name": "pin", **NOT_RETURNED}, {"name": "floor"}]},
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture
def begin(reused_database: Database, tmp_path: Path) -> Callable[..., World]:
    """Return a function that makes a world with some settings, in which everything has happened."""
    def begin(**settings: str) -> World:
        schemas(tmp_path)
        config = Config.from_environment({"SCIMD_RATE_LIMIT": "off", "SCIMD_SCHEMAS_DIR": str(tmp_path)} | settings)
        world = World(create_app(config, reused_database), reused_database)
        world.tenant("acme", "interop")
        live(world)
        Relay(world.database, pending_collections(collections(config))).drain()
        return world

    return begin


def live(world: World) -> None:
    """Do to resources with secrets whatever can be done to them, and what is refused."""
    client = world.scim("acme")
    both = {"schemas": [USER_URN, EXTENSION, ENTERPRISE_URN], EXTENSION: {"pin": f"{SECRET}-1", "floor": VALUE}}
    jane = client.user(f"jane-{VALUE}", password=f"{SECRET}-2", title=VALUE, **both | {ENTERPRISE_URN: {"department": VALUE}})
    body = {"schemas": [USER_URN], "userName": jane["userName"], "password": f"{SECRET}-3", EXTENSION: {"pin": f"{SECRET}-4"}}
    assert client("PUT", f"/Users/{jane['id']}", body).status_code == 200
    for path, value in (("password", f"{SECRET}-5"), (f"{EXTENSION}:pin", f"{SECRET}-6"), ("title", VALUE)):
        assert client.patch(f"/Users/{jane['id']}", {"op": "replace", "path": path, "value": value}).status_code == 200
    client.patch(f"/Users/{jane['id']}", {"op": "remove", "path": "password"})
    client.user(f"john-{VALUE}", password=f"{SECRET}-12")
    assert client("POST", "/Users", body).status_code == 409
    assert client("POST", "/Users", {"schemas": [USER_URN], "password": f"{SECRET}-7"}).status_code == 400
    robot = {"schemas": [ROBOT], "label": VALUE, "pin": f"{SECRET}-8", "key": [{"label": VALUE, "code": f"{SECRET}-9"}]}
    made = client("POST", "/Robots", robot).get_json()
    assert client.patch(f"/Robots/{made['id']}", {"op": "replace", "path": "key.code", "value": f"{SECRET}-10"}).status_code in (200, 204)
    other = client("POST", "/Robots", robot | {"pin": f"{SECRET}-11"}).get_json()
    assert client("DELETE", f"/Robots/{other['id']}").status_code == 204
    assert client("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": VALUE, "members": [{"value": jane["id"]}]}).status_code == 201


def test_ev_137_and_64_no_secret_is_seen_anywhere(begin: Callable[..., World], capfd: pytest.CaptureFixture[str]) -> None:
    world = begin()
    stored = str([list(world.database.db[name].find()) for name in ("users", "robots")])
    assert "scrypt$" in stored
    seen = [world.get(path).get_data(as_text=True) for path in CONSUMED]
    assert all(VALUE in text for text in seen)
    seen += [world.get(f"/acme/changes?after={SECRET}").get_data(as_text=True), world.get("/acme/snapshot?page=x").get_data(as_text=True)]
    seen.append(str(list(world.database.db.events.find())))
    seen += capfd.readouterr()
    hashes = {row["hash"] for row in world.database.db.tokens.find()}
    for text in seen:
        assert "scrypt$" not in text
        assert SECRET + "-" not in text
        assert not any(each in text for each in hashes)
    changed = [change for event in world.page("/acme/changes?limit=1000")["events"] for change in event["data"].get("changes", ())]
    assert {"attribute": "password"} in changed  # that it changed is told


def test_ev_137_a_key_that_seals_pages_is_not_in_them(begin: Callable[..., World]) -> None:
    world = begin()
    page = world.page("/acme/snapshot?limit=1")["page"]
    key = world.database.db.server.find_one({"_id": "key"})["key"].decode()
    assert key not in page
    assert "acme" not in page


def test_ev_137_without_values_there_are_names_only(begin: Callable[..., World]) -> None:
    world = begin(SCIMD_LOG_VALUES="off")
    for path in ("/acme/changes?limit=1000", "/changes?limit=1000"):
        events = world.page(path)["events"]
        changes = [change for event in events for change in event["data"].get("changes", ())]
        assert {"attribute": "title"} in changes
        assert all(change.keys() == {"attribute"} for change in changes)
        data = [event["data"] | {"name": ""} for event in events]  # the name is what an operator finds an event by
        assert VALUE not in json.dumps(data)
        assert SECRET not in json.dumps(data)
    shown = world.get("/acme/changes?limit=1000&resource=current").get_data(as_text=True)
    assert VALUE in shown  # which is for consumers that need the values all the same
    assert "scrypt$" not in shown


def test_a_token_in_a_password_is_not_told(begin: Callable[..., World]) -> None:
    world = begin()
    token = Tokens(world.database).issue("acme")[0]
    world.scim("acme").user("with-a-token", password=token)
    Relay(world.database, pending_collections(collections(Config.from_environment({})))).drain()
    assert all(token not in world.get(path).get_data(as_text=True) for path in CONSUMED)


def test_a_copy_by_changes_has_what_a_snapshot_has_whatever_a_schema_calls_its_attributes(
    reused_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extension may have an `id` of its own, and a secret that is called like something that is none."""
    attributes = [
        *({"name": each} for each in ("id", "meta", "schemas")), {"name": "title", **NOT_RETURNED},
        {"name": "badge", "type": "complex", "subAttributes": [{"name": "number"}, {"name": "pin", **NOT_RETURNED}]},
    ]
    (tmp_path / "more.json").write_text(json.dumps({"id": EXTENSION, "name": "More", "attributes": attributes}))
    config = Config.from_environment({"SCIMD_RATE_LIMIT": "off", "SCIMD_SCHEMAS_DIR": str(tmp_path)})
    world = World(create_app(config, reused_database), reused_database)
    world.tenant("acme", "interop")
    client = world.scim("acme")
    more = {"id": "7", "meta": "m", "schemas": "s", "title": SECRET, "badge": {"number": "1", "pin": f"{SECRET}-1"}}
    jane = client.user("jane", title="Boss", schemas=[USER_URN, EXTENSION], **{EXTENSION: more})["id"]
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # of which the example takes the first one away
    changed = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "copy.py"))["changed"]
    copy: dict[str, Any] = {}
    cursor = world.page("/acme/changes?after=now")["cursor"]
    for path, value in (
        ("title", "Chief"), (f"{EXTENSION}:id", "8"), (f"{EXTENSION}:badge.number", "2"), (f"{EXTENSION}:title", f"{SECRET}-2"),
        (f"{EXTENSION}:badge.pin", f"{SECRET}-3"), (f"{EXTENSION}:meta", "n"), (f"{EXTENSION}:schemas", "t"),
    ):
        assert client.patch(f"/Users/{jane}", {"op": "replace", "path": path, "value": value}).status_code in (200, 204)
        Relay(world.database, pending_collections(collections(config))).drain()
        page = world.page(f"/acme/changes?after={cursor}")
        cursor = page["cursor"]
        for event in page["events"]:
            copy = changed(copy, event["data"].get("changes", []))
        [item] = world.page("/acme/snapshot")["items"]
        assert copy == {key: each for key, each in item["resource"].items() if key not in ("id", "meta", "schemas")}, path
        assert SECRET not in json.dumps(page)
