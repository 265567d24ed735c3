"""The numbers of resources: exact at each moment, during any creations, deletions and counts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event as Signal
from typing import Any

import pytest
import requests

from app.config import Config
from app.errors import Unavailable, Uniqueness
from app.schemas.meta import first_meta, now
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory import totals
from app.store.directory.directory import Directory, Edit
from app.store.directory.totals import all_together, every_tenant, largest_tenants, settle, some_tenants
from app.store.log.changes import Request
from app.store.log.event import Actor, Event
from app.store.mongo.database import Database
from app.store.open import collections, open_directory, prepare
from app.store.search.order import Order
from app.store.search.pages import Window
from app.store.search.search import Search
from tests.conftest import Fault, Server
from tests.relay import SOURCES, relay

CONFIG = Config.from_environment({})
ACTOR = Actor("token-1", "request-1")
THREADS, EACH = 4, 25


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture
def directory(database: Database) -> Callable[[str], Directory]:
    """Return the function that makes a tenant."""
    database.prepare(collections(CONFIG))
    return lambda name: open_directory(CONFIG, database, Tenants(database).create(name, "rfc"))


def create(directory: Directory, name: str) -> None:
    meta = first_meta(USER_TYPE.name, now())
    user = {"schemas": [USER_TYPE.schema.id], "id": name, "userName": name, "meta": meta}
    directory.create(USER_TYPE, user, (), Request("create", ACTOR))


def delete(directory: Directory, name: str) -> None:
    directory.delete(USER_TYPE, name, None, Request("delete", ACTOR))


def disable(directory: Directory, name: str, *, active: bool = False) -> None:
    before = directory.get(USER_TYPE, name)
    assert before
    directory.update(USER_TYPE, Edit(before, before | {"active": active}), Request("patch", ACTOR))


def stored(database: Database) -> dict[tuple[str, str], int]:
    """Return the numbers in `counts`, without what is still to be counted."""
    return {(row["tenant"], row["type"]): row["number"] for row in database.db.counts.find()}


def total_of_a_page(directory: Directory) -> int | None:
    """Return the total that is read with the first two users."""
    found, total = Search(directory).results(USER_TYPE, {}).page_and_total(Order(), Window(2), None)
    assert total is None or len(found) == min(total, 2)
    return total


def test_ev_40_135_a_total_is_exact_at_each_moment(directory: Callable[[str], Directory], database: Database) -> None:
    ours, theirs = directory("ours"), directory("theirs")
    create(theirs, "theirs")
    asked, done, over = [0] * THREADS, [0] * THREADS, Signal()

    def work(thread: int) -> None:
        for number in range(EACH):
            asked[thread] += 1
            create(ours, f"{thread}-{number}")
            done[thread] += 1

    def count() -> int:
        seen = 0
        while not over.is_set():
            least = sum(done)
            total = ours.count(USER_TYPE)
            assert least <= total <= sum(asked)
            least = sum(done)
            beside = total_of_a_page(ours)
            assert beside is None or least <= beside <= sum(asked)
            assert sum(each.number for each in every_tenant(database, SOURCES).values()) >= total + 1
            assert sum(each.number for each in largest_tenants(database, SOURCES, 1, "others").values()) >= total + 1
            seen += 1
        return seen

    def move() -> bool:
        while not over.is_set():
            relay(database)
        return True

    with ThreadPoolExecutor(THREADS + 4) as pool:
        counting = [pool.submit(count) for _ in range(2)]
        moving = pool.submit(move)
        for creating in [pool.submit(work, thread) for thread in range(THREADS)]:
            creating.result(60)
        over.set()
        assert all(each.result(60) for each in counting)
        assert moving.result(60)
    relay(database)
    assert stored(database) == {("ours", "User"): THREADS * EACH, ("theirs", "User"): 1}
    assert every_tenant(database, SOURCES) == {("ours", "User"): (THREADS * EACH, 0), ("theirs", "User"): (1, 0)}


def test_what_is_deleted_and_restored_counts(directory: Callable[[str], Directory], database: Database) -> None:
    ours = directory("ours")
    for name in ("a", "b", "c"):
        create(ours, name)
    relay(database)
    delete(ours, "a")
    delete(ours, "b")
    assert (ours.count(USER_TYPE), stored(database)) == (1, {("ours", "User"): 3})
    ours.restore("a", Request("restore", ACTOR))
    assert ours.count(USER_TYPE) == 2
    relay(database)
    assert (ours.count(USER_TYPE), stored(database)) == (2, {("ours", "User"): 2})


def test_d_704_a_page_has_its_total_unless_an_event_of_the_type_is_pending(directory: Callable[[str], Directory], database: Database) -> None:
    ours, theirs = directory("ours"), directory("theirs")
    assert total_of_a_page(ours) == 0
    for name in ("a", "b", "c"):
        create(ours, name)
    assert total_of_a_page(ours) is None
    relay(database)
    assert total_of_a_page(ours) == 3
    create(theirs, "d")
    before = ours.get(USER_TYPE, "a")
    assert before
    ours.update(USER_TYPE, Edit(before, before | {"title": "Chief"}), Request("patch", ACTOR))
    assert total_of_a_page(ours) == 3  # what is pending changes no number of this type and tenant
    delete(ours, "b")
    assert total_of_a_page(ours) is None
    relay(database)
    assert total_of_a_page(ours) == 2
    ours.restore("b", Request("restore", ACTOR))
    assert total_of_a_page(ours) is None


def test_the_disabled_are_told_apart(directory: Callable[[str], Directory], database: Database) -> None:
    ours = directory("ours")
    for name in ("a", "b", "c"):
        create(ours, name)
    disable(ours, "a")
    disable(ours, "b")
    assert every_tenant(database, SOURCES) == {("ours", "User"): (3, 2)}
    relay(database)
    disable(ours, "b", active=True)
    delete(ours, "a")
    assert every_tenant(database, SOURCES, "ours") == {("ours", "User"): (2, 0)}
    create(directory("theirs"), "d")
    assert some_tenants(database, SOURCES, ["ours", "nobody"]) == {("ours", "User"): (2, 0)}
    assert some_tenants(database, SOURCES, []) == {}
    assert all_together(database, SOURCES) == {"User": (3, 0)}
    relay(database)
    assert all_together(database, SOURCES) == {"User": (3, 0)}
    both = every_tenant(database, SOURCES)
    assert largest_tenants(database, SOURCES, 2, "others") == both == {("ours", "User"): (2, 0), ("theirs", "User"): (1, 0)}
    assert largest_tenants(database, SOURCES, 1, "others") == {("ours", "User"): (2, 0), ("others", "User"): (1, 0)}
    ours.restore("a", Request("restore", ACTOR))
    relay(database)
    assert every_tenant(database, SOURCES) == {("ours", "User"): (3, 1), ("theirs", "User"): (1, 0)}
    assert database.db.counts.find_one({"tenant": "ours"}) == {
        "_id": "ours User", "tenant": "ours", "type": "User", "number": 3, "disabled": 1,
    }


def of_the_version_before(database: Database, number: int, **more: int) -> None:
    """Store an event whose change the version before has not counted yet."""
    moment = now()
    database.db.events.insert_one({
        "tenant": "ours", "time": moment, "resource": {"type": "User"}, "operation": "create", "status": 201, "keys": [],
        "uncounted": {"number": number, "expires": moment + timedelta(days=1), **more},
    })


def test_ev_40_41_what_the_version_before_has_not_counted_is_counted_by_a_start(
    directory: Callable[[str], Directory], database: Database
) -> None:
    ours = directory("ours")
    database.db.counts.insert_one({"tenant": "ours", "type": "User", "number": 10, "disabled": 4})
    of_the_version_before(database, 1, disabled=1)
    of_the_version_before(database, -1)
    for _ in range(2):
        prepare(CONFIG, database)
        assert stored(database) == {("ours", "User"): 10}
    assert not database.db.events.count_documents({"uncounted": {"$exists": True}})
    create(ours, "a")
    assert (ours.count(USER_TYPE), every_tenant(database, SOURCES)) == (11, {("ours", "User"): (11, 5)})
    relay(database)
    assert (ours.count(USER_TYPE), every_tenant(database, SOURCES)) == (11, {("ours", "User"): (11, 5)})
    assert database.db.counts.count_documents({}) == 2


def test_a_database_that_is_late_is_counted_once_it_answers(
    directory: Callable[[str], Directory], database: Database, fault: Fault
) -> None:
    ours = directory("ours")
    of_the_version_before(database, 1)
    late = Database(database.client, database.db.name)
    with fault(["ping"], "alwaysOn", errorCode=91), late.budget(0.5), pytest.raises(Unavailable):
        prepare(CONFIG, late)
    assert stored(database) == {}
    late.require()
    assert ours.count(USER_TYPE) == 1
    assert {"group_members", "user_groups"} <= set(database.db.list_collection_names())


def test_numbers_of_an_older_version_learn_who_is_disabled(
    directory: Callable[[str], Directory], database: Database
) -> None:
    ours = directory("ours")
    for name in ("a", "b", "c"):
        create(ours, name)
    disable(ours, "a")
    relay(database)
    database.db.counts.update_one({}, {"$unset": {"disabled": ""}})
    disable(ours, "b")
    of_the_version_before(database, 0)
    disable(ours, "c")
    for _ in range(2):
        totals.count_disabled(database, [USER_TYPE])
        settle(database)
        assert every_tenant(database, SOURCES) == {("ours", "User"): (3, 3)}
    relay(database)
    assert every_tenant(database, SOURCES) == {("ours", "User"): (3, 3)}


def test_what_is_refused_is_not_counted(directory: Callable[[str], Directory], database: Database) -> None:
    ours = directory("ours")
    create(ours, "ann")
    user = {"schemas": [USER_TYPE.schema.id], "id": "other", "userName": "ann"}
    with pytest.raises(Uniqueness):
        ours.create(USER_TYPE, user | {"meta": first_meta("User", now())}, (), Request("create", ACTOR))
    ours.events.append(Event("create", USER_TYPE.name, name="ann", status=409), ACTOR)
    assert ours.count(USER_TYPE) == 1
    relay(database)
    assert ours.count(USER_TYPE) == 1


def test_an_event_of_the_version_before_expires_once_it_is_counted(
    directory: Callable[[str], Directory], database: Database
) -> None:
    directory("ours")
    of_the_version_before(database, 1)
    (before,) = database.db.events.find()
    assert "expires" not in before  # MongoDB would delete it, should nobody have counted by then
    settle(database)
    (event,) = database.db.events.find()
    assert event == {name: value for name, value in before.items() if name != "uncounted"} | {
        "expires": before["uncounted"]["expires"],
    }


def test_half_a_batch_is_none(
    directory: Callable[[str], Directory], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = directory("ours")
    of_the_version_before(database, 1)

    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(totals, "_add", die)
        settle(database)
    assert stored(database) == {}
    assert settle(database) == 1
    assert ours.count(USER_TYPE) == 1


def test_more_than_a_batch(
    directory: Callable[[str], Directory], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "BATCH", 3)
    directory("ours")
    for _ in range(8):
        of_the_version_before(database, 1)
    assert settle(database) == 8
    assert stored(database) == {("ours", "User"): 8}


@pytest.mark.timeout(60)
def test_a_server_counts_by_itself(live_server: Server) -> None:
    url, token = live_server.create_tenant()
    headers, name = {"Authorization": f"Bearer {token}"}, url.split("/")[3]
    body = {"schemas": [USER_TYPE.schema.id], "userName": "ann", "displayName": "Ann", "active": True}
    names = {"name": {"givenName": "Ann", "familyName": "Lee", "formatted": "Ann Lee"}}
    emails = {"emails": [{"type": "work", "value": "ann@example.com"}], "externalId": "ann"}
    answer = requests.post(f"{url}/Users", json=body | names | emails, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    while stored(live_server.database).get((name, "User")) != 1:
        Signal().wait(0.1)


def test_what_is_to_be_counted_is_found_by_its_index(
    directory: Callable[[str], Directory], database: Database
) -> None:
    ours, db = directory("ours"), database.db
    db.events.insert_many([{"tenant": "ours", "resource": {"type": "User"}, "keys": []} for _ in range(1_000)])
    db.deleted.insert_many([{"tenant": "ours", "type": "User", "keys": []} for _ in range(1_000)])
    for number in range(100):
        create(ours, str(number))
    relay(database)
    create(ours, "ann")
    db.command("profile", 2)
    ours.count(USER_TYPE)
    every_tenant(database, SOURCES)
    settle(database)
    db.command("profile", 0)
    seen = list(db.system.profile.find({"ns": {"$ne": f"{db.name}.system.profile"}, "docsExamined": {"$exists": True}}))
    assert len(seen) == 3
    assert all(row.get("docsExamined", 0) <= 10 for row in seen), seen
