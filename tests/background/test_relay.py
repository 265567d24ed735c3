"""The relay's thread: one worker moves events, another goes on when that one stops or is killed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.background import relay as module
from app.background.relay import Bell, RelayThread
from app.store.log import batch
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from tests.conftest import Fault, Server, make_server, new_database
from tests.processes import until
from tests.store.log.conftest import COLLECTIONS, an_event, database, left, let_expire, numbered, pend, the_lease

__all__ = ["database"]


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def thread(database: Database, bell: Bell, monkeypatch: pytest.MonkeyPatch) -> Iterator[RelayThread]:
    """Yield a thread that moves events; it is stopped afterwards."""
    monkeypatch.setattr(module, "CANDIDATE_SECONDS", 0.1)
    one = RelayThread(database, Relay(database, COLLECTIONS))
    one.start(bell)
    until(lambda: database.db.leases.find_one({"epoch": {"$gt": 0}}))
    yield one
    one.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    """Yield a server of two workers."""
    one = make_server(tmp_path_factory.mktemp("relay"), SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    one.start()
    yield one
    assert one.stop() == 0, one.log.read_text()


def owner(server: Server) -> int:
    """Return the process that moves events, 0 if no process does."""
    row = server.database.db.leases.find_one({"_id": "relay"}) or {}
    return int(row["owner"].split()[1]) if row.get("session") else 0


def pending(database: Database, document: str) -> str:
    """Leave an event in the outbox of a document that exists for it, and return its id."""
    event = an_event()
    pend(database, "outbox", document, event)
    return str(event["_id"])


def in_the_log(database: Database, event: str) -> bool:
    return database.db.events.find_one({"_id": event, "seq": {"$exists": True}}) is not None


def test_it_moves_what_is_pending_and_gives_the_lease_back_at_its_end(database: Database, thread: RelayThread) -> None:
    pend(database, "users", "u", an_event())
    until(lambda: numbered(database) and not left(database))
    thread.stop()
    assert the_lease(database)["session"] is None


def test_ev_12_a_bell_wakes_a_resting_relay(database: Database, bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACTIVE_SECONDS", -1)
    monkeypatch.setattr(module, "REST", 60)
    one = RelayThread(database, Relay(database, COLLECTIONS))
    one.start(bell)
    try:
        for number in range(1, 4):  # the first may be found before it rests
            pend(database, "users", "u", an_event())
            database.wake()
            until(lambda number=number: len(numbered(database)) == number)
    finally:
        one.stop()


def test_ev_12_a_bell_never_fails_and_rings_once(bell: Bell) -> None:
    os.eventfd_write(bell._descriptor, 2**64 - 2)
    bell.ring()
    bell.wait(60)
    bell.ring()
    bell.wait(60)
    bell.wait(0)
    os.close(bell._descriptor)
    bell.ring()


def test_ev_31_it_looks_more_often_the_less_there_is_and_rests_without_events(
    database: Database, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, moved, pauses, rests = iter((1, 4, 5, 11, 12)), list[int](), list[tuple[int, float]](), list[float]()
    relay = Relay(database, COLLECTIONS)
    thread = RelayThread(database, relay)
    move, wait, listen = relay.round, thread._stopping.wait, bell.wait

    def moving() -> int:
        pend(database, "users", "u", *(an_event() for _ in range(next(sizes, 0))))
        moved.append(move())
        return moved[-1]

    def pausing(seconds: float) -> bool:
        if moved:
            pauses.append((moved[-1], seconds))
        return wait(seconds)

    def resting(seconds: float) -> None:
        rests.append(seconds)
        listen(seconds)

    monkeypatch.setattr(relay, "round", moving)
    monkeypatch.setattr(thread._stopping, "wait", pausing)
    monkeypatch.setattr(bell, "wait", resting)
    monkeypatch.setattr(module, "ACTIVE_SECONDS", 0.5)
    for one in (module, batch):
        monkeypatch.setattr(one, "MOST_EVENTS", 12)
    thread.start(bell)
    until(lambda: rests)
    thread.stop()
    assert moved[:5] == [1, 4, 5, 11, 12]
    assert pauses[:5] == [(1, module.SHORT), (4, module.SHORT), (5, module.LONG), (11, module.LONG), (0, module.SHORT)]
    assert rests[0] == module.REST


def test_ev_33_the_process_learns_of_what_was_moved(database: Database, thread: RelayThread) -> None:
    with database.moved:
        pend(database, "users", "u", an_event())
        assert database.moved.wait(20)
    assert len(numbered(database)) == 1


@pytest.mark.parametrize("code", [50, 2])
def test_a_database_that_fails_for_a_while_ends_nothing(database: Database, thread: RelayThread, fault: Fault, caplog: pytest.LogCaptureFixture, code: int) -> None:
    with fault(["aggregate"], "alwaysOn", errorCode=code):
        pend(database, "users", "u", an_event())
        until(lambda: [record for record in caplog.records if record.name == "scimd" and record.levelno >= logging.WARNING])
    let_expire(database)
    until(lambda: numbered(database) and not left(database))


def test_a_deposed_thread_is_a_candidate_again(database: Database, thread: RelayThread, caplog: pytest.LogCaptureFixture) -> None:
    other = Relay(database, COLLECTIONS)
    let_expire(database)
    until(other.take)
    pend(database, "users", "u", an_event())
    until(lambda: [record for record in caplog.records if "lost its lease" in record.getMessage()])
    assert numbered(database) == []
    other.give_back()
    until(lambda: numbered(database) and not left(database))


def test_ev_23_a_server_moves_events_in_one_of_its_workers(server: Server) -> None:
    event = pending(server.database, "o1")
    until(lambda: in_the_log(server.database, event))
    until(lambda: server.database.db.outbox.find_one() is None)


def test_ev_23_a_worker_that_stops_hands_over_at_once(server: Server) -> None:
    until(lambda: owner(server))
    first = owner(server)
    os.kill(first, signal.SIGTERM)
    until(lambda: not Path(f"/proc/{first}").exists())
    until(lambda: owner(server) not in (0, first), seconds=8)  # the lease of one that is killed lasts ten
    event = pending(server.database, "o2")
    until(lambda: in_the_log(server.database, event))


@pytest.mark.long
def test_ev_23_after_a_kill_another_worker_goes_on(server: Server) -> None:
    until(lambda: owner(server))
    first, epoch = owner(server), the_lease(server.database)["epoch"]
    os.kill(first, signal.SIGKILL)
    event = pending(server.database, "o3")
    until(lambda: owner(server) != first)
    until(lambda: in_the_log(server.database, event))
    assert the_lease(server.database)["epoch"] == epoch + 1


@pytest.mark.long
def test_ev_21_a_worker_that_stands_still_loses_the_lease_and_can_do_no_harm(server: Server) -> None:
    until(lambda: owner(server))
    first = owner(server)
    os.kill(first, signal.SIGSTOP)
    try:
        event = pending(server.database, "o4")
        until(lambda: owner(server) != first)
        until(lambda: in_the_log(server.database, event))
    finally:
        os.kill(first, signal.SIGCONT)
    later = pending(server.database, "o5")
    until(lambda: in_the_log(server.database, later))
    assert server.database.db.events.count_documents({"_id": {"$in": [event, later]}}) == 2
