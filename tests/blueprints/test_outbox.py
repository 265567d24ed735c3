"""Writes with their events: what is in an outbox, who sees it, and what happens when it is full."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.export_import.exporter import export
from app.schemas.custom import RESERVED, SchemaFileError, load_catalogue
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory.deleted import clear_expired
from app.store.directory.directory import Directory
from app.store.log.changes import Request
from app.store.log.event import MOST_LISTED, MOST_MEMBERS, Actor
from app.store.log.outbox import MOST_BYTES, MOST_PENDING, OUTBOX
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.open import open_directory
from tests.blueprints.conftest import GROUP_URN, USER_URN, Client
from tests.relay import logged, relay
from tests.store.test_explain import CONFIG

PEOPLE = ("ann", "bob")


class World:
    """A tenant with two users and a group of both, seen by HTTP and from below."""

    def __init__(self, database: Database, client: Client) -> None:
        self.database, self.client = database, client
        self.ann, self.bob = (client.user(name)["id"] for name in PEOPLE)
        self.team = client.group("Team", self.ann, self.bob)["id"]

    @property
    def directory(self) -> Directory:
        return open_directory(CONFIG, self.database, Tenants(self.database).require(self.client.tenant))

    def rename(self, title: str) -> int:
        return self.client.patch(f"/Users/{self.ann}", {"op": "replace", "path": "title", "value": title}).status_code

    def outbox(self, collection: str, document: str) -> list[dict[str, Any]]:
        return self.database.db[collection].find_one({"_id": document}).get(OUTBOX, [])


@pytest.fixture
def world(http_database: Database, rfc: Client) -> World:
    return World(http_database, rfc)


def test_ev_01_nobody_sees_an_outbox(world: World) -> None:
    shown = [
        json.dumps(world.client("GET", path).get_json()) for path in
        (f"/Users/{world.ann}", f"/Groups/{world.team}", "/Users", "/Groups", "/?count=10", "/Schemas", '/Users?filter=userName eq "ann"')
    ]
    world.client("DELETE", f"/Users/{world.bob}")
    shown.append(str(list(export(world.directory))))
    shown.append(str(world.directory.deleted.list()))
    shown += [str(list(world.database.db[view].find({"tenant": world.client.tenant}))) for view in ("group_members", "user_groups")]
    assert not [text for text in shown if OUTBOX in text or "scimd.user" in text]
    assert world.client("GET", f'/Users?filter={OUTBOX}.operation eq "create"').status_code == 400
    assert OUTBOX in str(list(world.database.db.users.find({"tenant": world.client.tenant})))


def test_ev_01_no_resource_type_of_ones_own_takes_its_name(tmp_path: Any) -> None:
    schema = {
        "id": "urn:example:Thing", "name": "Thing",
        "attributes": [{"name": OUTBOX, "type": "string", "multiValued": False, "description": "x"}],
    }
    (tmp_path / "Thing.json").write_text(json.dumps(schema))
    with pytest.raises(SchemaFileError):
        load_catalogue(tmp_path, "rfc", "acme")
    assert "outbox" in RESERVED


def test_ev_02_a_change_is_one_command_which_writes_what_differs(world: World) -> None:
    db = world.database.db
    db.users.update_one({"_id": world.ann}, {"$set": {"kept": 1}}, bypass_document_validation=True)
    before = db.users.find_one({"_id": world.ann})
    assert world.rename("T") == 200
    after = db.users.find_one({"_id": world.ann})
    differs = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert differs == {"title", "meta", "_folded", OUTBOX}
    assert after["kept"] == 1
    assert [event["operation"] for event in after[OUTBOX]] == ["create", "patch"]
    assert world.client.patch(f"/Users/{world.ann}", {"op": "remove", "path": "title"}).status_code == 200
    assert "title" not in db.users.find_one({"_id": world.ann})


def test_ev_03_an_outbox_goes_where_its_document_goes(world: World) -> None:
    world.client("DELETE", f"/Users/{world.ann}")
    row = world.database.db.deleted.find_one({"_id": world.ann})
    assert [event["type"] for event in row[OUTBOX]] == ["scimd.user.created", "scimd.user.deleted"]
    assert OUTBOX not in row["document"]
    world.directory.restore(world.ann, Request("restore", Actor()))
    kinds = ["scimd.user.created", "scimd.user.deleted", "scimd.user.restored"]
    assert [event["type"] for event in world.outbox("users", world.ann)] == kinds
    assert [event["type"] for event in logged(world.database, **{"resource.id": world.ann})] == kinds
    assert world.outbox("users", world.ann) == []


def test_ev_05_65_an_event_says_what_consumers_need(world: World) -> None:
    world.client.patch(f"/Users/{world.ann}", {"op": "replace", "path": "active", "value": False})
    world.client.patch(f"/Users/{world.ann}", {"op": "replace", "path": "active", "value": True})
    world.client("DELETE", f"/Users/{world.ann}")
    world.client("DELETE", f"/Groups/{world.team}")
    world.directory.restore(world.team, Request("restore", Actor()))
    world.directory.restore(world.ann, Request("restore", Actor()))
    of_ann = logged(world.database, **{"resource.id": world.ann})
    assert [(event["type"].rpartition(".")[2], event["version"]) for event in of_ann] == [
        ("created", 1), ("deactivated", 2), ("reactivated", 3), ("deleted", 4), ("restored", 5),
    ]
    assert {event["tenantId"] for event in of_ann} == {Tenants(world.database).require(world.client.tenant).tenant_id}
    assert (of_ann[3]["groups"], of_ann[3]["groupsCount"]) == ([world.team], 1)
    assert (of_ann[4]["groups"], of_ann[4]["groupsCount"]) == ([world.team], 1)
    back = logged(world.database, **{"resource.id": world.team})[-1]
    assert (back["type"], back["membersCount"]) == ("scimd.group.restored", 1)


def test_ev_65_a_restored_user_returns_to_no_deleted_group(world: World) -> None:
    world.client("DELETE", f"/Users/{world.ann}")
    world.client("DELETE", f"/Groups/{world.team}")
    world.directory.restore(world.ann, Request("restore", Actor()))
    assert "groups" not in logged(world.database, **{"resource.id": world.ann})[-1]
    world.directory.restore(world.team, Request("restore", Actor()))
    assert [each["value"] for each in world.client("GET", f"/Users/{world.ann}").get_json()["groups"]] == [world.team]


def test_ev_07_moving_an_event_changes_nothing_of_its_resource(world: World) -> None:
    paths = [f"/Users/{world.ann}", f"/Groups/{world.team}"]
    before = [world.client("GET", path) for path in paths]
    assert world.outbox("users", world.ann)
    assert world.outbox("groups", world.team)
    relay(world.database)
    assert world.outbox("users", world.ann) == world.outbox("groups", world.team) == []
    after = [world.client("GET", path) for path in paths]
    assert [each.get_json() for each in after] == [each.get_json() for each in before]
    for path, response in zip(paths, before, strict=True):
        renamed = {"op": "replace", "path": "displayName", "value": "New"}
        assert world.client.patch(path, renamed, If_Match=response.headers["ETag"]).status_code == 200


def test_ev_44_an_event_is_found_by_a_hundred_members_each_way(world: World) -> None:
    many = [world.client.user(f"user{number:03}")["id"] for number in range(MOST_MEMBERS + 1)]
    team, members = f"/Groups/{world.team}", [{"value": each} for each in many]
    world.client.patch(team, {"op": "replace", "path": "members", "value": members})
    world.client.patch(team, {"op": "replace", "path": "members", "value": [{"value": world.ann}]})
    joined, left = logged(world.database, **{"resource.id": world.team})[-2:]
    found_by = [{key.removeprefix("member:") for key in event["keys"] if key.startswith("member:")} for event in (joined, left)]
    assert [len(ids & {*many}) for ids in found_by] == [MOST_MEMBERS, MOST_MEMBERS]
    assert {world.ann, world.bob} <= found_by[0], "those who left"
    assert world.ann in found_by[1]
    assert (joined["members"]["addedCount"], len(joined["members"]["added"])) == (len(many), len(many))


def test_ev_66_an_event_lists_a_thousand_members_and_says_that_there_are_more(world: World) -> None:
    db, tenant = world.database.db, world.client.tenant
    many = [f"m{number:05d}" for number in range(MOST_LISTED + 1)]
    db.users.insert_many([
        {"_id": f"{tenant}-{each}", "tenant": tenant, "schemas": [USER_TYPE.schema.id], "meta": {}} for each in many
    ], bypass_document_validation=True)
    members = [{"value": f"{tenant}-{each}"} for each in many]
    world.client.patch(f"/Groups/{world.team}", {"op": "add", "path": "members", "value": members[:-1]})
    world.client.patch(f"/Groups/{world.team}", {"op": "replace", "path": "members", "value": members[-1:]})
    first, second = (event["members"] for event in logged(world.database, **{"resource.id": world.team})[-2:])
    assert (len(first["added"]), first["addedCount"], first.get("truncated")) == (MOST_LISTED, MOST_LISTED, None)
    assert (len(second["removed"]), second["removedCount"], second["truncated"]) == (MOST_LISTED, MOST_LISTED + 2, True)


@pytest.mark.parametrize("full", [
    [{"_id": str(number)} for number in range(MOST_PENDING)], [{"_id": "0", "text": "x" * MOST_BYTES}],
], ids=["events", "bytes"])
def test_ev_08_a_full_outbox_refuses_the_next_change_and_no_other_one(world: World, full: list[dict[str, Any]]) -> None:
    db = world.database.db
    for collection, one in (("users", world.ann), ("groups", world.team)):
        db[collection].update_one({"_id": one}, {"$set": {OUTBOX: full}}, bypass_document_validation=True)
    before = db.users.find_one({"_id": world.ann})
    add = {"op": "remove", "path": f'members[value eq "{world.bob}"]'}
    answers = [
        world.client.patch(f"/Users/{world.ann}", {"op": "replace", "path": "title", "value": "T"}),
        world.client.patch(f"/Groups/{world.team}", add),
    ]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "5")] * 2
    assert db.users.find_one({"_id": world.ann}) == before
    assert len(world.client("GET", f"/Groups/{world.team}").get_json()["members"]) == 2
    assert world.client.patch(f"/Users/{world.bob}", {"op": "replace", "path": "title", "value": "T"}).status_code == 200
    for collection, one in (("users", world.ann), ("groups", world.team)):
        db[collection].update_one({"_id": one}, {"$unset": {OUTBOX: ""}})
    assert world.rename("T") == 200


def test_ev_08_a_change_for_which_only_the_outbox_leaves_no_room_can_be_tried_again(world: World) -> None:
    def large(letter: str) -> dict[str, Any]:
        values = [{"value": f"{number:04}{letter * 8_100}", "type": str(number)} for number in range(93)]
        many = dict.fromkeys(("roles", "entitlements", "ims", "phoneNumbers", "x509Certificates"), values)
        return {"schemas": [USER_URN], "userName": "ann", "active": True, **many}

    path = f"/Users/{world.ann}"
    first, second = (world.client("PUT", path, large(letter)) for letter in "ab")
    assert (first.status_code, second.status_code, second.headers.get("Retry-After")) == (200, 503, "5"), second.text
    relay(world.database)
    assert world.client("PUT", path, large("b")).status_code == 200


def test_ev_09_a_deleted_resource_stays_until_its_events_are_in_the_log(world: World) -> None:
    world.client("DELETE", f"/Users/{world.ann}")
    deleted = world.database.db.deleted
    deleted.update_one({"_id": world.ann}, {"$set": {"expires": now()}, "$unset": {"unsettled": ""}})
    clear_expired(world.database, now())
    assert deleted.find_one({"_id": world.ann})
    relay(world.database)
    clear_expired(world.database, now())
    assert deleted.find_one({"_id": world.ann}) is None


def test_ev_11_what_is_refused_is_logged_at_once_and_has_no_number(world: World) -> None:
    world.client("POST", "/Users", {"schemas": [GROUP_URN]})
    [line] = world.database.db.events.find({"tenant": world.client.tenant, "failed": True})
    assert "expires" in line
    assert not {"seq", "type", "until", "tenantId"} & line.keys()


def test_ev_42_the_log_shows_what_is_pending_once_and_in_its_place(world: World) -> None:
    log = world.directory.events

    def lines(**selection: Any) -> list[tuple[str, str]]:
        return [(line["operation"], line["resource"].get("name", "")) for line in log.find(**selection)]

    everything = [("create", "ann"), ("create", "bob"), ("create", "Team")]
    assert lines() == everything
    relay(world.database)
    world.rename("T")
    world.client("DELETE", f"/Users/{world.bob}")
    changes = [("patch", "ann"), ("delete", "bob")]
    for _ in range(2):
        assert lines() == everything + changes
        assert lines(name="ann") == [everything[0], everything[2], changes[0]]
        assert lines(name="BOB") == [everything[1], everything[2], changes[1]]
        assert lines(limit=2) == changes
        assert lines(failed=True) == []
        relay(world.database)
    assert not {"more", "seq", "until", "expires"} & set().union(*log.find())


def test_ev_42_a_name_that_only_a_pending_event_knows_is_found(world: World) -> None:
    relay(world.database)
    world.client.patch(f"/Users/{world.ann}", {"op": "replace", "path": "userName", "value": "anna"})
    world.client.patch(f"/Users/{world.ann}", {"op": "replace", "path": "userName", "value": "annie"})
    world.database.db.events.delete_many({"tenant": world.client.tenant})
    assert [line["operation"] for line in world.directory.events.find(name="anna")] == ["patch", "patch"]
    assert [line["operation"] for line in world.directory.events.find(name="ann")] == ["patch", "patch"]


def test_a_member_change_is_found_by_the_names_of_the_group(world: World) -> None:
    world.client("PATCH", f"/Groups/{world.team}", {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "externalId", "value": "Ext-$1"}, {"op": "replace", "path": "displayName", "value": "$Team"}],
    })
    world.client.patch(f"/Groups/{world.team}", {"op": "remove", "path": f'members[value eq "{world.bob}"]'})
    event = logged(world.database, **{"resource.id": world.team})[-1]
    assert set(event["keys"]) == {"$team", "ext-$1", world.team, f"member:{world.bob}"}
    assert (event["resource"]["name"], event["version"]) == ("$Team", 3)
