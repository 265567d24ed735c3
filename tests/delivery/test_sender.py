"""The sender: what arrives, in which order, what is written meanwhile, and what happens to what was refused."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from app.delivery.message import Outcome
from app.delivery.sending import turns, unwritten
from app.delivery.sending.health import MOST_PUT_ASIDE
from app.delivery.sending.sender import Sender
from app.delivery.sending.unwritten import WRITE_EVERY
from app.errors import Unavailable
from app.store.accounts.tenants import ALL_TENANTS
from app.store.delivery import delivery_lease
from app.store.delivery.endpoint import OFF, ON, STANDING_STILL, Endpoint
from app.store.delivery.put_aside import BEHIND, GIVEN_UP, WAITING
from app.store.delivery.requests import resend, send_test
from app.store.log.lease import Deposed
from app.store.log.retention import delete_expired
from app.store.mongo.moments import now
from tests.conftest import Fault
from tests.delivery.target import Arrived, Reply, Target
from tests.delivery.world import Background, World, run_for, run_until
from tests.processes import until
from tests.relay import relay
from tests.tenants import delete_for_good


def refuse(target: Target, *ids: str, status: int = 500) -> None:
    """Let the target refuse these events, or all if none are named."""
    target.reply = lambda arrived: Reply(status if not ids or arrived.id in ids else 204)


def states(sending: World, endpoint: Endpoint) -> dict[str, str]:
    return {each.event: each.state for each in sending.put_aside(endpoint)}


def test_ev_95_events_arrive_in_the_order_of_their_resource(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    events = sending.change("u1", "u2", "u1", "u3", "u1")
    run_until(sender, lambda: len(target.ids) == 5)
    assert set(target.ids) == set(events)
    mine = [events[0], events[2], events[4]]
    assert [each for each in target.ids if each in mine] == mine
    run_until(sender, lambda: sending.caught_up(endpoint))
    assert sending.read(endpoint).delivered == 5


def test_ev_95_at_most_as_many_at_once_as_the_endpoint_takes_and_never_two_of_one_resource(
    sending: World, sender: Sender, target: Target
) -> None:
    under_way: Counter[str] = Counter()
    most, lock, together = [0], threading.Lock(), threading.Event()

    def reply(arrived: Arrived) -> Reply:
        resource = arrived.event["data"]["id"]
        with lock:
            under_way[resource] += 1
            assert under_way[resource] == 1
            most[0] = max(most[0], under_way.total())
        if most[0] == 4:
            together.set()
        if target.accepted:  # the first one is sent alone
            together.wait(30)
        time.sleep(0.005)
        with lock:
            under_way[resource] -= 1
        return Reply()

    target.reply = reply
    sending.endpoint(target, parallel=4)
    sending.change(*[f"u{number % 11}" for number in range(60)])
    run_until(sender, lambda: len(target.ids) == 60)
    assert most[0] == 4
    for number in range(11):
        versions = [each.event["data"]["version"] for each in target.accepted if each.event["data"]["id"] == f"u{number}"]
        assert versions == sorted(versions, key=lambda version: int(version[3:-1]))


def test_ev_95_one_process_sends(sending: World, sender: Sender, target: Target) -> None:
    other = sending.sender()
    assert not other.take()
    with pytest.raises(Deposed):
        other.round(0)
    sender.give_back(30)
    assert other.take()
    other.give_back(30)
    assert sender.take()


def test_ev_95_memory_is_bounded_by_100_events_whatever_the_backlog(sending: World, target: Target) -> None:
    go_on = threading.Event()
    sent: list[str] = []

    def attempt(_: Endpoint, __: Any, document: Any) -> Outcome:
        if sent:  # more are read ahead once the first one has succeeded
            go_on.wait(30)
        sent.append(document["_id"])
        return Outcome(204)

    sender = sending.sender(attempt=attempt)
    endpoint = sending.endpoint(target, parallel=1)
    events = sending.change(*[f"u{number}" for number in range(150)])
    assert sender.take()
    most = [0]

    def read_ahead() -> int:
        most[0] = max(most[0], *(run.window.fresh for run in sender._turns), 0)
        return most[0]

    run_until(sender, lambda: read_ahead() >= 100)
    run_for(sender, 0.2)
    go_on.set()
    run_until(sender, lambda: read_ahead() and sending.caught_up(endpoint))
    assert most == [100]
    assert sent == events
    assert [list(run.window) for run in sender._turns] == [[]]
    sender.give_back(30)


def test_ev_90_an_endpoint_gets_the_types_that_it_asks_for_from_where_it_began(
    sending: World, sender: Sender, target: Target
) -> None:
    sending.change("u0")
    endpoint = sending.endpoint(target, types=["scimd.group.*", "scimd.user.created"])
    sending.change("u1", "u2")
    [created] = sending.change("u3", type="scimd.user.created")
    [group] = sending.change("g1", type="scimd.group.updated")
    sending.change("u4")
    run_until(sender, lambda: len(target.ids) == 2)
    assert set(target.ids) == {created, group}
    sending.clock.forward(minutes=2)
    run_until(sender, lambda: sending.caught_up(endpoint))


def test_ev_96_the_place_is_written_at_most_once_a_second(
    sending: World, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwritten, "WRITE_EVERY", WRITE_EVERY)
    moment = [now() + timedelta(minutes=1)]
    sender = sending.sender(clock=lambda: moment[0])
    endpoint = sending.endpoint(target)
    sending.change(*[f"u{number}" for number in range(30)])
    written: list[int] = []

    def delivered(number: int) -> bool:
        """Look how much is written after each round, until as many are delivered."""
        if (present := sending.read(endpoint).delivered) not in (0, *written[-1:]):
            written.append(present)
        return len(target.ids) == number and sender._turns.sent == 0

    assert sender.take()
    run_until(sender, lambda: delivered(30))
    assert len(written) == 1, "the first write is made at once, and the next one a second later"
    moment[0] += timedelta(seconds=0.9)
    sending.change("u30")
    run_until(sender, lambda: delivered(31))
    assert len(written) == 1
    moment[0] += timedelta(seconds=0.1)
    run_until(sender, lambda: delivered(31) and sending.caught_up(endpoint))
    assert written[1:] == [31]
    sender.give_back(30)


def test_ev_96_after_a_crash_what_was_not_written_comes_again_and_nothing_is_lost(
    sending: World, sender: Sender, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_lease, "PROLONG_SECONDS", 0.1)
    endpoint = sending.endpoint(target)
    events = sending.change(*[f"u{number % 7}" for number in range(60)])
    run_until(sender, lambda: len(target.ids) >= 30)
    sending.database.db.leases.update_one({"_id": "deliveries"}, [{"$set": {"until": "$$NOW"}}])
    second = sending.sender()  # as another process would, while the first one knows nothing of it
    assert second.take()
    run_until(second, lambda: sending.caught_up(endpoint))
    assert set(target.ids) == set(events)
    place = sending.read(endpoint).place
    with pytest.raises(Deposed):
        run_for(sender, 30)
    assert sending.read(endpoint).place == place, "the first one has written nothing more"
    second.give_back(30)
    assert sender.take()


def test_ev_97_a_refused_event_is_put_aside_and_others_go_through(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    events = sending.change("u1", "u2", "u1", "u3")
    refuse(target, events[0])
    run_until(sender, lambda: len(target.ids) == 2 and len(sending.put_aside(endpoint)) == 2)
    assert set(target.ids) == {events[1], events[3]}
    assert states(sending, endpoint) == {events[0]: WAITING, events[2]: BEHIND}
    [first, second] = sending.put_aside(endpoint)
    assert (first.attempts, first.status, first.reason) == (1, 500, "answered 500")
    assert (second.attempts, second.status, second.reason) == (0, 0, "")
    run_until(sender, lambda: sending.caught_up(endpoint))

    later = sending.change("u1", "u9")
    run_until(sender, lambda: later[1] in target.ids)
    run_until(sender, lambda: states(sending, endpoint).get(later[0]) == BEHIND)

    refuse(target, "none")
    sending.clock.forward(seconds=7)
    run_until(sender, lambda: sending.put_aside(endpoint) == [])
    assert [each for each in target.ids if each in (events[0], events[2], later[0])] == [events[0], events[2], later[0]]
    assert len(target.ids) == len({*target.ids}) == 6


def test_ev_97_what_was_put_aside_is_known_to_the_next_sender(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    events = sending.change("u1", "u1", "u2")
    refuse(target, events[0])
    run_until(sender, lambda: len(sending.put_aside(endpoint)) == 2)
    sender.give_back(30)
    refuse(target, "none")
    second = sending.sender()
    assert second.take()
    sending.clock.forward(seconds=7)
    run_until(second, lambda: len(target.ids) == 3 and not sending.put_aside(endpoint))
    assert target.ids.index(events[0]) < target.ids.index(events[1])
    second.give_back(30)
    assert sender.take()


def test_ev_97_an_event_is_given_up_in_the_end_and_those_behind_it_go_on(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    events = sending.change("u1", "u1")
    refuse(target, events[0])

    def tried() -> int:
        return next((each.attempts for each in sending.put_aside(endpoint) if each.event == events[0]), 0)

    for attempts in range(1, 11):
        run_until(sender, lambda: tried() == attempts)  # noqa: B023
        # Another success in between, so that the endpoint is not one that fails for days.
        sending.change("u2")
        run_until(sender, lambda: sending.caught_up(endpoint))
        sending.clock.forward(hours=30)
    run_until(sender, lambda: events[1] in target.ids)
    run_until(sender, lambda: states(sending, endpoint) == {events[0]: GIVEN_UP})
    assert sending.read(endpoint).state == ON
    [row] = sending.put_aside(endpoint)
    assert (row.attempts, row.status) == (10, 500)
    assert row.forget is not None


def test_ev_98_an_endpoint_that_fails_stands_still_and_goes_on_after_a_success(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    refuse(target)
    events = sending.change(*[f"u{number}" for number in range(50)])
    run_until(sender, lambda: sending.read(endpoint).state == STANDING_STILL)
    assert sending.read(endpoint).reason == "answered 500"
    run_for(sender, 0.3)
    assert len(target.arrived) == sending.read(endpoint).failed == 5
    assert len(sending.put_aside(endpoint)) == 5
    assert list(sender._turns) == [], "nothing of it is in memory"
    for pause, tries in ((6, 6), (31, 7), (121, 8), (301, 9), (301, 10)):
        sending.clock.forward(seconds=pause)
        run_until(sender, lambda: sending.read(endpoint).failed == tries)  # noqa: B023
        run_for(sender, 0.1)
        assert len(target.arrived) == tries
    assert len(sending.put_aside(endpoint)) == 5, "a handful of documents, however long it takes"
    assert {each.attempts for each in sending.put_aside(endpoint)} == {1}
    refuse(target, "none")
    sending.clock.forward(seconds=301)
    run_until(sender, lambda: sending.has_all(endpoint))
    assert set(target.ids) == set(events)
    assert sending.read(endpoint).state == ON


def test_ev_98_events_that_are_always_refused_do_not_keep_an_endpoint_still(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    bad = sending.change(*[f"u{number}" for number in range(5)])
    refuse(target, *bad)
    run_until(sender, lambda: sending.read(endpoint).state == STANDING_STILL)
    good = sending.change("u5", "u6")
    sending.clock.forward(seconds=10)
    run_until(sender, lambda: sending.read(endpoint).failed == 6)
    sending.clock.forward(seconds=40)
    run_until(sender, lambda: {*good} <= {*target.ids} and sending.read(endpoint).state == ON)


def test_ev_98_retry_after_holds_everything_back(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    target.reply = lambda _: Reply(429, headers={"Retry-After": "600"})
    sending.change("u1", "u2", "u3")
    run_until(sender, lambda: sending.read(endpoint).next is not None)
    target.reply = lambda _: Reply()
    sending.clock.forward(seconds=500)
    run_for(sender, 0.3)
    assert len(target.arrived) == 1
    sending.clock.forward(seconds=200)
    run_until(sender, lambda: len(target.ids) == 3)


def test_ev_98_with_1000_events_put_aside_an_endpoint_stands_still(
    sending: World, sender: Sender, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("run", "health"):
        monkeypatch.setattr(f"app.delivery.sending.{module}.MOST_PUT_ASIDE", 20)
    assert MOST_PUT_ASIDE == 1_000
    endpoint = sending.endpoint(target)
    events = sending.change(*["u1"] * 60)
    refuse(target)
    run_until(sender, lambda: sending.read(endpoint).state == STANDING_STILL)
    assert "events are put aside" in sending.read(endpoint).reason
    assert len(sending.put_aside(endpoint)) <= 120
    refuse(target, "none")
    sending.clock.forward(seconds=10)
    run_until(sender, lambda: len(target.ids) == 60)
    assert target.ids == events


def test_ev_99_status_410_turns_it_off_and_enable_goes_on_from_its_place(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    refuse(target, status=410)
    events = sending.change("u1", "u2")
    run_until(sender, lambda: sending.read(endpoint).state == OFF)
    assert sending.read(endpoint).reason == "answered 410"
    run_for(sender, 0.3)
    assert len(target.arrived) == 1
    refuse(target, "none")
    sending.endpoints.enable(endpoint.id)
    run_until(sender, lambda: {*target.ids} == {*events})


def test_ev_99_five_days_without_success_turn_it_off(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    refuse(target)
    sending.change(*[f"u{number}" for number in range(6)])
    run_until(sender, lambda: sending.read(endpoint).state == STANDING_STILL)
    sending.clock.forward(days=5)
    run_until(sender, lambda: sending.read(endpoint).state == OFF)
    assert sending.read(endpoint).reason == "no success for 5 days; the last attempt: answered 500"


def test_ev_99_events_that_are_no_longer_kept_are_told_as_a_gap(
    sending: World, sender: Sender, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = sending.endpoint(target)
    sending.endpoints.disable(endpoint.id, "turned off by an operator")
    sending.change("u1", "u2")
    delete_expired(sending.database, now() + timedelta(days=100))
    [event] = sending.change("u3")
    sending.endpoints.enable(endpoint.id)
    run_until(sender, lambda: target.ids == [event])
    gap = sending.read(endpoint).gap
    assert gap is not None
    assert gap["place"] == endpoint.place
    assert endpoint.place < gap["to"] < sending.published()
    assert "no longer in the log" in caplog.text


def test_ev_99_what_was_read_before_it_was_deleted_is_sent(sending: World, target: Target) -> None:
    sent: list[str] = []

    def attempt(_: Endpoint, __: Any, document: Any) -> Outcome:
        if not sent:
            delete_expired(sending.database, now() + timedelta(days=100))
        sent.append(document["_id"])
        return Outcome(204)

    sender = sending.sender(attempt=attempt)
    endpoint = sending.endpoint(target)
    ids = sending.change(*[f"u{number}" for number in range(30)])
    assert sender.take()
    run_until(sender, lambda: sending.read(endpoint).gap is not None)
    gap = sending.read(endpoint).gap
    assert gap is not None
    assert sorted(sent) == sorted(ids[:20]), "the others had not been read"
    assert (gap["place"], gap["to"]) == (sending.published() - 10, sending.published())
    sender.give_back(30)


def test_ev_99_a_place_that_a_restored_database_does_not_have_is_given_up(
    sending: World, sender: Sender, target: Target
) -> None:
    sending.change("u1")
    endpoint = sending.endpoint(target, place=sending.published() + 1_000_000)
    run_until(sender, lambda: sending.read(endpoint).gap is not None)
    [event] = sending.change("u2")
    run_until(sender, lambda: target.ids == [event])


def test_ev_101_replay_sends_again_in_order_and_what_was_put_aside_only_once(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    events = sending.change("u1", "u1", "u2")
    refuse(target, events[1])
    run_until(sender, lambda: sending.caught_up(endpoint) and len(sending.put_aside(endpoint)) == 1)
    refuse(target, "none")
    before = len(target.ids)
    sending.endpoints.set_place(endpoint.id, endpoint.place)
    run_until(sender, lambda: len(target.ids) == before + 3)
    again = target.ids[before:]
    assert sorted(again) == sorted(events)
    assert again.index(events[0]) < again.index(events[1])
    run_until(sender, lambda: sending.has_all(endpoint))


def test_ev_101_one_event_is_sent_again(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    [event] = sending.change("u1")
    run_until(sender, lambda: sending.caught_up(endpoint))
    resend(sending.database, sending.read(endpoint), event)
    run_until(sender, lambda: target.ids == [event, event])
    run_until(sender, lambda: sending.put_aside(endpoint) == [])


@pytest.mark.parametrize("tenant", ["contoso", ALL_TENANTS])
def test_ev_101_a_test_event_takes_the_same_way_once(
    sending: World, sender: Sender, target: Target, tenant: str
) -> None:
    endpoint = sending.endpoint(target, tenant)
    test = send_test(sending.database, endpoint)
    run_until(sender, lambda: sending.read(endpoint).attempts)
    [arrived] = target.arrived
    assert (arrived.id, arrived.event["type"]) == (test.event, "scimd.test")
    [attempt] = sending.read(endpoint).attempts
    assert (attempt["event"], attempt["status"], attempt["reason"]) == (test.event, 204, "")
    refuse(target)
    test = send_test(sending.database, endpoint)
    run_until(sender, lambda: len(sending.read(endpoint).attempts) == 2)
    assert sending.read(endpoint).attempts[1]["reason"] == "answered 500"
    run_for(sender, 0.3)
    assert len(target.arrived) == 2
    assert sending.put_aside(endpoint) == []


def test_ev_101_a_test_sets_an_endpoint_going_that_stands_still(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    refuse(target)
    events = sending.change(*[f"u{number}" for number in range(6)])
    run_until(sender, lambda: sending.read(endpoint).state == STANDING_STILL)
    refuse(target, "none")
    test = send_test(sending.database, endpoint)
    run_until(sender, lambda: test.event in target.ids)
    assert target.ids[0] == test.event
    sending.clock.forward(seconds=10)
    run_until(sender, lambda: {*events} <= {*target.ids})


def test_ev_101_the_last_20_attempts_are_kept(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target, parallel=1)
    events = sending.change(*[f"u{number}" for number in range(25)])
    run_until(sender, lambda: sending.caught_up(endpoint))
    stored = sending.read(endpoint)
    assert [attempt["event"] for attempt in stored.attempts] == events[5:]
    assert (stored.delivered, stored.failed) == (25, 0)
    assert sending.observed == [(endpoint.id, "done")] * 25


def test_a_changed_endpoint_goes_on_with_its_new_settings_and_sends_nothing_twice(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target, "contoso", url="http://127.0.0.1:9/")
    events = sending.change("u1", "u2")
    run_until(sender, lambda: sending.put_aside(endpoint))
    assert sending.put_aside(endpoint)[0].reason == "not connected"
    changed = sending.endpoints.change(endpoint.id, url=target.url)
    run_until(sender, lambda: [run.endpoint.revision for run in sender._turns] == [changed.revision])
    sending.clock.forward(seconds=10)
    run_until(sender, lambda: sorted(target.ids) == sorted(events))


def test_a_deleted_endpoint_gets_nothing_more(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    run_until(sender, lambda: list(sender._turns))
    sending.endpoints.delete(endpoint.id)
    run_until(sender, lambda: not list(sender._turns))
    sending.change("u1")
    run_for(sender, 0.3)
    assert target.arrived == []


def test_an_event_that_is_gone_when_it_is_to_be_tried_again_is_given_up(
    sending: World, sender: Sender, target: Target
) -> None:
    endpoint = sending.endpoint(target)
    [event] = sending.change("u1")
    refuse(target)
    run_until(sender, lambda: sending.put_aside(endpoint))
    sending.database.db.events.delete_one({"_id": event})
    sending.clock.forward(seconds=10)
    run_until(sender, lambda: states(sending, endpoint) == {event: GIVEN_UP})
    assert sending.put_aside(endpoint)[0].reason == "no longer in the log"


def test_nothing_is_left_of_a_deleted_tenant(sending: World, sender: Sender, target: Target) -> None:
    sending.tenant("fabrikam")
    endpoint = sending.endpoint(target, ALL_TENANTS)
    refuse(target)
    sending.change("u1", "u1", tenant="fabrikam")
    run_until(sender, lambda: len(sending.put_aside(endpoint)) == 2)
    delete_for_good(sending.database, "fabrikam")
    assert sending.put_aside(endpoint) == []
    refuse(target, "none")
    relay(sending.database)
    sending.clock.forward(seconds=10)
    run_until(sender, lambda: sending.has_all(endpoint))
    assert [each.event["type"] for each in target.accepted] == ["scimd.tenant.deleted"]


def test_a_failure_of_ours_is_a_failed_attempt(sending: World, target: Target, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError

    from app.delivery.message import Form

    sender = sending.sender(form=Form(broken))
    endpoint = sending.endpoint(target)
    sending.change("u1")
    assert sender.take()
    run_until(sender, lambda: sending.put_aside(endpoint))
    assert sending.put_aside(endpoint)[0].reason == "scimd failed: ValueError"
    sender.give_back(30)


def test_a_form_that_has_nothing_to_send_counts_as_delivered(sending: World, target: Target) -> None:
    from app.delivery.message import Form

    sender = sending.sender(form=Form(lambda *_: []))
    endpoint = sending.endpoint(target)
    sending.change("u1")
    assert sender.take()
    run_until(sender, lambda: sending.caught_up(endpoint))
    assert target.arrived == []
    sender.give_back(30)


def test_a_database_that_does_not_answer_loses_nothing(
    sending: World, sender: Sender, target: Target, fault: Fault
) -> None:
    endpoint = sending.endpoint(target)
    events = sending.change(*[f"u{number % 5}" for number in range(40)])
    run_until(sender, lambda: len(target.ids) > 5)
    with fault(["update", "find", "findAndModify"], 1, errorCode=13), pytest.raises(Unavailable):
        run_for(sender, 30)
    run_until(sender, lambda: sending.caught_up(endpoint))
    assert {*target.ids} == {*events}


def test_what_is_under_way_when_the_sender_stops_keeps_the_lease(sending: World, target: Target) -> None:
    sender = sending.sender()
    answers = threading.Event()

    def reply(_: Arrived) -> Reply:
        answers.wait(30)
        return Reply()

    target.reply = reply
    sending.endpoint(target)
    sending.change("u1")
    assert sender.take()
    run_until(sender, lambda: target.arrived)
    sender.give_back(0.1)
    assert not sending.sender().take()
    answers.set()
    sender.give_back(30)
    other = sending.sender()
    assert other.take()
    other.give_back(30)


def test_many_endpoints_are_claimed_a_few_at_a_time(
    sending: World, sender: Sender, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_CLAIMS", 2)
    for _ in range(7):
        sending.endpoint(target)
    sending.change("u1")
    run_until(sender, lambda: len(target.ids) == 7)


def test_an_endpoint_that_cannot_be_read_holds_up_no_other(
    sending: World, sender: Sender, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    broken, endpoint = sending.endpoint(target), sending.endpoint(target)
    sending.database.db.command("collMod", "endpoints", validator={})
    sending.database.db.endpoints.update_one({"_id": broken.id}, {"$set": {"keys": ["edited by hand"]}})
    [event] = sending.change("u1")
    run_until(sender, lambda: target.ids == [event])
    run_until(sender, lambda: sending.caught_up(endpoint))
    assert f"the endpoint {broken.id} cannot be sent to" in caplog.text
    sending.database.db.endpoints.update_one({"_id": broken.id}, {"$set": {"keys": []}})
    sending.clock.forward(minutes=2)
    run_until(sender, lambda: target.ids == [event, event])


def test_ev_95_a_slow_event_lets_a_bounded_number_of_others_by(
    sending: World, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.delivery.sending.run.MOST_DONE", 20)
    let_go = threading.Event()

    def attempt(_: Endpoint, __: Any, document: Any) -> Outcome:
        if document["resource"]["id"] == "slow":
            let_go.wait(30)
        return Outcome(204)

    sender = sending.sender(attempt=attempt)
    endpoint = sending.endpoint(target)
    sending.change("u", "slow", *[f"u{number}" for number in range(200)])
    assert sender.take()
    run_until(sender, lambda: len(sending.read(endpoint).done) >= 20)
    run_for(sender, 0.3)
    assert len(sending.read(endpoint).done) <= 120
    let_go.set()
    run_until(sender, lambda: sending.caught_up(endpoint))
    sender.give_back(30)


def test_ev_95_all_together_use_32_threads_and_each_leaves_some_to_the_others(sending: World, target: Target) -> None:
    lock, most, under_way = threading.Lock(), Counter[str](), Counter[str]()

    def attempt(endpoint: Endpoint, *_: Any) -> Outcome:
        with lock:
            under_way[endpoint.id] += 1
            most[endpoint.id] = max(most[endpoint.id], under_way[endpoint.id])
            most["all"] = max(most["all"], under_way.total())
        time.sleep(0.02)
        with lock:
            under_way[endpoint.id] -= 1
        return Outcome(204)

    busy = [sending.endpoint(target, parallel=32) for _ in range(4)]
    sending.change(*[f"u{number}" for number in range(100)])
    with Background(sending.sender(attempt=attempt)):
        until(lambda: all(sending.caught_up(each) for each in busy), 60)
    assert most.pop("all") <= 32
    assert max(most.values()) <= 24, "eight threads are for those that have none"
