"""Group to role: what people have by their groups comes out in the feed, in snapshots and in the commands."""

from __future__ import annotations

from collections import Counter

import pytest

from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.log import changes
from tests.blueprints.conftest import GROUP_URN, Client
from tests.relay import relay
from tests.roles.conftest import World, copy_of, times


def test_a_mapping_gives_a_role_to_those_in_the_group_and_to_nobody_else(world: World) -> None:
    ann, ben, _ = world.people(3)
    world.scim.group("Sales", ann, ben)
    world.map("Sales", "seller")
    assert world.settle() == 2
    assert copy_of(world.told()) == {ann: ("seller",), ben: ("seller",)}
    assert world.settle() == 0


def test_the_event_has_the_roles_the_user_and_the_version_that_scim_shows(world: World) -> None:
    ann = world.scim.user("ann@x", externalId="e1")
    sales = world.scim.group("Sales", ann["id"])
    world.map("sales", "seller")
    world.settle()
    (event,) = world.feed("scimd.user.roles_changed")
    assert event["subject"] == f"Users/{ann['id']}"
    assert event["data"] == {
        "operation": "roles", "id": ann["id"], "roles": ["seller"], "version": ann["meta"]["version"], "name": "ann@x",
        "externalId": "e1",
    }
    world.remove(sales["id"], ann["id"])
    world.settle()
    assert world.feed("scimd.user.roles_changed")[-1]["data"]["roles"] == []
    assert world.scim("GET", f"/Users/{ann['id']}").get_json()["meta"] == ann["meta"]


def test_nested_groups_count_at_any_depth_and_in_a_circle(world: World) -> None:
    ann, ben = world.people(2)
    inner = world.scim.group("Inner", ann)["id"]
    middle = world.scim.group("Middle", inner)["id"]
    outer = world.scim.group("Outer", middle, ben)["id"]
    world.add(inner, outer)  # a circle
    world.map("Outer", "reader")
    world.map("Inner", "writer")
    world.settle()
    assert copy_of(world.told()) == {ann: ("reader", "writer"), ben: ("reader", "writer")}
    world.remove(outer, middle)
    world.settle()
    assert copy_of(world.told()) == {ann: ("writer",), ben: ("reader", "writer")}


@pytest.mark.parametrize("way", ["member", "nested", "group", "user"])
def test_whom_a_change_concerns_is_told_once_each_time_and_nobody_else(world: World, way: str) -> None:
    ann, ben, cid = world.people(3)
    inner = world.scim.group("Inner", ann)["id"]
    outer = world.scim.group("Outer", inner, ben)["id"]
    world.scim.group("Others", cid)
    world.map("Outer", "reader")
    world.map("Others", "other")
    world.settle()
    first = times(world.told())
    assert first == {ann: 1, ben: 1, cid: 1}
    match way:
        case "member":
            world.remove(inner, ann)
            assert world.settle() == 1
            world.add(inner, ann)
        case "nested":
            world.remove(outer, inner)
            assert world.settle() == 1
            world.add(outer, inner)
        case "group":
            world.delete(f"/Groups/{inner}")
            assert world.settle() == 1
            world.command("restore", "acme", inner)
        case "user":
            world.delete(f"/Users/{ann}")
            assert world.settle() == 0  # that the user is gone says all
            world.command("restore", "acme", ann)
    assert world.settle() == 1
    assert times(world.told()) == first + Counter({ann: 1 if way == "user" else 2})
    assert dict(world.told())[ann] == ("reader",)
    assert world.settle() == 0


def test_a_deleted_mapped_group_gives_nothing_until_it_is_restored(world: World) -> None:
    ann, ben = world.people(2)
    sales = world.scim.group("Sales", ann, ben)["id"]
    world.map("Sales", "seller")
    world.settle()
    world.delete(f"/Groups/{sales}")
    assert world.settle() == 2
    assert set(copy_of(world.told()).values()) == {()}
    assert world.listed()["mappings"][0]["group"] == f"{sales} (deleted)"
    world.command("restore", "acme", sales)
    assert world.settle() == 2
    assert set(copy_of(world.told()).values()) == {("seller",)}
    world.delete(f"/Groups/{sales}")
    world.command("role", "unmap", "acme", sales)
    assert world.settle() == 2
    assert world.listed() == {"mappings": [], "default": None, "being_applied": False}


def test_a_deleted_group_that_a_client_puts_into_another_one_leads_nowhere(world: World) -> None:
    ann, = world.people(1)
    inner = world.scim.group("Inner", ann)["id"]
    outer = world.scim.group("Outer")["id"]
    world.map("Outer", "reader")
    world.delete(f"/Groups/{inner}")
    world.add(outer, inner)
    assert world.settle() == 0
    world.command("restore", "acme", inner)
    assert world.settle() == 1


def test_priority_orders_the_roles_the_highest_first_and_then_by_name(world: World) -> None:
    ann, = world.people(1)
    for name in ("A", "B", "C"):
        world.scim.group(name, ann)
    world.map("A", "reader")
    world.map("B", "admin", "--priority", "10")
    world.map("C", "auditor")
    world.settle()
    assert copy_of(world.told()) == {ann: ("admin", "auditor", "reader")}
    world.map("A", "reader", "--priority", "20")
    assert world.settle() == 1
    assert dict(world.told())[ann] == ("reader", "admin", "auditor")
    world.map("C", "reader", "--priority", "-5")  # the highest of a role's priorities counts
    assert world.settle() == 0


def test_the_default_is_for_people_in_no_mapped_group(world: World) -> None:
    ann, ben = world.people(2)
    sales = world.scim.group("Sales", ann)["id"]
    world.map("Sales", "seller", "--default", "guest")
    world.settle()
    assert copy_of(world.told()) == {ann: ("seller",), ben: ("guest",)}
    (cid,) = world.people(1, "new")
    world.remove(sales, ann)
    world.settle()
    assert copy_of(world.told()) == {ann: ("guest",), ben: ("guest",), cid: ("guest",)}
    world.command("role", "unmap", "acme", "--default")
    world.settle()
    assert set(copy_of(world.told()).values()) == {()}


def test_unmapping_everything_takes_all_roles_also_those_of_who_has_just_left(world: World) -> None:
    ann, ben = world.people(2)
    sales = world.scim.group("Sales", ann, ben)["id"]
    world.map("Sales", "seller")
    world.map("Sales", "reader")
    world.settle()
    world.remove(sales, ann)  # not numbered yet when the map goes
    world.command("role", "unmap", "acme", "Sales", "reader")
    world.command("role", "unmap", "acme", "Sales")
    while world.follower.round():
        continue
    assert world.database.db.role_maps.find_one() is None  # nothing is to be followed any more
    world.settle()
    assert set(world.snapshot().values()) == {()}
    assert set(copy_of(world.told()).values()) == {()}


def test_a_snapshot_shows_what_the_events_before_its_cursor_say(world: World) -> None:
    ann, ben = world.people(2)
    world.scim.group("Sales", ann)
    world.map("Sales", "seller")
    world.settle()
    assert world.snapshot() == {ann: ("seller",), ben: ()}
    stored = world.get("/acme/snapshot")
    (item,) = [each for each in stored["items"] if each["type"] == "User" and each["resource"]["id"] == ann]
    assert item["roles"] == ["seller"]
    assert "roles" not in item["resource"]


def test_the_write_path_neither_shows_nor_loses_the_roles(world: World) -> None:
    ann, = world.people(1)
    world.scim.group("Sales", ann)
    world.map("Sales", "seller")
    world.settle()
    assert world.scim.patch(f"/Users/{ann}", {"op": "replace", "path": "title", "value": "T"}).status_code in (200, 204)
    user = world.scim("GET", f"/Users/{ann}").get_json()
    assert "_roles" not in user
    assert world.scim("PUT", f"/Users/{ann}", user | {"title": "U"}).status_code == 200
    assert world.settle() == 0
    assert world.snapshot() == {ann: ("seller",)}
    exported = world.command("export", "acme")
    assert "seller" not in exported


def test_the_log_of_the_tenant_says_which_roles_a_user_has(world: World) -> None:
    (ann,) = world.people(1)
    sales = world.scim.group("Sales", ann)["id"]
    world.map("Sales", "seller")
    world.settle()
    world.remove(sales, ann)
    world.settle()
    lines = [line for line in world.command("events", "acme", "--user", "u0@x").splitlines() if " roles " in line]
    assert len(lines) == 2
    assert lines[0].rstrip().endswith("roles: seller") and lines[1].rstrip().endswith("roles: none")


def test_provisioned_roles_are_no_roles_by_groups(world: World) -> None:
    ann = world.scim.user("ann@x", roles=[{"value": "provisioned"}])["id"]
    world.scim.group("Sales", ann)
    world.map("Sales", "seller")
    world.settle()
    assert copy_of(world.told()) == {ann: ("seller",)}


def test_people_who_are_named_before_they_exist_get_their_roles_when_they_are_created(world: World) -> None:
    world.scim.group("Sales", "u0")
    world.map("Sales", "seller")
    assert world.settle() == 0
    world.import_people(1)
    world.settle()
    assert copy_of(world.told()) == {"u0": ("seller",)}


def test_an_import_gives_roles_to_each_person_once(world: World, small_batches: None) -> None:
    sales = world.scim.group("Sales")["id"]
    world.map("Sales", "seller")
    world.import_people(25, sales)
    assert world.settle() == 25
    assert times(world.told()) == {f"u{each}": 1 for each in range(25)}


def test_a_group_that_loses_more_members_than_an_event_names(
    world: World, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_LISTED", 100)
    people = world.import_people(125)
    sales = world.scim("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": "Sales", "members": [{"value": each} for each in people]})
    group = sales.get_json()["id"]
    world.map("Sales", "seller")
    assert world.settle() == 125
    world._members(group, {"op": "replace", "path": "members", "value": [{"value": people[0]}]})
    assert world.settle() == 124
    [lost] = world.database.db.events.find({"members.removedCount": {"$exists": True}})
    assert (lost["members"]["removedCount"], len(lost["members"]["removed"])) == (124, 100)
    assert {person for person, roles in world.snapshot().items() if roles} == {people[0]}


def test_a_place_that_is_lost_makes_everybody_be_looked_at(world: World) -> None:
    ann, ben = world.people(2)
    sales = world.scim.group("Sales", ann)["id"]
    world.map("Sales", "seller")
    world.settle()
    world.remove(sales, ann)
    world.add(sales, ben)
    relay(world.database)
    published = world.database.db.leases.find_one({"_id": "relay"})["published"]
    world.database.db.events.delete_many({})
    world.database.db.leases.update_one({"_id": "relay"}, {"$set": {"horizon": published}})
    world.follower = world.new_follower()  # nothing has run for as long as the log is kept
    assert world.settle() == 2
    assert world.snapshot() == {ann: (), ben: ("seller",)}


def test_tenants_are_apart_and_one_without_a_map_has_no_events(world: World) -> None:
    Tenants(world.database).create("other", "gallery")
    other = Client(world.app, "other", Tokens(world.database).issue("other")[0])
    other.group("Sales", other.user("x@x")["id"])
    ann, = world.people(1)
    world.scim.group("Sales", ann)
    world.map("Sales", "seller")
    world.settle()
    events = world.database.db.events.find({"type": "scimd.user.roles_changed"})
    assert [event["tenant"] for event in events] == ["acme"]
    assert world.database.db.users.count_documents({"_roles": {"$exists": True}}) == 1


def test_the_list_shows_names_and_what_a_user_has_from_where(world: World) -> None:
    ann, = world.people(1)
    inner = world.scim.group("Inner", ann)["id"]
    outer = world.scim.group("Outer", inner)["id"]
    world.map("Outer", "reader", "--default", "guest")
    listed = world.listed()
    assert listed["mappings"] == [{"role": "reader", "priority": 0, "group": "Outer", "id": outer}]
    assert (listed["default"], listed["being_applied"]) == ("guest", True)
    assert world.listed("--user", "u0@x") == {
        "user": ann, "roles": [{"role": "reader", "groups": ["Outer"]}], "consumers_know": False,
    }
    world.settle()
    assert world.listed("--user", ann)["consumers_know"] is True
    assert "Outer" in world.command("role", "list", "acme")
    assert "reader" in world.command("role", "list", "acme", "--user", "u0@x")


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["map", "acme", "Nobody", "r"], "acme has no group 'Nobody'"),
    (["map", "acme", "Sales"], "Give a group and a role"),
    (["map", "acme", "Sales", "  "], "A role has"),
    (["map", "nowhere", "Sales", "r"], "There is no tenant"),
    (["unmap", "acme", "Sales"], "is not mapped to any role"),
    (["unmap", "acme"], "Give a group, or --default"),
    (["list", "acme", "--user", "nobody"], "acme has no user"),
])
def test_what_a_command_refuses_changes_nothing(world: World, arguments: list[str], sentence: str) -> None:
    world.scim.group("Sales")
    said = world.command("role", *arguments, status=2 if "Give" in sentence else 1)
    assert sentence in said
    assert world.database.db.role_maps.find_one() is None


def test_names_of_roles_are_in_the_feed_whatever_the_log_keeps(world: World) -> None:
    world.settings["SCIMD_LOG_VALUES"] = "off"
    world.follower = world.new_follower()
    (ann,) = world.people(1)
    world.scim.group("Sales", ann)
    world.map("Sales", "seller")
    world.settle()
    assert world.told() == [(ann, ("seller",))]
