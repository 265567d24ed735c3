"""The pages of the feed and of snapshots are what the OpenAPI document says, and no member is missing in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app import create_app
from app.config import Config
from app.openapi.feed import EVENT
from app.store.accounts.tenants import Tenants
from app.store.delivery.endpoint import POLL
from app.store.delivery.endpoints import Endpoints
from app.store.mongo.database import Database
from tests.feed.conftest import World
from tests.openapi.test_responses import DOCUMENT, returned

WHOLE = {
    "changes": [{"attribute": "title", "old": "Engineer", "new": "Manager"}, {"attribute": "password"}],
    "members": {"added": ["a"], "addedCount": 1, "removed": ["b"], "removedCount": 1, "truncated": True},
    "groups": ["c"], "groupsCount": 1, "membersCount": 2,
}
"""The fields that events of some kinds have."""


@pytest.fixture
def world(reused_database: Database) -> Iterator[World]:
    app = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), reused_database)
    made = World(app, reused_database)
    made.tenant("acme", "interop")
    yield made
    app.feed.stop_waiting()


def read(world: World, path: str, status: int = 200) -> Any:
    """Return the body of a response that has been compared with the document."""
    response = world.get(path)
    assert response.status_code == status, response.get_data(as_text=True)
    template = re.sub(r"^/acme/", "/{tenant}/", path.partition("?")[0])
    return returned(response, "paths", template, "get")


def test_snapshots(world: World) -> None:
    scim = world.scim("acme")
    jane = scim.user("jane@example.com", password="s3cret-s3cret", emails=[{"value": "jane@example.com"}])["id"]
    group = scim.group("Sales", jane, "nobody-yet")["id"]
    assert [item["type"] for item in read(world, "/acme/snapshot")["items"]] == ["User", "Group", "Membership", "Membership"]
    assert read(world, "/acme/snapshot?limit=1")["page"]
    assert read(world, "/snapshot")["items"][0]["type"] == "Tenant"
    assert len(read(world, f"/acme/snapshot?group={group}")["items"]) == 2
    read(world, "/acme/snapshot?group=nobody", 404)


def test_changes(world: World) -> None:
    acme = world.tenant("globex")
    jane = world.scim("globex").user("jane@example.com")["id"]
    world.number(
        world.event(acme, resource_id=jane, **WHOLE), world.event(acme, "user.deleted"),
        world.event(acme, "tenant.deleted", resource_id="globex") | {"tenant": "-", "resource": {"type": "Tenant", "id": "globex"}},
    )
    page = read(world, "/changes?resource=current")
    assert [event["type"] for event in page["events"]] == ["scimd.user.updated", "scimd.user.deleted", "scimd.tenant.deleted"]
    assert set(WHOLE) <= page["events"][0]["data"].keys()
    assert page["events"][0]["data"]["resource"]["id"] == jane
    known = DOCUMENT["components"]["schemas"][EVENT]["properties"]["type"]["examples"]
    assert {event["type"] for event in page["events"]} <= set(known)
    assert read(world, "/acme/changes?after=now")["events"] == []


def test_streams(world: World) -> None:
    stream = Endpoints(world.database).create("acme", POLL, place=0, audience="https://receiver.example.com").id
    world.number(world.event(Tenants(world.database).require("acme"), changes=[{"attribute": "title"}]))
    headers = {"Authorization": f"Bearer {world.tokens['acme']}"}

    def poll(stream_id: str, body: Any) -> Any:
        response = world.http.post(f"/acme/streams/{stream_id}/poll", json=body, headers=headers)
        return returned(response, "paths", "/{tenant}/streams/{stream}/poll", "post")

    (token,) = poll(stream, {"returnImmediately": True})["sets"]
    assert poll(stream, {"maxEvents": 0, "ack": [token]})["sets"] == {}
    assert poll(stream, {"maxEvents": -1})["status"] == "400"
    assert poll("nobody", {})["status"] == "404"
    assert len(returned(world.http.get("/jwks"), "paths", "/jwks", "get")["keys"]) == 1


def test_refusals(world: World) -> None:
    read(world, "/acme/changes?limit=0", 400)
    assert world.get("/acme/changes", "wrong").status_code == 401
    world.lease(published=5, horizon=4)
    read(world, f"/acme/changes?after=1.{world.tenant('globex').tenant_id}", 410)


@pytest.mark.parametrize("path", ["/changes", "/snapshot"])
def test_the_parameters_are_those_of_the_code(world: World, path: str) -> None:
    detail = read(world, f"{path}?x=1", 400)["detail"]
    described = [each["name"] for each in DOCUMENT["paths"][path]["get"]["parameters"]]
    assert detail.endswith(f"the parameters are {', '.join(described)}.")
    assert DOCUMENT["paths"][f"/{{tenant}}{path}"]["get"]["parameters"] == DOCUMENT["paths"][path]["get"]["parameters"]
