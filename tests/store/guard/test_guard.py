"""The guard: many people are disabled or deleted within an hour."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from app.store.guard.deactivations import WATCHED, Deactivations, Seen
from app.store.guard.gate import Gate
from app.store.mongo.moments import now
from tests.processes import until
from tests.relay import relay
from tests.store.guard.conftest import World


def test_more_than_a_fifth_within_an_hour_is_unusual_and_warned_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.disable(*world.users[:3])
    world.delete(*world.users[3:6])
    assert world.look() == 0  # 20 % are not more than 20 %
    assert world.warnings() == []
    world.disable(world.users[6])
    assert world.look() == 1
    (event,) = world.warnings()
    assert event["tenant"] == "acme"
    assert event["subject"] == "Tenants/acme"
    assert event["data"]["guard"] == {"number": 7, "users": 30, "share": 20, "stops": False}
    sentence = "7 of 30 users were disabled or deleted within an hour"
    assert sentence in world.command("tenant", "show", "acme")
    assert sentence in world.command("events", "acme")
    assert [record.levelname for record in caplog.records if sentence in record.getMessage()] == ["WARNING"]
    world.delete(*world.users[7:10])
    assert world.look() == 0
    assert len(world.warnings()) == 1
    assert world.facts()["number"] == 7


def test_it_warns_again_an_hour_later_if_it_goes_on(world: World) -> None:
    world.delete(*world.users[:7])
    assert world.look() == 1
    world.database.db.tenants.update_one({"_id": "acme"}, {"$set": {"guard.warned": now() - timedelta(minutes=61)}})
    assert world.look() == 0  # nobody since
    world.delete(world.users[7])
    assert world.look() == 1
    assert len(world.warnings()) == 2


def test_fewer_than_fifty_people_are_never_unusual(world: World) -> None:
    assert WATCHED == 50, "five in these tests"
    world.guard("--share", "1")
    world.delete(*world.users[:4])
    assert world.look() == 0
    world.delete(world.users[4])
    assert world.look() == 1


def test_a_person_is_counted_once_and_not_if_they_are_back(world: World) -> None:
    some = world.users[:4]
    world.disable(*some)
    world.delete(*some)
    world.disable(*world.users[4:7])
    world.disable(*world.users[4:7], active=True)
    assert world.look() == 0
    world.disable(*world.users[4:6])
    world.command("restore", "acme", some[0])
    assert world.look() == 0
    world.disable(world.users[6], world.users[7])
    assert world.look() == 1  # 3 who are deleted and 4 who are disabled


def test_people_of_another_hour_are_not_counted(world: World) -> None:
    then = now() - timedelta(minutes=62)
    people = Deactivations(world.database)
    old = [Seen(each, then) for each in world.users[:13]]
    assert world.database.transaction(lambda session: people.count("acme", old, session)).number == 0
    recent = [Seen(each, now() - timedelta(minutes=59)) for each in world.users[:13]]
    assert world.database.transaction(lambda session: people.count("acme", recent, session)).number == 13


def test_many_in_a_large_tenant_are_not_many(world: World) -> None:
    world.guard("--share", "50")
    world.delete(*world.users[:10])
    assert world.look() == 0
    world.delete(*world.users[10:16])
    assert world.look() == 1


def test_two_workers_count_each_person_once(world: World) -> None:
    world.delete(*world.users[:6])
    relay(world.database)
    followers = [world.new_follower() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda each: each.round(), followers)) == 0
    (row,) = world.database.db.guards.find()
    assert sum(minute[1] for minute in row["minutes"]) == 6
    world.delete(world.users[6])
    relay(world.database)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda each: each.round(), followers)) == 1
    relay(world.database)
    assert len(world.warnings()) == 1


@pytest.mark.parametrize("after", [True, False])
def test_a_worker_that_is_killed_counts_or_does_not(world: World, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    class Killed(BaseException):
        pass

    world.delete(*world.users[:7])
    relay(world.database)
    transaction = world.database.transaction

    def killing(work: Any, **named: Any) -> Any:
        if after:
            transaction(work, **named)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(world.database, "transaction", killing)
        world.follower.round()
    world.follower = world.new_follower()
    assert world.look() == 1
    assert world.facts()["number"] == 7


def test_it_stops_nothing_by_default(world: World) -> None:
    assert world.delete(*world.users[:7]) == [204] * 7
    world.look()
    assert world.delete(*world.users[7:10]) == [204] * 3
    assert (world.facts()["stop"], world.facts()["stopped"]) == (False, None)


def test_with_stop_the_next_ones_get_503_until_the_operator_allows_them(world: World) -> None:
    world.guard("--stop")
    assert set(world.delete(*world.users[:7])) == {204}
    assert len(world.warnings()) == 0  # not numbered yet
    assert world.facts()["stopped"] is not None
    refused = world.scim("DELETE", f"/Users/{world.users[7]}")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "600")
    assert "until an operator allows it" in refused.get_json()["detail"]
    assert world.disable(world.users[8]) == [503]
    put = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "u9", "active": False}
    assert world.scim("PUT", "/Users/u9", put).status_code == 503
    bulk = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "DELETE", "path": "/Users/u10"}, {"method": "POST", "path": "/Users", "bulkId": "b", "data": put | {"userName": "new"}},
    ]}
    answer = world.scim("POST", "/Bulk", bulk)
    assert [each["status"] for each in answer.get_json()["Operations"]] == ["503", "201"]
    for user in world.users[7:11]:
        assert world.scim("GET", f"/Users/{user}").get_json()["active"] is True
    assert world.look() == 0  # the request has warned already
    assert len(world.warnings()) == 1
    assert "--allow" in world.command("tenant", "show", "acme")
    next(chore for chore in world.app.chores if chore.name == "activity").work(world.database)
    until(lambda: world.database.db.days.find_one({"tenant": "acme"}))
    counted = [numbers for day in world.database.db.days.find({"tenant": "acme"}) for numbers in day["hours"].values()]
    assert sum(each.get("refused", 0) for each in counted) == 4  # D-687: the one of the Bulk request, too
    assert sum(each.get("failed", 0) for each in counted) == 0
    world.guard("--allow")
    assert set(world.delete(*world.users[7:11])) == {204}
    assert world.look() == 0
    assert world.facts()["stopped"] is None


def test_what_deactivates_nobody_goes_on_while_it_stops(world: World) -> None:
    world.guard("--stop")
    world.delete(*world.users[:7])
    user = f"/Users/{world.users[20]}"
    assert world.scim.patch(user, {"op": "replace", "path": "title", "value": "T"}).status_code == 200
    group = world.scim.group("Sales", world.users[20])
    assert world.scim("DELETE", f"/Groups/{group['id']}").status_code == 204
    assert world.scim.user("new")["active"] is True
    assert world.disable(world.users[20], active=True) == [200]


def test_stop_may_come_when_it_is_unusual_already(world: World) -> None:
    world.delete(*world.users[:8])
    assert world.look() == 1
    world.guard("--stop")
    assert world.delete(world.users[8]) == [503]
    world.guard("--no-stop")
    assert world.delete(world.users[8]) == [204]


def test_two_workers_let_no_more_through_than_one(world: World) -> None:
    world.guard("--stop")
    clients = [world.scim, world.new_process()]

    def delete(number: int) -> int:
        return clients[number % 2]("DELETE", f"/Users/{world.users[number]}").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(delete, range(16)))
    assert sorted(set(statuses)) == [204, 503]
    assert statuses.count(204) == 7
    assert world.scim("GET", "/Users?count=0").get_json()["totalResults"] == 23
    world.look()
    assert len(world.warnings()) == 1


def test_however_many_are_under_way_no_more_get_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who are counted and not deleted yet are among the users, and must not count as deleted ones besides."""
    world.guard("--stop")
    clients, enter = [world.scim, world.new_process()], Gate.enter

    def slowly(gate: Gate, user: str, *, deleted: bool) -> bool:
        entered = enter(gate, user, deleted=deleted)
        time.sleep(0.1)
        return entered

    def delete(number: int) -> int:
        """Delete half of the users twice, at once by both workers."""
        return clients[number % 2]("DELETE", f"/Users/{world.users[number if number < 10 else number // 2]}").status_code

    monkeypatch.setattr(Gate, "enter", slowly)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(delete, range(20)))
    assert statuses.count(204) == 7
    assert world.scim("GET", "/Users?count=0").get_json()["totalResults"] == 23
    assert (world.facts()["number"], world.facts()["users"]) == (7, 30)


def test_a_deactivation_that_fails_is_not_counted(world: World) -> None:
    world.guard("--stop")
    world.scim("DELETE", f"/Users/{world.users[0]}")
    for user in world.users[1:10]:
        assert world.scim("DELETE", f"/Users/{user}", If_Match='W/"7"').status_code == 412
    assert world.scim("DELETE", "/Users/nobody").status_code == 404
    (row,) = world.database.db.guards.find()
    assert sum(minute[1] for minute in row["minutes"]) == 1


def test_a_write_that_deactivates_nobody_sends_no_command_more_with_the_guard(world: World) -> None:
    def commands(number: int) -> list[str]:
        db = world.database.db
        db.command("profile", 2)
        world.scim.patch(f"/Users/{world.users[number]}", {"op": "replace", "path": "title", "value": "T"})
        world.scim.user(f"new{number}")
        db.command("profile", 0)
        found = [f"{row['op']} {row.get('ns', '')}" for row in db["system.profile"].find({"ns": {"$regex": "users|guards|deactivations|tenants"}})]
        db.drop_collection("system.profile")
        return found

    world.scim.user("first")
    before = commands(20)
    world.guard("--stop")
    world.scim.user("second")
    assert commands(21) == before


def test_what_the_command_refuses(world: World) -> None:
    for arguments, status in (
        (["nowhere"], 1), (["nowhere", "--stop"], 1), (["acme", "--share", "0"], 2), (["acme", "--share", "101"], 2),
    ):
        world.command("tenant", "guard", *arguments, status=status)
        assert world.facts()["share"] == 20


def test_tenants_are_apart(world: World) -> None:
    world.delete(*world.users[:4])
    people = Deactivations(world.database)
    others = [Seen(each, now()) for each in world.users[:7]]
    world.database.transaction(lambda session: people.count("other", others, session))
    assert world.look() == 0
