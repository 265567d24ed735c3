"""The relay: every pending event comes into the log once, numbered, in the order of its resource."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.errors import Unavailable
from app.store.log import batch
from app.store.log.lease import Deposed
from app.store.log.outbox import OUTBOX
from app.store.log.relay import Relay, drain_unless_running
from app.store.mongo.database import Database
from tests.conftest import Fault
from tests.store.log.conftest import COLLECTIONS, an_event, created, left, let_expire, numbered, pend, the_lease

START = datetime(2026, 11, 29, tzinfo=UTC)


def at(milliseconds: float, **fields: Any) -> dict[str, Any]:
    return an_event(time=START + timedelta(milliseconds=milliseconds), **fields)


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["_id"] for event in events]


def test_what_is_pending_comes_into_the_log_numbered_and_leaves_the_outbox(database: Database, relay: Relay) -> None:
    events = [an_event(version=number) for number in (1, 2)]
    pend(database, "users", "u", *events)
    assert relay.drain() == 2
    found = numbered(database)
    assert [{name: value for name, value in each.items() if name != "seq"} for each in found] == events
    first = found[0]["seq"]
    assert [each["seq"] for each in found] == [first, first + 1]
    assert the_lease(database)["published"] == first + 1
    assert database.db.users.find_one({}) == {"_id": "u", "tenant": "t"}


def test_ev_25_events_come_in_the_order_of_time_and_of_their_resource(database: Database, relay: Relay) -> None:
    ann, bob, staff = [at(1), at(5)], [at(3)], [at(4), at(2), at(6)]
    pend(database, "users", "ann", *ann)
    pend(database, "users", "bob", *bob)
    pend(database, "groups", "staff", *staff)
    relay.drain()
    # The clock of the second event of the group was slow: it comes after the first one all the same.
    order = [ann[0], staff[0], staff[1], bob[0], ann[1], staff[2]]
    assert ids(numbered(database)) == ids(order)


def test_ev_25_nothing_overtakes_what_was_not_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_DOCUMENTS", 3)
    users = [at(10 * number) for number in range(5)]
    for number, event in enumerate(users):
        pend(database, "users", f"u{number}", event)
    joins = [at(15), at(45)]
    pend(database, "groups", "g", *joins)
    found = batch.next_batch(database, COLLECTIONS)
    assert ids(found.events) == ids([users[0], users[1], joins[0], users[2]])


def test_ev_25_a_batch_ends_at_its_number_of_events_and_of_bytes(database: Database, relay: Relay) -> None:
    pend(database, "users", "u", *(at(number) for number in range(batch.MOST_EVENTS + 1)))
    big = [at(10_000 + number, detail="x" * 1_500_000) for number in range(4)]
    pend(database, "groups", "g", *big)
    huge = at(20_000, detail="x" * 5_000_000)
    pend(database, "groups", "h", huge)
    assert relay.take()
    assert [relay.round() for _ in range(5)] == [500, 3, 2, 1, 0]
    assert len(numbered(database)) == 501 + 4 + 1
    assert left(database) == []


def test_ev_26_what_is_more_is_counted_and_left_out_of_the_log(database: Database, relay: Relay) -> None:
    pend(database, "users", "a", created())
    pend(database, "users", "b", created(more={"number": 1, "disabled": 1}), an_event(more={"number": 0, "disabled": -1}))
    pend(database, "deleted", "c", an_event(more={"number": -1, "disabled": -1}))
    pend(database, "groups", "g", created("Group"))
    pend(database, "users", "x", created(tenant="other"), tenant="other")
    relay.drain()
    rows = {row["_id"]: row for row in database.db.counts.find()}
    assert rows == {
        "t User": {"_id": "t User", "tenant": "t", "type": "User", "number": 1, "disabled": -1},
        "t Group": {"_id": "t Group", "tenant": "t", "type": "Group", "number": 1, "disabled": 0},
        "other User": {"_id": "other User", "tenant": "other", "type": "User", "number": 1, "disabled": 0},
    }
    assert not any("more" in event for event in numbered(database))


def test_ev_27_an_event_that_came_meanwhile_stays_in_the_outbox(database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    pend(database, "users", "u", first := an_event())
    late = an_event()
    remove = relay._emptying.remove
    monkeypatch.setattr(relay._emptying, "remove", lambda moved: (pend(database, "users", "u", late), remove(moved)))
    assert relay.take()
    assert relay.round() == 1
    assert (ids(numbered(database)), left(database)) == ([first["_id"]], [late["_id"]])


def test_ev_27_outboxes_of_several_tenants_are_emptied_together(
    database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = [an_event(tenant=f"t{number % 3}") for number in range(30)]
    late = [an_event(tenant="t1"), an_event(tenant="t2")]
    for number, event in enumerate(moved[:28]):
        pend(database, "groups" if number % 7 == 0 else "users", f"u{number}", event, tenant=event["tenant"])
    pend(database, "users", "u27", *moved[28:], tenant="t0")
    remove = relay._emptying.remove

    def after_others(pairs: list[Any]) -> None:
        pend(database, "users", "u1", late[0], tenant="t1")  # beside the one that was moved
        database.db.users.update_one({"_id": "u2"}, {"$set": {OUTBOX: [late[1]]}})  # in its place
        remove(pairs)

    monkeypatch.setattr(relay._emptying, "remove", after_others)
    assert relay.take()
    assert relay.round() == len(moved)
    assert sorted(left(database)) == sorted(ids(late))
    assert sorted(ids(numbered(database))) == sorted(ids(moved))


@pytest.mark.parametrize("place", ["deleted", "outbox"])
def test_ev_28_an_outbox_is_emptied_wherever_it_has_gone(
    database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pend(database, "users", "u", first := an_event())
    late = an_event()

    def gone(moved: Any) -> None:
        pending = database.db.users.find_one_and_delete({"_id": "u"})["_outbox"]
        pend(database, place, "u" if place == "deleted" else "tenant t", *pending, late)
        remove(moved)

    remove = relay._emptying.remove
    monkeypatch.setattr(relay._emptying, "remove", gone)
    assert relay.take()
    assert relay.round() == 1
    assert left(database) == [late["_id"]]
    monkeypatch.undo()
    assert relay.round() == 1
    assert ids(numbered(database)) == [first["_id"], late["_id"]]
    assert left(database) == []


def test_ev_10_a_document_that_exists_for_its_events_goes_with_them(database: Database, relay: Relay) -> None:
    pend(database, "outbox", "o", *(at(number) for number in range(batch.MOST_EVENTS + 1)))
    assert relay.drain() == batch.MOST_EVENTS + 1
    assert database.db.outbox.find_one() is None


def test_ev_28_an_event_that_is_in_the_log_already_counts_as_moved(database: Database, relay: Relay) -> None:
    known, new = created(), created()
    database.db.events.insert_one(known)
    pend(database, "users", "u", known, new)
    assert relay.drain() == 2
    assert ids(numbered(database)) == [new["_id"]]
    assert left(database) == []
    assert database.db.counts.find_one({"_id": "t User"})["number"] == 1


def test_ev_28_a_new_owner_begins_with_what_was_being_moved(database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    pend(database, "users", "u", first := created())
    pend(database, "outbox", "o", second := an_event())
    assert relay.take()
    monkeypatch.setattr(relay._emptying, "remove", lambda moved: (_ for _ in ()).throw(Unavailable("gone")))
    with pytest.raises(Unavailable):
        relay.round()
    assert sorted(left(database)) == sorted([first["_id"], second["_id"]])
    let_expire(database)
    other = Relay(database, COLLECTIONS)
    assert other.drain() == 0
    assert left(database) == []
    assert sorted(ids(numbered(database))) == sorted([first["_id"], second["_id"]])
    assert database.db.counts.find_one({"_id": "t User"})["number"] == 1
    assert database.db.outbox.find_one() is None


@pytest.mark.parametrize("data", [{"errorCode": 251, "errorLabels": ["TransientTransactionError"]}, {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},
                                  {"errorCode": 64, "errorLabels": ["UnknownTransactionCommitResult"]}, {"closeConnection": True}])
@pytest.mark.parametrize("command", ["insert", "update", "commitTransaction"])
def test_ev_133_a_command_that_fails_once_costs_nothing(database: Database, relay: Relay, fault: Fault, command: str, data: dict[str, Any]) -> None:
    events = [created(), an_event()]
    pend(database, "users", "u", *events)
    assert relay.take()
    with fault([command], 1, **data):
        try:
            relay.round()
        except Unavailable:
            relay.round()
    assert relay.round() == 0
    assert (ids(numbered(database)), left(database)) == (ids(events), [])
    assert database.db.counts.find_one({"_id": "t User"})["number"] == 1


def test_ev_29_after_a_commit_of_unknown_outcome_the_lease_tells(database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    pend(database, "users", "u", event := created())
    assert relay.take()
    commit = relay._lease.commit

    def unknown(*arguments: Any) -> None:
        commit(*arguments)
        relay._lease.published -= 1
        raise Unavailable("not known")

    monkeypatch.setattr(relay._lease, "commit", unknown)
    with pytest.raises(Unavailable):
        relay.round()
    monkeypatch.undo()
    assert relay.round() == 0
    assert (ids(numbered(database)), left(database)) == ([event["_id"]], [])
    assert database.db.counts.find_one({"_id": "t User"})["number"] == 1


def test_ev_32_an_event_that_cannot_be_moved_is_parked_and_the_next_go_on(database: Database, relay: Relay, caplog: pytest.LogCaptureFixture) -> None:
    database.db.command("collMod", "events", validator={"detail": {"$ne": "bad"}})
    try:
        bad, events = created(detail="bad"), [at(number) for number in range(20)]
        pend(database, "users", "u", *events[:7], bad, *events[7:9])
        for number, event in enumerate(events[9:]):
            pend(database, "groups", f"g{number}", event)
        assert relay.drain() == 21
    finally:
        database.db.command("collMod", "events", validator={})
    assert sorted(ids(numbered(database))) == sorted(ids(events))
    assert [event for event in ids(numbered(database)) if event in ids(events[:9])] == ids(events[:9])
    assert left(database) == []
    [row] = database.db.outbox.find()
    assert (row["parked"], row["event"], row["collection"], row["document"]) == (True, bad, "users", "u")
    assert "121" in row["reason"]
    assert [record.levelname for record in caplog.records if row["_id"] in record.getMessage()] == ["ERROR"]
    assert database.db.counts.find_one({"_id": "t User"})["number"] == 1


def test_ev_32_what_cannot_even_be_counted_is_parked(database: Database, relay: Relay) -> None:
    database.db.counts.insert_one({"_id": "t User", "tenant": "t", "type": "User", "number": "by hand"})
    pend(database, "users", "u", first := an_event(), created(), last := an_event())
    assert relay.drain() == 3
    assert left(database) == []
    assert ids(numbered(database)) == ids([first, last])
    assert database.db.outbox.count_documents({"parked": True}) == 1


def test_ev_34_a_command_drains_unless_a_relay_runs(database: Database, relay: Relay) -> None:
    pend(database, "users", "u", an_event())
    assert relay.take()
    assert drain_unless_running(database, COLLECTIONS) == 0
    assert len(left(database)) == 1
    relay.give_back()
    assert drain_unless_running(database, COLLECTIONS) == 1
    assert drain_unless_running(database, COLLECTIONS) == 0
    assert left(database) == []


def test_ev_34_a_command_does_not_fail_because_of_what_can_be_moved_later(database: Database, fault: Fault) -> None:
    pend(database, "users", "u", an_event())
    with fault(["aggregate"], "alwaysOn", errorCode=50):
        assert drain_unless_running(database, COLLECTIONS) == 0
    let_expire(database)
    assert drain_unless_running(database, COLLECTIONS) == 1


def test_a_relay_that_has_lost_its_lease_moves_nothing(database: Database, relay: Relay) -> None:
    assert relay.take()
    let_expire(database)
    other = Relay(database, COLLECTIONS)
    assert other.take()
    pend(database, "users", "u", an_event())
    with pytest.raises(Deposed):
        relay.round()
    assert len(left(database)) == 1
    assert other.round() == 1
