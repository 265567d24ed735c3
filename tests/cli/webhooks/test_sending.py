"""scimd webhook test, failures, replay, resend, enable and disable."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.cli.webhooks import sending
from app.feed.cursors import cursor_text
from app.store.delivery import starting
from app.store.delivery.endpoint import Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import PutAsides
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from tests.cli.conftest import Operator
from tests.relay import relay

URL = "https://8.8.8.8/webhooks"


@pytest.fixture
def scimd(scimd: Any, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `scimd`; what the application of `operator` has logged before is left out."""

    def command(*arguments: str) -> Any:
        capsys.readouterr()
        return scimd(*arguments)

    return command


@pytest.fixture
def operator(database: Database, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(database, capsys)


@pytest.fixture
def made(operator: Operator, scimd: Any, database: Database) -> str:
    """An endpoint that has come to the end of the events of ten users."""
    for number in range(10):
        operator.client.user(f"user-{number}")
    relay(database)
    endpoint_id: str = scimd("webhook", "create", "acme", URL, "--json").json["id"]
    return endpoint_id


def endpoint(database: Database, endpoint_id: str) -> Endpoint:
    found = Endpoints(database).get(endpoint_id)
    assert found
    return found


def numbers(database: Database) -> list[int]:
    return sorted(each["seq"] for each in database.db.events.find({"seq": {"$exists": True}, "tenant": "acme"}))


def age(database: Database, seq: int, passed: timedelta) -> None:
    """Make all events up to a number older."""
    for each in database.db.events.find({"seq": {"$lte": seq}}):
        database.db.events.update_one({"_id": each["_id"]}, {"$set": {"time": each["time"] - passed}})


def test_ev_101_replay_since_a_time(scimd: Any, made: str, database: Database) -> None:
    seqs = numbers(database)
    age(database, seqs[3], timedelta(hours=3))
    assert scimd("webhook", "replay", made, "--since", "1h").status == 0
    assert seqs[3] <= endpoint(database, made).place < seqs[4]
    assert scimd("webhook", "replay", made, "--since", "9d").status == 0
    assert endpoint(database, made).place < seqs[0]


def test_ev_101_since_finds_each_place(scimd: Any, made: str, database: Database) -> None:
    """Each event is an hour older than the one after it; a break lies between the third and the fourth."""
    seqs = numbers(database)
    for seq in seqs:
        age(database, seq, timedelta(hours=1))
    for each in database.db.events.find({"seq": {"$gte": seqs[3]}}):
        database.db.events.update_one({"_id": each["_id"]}, {"$set": {"seq": each["seq"] + 10**15}})
    database.db.leases.update_one({"_id": "relay"}, {"$inc": {"published": 10**15}})
    seqs = numbers(database)
    for number, seq in enumerate(seqs):
        hours = len(seqs) - number
        place = starting.since(database, now() - timedelta(hours=hours, minutes=10))
        assert (seqs[number - 1] if number else 0) <= place < seq
    assert starting.since(database, now()) >= seqs[-1]


def test_ev_101_replay_tells_of_events_that_may_be_kept_no_longer(scimd: Any, made: str, database: Database) -> None:
    seqs, said = numbers(database), "Some of the events since then may be no longer kept, and left out."
    assert said not in scimd("webhook", "replay", made, "--since", "9d").err
    database.db.leases.update_one({"_id": "relay"}, {"$set": {"horizon": seqs[2]}})
    for place in (seqs[9], seqs[1]):
        Endpoints(database).set_place(made, place)
        assert said in scimd("webhook", "replay", made, "--since", "9d").err
    age(database, seqs[6], timedelta(hours=3))
    Endpoints(database).set_place(made, seqs[9])
    assert said not in scimd("webhook", "replay", made, "--since", "1h").err


def test_ev_101_replay_after_a_cursor(scimd: Any, made: str, database: Database) -> None:
    seqs = numbers(database)
    with EventSequence(database).reading():
        place = endpoint(database, made).place
    shown = scimd("webhook", "show", made, "--json").json
    scope = shown["cursor"].partition(".")[2]
    assert shown["cursor"] == f"{place}.{scope}"
    assert scimd("webhook", "replay", made, "--after", f"{seqs[5]}.{scope}", "--json").json["id"] == made
    assert endpoint(database, made).place == seqs[5]
    for cursor, said in ((f"{seqs[7]}.{scope}", "not come as far"), (f"{seqs[2]}.abc", "another tenant"), ("x", "cursor"), (f"{place + 999}.{scope}", "does not have")):
        done = scimd("webhook", "replay", made, "--after", cursor)
        assert done.status == 1
        assert said in done.err
    assert scimd("webhook", "replay", made).status == 2
    assert scimd("webhook", "replay", made, "--since", "1h", "--after", "1.all").status == 2
    assert endpoint(database, made).place == seqs[5]


def test_ev_101_replay_of_an_endpoint_for_all_tenants(scimd: Any, operator: Operator, made: str, database: Database) -> None:
    every = scimd("webhook", "create", "--all-tenants", URL, "--json").json["id"]
    assert scimd("webhook", "replay", every, "--after", cursor_text(numbers(database)[4], None)).status == 0
    assert endpoint(database, every).place == numbers(database)[4]


def test_ev_101_resend_puts_an_event_aside_to_be_sent_at_once(scimd: Any, operator: Operator, made: str, database: Database) -> None:
    event = database.db.events.find_one({"seq": numbers(database)[4]})
    assert event
    assert scimd("webhook", "resend", made, event["_id"], "--json").json["put_aside"] == 1
    [row] = PutAsides(database).of(made)
    assert (row.event, row.seq, row.state, row.attempts) == (event["_id"], event["seq"], "waiting", 0)
    assert row.next <= now()
    [listed] = scimd("webhook", "failures", made, "--json").json
    assert (listed["event"], listed["type"], listed["state"]) == (event["_id"], "scimd.user.created", "waiting")
    assert event["_id"] in scimd("webhook", "failures", made).out


def test_ev_101_resend_and_replay_say_that_the_endpoint_is_off(scimd: Any, operator: Operator, made: str, database: Database) -> None:
    event = database.db.events.find_one({"seq": numbers(database)[4]})
    assert event
    scimd("webhook", "disable", made)
    for again in (("resend", made, event["_id"]), ("replay", made, "--since", "2h")):
        assert f"as soon as it is on. Next: scimd webhook enable {made}" in scimd("webhook", *again).out
    scimd("webhook", "enable", made)
    assert scimd("webhook", "resend", made, event["_id"]).out == ""


def test_ev_101_an_event_of_another_tenant_is_not_resent(scimd: Any, operator: Operator, made: str, database: Database) -> None:
    operator.other.user("secret")
    relay(database)
    event = database.db.events.find_one({"tenant": "other", "resource.name": "secret"})
    assert event
    done = scimd("webhook", "resend", made, event["_id"])
    assert done.status == 1
    assert "There is no event" in done.err
    assert PutAsides(database).of(made) == []


def test_ev_99_disable_and_enable(scimd: Any, operator: Operator, made: str, database: Database) -> None:
    assert "is off" in scimd("webhook", "disable", made).out
    off = scimd("webhook", "list", "--json").json[0]
    assert (off["state"], off["reason"]) == ("off", "turned off")
    place = endpoint(database, made).place
    operator.client.user("later")
    relay(database)
    assert scimd("webhook", "enable", made, "--json").json["state"] == "on"
    assert (endpoint(database, made).place, endpoint(database, made).reason) == (place, "")
    scimd("webhook", "disable", made)
    assert scimd("webhook", "enable", made, "--from", "now").status == 0
    assert endpoint(database, made).place == numbers(database)[-1] > place
    assert scimd("webhook", "enable", made, "--from", "yesterday").status == 2


def test_ev_99_enable_tells_of_events_that_are_no_longer_kept(scimd: Any, made: str, database: Database) -> None:
    scimd("webhook", "disable", made)
    assert scimd("webhook", "enable", made).err == ""
    database.db.leases.update_one({"_id": "relay"}, {"$set": {"horizon": endpoint(database, made).place + 1}, "$inc": {"published": 5}})
    done = scimd("webhook", "enable", made)
    assert done.status == 0
    assert "no longer kept" in done.err


def test_ev_101_a_test_of_an_endpoint_that_is_off_and_one_that_nobody_sends(scimd: Any, made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scimd("webhook", "disable", made)
    done = scimd("webhook", "test", made)
    assert (done.status, done.out) == (1, "")
    assert f"scimd webhook enable {made}" in done.err
    scimd("webhook", "enable", made)
    monkeypatch.setattr(sending, "START_SECONDS", 0.0)
    done = scimd("webhook", "test", made)
    assert done.status == 1
    assert "start scimd" in done.err


def test_ev_101_a_test_tells_what_became_of_it(scimd: Any, made: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender's part is played by the test: it adds the attempt to the endpoint's document."""
    real = sending.requests.send_test

    def answering(status: int, reason: str) -> Any:
        def send(*arguments: Any) -> Any:
            test = real(*arguments)
            attempt = {"time": now(), "event": test.event, "status": status, "reason": reason, "seconds": 0.25}
            database.db.endpoints.update_one({"_id": made}, {"$push": {"attempts": attempt}}, session=arguments[-1])
            return test

        return send

    monkeypatch.setattr(sending.requests, "send_test", answering(204, ""))
    assert scimd("webhook", "test", made).out == "Delivered: 204 after 0.25 seconds.\n"
    assert scimd("webhook", "test", made, "--json").json["status"] == 204
    monkeypatch.setattr(sending.requests, "send_test", answering(500, "answered 500"))
    done = scimd("webhook", "test", made)
    assert (done.status, done.out) == (1, "")
    assert "not accepted: answered 500" in done.err
    done = scimd("webhook", "test", made, "--json")
    assert (done.status, done.json["reason"]) == (1, "answered 500")
    assert "answered 500" in scimd("webhook", "show", made).out
