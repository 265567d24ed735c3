"""The event as consumers see it: one CloudEvent for everything that can happen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat

from app.export_import import Importer
from app.schemas.custom import all_types
from app.store.log.events import Actor
from app.store.log.relay import Relay
from app.store.open import open_directory
from tests.feed.conftest import World
from tests.store.log.conftest import COLLECTIONS, CONFIG

KINDS = [
    *(f"user.{what}" for what in ("created", "updated", "deactivated", "reactivated", "deleted", "restored")),
    *(f"group.{what}" for what in ("created", "updated", "members_changed", "deleted", "restored")),
    *(f"tenant.{what}" for what in ("created", "suspended", "resumed", "deleted")),
]


def only(world: World, path: str) -> dict[str, Any]:
    (event,) = world.page(path)["events"]
    return dict(event)


def test_ev_60_an_event_is_a_cloud_event(world: World) -> None:
    acme = world.tenant("acme")
    changes = [{"attribute": "title", "old": "Engineer", "new": "Manager"}]
    world.number(world.event(acme, "user.updated", "2819c223", _id="0b6c", changes=changes))
    assert only(world, "/acme/changes") == {
        "specversion": "1.0", "id": "0b6c", "source": "http://127.0.0.1:8000/acme/scim/v2", "type": "scimd.user.updated",
        "subject": "Users/2819c223", "time": "2026-11-28T17:15:09.123Z", "datacontenttype": "application/json",
        "tenant": "acme", "tenantid": acme.tenant_id, "cursor": f"1.{acme.tenant_id}", "timestamp": "2026-11-28T17:15:09.123Z",
        "data": {
            "operation": "patch", "id": "2819c223", "version": 'W/"4"', "name": "jane@example.com", "changes": changes,
            "credential": "abcdef012345", "request": "9f",
        },
    }


@pytest.mark.parametrize("kind", KINDS)
def test_ev_62_and_141_the_package_cloudevents_reads_each_kind_of_event(world: World, kind: str) -> None:
    acme = world.tenant("acme")
    more = {"tenant": "-"} if kind.startswith("tenant") else {}
    world.number(world.event(acme, kind, "acme" if more else "") | more)
    event = only(world, "/changes")
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, json.dumps(event).encode())
    read = from_http_event(message, JSONFormat())
    assert read.get_id() == event["id"]
    assert read.get_type() == f"scimd.{kind}"
    assert read.get_source() == event["source"]
    assert read.get_subject() == event["subject"]
    assert read.get_data() == event["data"]
    for name in ("tenant", "tenantid", "cursor", "timestamp"):
        assert read.get_extension(name) == event[name]


def test_ev_61_the_time_and_the_cursor(world: World) -> None:
    world.number(world.event(world.tenant("acme")), skip=41)
    for path in ("/acme/changes", "/changes"):
        event = only(world, path)
        assert event["timestamp"] == event["time"]
        assert event["cursor"] == world.page(path)["cursor"]


def test_ev_62_events_about_tenants_name_the_tenant_concerned(world: World) -> None:
    acme = world.tenant("acme")
    world.number(world.event(acme, "tenant.deleted", "acme") | {"tenant": "-", "operation": "delete"})
    event = only(world, "/changes")
    assert (event["tenant"], event["tenantid"], event["subject"]) == ("acme", acme.tenant_id, "Tenants/acme")
    assert event["source"] == "http://127.0.0.1:8000/acme/scim/v2"
    assert world.ids("/acme/changes") == []


def test_ev_63_the_id_of_a_tenant_tells_it_from_a_later_one(world: World) -> None:
    acme = world.tenant("acme")
    world.number(world.event(acme))
    event = only(world, "/changes")
    assert event["tenantid"] == f"{round(acme.created.timestamp() * 1000):x}"
    world.database.db.tenants.delete_one({"_id": "acme"})
    assert world.tenant("acme").tenant_id != event["tenantid"]


def test_ev_64_changes_are_those_of_the_log(world: World) -> None:
    changes = [{"attribute": "password"}, {"attribute": "emails", "old": [{"value": "a@b"}]}, {"attribute": "title", "new": "x"}]
    world.number(world.event(world.tenant("acme"), changes=changes))
    assert only(world, "/acme/changes")["data"]["changes"] == changes


def test_ev_65_a_deletion_names_the_groups(world: World) -> None:
    acme = world.tenant("acme")
    world.number(world.event(acme, "user.deleted", groups=["g1", "g2"], groupsCount=2))
    data = only(world, "/acme/changes")["data"]
    assert (data["groups"], data["groupsCount"]) == (["g1", "g2"], 2)


def test_ev_65_a_restored_group_says_how_many_members_it_has(world: World) -> None:
    world.number(world.event(world.tenant("acme"), "group.restored", membersCount=5))
    assert only(world, "/acme/changes")["data"]["membersCount"] == 5


def test_ev_66_members(world: World) -> None:
    acme = world.tenant("acme")
    members = {"added": ["a"], "removed": ["b", "c"], "addedCount": 1, "removedCount": 1_002, "truncated": True}
    world.number(world.event(acme, "group.members_changed", members=members))
    assert only(world, "/acme/changes")["data"]["members"] == members


def test_what_only_scimd_needs_is_not_in_an_event(world: World) -> None:
    world.number(world.event(world.tenant("acme"), warnings=["skipped"]))
    event = only(world, "/acme/changes")
    assert event["data"].keys() == {"operation", "id", "version", "name", "credential", "request"}


def test_an_event_of_a_type_whose_schema_file_is_gone(world: World) -> None:
    world.number(world.event(world.tenant("acme"), "robot.created", "r1"))
    assert only(world, "/acme/changes")["subject"] == "Robot/r1"


def test_ev_67_an_imported_resource_is_created_by_an_import(world: World) -> None:
    tenant, refused = world.tenant("acme", "interop"), list[tuple[int, str]]()
    directory = open_directory(CONFIG, world.database, tenant)
    importer = Importer(
        directory, all_types=all_types(None), strict=False, actor=Actor("cli"), refused=lambda *line: refused.append(line)
    )
    user = {"type": "User", "resource": {"id": "u1", "userName": "jane@x", "title": "Engineer"}}
    group = {"type": "Group", "resource": {"id": "g1", "displayName": "Sales"}}
    importer.run(enumerate([user, group, {"type": "Membership", "group": "g1", "member": "u1"}]))
    assert refused == []
    Relay(world.database, COLLECTIONS).drain()
    events = sorted(world.page("/acme/changes")["events"], key=lambda event: event["subject"], reverse=True)
    assert [(event["type"], event["subject"], event["data"]["operation"]) for event in events] == [
        ("scimd.user.created", "Users/u1", "import"), ("scimd.group.created", "Groups/g1", "import"),
        ("scimd.group.members_changed", "Groups/g1", "import"),
    ]
    assert {"attribute": "title", "new": "Engineer"} in events[0]["data"]["changes"]
    assert events[2]["data"]["members"] == {"added": ["u1"], "addedCount": 1}


# The resource as it is now.


def test_ev_68_the_resource_as_it_is_now(world: World) -> None:
    acme, globex = world.tenant("acme"), world.tenant("globex")
    ours, theirs = world.scim("acme"), world.scim("globex")
    jane, john = ours.user("jane@x", password="planted-secret"), theirs.user("john@x")
    group = ours.group("G", jane["id"])
    world.number(
        world.event(acme, "user.updated", jane["id"]), world.event(globex, "user.created", john["id"]),
        world.event(acme, "group.created", group["id"]), world.event(acme, "user.deleted", "nobody"),
        world.event(acme, "user.created", john["id"]), world.event(acme, "tenant.suspended", "acme") | {"tenant": "-"},
    )
    plain = world.page("/changes")
    page = world.page("/changes?resource=current")
    found = [event["data"].pop("resource") for event in page["events"]]
    assert page == plain
    assert [each and each["id"] for each in found] == [jane["id"], john["id"], group["id"], None, None, None]
    assert found[0]["userName"] == "jane@x"
    assert found[0]["meta"]["version"] == 'W/"1"'
    assert "members" not in found[2]
    assert "password" not in str(found)
    assert "scrypt$" not in str(found)
    events = world.page("/acme/changes?resource=current")["events"]
    assert [event["data"]["resource"] and event["data"]["resource"]["id"] for event in events] == [jane["id"], group["id"], None, None]


def test_ev_68_one_query_for_each_type_on_a_page(world: World) -> None:
    tenants = [world.tenant(f"t{number}") for number in range(5)]
    ids = [world.scim(tenant.name).user(f"u{number}")["id"] for number, tenant in enumerate(tenants)]
    world.number(*(world.event(tenant, "user.updated", each) for tenant, each in zip(tenants, ids, strict=True) for _ in range(4)))
    world.database.db.command("profile", 2)
    events = world.page("/changes?resource=current")["events"]
    world.database.db.command("profile", 0)
    assert all(event["data"]["resource"] for event in events)
    asked = [row["command"]["find"] for row in world.database.db["system.profile"].find({"command.find": {"$exists": True}})]
    assert asked.count("users") == 1
    world.database.db.drop_collection("system.profile")


def test_ev_68_of_a_tenant_that_was_made_anew(world: World) -> None:
    acme = world.tenant("acme")
    jane = world.scim("acme").user("jane@x")["id"]
    world.number(world.event(acme, "user.created", jane) | {"tenantId": "1"})
    assert world.page("/changes?resource=current")["events"][0]["data"]["resource"] is None


def test_ev_68_large_resources_make_a_shorter_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    acme, client = world.tenant("acme"), world.scim("acme")
    ids = [client.user(f"u{number}", title="x" * 1_000)["id"] for number in range(6)]
    world.number(*(world.event(acme, "user.created", each) for each in ids))
    monkeypatch.setattr("app.feed.elements.MOST_BYTES", 5_000)
    found, after = [], ""
    while True:
        page = world.page(f"/acme/changes?resource=current&limit=1000{after}")
        found += [event["data"]["resource"]["id"] for event in page["events"]]
        after = f"&after={page['cursor']}"
        if not page["more"]:
            break
        assert 0 < len(page["events"]) < 6
    assert found == ids
