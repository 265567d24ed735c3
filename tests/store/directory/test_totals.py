"""The numbers of resources: exact at each moment, during any creations, deletions and counts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event as Signal
from typing import Any

import pytest
import requests

from app.background.janitor import COUNTING
from app.background.janitor import start as start_chores
from app.config import Config
from app.embedded import private
from app.errors import Uniqueness
from app.schemas.meta import first_meta, now
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory import totals
from app.store.directory.directory import Directory, Edit
from app.store.directory.totals import every_tenant, settle
from app.store.log.changes import Request
from app.store.log.events import Actor, Event
from app.store.mongo.database import Database, connect
from app.store.open import collections, open_directory
from tests.conftest import APP_NAME, Fault, Server

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


def test_a_total_is_exact_at_each_moment(directory: Callable[[str], Directory], database: Database) -> None:
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
            assert sum(each.number for each in every_tenant(database).values()) >= total + 1
            seen += 1
        return seen

    def settle_all() -> int:
        settled = 0
        while not over.is_set():
            settled += settle(database)
        return settled

    with ThreadPoolExecutor(THREADS + 4) as pool:
        counting = [pool.submit(count) for _ in range(2)]
        settling = [pool.submit(settle_all) for _ in range(2)]
        for creating in [pool.submit(work, thread) for thread in range(THREADS)]:
            creating.result(60)
        over.set()
        assert all(each.result(60) for each in counting)
        settled = sum(each.result(60) for each in settling) + settle(database)
    assert settled == THREADS * EACH + 1
    assert stored(database) == {("ours", "User"): THREADS * EACH, ("theirs", "User"): 1}
    assert every_tenant(database) == {("ours", "User"): (THREADS * EACH, 0), ("theirs", "User"): (1, 0)}


def test_what_is_deleted_and_restored_counts(directory: Callable[[str], Directory], database: Database) -> None:
    ours = directory("ours")
    for name in ("a", "b", "c"):
        create(ours, name)
    settle(database)
    delete(ours, "a")
    delete(ours, "b")
    assert (ours.count(USER_TYPE), stored(database)) == (1, {("ours", "User"): 3})
    ours.restore("a", Request("restore", ACTOR))
    assert ours.count(USER_TYPE) == 2
    assert settle(database) == 3
    assert (ours.count(USER_TYPE), stored(database)) == (2, {("ours", "User"): 2})
    assert settle(database) == 0


def test_the_disabled_are_told_apart(directory: Callable[[str], Directory], database: Database) -> None:
    ours = directory("ours")
    for name in ("a", "b", "c"):
        create(ours, name)
    disable(ours, "a")
    disable(ours, "b")
    assert every_tenant(database) == {("ours", "User"): (3, 2)}
    settle(database)
    disable(ours, "b", active=True)
    delete(ours, "a")
    assert every_tenant(database, "ours") == {("ours", "User"): (2, 0)}
    ours.restore("a", Request("restore", ACTOR))
    settle(database)
    assert every_tenant(database) == {("ours", "User"): (3, 1)}
    assert database.db.counts.find_one({}, {"_id": 0}) == {
        "tenant": "ours", "type": "User", "number": 3, "disabled": 1,
    }


def test_numbers_of_the_version_before_learn_who_is_disabled(
    directory: Callable[[str], Directory], database: Database
) -> None:
    ours = directory("ours")
    for name in ("a", "b", "c"):
        create(ours, name)
    disable(ours, "a")
    settle(database)
    database.db.counts.update_one({}, {"$unset": {"disabled": ""}})
    disable(ours, "b")
    database.db.events.update_one({"uncounted.number": 0}, {"$unset": {"uncounted.disabled": ""}})
    disable(ours, "c")
    for _ in range(2):
        totals.count_disabled(database, [USER_TYPE])
        assert every_tenant(database) == {("ours", "User"): (3, 3)}
    settle(database)
    assert every_tenant(database) == {("ours", "User"): (3, 3)}


def test_what_is_refused_is_not_counted(directory: Callable[[str], Directory], database: Database) -> None:
    ours = directory("ours")
    create(ours, "ann")
    user = {"schemas": [USER_TYPE.schema.id], "id": "other", "userName": "ann"}
    with pytest.raises(Uniqueness):
        ours.create(USER_TYPE, user | {"meta": first_meta("User", now())}, (), Request("create", ACTOR))
    ours.events.append(Event("create", USER_TYPE.name, name="ann", status=409), ACTOR)
    assert ours.count(USER_TYPE) == 1
    assert settle(database) == 1


def test_an_event_expires_once_it_is_counted(directory: Callable[[str], Directory], database: Database) -> None:
    ours = directory("ours")
    create(ours, "ann")
    (event,) = database.db.events.find()
    assert "expires" not in event  # MongoDB would delete it, should nobody have counted by then
    assert set(ours.events.find()[0]) == set(event) - {"uncounted"}
    settle(database)
    (event,) = database.db.events.find()
    assert event["expires"] == event["time"] + timedelta(days=CONFIG.log_days)
    assert "uncounted" not in event


def test_half_a_batch_is_none(
    directory: Callable[[str], Directory], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = directory("ours")
    create(ours, "ann")

    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(totals, "_add", die)
        settle(database)
    assert (ours.count(USER_TYPE), stored(database)) == (1, {})
    assert settle(database) == 1
    assert ours.count(USER_TYPE) == 1


def test_more_than_a_batch(
    directory: Callable[[str], Directory], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "BATCH", 3)
    ours = directory("ours")
    for number in range(8):
        create(ours, str(number))
    assert settle(database) == 8
    assert stored(database) == {("ours", "User"): 8}


@pytest.mark.timeout(60)
def test_the_thread_goes_on_after_a_failure(
    directory: Callable[[str], Directory], database: Database, mongod_uri: str, fault: Fault,
    caplog: pytest.LogCaptureFixture,
) -> None:
    create(directory("ours"), "ann")
    own = connect(f"{mongod_uri}&appname={APP_NAME}", name=database.db.name)
    with fault(["find"], "alwaysOn", errorCode=13435, errorLabels=[]):
        (thread,) = start_chores(own, [replace(COUNTING, pause=0.02, first=0.02, seconds=1)])
        while "counting is not finished" not in caplog.text:
            Signal().wait(0.02)
    while not stored(database):
        Signal().wait(0.02)
    own.close()
    thread.join(30)
    assert not thread.is_alive()
    assert stored(database) == {("ours", "User"): 1}


@pytest.mark.timeout(60)
def test_a_server_counts_by_itself(live_server: Server) -> None:
    url, token = live_server.create_tenant()
    headers, name = {"Authorization": f"Bearer {token}"}, url.split("/")[3]
    body = {"schemas": [USER_TYPE.schema.id], "userName": "ann", "displayName": "Ann", "active": True}
    names = {"name": {"givenName": "Ann", "familyName": "Lee", "formatted": "Ann Lee"}}
    emails = {"emails": [{"type": "work", "value": "ann@example.com"}], "externalId": "ann"}
    answer = requests.post(f"{url}/Users", json=body | names | emails, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    database = connect(private.MongodFolder(live_server.folder / "data").uri())
    while stored(database).get((name, "User")) != 1:
        Signal().wait(0.1)
    assert not database.db.events.count_documents({"tenant": name, "uncounted": {"$exists": True}})
    database.close()


def test_what_is_to_be_counted_is_found_by_its_index(
    directory: Callable[[str], Directory], database: Database
) -> None:
    ours, db = directory("ours"), database.db
    db.events.insert_many([{"tenant": "ours", "resource": {"type": "User"}, "keys": []} for _ in range(1_000)])
    create(ours, "ann")
    db.command("profile", 2)
    ours.count(USER_TYPE)
    every_tenant(database)
    settle(database)
    db.command("profile", 0)
    seen = list(db.system.profile.find({"ns": {"$in": [f"{db.name}.events", f"{db.name}.counts"]}, "op": {"$ne": "insert"}}))
    assert len(seen) >= 4
    assert all(row.get("docsExamined", 0) <= 2 for row in seen), seen
