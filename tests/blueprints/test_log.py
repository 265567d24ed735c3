"""The provisioning log, field by field: what operators read in MongoDB, and `scimd events` prints."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from app.cli.audit import actor
from app.config import Config
from app.export_import import Importer
from app.schemas.custom import all_types
from app.store.accounts.tenants import Tenants
from app.store.log.changes import Request
from app.store.mongo.database import Database
from app.store.open import open_directory
from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN, Client
from tests.relay import logged

RANDOM = {"_id", "tenant", "time", "credential", "request", "expires", "until", "tenantId", "seq"}
NUMBERED = {"until", "seq", "tenantId", "type", "version"}
REST = [
    "changes", "members", "scimType", "detail", "cause", "attribute", "problems", "sent", "failed", "warnings", "until", "type", "tenantId", "version", "groups",
    "groupsCount", "membersCount", "expires", "seq",
]
FIRST = ["_id", "tenant", "time", "operation", "resource", "keys", "credential", "request", "status"]


class World:
    """A tenant whose log is read line by line."""

    def __init__(self, database: Database, client: Client) -> None:
        self.database, self.client = database, client
        self._seen: set[str] = set()
        self.ann, self.bob = client.user("ann", externalId="E1")["id"], client.user("bob")["id"]
        self.team = client.group("Team", self.ann)["id"]
        self.new()

    def new(self) -> list[dict[str, Any]]:
        """Return the lines since the last call."""
        rows = logged(self.database, tenant=self.client.tenant)
        new = [row for row in rows if row["_id"] not in self._seen]
        self._seen |= {row["_id"] for row in new}
        return new

    def line(self) -> dict[str, Any]:
        """Return the one new line without what is random in it, and check the order of its fields."""
        [row] = self.new()
        assert list(row) == FIRST + [name for name in REST if name in row]
        assert NUMBERED & row.keys() == (set() if "expires" in row else NUMBERED)
        return {name: value for name, value in row.items() if name not in RANDOM}

    def directory(self) -> Any:
        tenant = Tenants(self.database).require(self.client.tenant)
        return open_directory(Config.from_environment({}), self.database, tenant)


@pytest.fixture
def world(http_database: Database, gallery: Client) -> World:
    return World(http_database, gallery)


def _of_user(world: World, name: str, *more: str) -> dict[str, Any]:
    resource = {"type": "User", "id": world.ann, "name": name, "externalId": "E1"}
    return {"resource": resource, "keys": sorted({world.ann, "e1", *more})}


def _of_group(world: World, *more: str) -> dict[str, Any]:
    resource = {"type": "Group", "id": world.team, "name": "Team"}
    return {"resource": resource, "keys": sorted({world.team, "team", *(f"member:{each}" for each in more)})}


CHANGED = {"type": "scimd.user.updated", "version": 2}
MEMBERS_CHANGED = {"type": "scimd.group.members_changed", "version": 2}


def _rename(world: World) -> dict[str, Any]:
    operations = [{"op": "replace", "path": "userName", "value": "anna"}, {"op": "add", "path": "nope", "value": 1},
                  {"op": "replace", "path": "active", "value": False}]
    world.client.patch(f"/Users/{world.ann}", *operations)
    changes = [{"attribute": "active", "old": True, "new": False}, {"attribute": "userName", "old": "ann", "new": "anna"}]
    return _of_user(world, "ann", "ann", "anna") | {
        "operation": "patch", "status": 200, "changes": changes, "type": "scimd.user.deactivated", "version": 2,
        "warnings": ["Operation 2: path nope: User has no such attribute."],
    }


def _without_body(world: World) -> dict[str, Any]:
    world.client.patch(f"/Users/{world.ann}", {"op": "add", "path": "title", "value": "T"}, Prefer="return=minimal")
    changes = [{"attribute": "title", "new": "T"}]
    return _of_user(world, "ann", "ann") | {"operation": "patch", "status": 204, "changes": changes} | CHANGED


def _replace(world: World) -> dict[str, Any]:
    shown = world.client("GET", f"/Users/{world.ann}").get_json()
    world.client("PUT", f"/Users/{world.ann}", shown | {"userName": "anna"})
    changes = [{"attribute": "userName", "old": "ann", "new": "anna"}]
    return _of_user(world, "ann", "ann", "anna") | {"operation": "replace", "status": 200, "changes": changes} | CHANGED


def _taken(world: World) -> dict[str, Any]:
    world.client.patch(f"/Users/{world.ann}", {"op": "replace", "path": "userName", "value": "bob"})
    return _of_user(world, "ann", "ann", "bob") | {
        "resource": {"type": "User", "id": world.ann, "name": "ann"}, "operation": "patch", "status": 409, "scimType": "uniqueness", "failed": True,
        "detail": 'userName "bob" is taken by another User; a User\'s userName must be unique.',
        "cause": "taken", "attribute": "userName",
        "problems": [{"path": "userName", "expected": "one that no other User has", "received": '"bob"'}],
        "sent": f'{{"Operations": [{{"op": "replace", "path": "userName", "value": "bob"}}], "schemas": ["{PATCH_URN}"]}}',
    }


def _create_refused(world: World) -> dict[str, Any]:
    world.client("POST", "/Users", {"schemas": [USER_URN], "username": "New", "active": []})
    detail = "active: must be true or false; name.formatted: is required; name.familyName: is required; " \
        "name.givenName: is required; displayName: is required"
    return {
        "operation": "create", "resource": {"type": "User", "name": "New"}, "keys": ["new"], "status": 400,
        "scimType": "invalidValue", "detail": detail, "failed": True, "cause": "wrong-type", "attribute": "active",
        "problems": [{"path": "active", "expected": "true or false", "received": "[]"}, *(
            {"path": path, "expected": "a value", "received": "nothing"}
            for path in ("name.formatted", "name.familyName", "name.givenName", "displayName")
        )],
        "sent": f'{{"active": [], "schemas": ["{USER_URN}"], "username": "New"}}',
    }


def _add(world: World) -> dict[str, Any]:
    world.client.patch(f"/Groups/{world.team}", {"op": "add", "path": "members", "value": [{"value": world.bob}]})
    members = {"added": [world.bob], "addedCount": 1}
    return _of_group(world, world.bob) | {"operation": "patch", "status": 204, "members": members} | MEMBERS_CHANGED


def _replace_members(world: World) -> dict[str, Any]:
    body = {"schemas": [GROUP_URN], "displayName": "Team", "members": [{"value": world.bob}]}
    world.client("PUT", f"/Groups/{world.team}", body)
    members = {"added": [world.bob], "addedCount": 1, "removed": [world.ann], "removedCount": 1}
    put = {"operation": "replace", "status": 200, "members": members}
    return _of_group(world, world.ann, world.bob) | put | MEMBERS_CHANGED


def _add_refused(world: World) -> dict[str, Any]:
    world.client.patch("/Groups/none", {"op": "add", "path": "members", "value": [{"value": world.bob}]})
    return {
        "operation": "patch", "resource": {"type": "Group", "id": "none"}, "keys": sorted(["none", f"member:{world.bob}"]),
        "status": 404, "detail": "There is no Group with the id none.", "failed": True, "cause": "no-such-resource",
        "sent": f'{{"Operations": [{{"op": "add", "path": "members", "value": [{{"value": "{world.bob}"}}]}}], '
                f'"schemas": ["{PATCH_URN}"]}}',
    }


def _delete(world: World) -> dict[str, Any]:
    world.client("DELETE", f"/Users/{world.ann}")
    gone = {"type": "scimd.user.deleted", "version": 2, "groups": [world.team], "groupsCount": 1}
    return _of_user(world, "ann", "ann") | {"operation": "delete", "status": 204} | gone


def _restore(world: World) -> dict[str, Any]:
    shown = world.client("GET", f"/Users/{world.ann}").get_json()
    everything = [{"attribute": name, "new": shown[name]} for name in sorted(shown.keys() - {"schemas", "id", "meta", "groups"})]
    world.client("DELETE", f"/Users/{world.ann}")
    world.new()
    world.directory().restore(world.ann, Request("restore", actor()))
    back = {"type": "scimd.user.restored", "version": 3, "groups": [world.team], "groupsCount": 1}
    return _of_user(world, "ann", "ann") | {"operation": "restore", "status": 200, "changes": everything} | back


def _import(world: World) -> dict[str, Any]:
    new = str(uuid.uuid4())
    user = {"id": new, "active": True, "userName": "Eve", "displayName": "Eve", "name": dict.fromkeys(("formatted", "familyName", "givenName"), "E")}
    importer = Importer(world.directory(), all_types=all_types(None), strict=False, actor=actor(), refused=lambda _, why: pytest.fail(why))
    importer.run([(1, {"type": "User", "resource": user})])
    return {
        "operation": "import", "resource": {"type": "User", "id": new, "name": "Eve"}, "keys": sorted([new, "eve"]), "status": 201,
        "changes": [{"attribute": each, "new": user[each]} for each in sorted(user.keys() - {"id"})],
        "type": "scimd.user.created", "version": 1,
    }


def _import_member(world: World) -> dict[str, Any]:
    importer = Importer(world.directory(), all_types=all_types(None), strict=False, actor=actor(), refused=lambda _, why: pytest.fail(why))
    importer.run([(1, {"type": "Membership", "group": world.team, "member": world.bob})])
    members = {"added": [world.bob], "addedCount": 1}
    return _of_group(world, world.bob) | {"operation": "import", "status": 200, "members": members} | MEMBERS_CHANGED


@pytest.mark.parametrize("write", [
    _rename, _without_body, _replace, _taken, _create_refused, _add, _replace_members, _add_refused, _delete, _restore,
    _import, _import_member,
])
def test_the_line_of_a_write(write: Callable[[World], dict[str, Any]], world: World) -> None:
    expected = write(world)
    assert world.line() == expected


def test_a_patch_that_changes_no_member_is_logged_for_its_warnings(world: World) -> None:
    there = {"op": "add", "path": "members", "value": [{"value": world.ann}]}
    world.client.patch(f"/Groups/{world.team}", there)
    assert world.new() == []
    world.client.patch(f"/Groups/{world.team}", there, {"op": "add", "path": "nope", "value": 1})
    assert world.line() == _of_group(world) | {
        "operation": "patch", "status": 204, "warnings": ["Operation 2: path nope: Group has no such attribute."],
    }


def test_an_event_of_members_names_the_group(world: World) -> None:
    world.client.patch(f"/Groups/{world.team}", {"op": "replace", "path": "externalId", "value": "G1"})
    world.new()
    world.client.patch(f"/Groups/{world.team}", {"op": "add", "path": "members", "value": [{"value": world.bob}]})
    line = world.line()
    assert line["resource"] == {"type": "Group", "id": world.team, "name": "Team", "externalId": "G1"}
    assert line["type"] == "scimd.group.members_changed"
