"""A tenant's directory on a real MongoDB: nothing is half written or lost, and deleted resources can be restored."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from app.config import Config
from app.errors import NotFound, ScimError, Unavailable, Uniqueness
from app.protocol.cursor import Cursors
from app.protocol.etag import Condition
from app.protocol.profile import PROFILES
from app.protocol.search_request import SearchRequest
from app.provider import Conditions, Provider
from app.queries import Queries
from app.schemas.returned import Projection
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory.deleted import SETTLED, clear_expired, settle
from app.store.directory.identities import Identities, Identity
from app.store.directory.memberships import Memberships
from app.store.directory.resources import Resources
from app.store.directory.totals import Totals, every_tenant
from app.store.log.changes import Request
from app.store.log.event import Actor
from app.store.mongo.database import Database, Session
from app.store.open import collections, open_directory
from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.conftest import Fault
from tests.moments import next_millisecond
from tests.relay import SOURCES, logged, relay

CONFIG = Config.from_environment({})
ACTOR = Actor("token-1", "request-1")


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture
def provider(database: Database) -> Callable[[], Provider]:
    """Return the function that makes a provider for each request; the tenant has the profile rfc."""
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


def test_forty_adds_at_once_are_all_kept(provider: Callable[[], Provider], database: Database) -> None:
    users = [user(provider, f"u{n}") for n in range(40)]
    target = group(provider, "G")

    def add(member: str) -> None:
        patch(provider, "Group", target, {"op": "add", "path": "members", "value": [{"value": member}]})

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(add, users))
    assert members(provider, target) == set(users)
    assert database.db.groups.find_one({"_id": target})["meta"]["version"] == 41
    assert [event["version"] for event in logged(database, **{"resource.id": target})] == [*range(1, 42)]


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
    [event] = logged(database, **{"resource.id": target, "operation": "patch"})
    assert event["members"] == {"added": [member], "addedCount": 1}


def test_of_members_some_of_which_are_there_the_others_are_added(
    provider: Callable[[], Provider], database: Database
) -> None:
    users = [user(provider, f"u{n}") for n in range(6)]
    target = group(provider, "G", *users[:2])

    def add(*numbers: int) -> None:
        value = [{"value": users[number]} for number in numbers]
        patch(provider, "Group", target, {"op": "add", "path": "members", "value": value})

    add(1, 2, 3)
    add(3, 0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: add(3, 4, 5), range(8)))
    assert members(provider, target) == set(users)
    assert database.db.groups.find_one({"_id": target})["meta"]["version"] == 3
    events = logged(database, **{"resource.id": target, "operation": "patch"})
    assert [set(event["members"]["added"]) for event in events] == [set(users[2:4]), set(users[4:])]


def test_adds_and_removes_at_once(provider: Callable[[], Provider]) -> None:
    users = [user(provider, f"u{n}") for n in range(30)]
    target = group(provider, "G", *users[:15])

    def change(number: int) -> None:
        value = [{"value": users[number]}]
        patch(provider, "Group", target, {"op": "add" if number >= 15 else "remove", "path": "members", "value": value})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(change, range(30)))
    assert members(provider, target) == set(users[15:])


@pytest.mark.parametrize("kind", ["add", "replace"])
def test_an_answer_shows_what_its_version_is(provider: Callable[[], Provider], kind: str) -> None:
    """RFC 7644 section 3.14: a version is that of the whole resource, whatever else has changed meanwhile."""
    for number in range(4):
        member, target = user(provider, f"{kind}{number}"), group(provider, "old")
        by_version: dict[str, set[str]] = {}

        def change(operation: dict[str, Any], target: str = target, seen: dict[str, set[str]] = by_version) -> None:
            shown = patch(provider, "Group", target, operation)
            seen.setdefault(shown["meta"]["version"], set()).add(shown["displayName"])

        def put(target: str = target, member: str = member, seen: dict[str, set[str]] = by_version) -> None:
            one = provider()
            resource_type = one.catalogue.named("Group")
            payload = {"schemas": [GROUP_URN], "displayName": "old", "members": [{"value": member}]}
            shown = one.replace(resource_type, target, payload, Projection.parse(resource_type, None, None)).resource
            assert shown["displayName"] == "old"
            seen.setdefault(shown["meta"]["version"], set()).add("old")

        add = {"op": "add", "path": "members", "value": [{"value": member}]}
        rename = {"op": "replace", "path": "displayName", "value": "new"}
        with ThreadPoolExecutor(2) as pool:
            other = pool.submit(change, add) if kind == "add" else pool.submit(put)
            change(rename)
            other.result()
        one = provider()
        resource_type = one.catalogue.named("Group")
        stored = one.get(resource_type, target, Projection.parse(resource_type, None, None)).resource
        by_version.setdefault(stored["meta"]["version"], set()).add(stored["displayName"])
        assert all(len(names) == 1 for names in by_version.values()), by_version


def test_a_condition_that_any_version_meets_is_met_however_often_it_changes(provider: Callable[[], Provider]) -> None:
    """RFC 9110 section 13.1.1: `*` does not hold only where there is nothing."""
    for number in range(3):
        users, target = [user(provider, f"{number}-{n}") for n in range(4)], group(provider, "G")

        def add(member: str, target: str = target) -> None:
            with contextlib.suppress(NotFound):
                patch(provider, "Group", target, {"op": "add", "path": "members", "value": [{"value": member}]})

        def delete(target: str = target) -> None:
            one = provider()
            one.delete(one.catalogue.named("Group"), target, Conditions(if_match=Condition.parse("*")))

        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda task: task(), [*(partial(add, member) for member in users), delete]))


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
    assert Totals(database, "t").of(USER_TYPE).number == 1


def test_each_change_has_its_event(provider: Callable[[], Provider], database: Database) -> None:
    target = user(provider, "a", title="old", password="s3cret")
    patch(provider, "User", target, {"op": "replace", "path": "title", "value": "new"},
          {"op": "replace", "path": "password", "value": "other"})
    patch(provider, "User", target, {"op": "replace", "path": "title", "value": "new"})
    one = provider()
    one.delete(one.catalogue.named("User"), target)
    events = logged(database, tenant="t")
    assert [event["operation"] for event in events] == ["create", "patch", "delete"]
    assert {"attribute": "title", "old": "old", "new": "new"} in events[1]["changes"]
    assert {"attribute": "password"} in events[1]["changes"]
    assert all(event["credential"] == "token-1" and event["request"] == "request-1" for event in events)
    assert "s3cret" not in str(events)
    assert "s3cret" not in str(database.db.deleted.find_one())


def everything(database: Database) -> dict[str, list[Any]]:
    return {name: list(database.db[name].find(sort=[("_id", 1)])) for name in ("users", "groups", "memberships", "deleted", "events")}


def test_ev_02_03_a_change_and_its_event_are_stored_together_or_not_at_all(
    provider: Callable[[], Provider], database: Database, fault: Fault
) -> None:
    """Whichever command of a write fails, neither its document nor its event is there; else both are."""
    ann, bob = user(provider, "ann"), user(provider, "bob")
    team = group(provider, "Team", ann)
    directory = open_directory(CONFIG, database, Tenants(database).require("t"))
    one = provider()
    kinds = {kind.name: kind for kind in one.catalogue.types}
    writes: list[tuple[int, Callable[[], Any]]] = [
        (1, lambda: user(provider, "new")),
        (1, lambda: patch(provider, "User", ann, {"op": "add", "path": "title", "value": "T"})),
        (2, lambda: group(provider, "Other", ann, bob)),
        (2, lambda: patch(provider, "Group", team, {"op": "add", "path": "members", "value": [{"value": bob}]})),
        (2, lambda: patch(provider, "Group", team, {"op": "replace", "path": "displayName", "value": "Tm"},
                          {"op": "remove", "path": f'members[value eq "{bob}"]'})),
        (2, lambda: one.delete(kinds["User"], ann)),
        (3, lambda: directory.restore(ann, Request("restore", ACTOR))),
    ]
    for commands, write in writes:
        before, failed = everything(database), 0
        for skip in range(10):
            with fault(["insert", "update", "delete", "findAndModify"], {"skip": skip}, errorCode=8000):
                try:
                    write()
                except Unavailable:
                    failed += 1
                    assert everything(database) == before
                else:
                    break
        assert failed >= commands
        relay(database)
    versions = [(event["type"], event["version"]) for event in logged(database, **{"resource.id": ann})]
    assert versions == [
        ("scimd.user.created", 1), ("scimd.user.updated", 2), ("scimd.user.deleted", 3), ("scimd.user.restored", 4),
    ]


@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
def test_a_closed_connection_does_no_harm(
    provider: Callable[[], Provider], database: Database, fault: Fault, command: str
) -> None:
    with fault([command], 1, closeConnection=True):
        created = user(provider, "a")
    assert [row["_id"] for row in database.db.users.find()] == [created]
    assert len(logged(database, tenant="t")) == 1


def test_ev_06_the_event_says_whether_a_change_of_unknown_outcome_took_place(
    provider: Callable[[], Provider], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def losing(owner: type, method: str, then: Callable[[], None]) -> Iterator[None]:
        original = getattr(owner, method)

        def unknown(*arguments: Any, **named: Any) -> Any:
            original(*arguments, **named)
            with monkeypatch.context() as intact:  # what comes then is not lost
                intact.setattr(owner, method, original)
                then()
            raise Unavailable("the network broke after the commit")

        with monkeypatch.context() as patched:
            patched.setattr(owner, method, unknown)
            yield

    for then in (lambda: None, lambda: relay(database)):
        name = uuid.uuid4().hex
        with losing(Resources, "insert", then):
            created = user(provider, name)
        with losing(Resources, "update", then):
            assert patch(provider, "User", created, {"op": "add", "path": "title", "value": "T"})["title"] == "T"
        with losing(Database, "transaction", then):
            target = group(provider, name, created)
            one = provider()
            one.delete(one.catalogue.named("User"), created)
        assert members(provider, target) == set()
    assert len(logged(database, tenant="t")) == 2 * 4


def test_a_user_is_restored_with_its_memberships(provider: Callable[[], Provider], database: Database) -> None:
    target = user(provider, "a", title="T")
    home = group(provider, "G", target)
    one = provider()
    one.delete(one.catalogue.named("User"), target)
    directory = open_directory(CONFIG, database, Tenants(database).require("t"))
    assert [row["name"] for row in directory.deleted.list()] == ["a"]
    taken = user(provider, "A")
    with pytest.raises(Uniqueness, match="taken"):
        directory.restore(target, Request("restore", ACTOR))
    one.delete(one.catalogue.named("User"), taken)
    assert directory.restore(target, Request("restore", ACTOR)).name == "a"
    assert members(provider, home) == {target}
    with pytest.raises(NotFound):
        directory.restore(target, Request("restore", ACTOR))
    assert directory.count(one.catalogue.named("User")) == 1


def settled(database: Database) -> None:
    """Make all deletions so old that nothing that began before them is under way."""
    assert settle(database, datetime.now(UTC) + SETTLED, lambda *_: None) == 0


def test_a_group_is_restored_and_in_the_end_cleared(provider: Callable[[], Provider], database: Database) -> None:
    users = [user(provider, f"u{n}") for n in range(3)]
    target = group(provider, "G", *users)
    one = provider()
    kind = one.catalogue.named("Group")
    one.delete(kind, target)
    directory = open_directory(CONFIG, database, Tenants(database).require("t"))
    directory.restore(target, Request("restore", ACTOR))
    assert members(provider, target) == set(users)
    one.delete(kind, target)
    assert database.db.memberships.count_documents({}) == 3
    relay(database)
    settled(database)
    assert clear_expired(database, datetime.now(UTC) + timedelta(days=29)) == 0
    assert clear_expired(database, datetime.now(UTC) + timedelta(days=31)) == 1
    assert database.db.memberships.count_documents({}) == 0
    assert directory.deleted.list() == []


class World:
    """Users and groups of the tenant, by their names."""

    def __init__(self, provider: Callable[[], Provider], database: Database, *, days: int = 30) -> None:
        self.provider, self.database = provider, database
        config = Config.from_environment({"SCIMD_DELETED_DAYS": str(days)})
        self.directory = open_directory(config, database, Tenants(database).require("t"))

    def delete(self, resource_id: str) -> None:
        one = self.provider()
        kind = next(k for k in one.catalogue.types if self.directory.get(k, resource_id))
        one.delete(kind, resource_id)

    def restore(self, resource_id: str) -> None:
        self.directory.restore(resource_id, Request("restore", ACTOR))

    def leave(self, tenant: str, member: str, groups: Sequence[str], session: Session) -> None:
        assert tenant == "t"
        self.directory.leave(member, groups, session)

    def get(self, kind: str, resource_id: str) -> dict[str, Any]:
        one = self.provider()
        resource_type = one.catalogue.named(kind)
        return one.get(resource_type, resource_id, Projection.parse(resource_type, None, None)).resource

    def groups(self, user_id: str) -> dict[str, str]:
        return {each["value"]: each["type"] for each in self.get("User", user_id).get("groups", ())}

    def found(self, kind: str, condition: str) -> list[str]:
        one = self.provider()
        search = SearchRequest.from_query({"filter": [condition]})
        return [each["id"] for each in one.query([one.catalogue.named(kind)], search)["Resources"]]

    def members(self, group_id: str) -> dict[str, tuple[str | None, str | None]]:
        shown = self.get("Group", group_id).get("members", ())
        return {each["value"]: (each.get("type"), each.get("display")) for each in shown}


@pytest.fixture
def world(provider: Callable[[], Provider], database: Database) -> World:
    return World(provider, database)


@pytest.mark.parametrize("group_first", [True, False])
@pytest.mark.parametrize("group_back_first", [True, False])
def test_a_user_and_its_group_come_back_in_either_order(
    world: World, group_first: bool, group_back_first: bool
) -> None:
    target, other = user(world.provider, "a"), user(world.provider, "b")
    home = group(world.provider, "G", target, other)
    for each in (home, target) if group_first else (target, home):
        world.delete(each)
    assert world.groups(other) == {}
    for each in (home, target) if group_back_first else (target, home):
        world.restore(each)
        assert set(world.members(home) if each == home else world.groups(target)) <= {target, other, home}
        if each == home and group_back_first:
            assert world.members(home) == {other: ("User", "b")}, "the user is still deleted"
        if each == target and not group_back_first:
            assert world.groups(target) == {}, "the group is still deleted"
    assert world.members(home) == {target: ("User", "a"), other: ("User", "b")}
    assert world.groups(target) == world.groups(other) == {home: "direct"}
    for name in ("User", "Group"):
        assert world.directory.count(world.directory.catalogue.named(name)) == (2 if name == "User" else 1)
    assert world.found("User", f'groups.value eq "{home}"') == sorted([target, other])
    assert world.found("Group", f'members.value eq "{target}"') == [home]


def test_nothing_of_a_deleted_group_is_seen(world: World) -> None:
    target = user(world.provider, "a")
    inner = group(world.provider, "inner", target)
    outer = group(world.provider, "outer", inner)
    assert world.groups(target) == {inner: "direct", outer: "indirect"}
    world.delete(inner)
    assert world.groups(target) == {}
    assert world.members(outer) == {}
    for kind, condition in (
        ("User", f'groups.value eq "{inner}"'), ("User", f'groups.value eq "{outer}"'), ("User", "groups pr"),
        ("User", 'groups.display eq "inner"'), ("User", 'groups.type eq "indirect"'),
        ("Group", f'members.value eq "{target}"'), ("Group", f'members.value eq "{inner}"'), ("Group", "members pr"),
        ("Group", 'members.type eq "User"'), ("Group", 'members.display eq "a"'),
    ):
        assert world.found(kind, condition) == [], condition
    world.restore(inner)
    assert world.groups(target) == {inner: "direct", outer: "indirect"}


def test_a_member_that_is_deleted_while_it_is_added_is_invisible(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, other = user(world.provider, "a"), user(world.provider, "b")
    home = group(world.provider, "G", other)
    look, deleted = Identities.of, []

    def look_and_wait(self: Identities, *arguments: Any, **names: Any) -> dict[str, Identity]:
        found = look(self, *arguments, **names)
        if not deleted:
            deleted.append(target)
            world.delete(target)
        return found

    monkeypatch.setattr(Identities, "of", look_and_wait)
    patch(world.provider, "Group", home, {"op": "add", "path": "members", "value": [{"value": target}]})
    assert deleted == [target]
    assert world.members(home) == {other: ("User", "b")}
    alone = group(world.provider, "H")
    database.db.memberships.update_one({"member": target}, {"$set": {"group": alone}})
    assert "members" not in world.get("Group", alone)
    assert settle(database, datetime.now(UTC), world.leave) == 0, "what was on its way may still come"
    assert settle(database, datetime.now(UTC) + SETTLED, world.leave) == 1
    assert [row["member"] for row in database.db.memberships.find()] == [other]
    assert world.found("Group", f'members.value eq "{target}"') == []
    world.restore(target)
    assert world.groups(target) == {alone: "direct"}


def test_what_cannot_be_restored_is_not_forgotten_before_its_groups_have_lost_it(
    world: World, database: Database
) -> None:
    """With SCIMD_DELETED_DAYS=0, or after a month without a worker, both are due at once."""
    target = user(world.provider, "a")
    home = group(world.provider, "G")
    world.delete(target)
    # Added before the deletion was visible, stored after it.
    database.db.memberships.insert_one({"tenant": "t", "group": home, "member": target, "type": "User"})
    relay(database)
    later = datetime.now(UTC) + timedelta(days=31)
    assert clear_expired(database, later) == 0
    assert settle(database, later, world.leave) == 1
    assert clear_expired(database, later) == 1
    assert list(database.db.memberships.find()) == []


def test_a_member_that_is_named_after_its_deletion_stays(world: World, database: Database) -> None:
    target = user(world.provider, "a")
    home = group(world.provider, "G", target)
    world.delete(target)
    database.db.memberships.insert_one({"tenant": "t", "group": home, "member": target})
    assert settle(database, datetime.now(UTC) + SETTLED, world.leave) == 0
    assert world.members(home) == {target: (None, None)}


def test_ev_84_consumers_are_told_that_a_member_left_that_was_deleted_while_it_was_added(
    world: World, database: Database
) -> None:
    target = user(world.provider, "a")
    home, gone = group(world.provider, "G"), group(world.provider, "H")
    world.delete(target)
    for each in (home, gone):  # added before the deletion was visible, stored after it
        database.db.memberships.insert_one({"tenant": "t", "group": each, "member": target, "type": "User"})
    world.delete(gone)
    before = world.get("Group", home)["meta"]["version"]
    assert settle(database, datetime.now(UTC) + SETTLED, world.leave) == 2
    relay(database)
    event = logged(database, **{"resource.id": home})[-1]
    assert event["type"] == "scimd.group.members_changed"
    assert event["members"] == {"removed": [target], "removedCount": 1}
    assert event["resource"] == {"type": "Group", "id": home, "name": "G"}
    assert world.get("Group", home)["meta"]["version"] == f'W/"{event["version"]}"' != before
    assert logged(database, **{"resource.id": gone})[-1]["type"] == "scimd.group.deleted"


def test_what_has_changed_by_a_restore_has_a_new_version(world: World) -> None:
    target, other = user(world.provider, "a"), user(world.provider, "b")
    home = group(world.provider, "G", target, other)
    before = {each: world.get(kind, each)["meta"] for each, kind in ((home, "Group"), (target, "User"))}
    next_millisecond()
    world.delete(home)
    world.delete(target)
    world.restore(home)
    after = world.get("Group", home)["meta"]
    assert after["version"] != before[home]["version"], "it lacks a member that it had in that version"
    assert after["lastModified"] > before[home]["lastModified"]
    assert after["created"] == before[home]["created"]
    world.restore(target)
    assert world.get("Group", home)["meta"]["version"] not in (before[home]["version"], after["version"])
    assert world.get("User", target)["meta"]["version"] != before[target]["version"]


def test_a_user_comes_back_into_a_group_that_was_given_its_id_meanwhile(
    world: World, database: Database
) -> None:
    target = user(world.provider, "a")
    homes = [group(world.provider, f"G{n}", target) for n in range(3)]
    world.delete(target)
    world.delete(homes[2])
    # In the profiles for Entra a client may name a member that does not exist.
    database.db.memberships.insert_one({"tenant": "t", "group": homes[0], "member": target})
    other = group(world.provider, "later")
    database.db.memberships.insert_one({"tenant": "t", "group": other, "member": target})
    relay(database)
    settled(database)
    clear_expired(database, datetime.now(UTC) + timedelta(days=29))
    database.db.deleted.update_one({"_id": homes[2]}, {"$set": {"expires": datetime.now(UTC) - timedelta(days=1)}})
    assert clear_expired(database, datetime.now(UTC)) == 1
    world.restore(target)
    assert world.groups(target) == dict.fromkeys([*homes[:2], other], "direct")
    for each in (*homes[:2], other):
        assert world.members(each) == {target: ("User", "a")}
    assert database.db.memberships.count_documents({"group": homes[2]}) == 0


def test_of_two_restores_at_once_one_is_told_that_there_is_nothing(world: World, database: Database) -> None:
    home = group(world.provider, "G", *(user(world.provider, f"u{n}") for n in range(3)))
    world.delete(home)

    def restore(_: int) -> str:
        try:
            world.restore(home)
        except NotFound:
            return "nothing"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(restore, range(8))) == ["done"] + ["nothing"] * 7
    assert every_tenant(database, SOURCES)["t", "Group"].number == 1


def test_a_restore_and_the_janitor_do_not_share_a_group(world: World, database: Database) -> None:
    people = [user(world.provider, f"u{n}") for n in range(5)]
    for number in range(12):
        home = group(world.provider, f"G{number}", *people)
        world.delete(home)
        relay(database)
        settled(database)
        soon = datetime.now(UTC) + timedelta(days=31)
        with ThreadPoolExecutor(2) as pool:
            clearing = pool.submit(clear_expired, database, soon)
            restoring = pool.submit(world.restore, home)
        assert clearing.exception() is None
        if restoring.exception() is None:
            assert set(world.members(home)) == set(people)
        else:
            assert isinstance(restoring.exception(), NotFound)
            assert database.db.memberships.count_documents({"group": home}) == 0
        assert world.directory.deleted.list() == []


class Killed(Exception):
    """Stands for the end of a process between two steps."""


@pytest.mark.parametrize("survives", range(4))
def test_whoever_clears_may_be_killed_anywhere(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    monkeypatch.setattr("app.store.directory.deleted.BATCH", 2)
    people = [user(world.provider, f"u{n}") for n in range(5)]
    home, alive = group(world.provider, "G", *people), group(world.provider, "other", *people)
    world.delete(home)
    relay(database)
    settled(database)
    later = datetime.now(UTC) + timedelta(days=31)
    calls = iter(range(100))
    clear = Memberships.clear

    def killed(self: Memberships, of: str, limit: int) -> int:
        if next(calls) == survives:
            raise Killed
        return clear(self, of, limit)

    monkeypatch.setattr(Memberships, "clear", killed)
    with pytest.raises(Killed):
        clear_expired(database, later)
    with pytest.raises(NotFound):  # what has been begun cannot be restored: some of its members are gone
        world.restore(home)
    assert world.directory.deleted.list() == []
    assert clear_expired(database, later) == 1
    assert database.db.memberships.count_documents({"group": home}) == 0
    assert set(world.members(alive)) == set(people)
    assert database.db.deleted.count_documents({}) == 0


def test_what_another_worker_clears_is_not_the_end(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If that one is killed afterwards, nobody else would find what is left: the group is gone."""
    monkeypatch.setattr("app.store.directory.deleted.BATCH", 2)
    home = group(world.provider, "G", *(user(world.provider, f"u{n}") for n in range(5)))
    world.delete(home)
    relay(database)
    settled(database)
    real = type(database.db.memberships).delete_many
    number = iter(range(10))

    def after_the_other(self: Any, query: dict[str, Any], **named: Any) -> Any:
        if self.name == "memberships" and next(number) == 0:
            real(self, query, **named)
        return real(self, query, **named)

    monkeypatch.setattr(type(database.db.memberships), "delete_many", after_the_other)
    assert clear_expired(database, datetime.now(UTC) + timedelta(days=31)) == 1
    assert database.db.memberships.count_documents({}) == 0


def test_what_is_over_cannot_be_restored_although_nobody_has_cleared_it(world: World, database: Database) -> None:
    home = group(world.provider, "G")
    world.delete(home)
    database.db.deleted.update_one({"_id": home}, {"$set": {"expires": datetime.now(UTC) - timedelta(seconds=1)}})
    assert world.directory.deleted.list() == []
    with pytest.raises(NotFound, match="can be restored"):
        world.restore(home)


def test_a_user_of_a_thousand_groups_is_deleted_and_restored(world: World, database: Database) -> None:
    target = user(world.provider, "a")
    homes, samples = [f"g{n:04}" for n in range(1_000)], []
    sample = database.db.groups.find_one({"_id": group(world.provider, "G")})
    for name in homes:
        samples.append(sample | {"_id": name, "displayName": name, "_folded": {"displayName": name}})
    database.db.groups.insert_many(samples)
    database.db.memberships.insert_many([
        {"tenant": "t", "group": name, "member": target, "type": "User"} for name in homes])
    world.delete(target)
    assert database.db.memberships.count_documents({}) == 0
    assert database.db.groups.count_documents({"meta.version": 2}) == 1_000
    world.restore(target)
    assert set(world.groups(target)) == set(homes)


def test_refused_changes_are_in_the_log(provider: Callable[[], Provider], database: Database) -> None:
    user(provider, "a")
    one = provider()
    with pytest.raises(ScimError) as caught:
        one.create(one.catalogue.named("User"), {"schemas": [USER_URN], "userName": "A"},
                   Projection.parse(one.catalogue.named("User"), None, None))
    one.log(one.attempt.refused(caught.value))
    event = database.db.events.find_one({"failed": True})
    assert (event["status"], event["scimType"], event["resource"]["name"]) == (409, "uniqueness", "A")
