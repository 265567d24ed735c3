"""How an endpoint fares: the schedule of one event, standing still, and the end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.delivery.message import Outcome, judged
from app.delivery.sending.health import PAUSES, Health, Pace, after_failure, after_probe
from app.outgoing.http import Answer
from app.store.delivery.endpoint import OFF, ON, STANDING_STILL, Endpoint
from app.store.delivery.put_aside import GIVEN_UP, WAITING, PutAside
from app.store.delivery.touched import Touched
from app.store.mongo.moments import now

MOMENT = now()
FAILED = Outcome(500, "answered 500")
ASIDE = PutAside(
    endpoint="ep_1", event="e1", seq=1, tenant="contoso", type="scimd.user.updated", time=MOMENT,
    touched=Touched("contoso", frozenset({"u1"})), next=MOMENT,
)


@pytest.fixture
def health() -> Health:
    return Health.of(Endpoint(id="ep_1", tenant="contoso", form="webhook", created=MOMENT, since=MOMENT, place=0))


def later(**by: float) -> object:
    return MOMENT + timedelta(**by)


def test_ev_97_an_event_is_tried_ten_times_within_some_days() -> None:
    pauses, aside = [], ASIDE
    while aside.state == WAITING and len(pauses) < 20:
        aside = after_failure(aside, FAILED, MOMENT, 90)
        pauses.append((aside.next - MOMENT).total_seconds())
    assert aside.state == GIVEN_UP
    assert aside.attempts == 10
    assert aside.forget == MOMENT + timedelta(days=90)
    assert (aside.status, aside.reason) == (500, "answered 500")
    wanted = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert [each.total_seconds() for each in PAUSES] == wanted
    for pause, exact in zip(pauses, wanted, strict=False):
        assert 0.8 * exact <= pause <= 1.2 * exact


def test_ev_98_a_trial_uses_nothing_of_an_event_s_schedule_up() -> None:
    once = after_failure(ASIDE, FAILED, MOMENT, 90)
    tried = after_probe(once, FAILED, MOMENT)
    assert (tried.attempts, tried.state) == (1, WAITING)
    assert tried.next > MOMENT


def test_ev_98_five_different_events_in_a_row(health: Health) -> None:
    for number in range(4):
        health.failed(f"e{number}", FAILED, MOMENT)
        health.failed(f"e{number}", FAILED, MOMENT)
    assert health.state == ON
    health.succeeded(MOMENT)
    for number in range(5):
        assert health.state == ON
        health.failed(f"e{number}", FAILED, MOMENT)
    assert (health.state, health.reason, health.since) == (STANDING_STILL, "answered 500", MOMENT)


def test_ev_98_one_event_is_tried_after_5_and_30_seconds_and_2_minutes_then_each_5_minutes(health: Health) -> None:
    health.stand_still("answered 500", MOMENT)
    moment, pauses = MOMENT, []
    for _ in range(6):
        assert not health.may_send(moment)
        assert health.next is not None
        pauses.append((health.next - moment).total_seconds())
        moment = health.next
        assert health.may_send(moment)
        health.failed("e1", FAILED, moment)
    assert pauses == [5, 30, 120, 300, 300, 300]
    assert health.succeeded(moment)
    assert (health.state, health.reason, health.failing, health.next) == (ON, "", [], None)
    assert not health.succeeded(moment), "nothing more to be written"


@pytest.mark.parametrize("status", [429, 503])
def test_ev_98_retry_after_is_honoured_up_to_an_hour(health: Health, status: int) -> None:
    for text, seconds in (("120", 120), ("86400", 3_600), ("soon", 0), ("-5", 0), ("1.5", 0), ("²", 0), ("", 0)):
        outcome = judged(Answer(status, b"", {"Retry-After": text}))
        assert outcome.retry_after == seconds
    health.failed("e1", judged(Answer(status, b"", {"Retry-After": "120"})), MOMENT)
    assert not health.may_send(MOMENT + timedelta(seconds=119))
    assert health.may_send(MOMENT + timedelta(seconds=120))
    assert judged(Answer(500, b"", {"Retry-After": "120"})).retry_after == 0


def test_ev_98_retry_after_may_be_a_date() -> None:
    soon = (now() + timedelta(seconds=100)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert 90 < judged(Answer(503, b"", {"Retry-After": soon})).retry_after <= 100
    assert judged(Answer(503, b"", {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})).retry_after == 0
    for text in ("Thu, 99 Foo 1970", f"Mon, 01 Jan {10**20} 00:00:00 GMT", f"Mon, 01 Jan 2027 00:00:00 +{10**30}"):
        assert judged(Answer(503, b"", {"Retry-After": text})).retry_after == 0


@pytest.mark.parametrize("status", [429, 502, 504])
def test_ev_98_an_endpoint_that_has_too_much_to_do_gets_less_for_ten_minutes(status: int) -> None:
    pace = Pace(8)
    assert pace.allowed(MOMENT) == 1, "an endpoint of which nothing is known"
    pace.answered(Outcome(204), MOMENT)
    assert pace.allowed(MOMENT) == 8
    for allowed in (4, 2, 1, 1):
        pace.answered(Outcome(status, "busy"), MOMENT)
        pace.answered(Outcome(204), MOMENT)
        assert pace.allowed(MOMENT) == allowed
    assert pace.allowed(MOMENT + timedelta(minutes=9)) == 1
    assert pace.allowed(MOMENT + timedelta(minutes=10)) == 8


def test_ev_99_status_410_turns_an_endpoint_off(health: Health) -> None:
    health.failed("e1", judged(Answer(410, b"", {})), MOMENT)
    assert (health.state, health.reason) == (OFF, "answered 410")
    assert not health.may_send(MOMENT + timedelta(days=1))


def test_ev_99_five_days_without_success_turn_an_endpoint_off(health: Health) -> None:
    health.failed("e1", FAILED, MOMENT)
    health.failed("e1", FAILED, MOMENT + timedelta(days=4, hours=23))
    assert health.state == ON
    health.failed("e1", FAILED, MOMENT + timedelta(days=5))
    assert health.state == OFF
    assert health.reason == "no success for 5 days; the last attempt: answered 500"


def test_ev_113_a_fault_of_the_endpoint_itself_makes_it_stand_still_at_once(health: Health) -> None:
    health.failed("e1", Outcome(400, "access_denied", endpoint_fails=True), MOMENT)
    assert health.state == STANDING_STILL


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_ev_94_any_2xx_is_success(status: int) -> None:
    assert judged(Answer(status, b"", {})).succeeded


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 410, 429, 500, 503, 599])
def test_ev_94_all_else_is_a_failure_redirects_included(status: int) -> None:
    assert judged(Answer(status, b"", {})).reason == f"answered {status}"
