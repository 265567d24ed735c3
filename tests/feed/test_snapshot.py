"""The snapshot: what an export has without secrets, page by page, of one tenant and of all."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from app.config import Config
from app.export_import import export
from app.feed import items as snapshot_items
from app.store.accounts.tenants import Tenants
from app.store.directory import copying
from app.store.directory.memberships import CLEARED
from app.store.open import open_directory
from tests.blueprints.conftest import Client
from tests.feed.conftest import Row, World
from tests.tenants import delete_for_good


def exported(world: World, name: str) -> list[Row]:
    """Return the lines of `scimd export`, without passwords."""
    directory = open_directory(Config.from_environment({}), world.database, Tenants(world.database).require(name))
    lines = []
    for line in export(directory):
        if "resource" in line:
            line = line | {"resource": {key: value for key, value in line["resource"].items() if key != "password"}}
        lines.append(line)
    return lines


def fill(client: Client, users: int = 7, groups: int = 4) -> tuple[list[str], list[str]]:
    """Create users, of whom the first has a password, and groups with members; return their ids."""
    ids = [client.user("u0@example.com", password="planted-secret")["id"]]
    ids += [client.user(f"u{number}@example.com")["id"] for number in range(1, users)]
    made = [client.group(f"G{number}", *ids[: number * 2])["id"] for number in range(groups)]
    return ids, made


def test_ev_82_a_snapshot_has_the_lines_of_an_export(world: World) -> None:
    world.tenant("acme")
    fill(world.scim("acme"))
    for limit in (1, 2, 3, 7, 1_000):
        assert world.walk("/acme/snapshot", limit) == exported(world, "acme"), limit


def test_ev_82_a_snapshot_of_all_tenants(world: World) -> None:
    tenants = {name: world.tenant(name) for name in ("acme", "empty", "globex")}
    for name in ("acme", "globex"):
        fill(world.scim(name), 3, 2)
    expected = []
    for name, tenant in tenants.items():
        about = {"tenant": name, "tenantid": tenant.tenant_id}
        expected += [{"type": "Tenant", **about}, *(line | about for line in exported(world, name))]
    for limit in (1, 3, 1_000):
        assert world.walk("/snapshot", limit) == expected, limit


def test_ev_82_without_secrets(world: World) -> None:
    world.tenant("acme")
    ids, _ = fill(world.scim("acme"))
    assert "scrypt$" in str(list(world.database.db.users.find()))
    for path in ("/acme/snapshot", "/snapshot"):
        text = str(world.walk(path, 3))
        assert ids[0] in text
        assert "password" not in text
        assert "scrypt$" not in text
        assert "planted-secret" not in text


def test_ev_82_a_page_is_sealed_and_belongs_to_its_snapshot(world: World) -> None:
    for name in ("acme", "globex"):
        world.tenant(name)
        _, groups = fill(world.scim(name))
    page = world.page("/acme/snapshot?limit=2")["page"]
    assert world.get(f"/acme/snapshot?page={page}").status_code == 200
    for path in ("/globex/snapshot?", "/snapshot?", f"/acme/snapshot?group={groups[0]}&"):
        answer = world.get(f"{path}page={page}")
        assert answer.status_code == 400
        assert answer.get_json()["scimType"] == "invalidCursor"
    for text in ("", "x", page[:-2] + "AA", "gAAAA"):
        answer = world.get(f"/acme/snapshot?page={text}")
        assert answer.status_code == 400
        assert answer.get_json()["detail"].startswith("page: ")


def test_ev_82_a_page_is_good_for_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.tenant("acme")
    fill(world.scim("acme"))
    page = world.page("/acme/snapshot?limit=2")["page"]
    now = datetime.now(UTC)

    class Later(datetime):
        ahead = timedelta()

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now + cls.ahead

    monkeypatch.setattr("app.protocol.cursor.datetime", Later)
    Later.ahead = timedelta(hours=23, minutes=59)
    assert world.get(f"/acme/snapshot?page={page}").status_code == 200
    Later.ahead = timedelta(hours=24, minutes=1)
    answer = world.get(f"/acme/snapshot?page={page}")
    assert answer.status_code == 410
    assert answer.headers["Link"] == '</acme/snapshot>; rel="snapshot"'


def test_ev_82_of_one_group(world: World) -> None:
    acme = world.tenant("acme")
    ids, groups = fill(world.scim("acme"))
    rows = [{"type": "Membership", "group": groups[3], "member": member, "kind": "User"} for member in sorted(ids[:6])]
    assert world.walk_group(f"/acme/snapshot?group={groups[3]}", 4) == rows
    about = {"tenant": "acme", "tenantid": acme.tenant_id}
    assert world.walk_group(f"/snapshot?group={groups[3]}", 4) == [row | about for row in rows]
    assert world.page(f"/acme/snapshot?group={groups[0]}")["items"] == []


def test_ev_84_a_group_that_there_is_not(world: World) -> None:
    for name in ("acme", "globex"):
        world.tenant(name)
    client = world.scim("acme")
    ids, groups = fill(client)
    client("DELETE", f"/Groups/{groups[3]}")
    for path in (f"/acme/snapshot?group={groups[3]}", f"/snapshot?group={groups[3]}", f"/acme/snapshot?group={ids[0]}",
                 "/acme/snapshot?group=nobody", "/acme/snapshot?group=", f"/globex/snapshot?group={groups[2]}"):
        assert world.get(path).status_code == 404, path


def test_ev_82_memberships_that_do_not_count_are_left_out(world: World) -> None:
    """A cleared group's old memberships, and those of deleted groups."""
    world.tenant("acme")
    client = world.scim("acme")
    ids, groups = fill(client)
    since = ObjectId()
    rows = world.database.db.memberships
    rows.insert_one({"tenant": "acme", "group": CLEARED, "member": groups[3], "since": since})
    rows.update_many({"group": groups[3], "member": {"$in": ids[:2]}}, {"$set": {"since": since}})
    client("DELETE", f"/Groups/{groups[2]}")
    assert rows.count_documents({"group": groups[2]}) == 4  # they stay, for a restore
    for limit in (1, 2, 1_000):
        found = [(item["group"], item["member"]) for item in world.walk("/acme/snapshot", limit) if item["type"] == "Membership"]
        assert found == sorted([(groups[1], ids[0]), (groups[1], ids[1]), (groups[3], ids[0]), (groups[3], ids[1])])
    assert [item["member"] for item in world.walk_group(f"/acme/snapshot?group={groups[3]}", 1)] == sorted(ids[:2])


def test_ev_82_more_groups_than_one_query_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups with and without members, read with a few queries."""
    monkeypatch.setattr(copying, "GROUPS", 3)
    world.tenant("acme")
    client = world.scim("acme")
    ids = [client.user(f"u{number}")["id"] for number in range(4)]
    for number in range(10):
        client.group(f"G{number}", *ids[: number % 3])
    for limit in (1, 2, 5, 1_000):
        assert world.walk("/acme/snapshot", limit) == exported(world, "acme")


def test_ev_82_a_page_is_given_after_a_bounded_number_of_readings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_items, "MOST_STEPS", 3)
    names = [f"t{number}" for number in range(5)]
    for name in names:
        world.tenant(name)
    first = world.page("/snapshot?limit=1000")
    assert first["page"]
    assert [item["tenant"] for item in world.walk("/snapshot", 1_000)] == names


def test_ev_82_a_page_ends_at_4_mib(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.feed.elements.MOST_BYTES", 2_000)
    world.tenant("acme")
    fill(world.scim("acme"), 12, 1)
    assert len(world.page("/acme/snapshot?limit=1000")["items"]) < 12
    assert world.walk("/acme/snapshot", 1_000) == exported(world, "acme")


def test_ev_83_the_cursor_is_taken_before_the_first_item_and_stays(world: World) -> None:
    acme = world.tenant("acme")
    fill(world.scim("acme"))
    world.number(world.event(acme))
    for path, scope in (("/acme/snapshot", acme.tenant_id), ("/snapshot", "all")):
        published = world.database.db.leases.find_one({"_id": "relay"})["published"]
        first = world.page(f"{path}?limit=2")
        assert first["changes"] == f"{published}.{scope}"
        world.number(world.event(acme))
        page = first["page"]
        while page:
            body = world.page(f"{path}?limit=2&page={page}")
            assert body["changes"] == first["changes"]
            page = body["page"]
    assert len(world.ids(f"/acme/changes?after={world.page('/acme/snapshot')['changes']}")) == 0


def test_ev_83_a_page_is_not_read_before_what_its_cursor_leaves_out(world: World) -> None:
    """A primary that was just elected may be behind the one that answered the page before."""
    world.tenant("acme")
    _, groups = fill(world.scim("acme"))
    world.number(world.event(world.tenant("globex")))
    page = world.page("/acme/snapshot?limit=2")["page"]
    of_group = world.page(f"/acme/snapshot?limit=2&group={groups[3]}")["page"]
    world.lease(published=0)
    for path in (f"/acme/snapshot?page={page}", f"/acme/snapshot?group={groups[3]}&page={of_group}"):
        answer = world.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"


def test_ev_83_what_exists_all_the_time_is_there_once(world: World) -> None:
    world.tenant("acme")
    client = world.scim("acme")
    ids, groups = fill(client, 16, 3)
    stays, goes = set(ids[:8]), list(ids[8:])
    client.patch(f"/Groups/{groups[0]}", {"op": "add", "path": "members", "value": [{"value": each} for each in ids]})
    items, page = [], None
    while True:
        body = world.page("/acme/snapshot?limit=3" + (f"&page={page}" if page else ""))
        items += body["items"]
        page = body["page"]
        if page is None:
            break
        if goes:
            client("DELETE", f"/Users/{goes.pop(random.randrange(len(goes)))}")
        client.user(f"new-{len(items)}-{random.random()}")
    found = [item["resource"]["id"] for item in items if item["type"] == "User"]
    assert len(found) == len(set(found))
    assert stays <= set(found)
    members = [item["member"] for item in items if item["type"] == "Membership" and item["group"] == groups[0]]
    assert len(members) == len(set(members))
    assert stays <= set(members)


def test_ev_82_a_tenant_that_goes_while_it_is_read(world: World) -> None:
    for name in ("acme", "beta", "globex"):
        world.tenant(name)
        fill(world.scim(name), 3, 1)
    first = world.page("/snapshot?limit=6")
    assert first["items"][-1]["tenant"] == "beta"
    delete_for_good(world.database, "beta")
    world.tenant("beta")  # its events are in the feed behind `changes`
    rest = world.page(f"/snapshot?limit=1000&page={first['page']}")
    assert rest["items"][0] == {"type": "Tenant", "tenant": "globex", "tenantid": rest["items"][0]["tenantid"]}
    assert len(rest["items"]) == 5
    delete_for_good(world.database, "globex")
    assert world.page(f"/snapshot?page={first['page']}")["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "pages=1", "limit=1&limit=2", "wait=1"])
def test_ev_76_parameters_out_of_bounds(world: World, query: str) -> None:
    world.tenant("acme")
    assert world.get(f"/acme/snapshot?{query}").status_code == 400


def test_ev_82_any_page_costs_the_same(world: World) -> None:
    """The last page examines no more than the first one, of users and of the members of one large group."""
    world.tenant("acme")
    client, db = world.scim("acme"), world.database.db
    first = client.user("u")
    group = client.group("G", first["id"])["id"]
    document = db.users.find_one({"_id": first["id"]})
    names = [f"{number:05}" for number in range(900)]
    db.users.insert_many([document | {"_id": each, "_unique": {"userName": each}} for each in names])
    db.memberships.insert_many([{"tenant": "acme", "group": group, "member": each, "type": "User"} for each in names])
    examined, page = [], ""
    while page is not None:
        db.command("profile", 2)
        body = world.page(f"/acme/snapshot?limit=200{page and f'&page={page}'}")
        db.command("profile", 0)
        rows = list(db["system.profile"].find({"op": {"$in": ["query", "getmore", "command"]}}))
        examined.append(sum(row.get("keysExamined", 0) + row.get("docsExamined", 0) for row in rows))
        db.drop_collection("system.profile")
        page = body["page"]
    assert len(examined) == 10  # 901 users, a group, 901 memberships
    assert max(examined) < 2 * 200 + 100
