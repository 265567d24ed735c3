"""The ends of sessions: each of their apps is told, once claimed by one worker, and again until that succeeds."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.store.accounts.tenants import Tenants
from app.store.log.event import Actor
from app.store.log.events import Events, LogSettings
from app.store.mongo.moments import now
from app.store.sign_on.logouts import CLAIMED, PAUSES, End, Logouts, end_sessions
from app.store.sign_on.sessions import Session, Sessions
from tests.tenants import delete_for_good

THREADS = 8
MS = timedelta(milliseconds=1)


@pytest.fixture
def sessions(database):
    return Sessions(database)


@pytest.fixture
def logouts(database, clock):
    return Logouts(database, clock)


def session(**changes):
    moment = now()
    fields = {"tenant": "contoso", "user": "u", "connection": "sso_1", "auth_time": moment, "apps": ("app_1", "app_2")}
    return Session(**fields | {"expires": moment + timedelta(hours=8)} | changes)


def log_of(database, tenant="contoso"):
    return Events(database, tenant, LogSettings(90))


def end(database, query, reason="disabled", tenant="contoso"):
    return end_sessions(database, tenant, query, End(reason, log_of(database, tenant), Actor("command line: alice")))


def rows(database):
    return sorted((row["sid"], row["app"], row["reason"]) for row in database.db.logouts.find())


def due(logouts, clock):
    """Return the only logout, which is due in a moment."""
    clock.moment = now() + MS
    found = logouts.claim()
    assert found is not None
    assert logouts.claim() is None
    return found


def test_sso_73_the_sessions_that_a_query_selects_end_and_each_app_is_to_be_told(database, sessions):
    cookies = [sessions.open(session(user=user)) for user in ("a", "a", "b")]
    assert end(database, {"user": "a"}) == 2
    assert [sessions.by_cookie("contoso", cookie) is None for cookie, _ in cookies] == [True, True, False]
    told = [(opened.sid, app, "disabled") for _, opened in cookies[:2] for app in ("app_1", "app_2")]
    assert rows(database) == sorted(told)


def test_sso_118_each_end_is_one_line_of_the_log_with_its_reason(database, sessions):
    _, opened = sessions.open(session())
    end(database, {}, "operator")
    (line,) = log_of(database).find(name="u")
    assert (line["operation"], line["detail"], line["credential"]) == ("sign-off", "operator", "command line: alice")
    assert line["resource"] == {"type": "User", "id": "u"}
    assert line["signOn"] == {"connection": "sso_1", "sid": opened.sid}


def test_sso_73_a_session_ends_once(database, sessions):
    sessions.open(session())
    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(lambda _: end(database, {"user": "u"}), range(THREADS))) == 1
    assert end(database, {}, "deleted") == 0
    assert [reason for _, _, reason in rows(database)] == ["disabled", "disabled"]
    assert len(log_of(database).find()) == 1


def test_sso_11_the_sessions_of_other_tenants_go_on(database, sessions):
    cookie, _ = sessions.open(session())
    assert end(database, {}, tenant="fabrikam") == 0
    assert end(database, {"tenant": "contoso"}, tenant="fabrikam") == 0
    assert sessions.by_cookie("contoso", cookie)


def test_a_session_that_has_run_out_makes_no_line(database, sessions):
    sessions.open(session(expires=now() - MS))
    assert end(database, {}) == 0
    assert log_of(database).find() == []


def test_a_session_that_goes_on_under_a_new_cookie_is_told_once(database, sessions):
    _, opened = sessions.open(session(apps=("app_1",)))
    sessions.open(opened)
    assert end(database, {}) == 2
    assert rows(database) == [(opened.sid, "app_1", "disabled")]


@pytest.mark.parametrize("number", [100, 250])
def test_pe_11_many_sessions_end_in_batches(database, sessions, number):
    for _ in range(number):
        sessions.open(session(apps=("app_1",)))
    assert end(database, {"connection": "sso_1"}) == number
    assert len(rows(database)) == len(log_of(database).find()) == number


def test_sso_75_one_worker_gets_a_logout(database, sessions, logouts, clock):
    sessions.open(session())
    end(database, {})
    clock.moment = now() + MS
    with ThreadPoolExecutor(THREADS) as threads:
        got = list(filter(None, threads.map(lambda _: logouts.claim(), range(THREADS))))
    assert sorted(each.app for each in got) == ["app_1", "app_2"]
    assert {(each.tenant, each.user, each.reason, each.tries) for each in got} == {("contoso", "u", "disabled", 1)}
    assert logouts.waiting("contoso") == 2
    for each in got:
        logouts.finish(each)
    assert logouts.waiting("contoso") == 0
    clock.moment += timedelta(days=1)
    assert logouts.claim() is None


def test_pe_13_the_logout_of_a_killed_worker_is_taken_by_another_one(database, sessions, logouts, clock):
    sessions.open(session(apps=("app_1",)))
    end(database, {})
    first = due(logouts, clock)
    clock.moment += CLAIMED - MS
    assert logouts.claim() is None
    clock.moment += MS
    second = logouts.claim()
    assert (second.id, second.tries) == (first.id, 2)
    logouts.finish(first)  # the first worker was only slow: the logout is no longer its own
    assert logouts.waiting("contoso") == 1


def test_sso_75_pauses_grow_and_end(database, sessions, logouts, clock):
    sessions.open(session(apps=("app_1",)))
    end(database, {})
    claimed = due(logouts, clock)
    for pause in PAUSES:
        assert not claimed.is_last
        logouts.postpone(claimed)
        clock.moment += pause - MS
        assert logouts.claim() is None
        clock.moment += MS
        claimed = logouts.claim()
    assert claimed.is_last
    assert [each.total_seconds() for each in PAUSES] == [5, 15, 60, 300, 900, 1_800]


def test_apps_are_told_of_a_deleted_tenant(database, sessions, logouts, clock):
    Tenants(database).create("contoso", "gallery")
    sessions.open(session(apps=("app_1",)))
    end(database, {}, "deleted")
    delete_for_good(database, "contoso")
    assert database.db.sessions.find_one() is None
    assert due(logouts, clock).reason == "deleted"
