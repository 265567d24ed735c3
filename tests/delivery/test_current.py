"""Webhooks that come with the resource as it is when they are sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app.delivery.sending.sender import Sender
from app.delivery.webhook import MOST_BYTES, body_of
from app.errors import Unavailable
from app.feed.current import CurrentResources
from app.store.accounts.tenants import ALL_TENANTS
from app.store.delivery.requests import send_test
from tests.delivery.target import Reply, Target
from tests.delivery.world import World, run_until
from tests.feed.conftest import World as Feed
from tests.feed.conftest import world as feed  # noqa: F401 - a fixture
from tests.relay import relay


@pytest.fixture
def sending(feed: Feed) -> World:  # noqa: F811
    """Return the database of an application, with the tenants acme and globex."""
    feed.tenant("acme", "interop")
    feed.tenant("globex")
    return World(feed.database)


@pytest.fixture
def sender(sending: World) -> Iterator[Sender]:
    sender = sending.sender()
    assert sender.take()
    yield sender
    sender.give_back(30)


def test_ev_68_an_event_comes_with_its_resource_as_it_is_when_it_is_sent(
    feed: Feed, sending: World, sender: Sender, target: Target  # noqa: F811
) -> None:
    endpoint, plain = (sending.endpoint(target, "acme", current=current) for current in (True, False))
    client = feed.scim("acme")
    jane = client.user("jane@x", title="Engineer", password="planted-secret")["id"]
    client.patch(f"/Users/{jane}", {"op": "replace", "path": "title", "value": "Manager"})
    group = client.group("G", jane)["id"]
    john = client.user("john@x")["id"]
    client("DELETE", f"/Users/{john}")
    relay(feed.database)
    run_until(sender, lambda: sending.caught_up(endpoint) and sending.caught_up(plain))
    told = {arrived.id: arrived.event["data"] for arrived in target.accepted if "resource" in arrived.event["data"]}
    bare = {arrived.id: arrived.event["data"] for arrived in target.accepted if "resource" not in arrived.event["data"]}
    found = {(data["id"], data["operation"]): data.pop("resource") for data in told.values()}
    assert told == bare, "all else is the same"
    assert found.keys() == {(jane, "create"), (jane, "patch"), (group, "create"), (john, "create"), (john, "delete")}
    for operation in ("create", "patch"):
        assert (found[jane, operation]["title"], found[jane, operation]["meta"]["version"]) == ("Manager", 'W/"2"')
    assert found[group, "create"]["displayName"] == "G"
    assert "members" not in found[group, "create"]
    assert found[john, "create"] is found[john, "delete"] is None
    assert "planted-secret" not in str(found)
    assert "scrypt$" not in str(found)


def test_ev_68_an_event_that_comes_again_has_the_newest_state(
    feed: Feed, sending: World, sender: Sender, target: Target  # noqa: F811
) -> None:
    endpoint = sending.endpoint(target, "acme", current=True)
    target.reply = lambda _: Reply(500)
    client = feed.scim("acme")
    jane = client.user("jane@x", title="Engineer")["id"]
    relay(feed.database)
    run_until(sender, lambda: sending.put_aside(endpoint))
    client.patch(f"/Users/{jane}", {"op": "replace", "path": "title", "value": "Manager"})
    target.reply = lambda _: Reply()
    sending.clock.forward(seconds=10)
    run_until(sender, lambda: target.ids)
    assert [arrived.event["data"]["resource"]["title"] for arrived in target.arrived] == ["Engineer", "Manager"]
    assert target.arrived[0].event["data"]["version"] == target.arrived[1].event["data"]["version"] == 'W/"1"'


def test_ev_68_of_all_tenants_each_resource_is_its_own(
    feed: Feed, sending: World, sender: Sender, target: Target  # noqa: F811
) -> None:
    users = {feed.scim(name).user(f"{name}@x")["id"]: name for name in ("acme", "globex")}
    endpoint = sending.endpoint(target, ALL_TENANTS, place=0, current=True)
    run_until(sender, lambda: sending.caught_up(endpoint))
    events = [arrived.event for arrived in target.accepted]
    of_users = [event for event in events if event["subject"].startswith("Users/")]
    assert {event["data"]["id"]: event["tenant"] for event in of_users} == users
    assert all(event["data"]["resource"]["userName"] == f"{event['tenant']}@x" for event in of_users)
    assert {event["data"]["resource"] for event in events if event not in of_users} == {None}, "a tenant is no resource"


def test_ev_68_a_test_event_is_about_no_resource(sending: World, sender: Sender, target: Target) -> None:
    for tenant in ("acme", ALL_TENANTS):
        send_test(sending.database, sending.endpoint(target, tenant, current=True))
    run_until(sender, lambda: len(target.ids) == 2)
    assert [arrived.event["data"]["resource"] for arrived in target.accepted] == [None, None]


def test_ev_68_two_queries_for_an_event(
    feed: Feed, sending: World, sender: Sender, target: Target  # noqa: F811
) -> None:
    client, db = feed.scim("acme"), feed.database.db
    sending.endpoint(target, "acme", current=True)
    for number in range(5):
        client.user(f"u{number}")
    relay(feed.database)
    db.command("profile", 2)
    run_until(sender, lambda: len(target.ids) == 5)
    db.command("profile", 0)
    rows = db["system.profile"].find({"command.find": {"$in": ["users", "tenants"]}, "command.filter._id.$in": {"$exists": True}})
    asked = [row["command"]["find"] for row in rows]
    assert (asked.count("users"), asked.count("tenants")) == (5, 5)
    db.drop_collection("system.profile")


def test_ev_68_while_the_database_does_not_answer_no_attempt_is_made(
    feed: Feed, sending: World, sender: Sender, target: Target, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    asked = []

    def away(*_: object) -> None:
        asked.append(1)
        raise Unavailable("away")

    endpoint = sending.endpoint(target, "acme", current=True)
    feed.scim("acme").user("jane@x")
    relay(feed.database)
    with monkeypatch.context() as patched:
        patched.setattr(CurrentResources, "of", away)
        run_until(sender, lambda: len(asked) >= 2)
    run_until(sender, lambda: sending.caught_up(endpoint))
    stored = sending.read(endpoint)
    assert (stored.delivered, stored.failed, len(target.arrived)) == (1, 0, 1)
    assert sending.put_aside(endpoint) == []


def test_a_webhook_over_256_kib_says_that_something_is_left_out() -> None:
    data = {"id": "g1", "version": 'W/"2"', "members": {"added": ["u1"], "addedCount": 1}, "changes": [], "resource": {"id": "g1"}}
    event = {"type": "scimd.group.updated", "data": data}
    assert json.loads(body_of(event)) == event
    for large in ({"changes": [{"attribute": "title", "new": "x" * MOST_BYTES}]}, {"resource": {"title": "x" * MOST_BYTES}}):
        short = json.loads(body_of(event | {"data": data | large}))
        assert short["data"] == {
            "id": "g1", "version": 'W/"2"', "truncated": True, "members": {"addedCount": 1, "truncated": True},
        }
