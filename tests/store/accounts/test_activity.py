"""Pulses and days: what came lately from a tenant's clients, added up by several workers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from pymongo.read_concern import ReadConcern

from app.advice.explain import titled
from app.store.accounts.activity import CONTACTS, MOST_CAUSES, RECENT, Activity, AnsweredRequest, PendingActivity
from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Database

NINE = datetime(2026, 11, 28, 9, tzinfo=UTC)


def answered(minutes: float, kind: str = "reads", **facts: str) -> AnsweredRequest:
    status = {"reads": 200, "done": 201, "refused": 409, "failed": 503, "denied": 401}[kind]
    return AnsweredRequest(NINE + timedelta(minutes=minutes), "GET", "User", status, "token:1", kind, **facts)


def sums(*answers: AnsweredRequest) -> dict[str, PendingActivity]:
    made = PendingActivity()
    for each in answers:
        made.add(each)
    return {"acme": made}


@pytest.fixture
def activity(database: Database) -> Activity:
    Tenants(database).create("acme", "gallery")
    return Activity(database)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def test_co_07_a_pulse_has_the_first_and_the_last_contact(activity: Activity) -> None:
    activity.write(sums(answered(0), answered(1, "done")))
    activity.write(sums(answered(3)))
    activity.write(sums(answered(2)))  # another worker, which writes later
    pulse = activity.pulse("acme")
    assert (pulse["first"], pulse["last"], pulse["lastWrite"]) == (at(1), at(3), at(1))
    assert [row["time"] for row in pulse["recent"]] == [at(0), at(1), at(2), at(3)]
    assert pulse["recent"][1] == {
        "time": at(1), "method": "GET", "type": "User", "status": 201, "credential": "token:1",
    }


def test_a_contact_begins_after_ten_quiet_minutes(activity: Activity) -> None:
    for minutes in (0, 5, 14, 25, 26, 66):
        activity.write(sums(answered(minutes)))
    assert [row["began"] for row in activity.pulse("acme")["contacts"]] == [at(0), at(25), at(66)]
    for number in range(2 * CONTACTS):
        activity.write(sums(answered(100 + 40 * number)))
    assert len(activity.pulse("acme")["contacts"]) == CONTACTS
    assert activity.pulse("acme")["oldest"] == activity.pulse("acme")["contacts"][0]["began"] == at(100 + 40 * CONTACTS)


def test_a_contact_tells_whether_somebody_was_let_in(activity: Activity) -> None:
    activity.write(sums(answered(0, "denied", reason="expired")))
    assert [row["letIn"] for row in activity.pulse("acme")["contacts"]] == [False]
    activity.write(sums(answered(40, "denied", reason="expired")))
    activity.write(sums(answered(41)))
    assert activity.pulse("acme")["contacts"] == [{"began": at(0), "letIn": False}, {"began": at(40), "letIn": True}]


def test_denials_are_counted_until_somebody_is_let_in(activity: Activity) -> None:
    activity.write(sums(answered(0), answered(1, "denied", reason="expired"), answered(2, "denied", reason="revoked")))
    activity.write(sums(answered(3, "denied", reason="revoked", cause="revoked")))
    assert activity.pulse("acme")["denied"] == {"since": at(1), "time": at(3), "reason": "revoked", "cause": "revoked", "count": 3}
    assert activity.causes("acme", at(0)) == {}, "those are of changes"
    activity.write(sums(answered(4)))
    assert "denied" not in activity.pulse("acme")
    assert activity.pulse("acme")["last"] == at(4)


def test_whichever_worker_writes_first_the_last_request_decides_whether_a_client_is_denied(activity: Activity) -> None:
    denied, let_in = sums(answered(2, "denied", cause="revoked")), sums(answered(1))
    activity.write(denied)
    activity.write(let_in)  # of a worker that remembered the token for some seconds
    assert activity.pulse("acme")["denied"]["time"] == at(2) and activity.pulse("acme")["last"] == at(1)
    activity.write(sums(answered(4)))
    activity.write(sums(answered(3, "denied", cause="revoked")))
    assert "denied" not in activity.pulse("acme") and activity.pulse("acme")["last"] == at(4)
    activity.write(sums(answered(6, "denied", cause="expired")))
    activity.write(sums(answered(5, "denied", cause="expired")))
    assert activity.pulse("acme")["denied"] == {"since": at(5), "time": at(6), "reason": "", "cause": "expired", "count": 2}


def test_d_620_denials_are_counted_from_the_last_success_on_whichever_worker_writes_first(activity: Activity, database: Database) -> None:
    """Three wrong paths, a success and three wrong paths within the two seconds of one sum, then a revoked token."""
    astray = [answered(minutes, "denied", cause="wrong-url", reason="a path") for minutes in (1, 2, 3, 5, 6, 7)]
    counted = {"since": at(5), "time": at(8), "cause": "revoked", "reason": "", "count": 4}
    late = sums(answered(4))
    for turn, order in enumerate(permutations([sums(*astray), late, sums(answered(8, "denied", cause="revoked"))])):
        Tenants(database).create(f"t{turn}", "gallery")
        for each in order:
            activity.write({f"t{turn}": each["acme"]})
        assert activity.pulse(f"t{turn}")["denied"] == counted
        activity.write({f"t{turn}": sums(answered(9))["acme"]})
        assert "denied" not in activity.pulse(f"t{turn}")


def test_d_620_a_success_within_one_sum_begins_the_count_anew(activity: Activity) -> None:
    activity.write(sums(answered(1, "denied", cause="expired")))
    activity.write(sums(answered(2, "denied", cause="expired"), answered(3), answered(4, "denied", cause="revoked")))
    assert activity.pulse("acme")["denied"] == {"since": at(4), "time": at(4), "cause": "revoked", "reason": "", "count": 1}


def test_d_620_more_denials_than_requests_are_kept_are_counted_and_those_of_an_earlier_version_are_not(activity: Activity, database: Database) -> None:
    activity.write(sums(answered(0)))
    for start in (1, 31, 61):
        activity.write(sums(*(answered(start + number, "denied", cause="expired") for number in range(30))))
    assert (activity.pulse("acme")["denied"]["count"], activity.pulse("acme")["denied"]["since"]) == (90, at(1))
    database.db.pulses.update_one({"_id": "acme"}, {"$unset": {"denied.since": ""}})
    activity.write(sums(answered(0.5)))
    assert (activity.pulse("acme")["denied"]["count"], activity.pulse("acme")["denied"]["since"]) == (20, at(71))
    database.db.pulses.update_one({"_id": "acme"}, {"$unset": {"denied.since": "", "recent": ""}})
    activity.write(sums(answered(0.6)))
    assert (activity.pulse("acme")["denied"]["count"], activity.pulse("acme")["denied"]["since"]) == (1, at(90))
    database.db.pulses.update_one({"_id": "acme"}, {"$unset": {"denied.since": ""}})
    activity.write(sums(answered(99, "denied", cause="expired")))
    assert (activity.pulse("acme")["denied"]["count"], activity.pulse("acme")["denied"]["since"]) == (1, at(99))


def test_co_07_a_pulse_keeps_the_newest_requests(activity: Activity) -> None:
    activity.write(sums(*(answered(number) for number in range(3 * RECENT))))
    assert [row["time"] for row in activity.pulse("acme")["recent"]] == [at(n) for n in range(2 * RECENT, 3 * RECENT)]


def test_failures_of_the_last_hours(activity: Activity) -> None:
    activity.write(sums(answered(-24 * 60, "refused"), answered(0, "failed"), answered(61, "refused"), answered(62)))
    assert activity.failures(at(-24 * 60)) == {"acme": 3}
    assert activity.failures(at(0)) == activity.failures(at(0), "acme") == {"acme": 2}
    assert activity.failures(at(60)) == {"acme": 1}
    assert activity.failures(at(180)) == activity.failures(at(0), "other") == {}


def test_co_07_causes_by_attribute(activity: Activity) -> None:
    activity.write(sums(answered(0, "refused", cause="required name.givenName"), answered(1, "refused", cause="taken")))
    activity.write(sums(answered(2, "refused", cause="required name.givenName")))
    assert activity.causes("acme", at(0)) == {"required name.givenName": 2, "taken": 1}
    activity.write(sums(*(answered(3, "refused", cause=f"required a{number}") for number in range(30))))
    causes = activity.causes("acme", at(0))
    assert len(causes) == MOST_CAUSES + 1 and causes["other"] == 30 - (MOST_CAUSES - 2)
    activity.write(sums(answered(4, "refused", cause="taken")))
    assert activity.causes("acme", at(0))["taken"] == 2, "one that is known goes on being counted"
    shown = titled(activity.causes("acme", at(0)).most_common())
    assert shown[0] == ("", "", "Other causes", 12) and ("taken", "", "an attribute is taken", 2) in shown


def test_co_07_a_tenant_that_does_not_exist_leaves_nothing(activity: Activity, database: Database) -> None:
    activity.write({"nobody": sums(answered(0, "refused"))["acme"]})
    assert database.db.pulses.count_documents({}) == database.db.days.count_documents({}) == 0


def test_co_07_days_expire_with_the_log(database: Database) -> None:
    Tenants(database).create("acme", "gallery")
    Activity(database, days=30).write(sums(answered(0)))
    # Sums are written without waiting for a majority, which other reads of the tests wait for.
    row = database.db.days.with_options(read_concern=ReadConcern("local")).find_one()
    assert row["expires"] == datetime(2026, 12, 28, tzinfo=UTC)
    assert row["hours"] == {"09": {"reads": 1}}
