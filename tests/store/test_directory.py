"""A tenant's directory on a real MongoDB: nothing half written, nothing lost, what is deleted can come back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.assembly import collections
from app.config import Config
from app.errors import NotFound, ScimError, Unavailable, Uniqueness
from app.protocol.cursor import Cursors
from app.protocol.profile import PROFILES
from app.provider import Provider
from app.queries import Queries
from app.schemas.returned import Projection
from app.store.database import Database
from app.store.deleted import clear_expired
from app.store.events import Actor, Event
from app.store.opening import open_directory
from app.store.tenants import Tenants
from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.conftest import Fault

CONFIG = Config.from_environment({})
ACTOR = Actor("token-1", "request-1")


@pytest.fixture
def provider(database: Database) -> Callable[[], Provider]:
    """Give what makes a provider of one tenant of the profile rfc, one for each request."""
    database.prepare(collections(CONFIG))
    tenant = Tenants(database).create("t", "rfc")
    directory = open_directory(CONFIG, database, tenant, dangling=False)
    queries = Queries(directory, Cursors(b"0" * 43 + b"="), "t")
    return lambda: Provider(directory, queries, PROFILES["rfc"], ACTOR)


def user(provider: Callable[[], Provider], name: str, **more: Any) -> str:
    one = provider()
    kind = one.catalogue.named("User")
    payload = {"schemas": [USER_URN], "userName": name, "displayName": name} | more
    return one.create(kind, payload, Projection.parse(kind, None, None)).resource["id"]


def group(provider: Callable[[], Provider], name: str, *members: str) -> str:
    one = provider()
    kind = one.catalogue.named("Group")
    payload = {"schemas": [GROUP_URN], "displayName": name, "members": [{"value": member} for member in members]}
    return one.create(kind, payload, Projection.parse(kind, None, None)).resource["id"]


def patch(provider: Callable[[], Provider], kind: str, resource_id: str, *operations: dict[str, Any]) -> dict[str, Any]:
    one = provider()
    resource_type = one.catalogue.named(kind)
    payload = {"schemas": [PATCH_URN], "Operations": list(operations)}
    return one.patch(resource_type, resource_id, payload, Projection.parse(resource_type, None, None)).resource


def members(provider: Callable[[], Provider], group_id: str) -> set[str]:
    one = provider()
    kind = one.catalogue.named("Group")
    shown = one.get(kind, group_id, Projection.parse(kind, None, None)).resource
    return {member["value"] for member in shown.get("members", ())}


def test_sixty_adds_at_once_are_all_kept(provider: Callable[[], Provider], database: Database) -> None:
    users = [user(provider, f"u{n}") for n in range(60)]
    target = group(provider, "G")

    def add(member: str) -> None:
        patch(provider, "Group", target, {"op": "add", "path": "members", "value": [{"value": member}]})

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(add, users))
    assert members(provider, target) == set(users)
    assert database.db.groups.find_one({"_id": target})["meta"]["version"] == 61
    assert database.db.events.count_documents({"resource.id": target, "operation": "patch"}) == 60


def test_a_member_that_is_there_already_changes_nothing(
    provider: Callable[[], Provider], database: Database
) -> None:
    member, target = user(provider, "u"), group(provider, "G")
    operation = {"op": "add", "path": "members", "value": [{"value": member}]}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: patch(provider, "Group", target, operation), range(8)))
    assert database.db.memberships.count_documents({"group": target}) == 1
    assert database.db.memberships.find_one({"group": target}, {"_id": 0}) == {
        "tenant": "t", "group": target, "member": member, "type": "User",
    }
    assert database.db.groups.find_one({"_id": target})["meta"]["version"] == 2
    event = database.db.events.find_one({"resource.id": target, "operation": "patch"})
    assert event["members"] == {"added": [member], "addedCount": 1}
    assert database.db.events.count_documents({"resource.id": target, "operation": "patch"}) == 1


def test_adds_and_removes_at_once(provider: Callable[[], Provider]) -> None:
    users = [user(provider, f"u{n}") for n in range(50)]
    target = group(provider, "G", *users[:25])

    def change(number: int) -> None:
        value = [{"value": users[number]}]
        patch(provider, "Group", target, {"op": "add" if number >= 25 else "remove", "path": "members", "value": value})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(change, range(50)))
    assert members(provider, target) == set(users[25:])


def test_fifty_attributes_of_one_user_at_once(provider: Callable[[], Provider]) -> None:
    target = user(provider, "a")
    rows = ["nickName", "title", "userType", "preferredLanguage", "locale", "timezone", "name.givenName",
            "name.familyName", "name.middleName", "name.honorificPrefix", "name.honorificSuffix", "name.formatted"]
    operations = [{"op": "add", "path": path, "value": f"v-{path}"} for path in rows]
    operations += [{"op": "add", "path": "emails", "value": [{"value": f"e{n}@x"}]} for n in range(38)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda operation: patch(provider, "User", target, operation), operations))
    one = provider()
    kind = one.catalogue.named("User")
    after = one.get(kind, target, Projection.parse(kind, None, None))
    assert after.version == 'W/"51"'
    assert {email["value"] for email in after.resource["emails"]} == {f"e{n}@x" for n in range(38)}
    for path in rows:
        first, _, second = path.partition(".")
        value = after.resource[first]
        assert (value[second] if second else value) == f"v-{path}"


def test_twelve_creates_of_one_name(provider: Callable[[], Provider], database: Database) -> None:
    def create(_: int) -> str:
        try:
            return user(provider, "same")
        except Uniqueness:
            return ""

    with ThreadPoolExecutor(12) as pool:
        made = [each for each in pool.map(create, range(12)) if each]
    assert len(made) == 1
    assert database.db.users.count_documents({}) == 1
    assert provider().catalogue
    assert sum(row["number"] for row in database.db.counts.find({"type": "User"})) == 1


def test_each_change_has_its_event(provider: Callable[[], Provider], database: Database) -> None:
    target = user(provider, "a", title="old", password="s3cret")
    patch(provider, "User", target, {"op": "replace", "path": "title", "value": "new"},
          {"op": "replace", "path": "password", "value": "other"})
    patch(provider, "User", target, {"op": "replace", "path": "title", "value": "new"})
    one = provider()
    one.delete(one.catalogue.named("User"), target)
    events = list(database.db.events.find({"tenant": "t"}, sort=[("time", 1)]))
    assert [event["operation"] for event in events] == ["create", "patch", "delete"]
    assert {"attribute": "title", "old": "old", "new": "new"} in events[1]["changes"]
    assert {"attribute": "password"} in events[1]["changes"]
    assert all(event["credential"] == "token-1" and event["request"] == "request-1" for event in events)
    assert "s3cret" not in str(events)
    assert "s3cret" not in str(database.db.deleted.find_one())


def test_an_event_that_cannot_be_written_undoes_the_change(
    provider: Callable[[], Provider], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("no log")

    monkeypatch.setattr("app.store.events.Events.append", fail)
    with pytest.raises(Unavailable):
        user(provider, "a")
    assert database.db.users.count_documents({}) == 0


@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
def test_a_closed_connection_is_not_noticed(
    provider: Callable[[], Provider], database: Database, fault: Fault, command: str
) -> None:
    with fault([command], 1, closeConnection=True):
        created = user(provider, "a")
    assert [row["_id"] for row in database.db.users.find()] == [created]
    assert database.db.events.count_documents({}) == 1


def test_the_log_says_whether_a_change_of_unknown_outcome_took_place(
    provider: Callable[[], Provider], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction = Database.transaction

    def unknown(self: Database, work: Any) -> Any:
        transaction(self, work)
        raise Unavailable("the network broke after the commit")

    monkeypatch.setattr(Database, "transaction", unknown)
    created = user(provider, "a")
    assert patch(provider, "User", created, {"op": "add", "path": "title", "value": "T"})["title"] == "T"
    assert database.db.events.count_documents({}) == 2


def test_a_user_is_restored_with_its_memberships(provider: Callable[[], Provider], database: Database) -> None:
    target = user(provider, "a", title="T")
    home = group(provider, "G", target)
    one = provider()
    one.delete(one.catalogue.named("User"), target)
    directory = open_directory(CONFIG, database, Tenants(database).require("t"))
    assert [row["name"] for row in directory.deleted.list()] == ["a"]
    taken = user(provider, "A")
    with pytest.raises(Uniqueness, match="taken"):
        directory.restore(target, Event("restore", status=200), ACTOR)
    one.delete(one.catalogue.named("User"), taken)
    assert directory.restore(target, Event("restore", status=200), ACTOR) == "a"
    assert members(provider, home) == {target}
    with pytest.raises(NotFound):
        directory.restore(target, Event("restore", status=200), ACTOR)
    assert directory.count(one.catalogue.named("User"), {}) == 1


def test_a_group_is_restored_and_in_the_end_cleared(provider: Callable[[], Provider], database: Database) -> None:
    users = [user(provider, f"u{n}") for n in range(3)]
    target = group(provider, "G", *users)
    one = provider()
    kind = one.catalogue.named("Group")
    one.delete(kind, target)
    directory = open_directory(CONFIG, database, Tenants(database).require("t"))
    directory.restore(target, Event("restore", status=200), ACTOR)
    assert members(provider, target) == set(users)
    one.delete(kind, target)
    assert database.db.memberships.count_documents({}) == 3
    assert clear_expired(database, datetime.now(UTC) + timedelta(days=29)) == 0
    assert clear_expired(database, datetime.now(UTC) + timedelta(days=31)) == 1
    assert database.db.memberships.count_documents({}) == 0
    assert directory.deleted.list() == []


def test_refused_changes_are_in_the_log(provider: Callable[[], Provider], database: Database) -> None:
    user(provider, "a")
    one = provider()
    with pytest.raises(ScimError) as caught:
        one.create(one.catalogue.named("User"), {"schemas": [USER_URN], "userName": "A"},
                   Projection.parse(one.catalogue.named("User"), None, None))
    one.refused(caught.value)
    event = database.db.events.find_one({"failed": True})
    assert (event["status"], event["scimType"], event["resource"]["name"]) == (409, "uniqueness", "A")
