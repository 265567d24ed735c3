"""The lease: one owner at a time, by MongoDB's clock; prolonged by work alone; breaks in the numbers after a pause."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Unavailable
from app.store.log import lease as module
from app.store.log.lease import Deposed, Lease, read_lease, restart
from app.store.log.relay import Relay
from app.store.mongo.database import Database, Session
from tests.conftest import Fault
from tests.store.log.conftest import COLLECTIONS, an_event, created, let_expire, numbered, pend, the_lease


def test_ev_20_one_of_many_takes_it_and_it_lasts_ten_seconds(database: Database) -> None:
    leases = [Lease(database) for _ in range(8)]
    taken: list[Lease] = []
    threads = [threading.Thread(target=lambda each=each: taken.append(each) if each.take() else None) for each in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
    row = the_lease(database)
    assert timedelta(seconds=5) < row["until"] - datetime.now(UTC) <= timedelta(seconds=module.LEASE_SECONDS)
    assert row["epoch"] == 1
    assert not any(each.take() for each in leases)
    let_expire(database)
    assert leases[0].take() + leases[1].take() == 1
    assert the_lease(database)["epoch"] == 2


def test_ev_21_the_transaction_of_the_former_owner_is_ended(database: Database) -> None:
    old, new = Lease(database), Lease(database)
    assert old.take()
    written, taken = threading.Event(), threading.Event()
    failures: list[Exception] = []

    def stopped(session: Session) -> None:
        if not written.is_set():
            old._change({"until": datetime.now(UTC) - timedelta(seconds=1)}, session)  # holds the document
            written.set()
            taken.wait(20)

    def commit() -> None:
        try:
            old.commit(old.published, [], stopped)
        except Deposed as error:
            failures.append(error)

    database.db.leases.update_one({}, {"$set": {"until": datetime.now(UTC)}})
    thread = threading.Thread(target=commit)
    thread.start()
    assert written.wait(20)
    with database.budget(6):  # MongoDB's own limit for a transaction is 12 seconds
        assert new.take()
    taken.set()
    thread.join()
    assert len(failures) == 1
    assert the_lease(database)["epoch"] == 2


def test_ev_21_without_the_permission_to_end_it_the_lease_is_taken_all_the_same(database: Database, fault: Fault) -> None:
    assert Lease(database).take()
    let_expire(database)
    with fault(["killSessions"], 1, errorCode=13):
        assert Lease(database).take()


def test_ev_22_only_work_prolongs_it(database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends_later() -> bool:
        database.db.leases.update_one({}, [{"$set": {"until": {"$add": ["$until", -5_000]}}}])
        before = the_lease(database)["until"]
        relay.round()
        return bool(the_lease(database)["until"] > before)

    assert relay.take()
    pend(database, "users", "u", an_event())
    assert ends_later()
    assert not ends_later()  # it finds nothing, two seconds have not passed
    monkeypatch.setattr(module, "PROLONG_SECONDS", 0)
    assert ends_later()


def test_ev_22_after_eight_seconds_without_work_the_owner_stops(database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    assert relay.take()
    pend(database, "users", "u", an_event())
    monkeypatch.setattr(module, "OWN_SECONDS", 0)
    with pytest.raises(Deposed):
        relay.round()
    assert numbered(database) == []
    assert not relay.take()  # it is one of the candidates, and the lease lasts two seconds longer


def test_ev_23_what_is_given_back_is_free_at_once(database: Database) -> None:
    first, second = Lease(database), Lease(database)
    assert first.take()
    first.give_back()
    assert the_lease(database)["session"] is None
    assert second.take()
    first.give_back()  # it is another's now
    assert not first.take()


def test_ev_52_a_lease_that_was_free_for_long_begins_behind_a_break(database: Database, relay: Relay) -> None:
    pend(database, "users", "u", an_event())
    before = time.time() * 1_000_000
    relay.drain()
    [event] = numbered(database)
    row = the_lease(database)
    assert before - 60e6 < event["seq"] < time.time() * 1_000_000 + 60e6
    assert row["breaks"] == [{"from": 0, "to": event["seq"] - 1}]
    let_expire(database, 9)
    pend(database, "users", "u", an_event())
    relay.drain()
    assert [each["seq"] for each in numbered(database)] == [event["seq"], event["seq"] + 1]
    let_expire(database, 11)
    pend(database, "users", "u", an_event())
    relay.drain()
    seq = numbered(database)[2]["seq"]
    assert the_lease(database)["breaks"] == [*row["breaks"], {"from": event["seq"] + 1, "to": seq - 1}]
    assert seq > event["seq"] + 2


def test_ev_52_numbers_never_go_back_however_the_clock_is_set(database: Database, relay: Relay) -> None:
    relay.drain()
    ahead = 2**53 - 1_000_000
    database.db.leases.update_one({}, {"$set": {"published": ahead}})
    let_expire(database, 11)
    pend(database, "users", "u", an_event())
    relay.drain()
    assert [event["seq"] for event in numbered(database)] == [ahead + 2]
    assert the_lease(database)["breaks"][-1] == {"from": ahead, "to": ahead + 1}


def test_ev_53_a_restart_makes_a_break_and_deposes_the_relay(database: Database, relay: Relay) -> None:
    assert not restart(database)
    assert relay.take()
    pend(database, "users", "u", an_event())
    relay.round()
    old = the_lease(database)
    assert restart(database)
    with pytest.raises(Deposed):
        relay.round()
        pend(database, "users", "u", an_event())
        relay.round()
    assert relay.take()
    relay.round()
    row = the_lease(database)
    assert row["breaks"] == [*old["breaks"], {"from": old["published"], "to": numbered(database)[1]["seq"] - 1}]


def test_a_database_that_was_restored_under_a_running_relay_deposes_it(database: Database, relay: Relay) -> None:
    assert relay.take()
    backup = database.db.leases.find_one()
    pend(database, "users", "u", created())
    relay.round()
    database.db.leases.replace_one({}, backup)  # the epoch is the relay's own
    pend(database, "users", "v", created())
    with pytest.raises(Deposed):
        relay.round()
    assert len(numbered(database)) == 1


def test_a_database_that_has_forgotten_numbers_is_not_believed(
    database: Database, relay: Relay, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A primary that was just elected catches up; a backup that was restored under the relay never does."""
    assert relay.take()
    pend(database, "users", "u", created())
    relay.round()
    known = the_lease(database)
    with fault(["aggregate"], 1, errorCode=50), pytest.raises(Unavailable):
        relay.round()
    database.db.leases.update_one({}, {"$inc": {"published": -1}})
    pend(database, "users", "u", an_event())
    with pytest.raises(Unavailable):
        relay.round()
    database.db.leases.replace_one({}, known)
    assert relay.round() == 1
    database.db.leases.replace_one({}, known)
    with fault(["aggregate"], 1, errorCode=50), pytest.raises(Unavailable):
        relay.round()
    monkeypatch.setattr(module, "OWN_SECONDS", 0)
    with pytest.raises(Deposed):
        relay.round()


def test_there_is_no_lease_before_a_relay(database: Database) -> None:
    assert read_lease(database) is None
    Relay(database, COLLECTIONS).drain()
    row = read_lease(database)
    assert row is not None
    assert (row["horizon"], row["moving"]) == (0, [])
