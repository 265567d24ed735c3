"""Sessions: found by cookie and by sid, in their tenant, until they end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.store.log.events import Events, LogSettings
from app.store.mongo.moments import now
from app.store.sign_on.logouts import End, end_sessions
from app.store.sign_on.sessions import SPEC, Session, Sessions
from tests.store.test_costs import profiled


@pytest.fixture
def sessions(database, clock):
    return Sessions(database, clock)


def session(**changes):
    moment = now()
    fields = {"tenant": "contoso", "user": "u", "connection": "sso_1", "auth_time": moment, "expires": moment + timedelta(hours=8)}
    return Session(**fields | {"amr": ("pwd",), "acr": "a", "session_index": "i"} | changes)


def test_sso_70_a_session_is_found_by_its_cookie_and_by_its_sid(sessions, database):
    cookie, opened = sessions.open(session())
    assert sessions.by_cookie("contoso", cookie) == sessions.by_sid("contoso", opened.sid) == opened
    assert len(cookie) == 43
    assert cookie not in str(database.db.sessions.find_one())


def test_op_21_neither_another_tenant_nor_a_guess_nor_an_end_opens_it(sessions, clock):
    cookie, opened = sessions.open(session())
    assert sessions.by_cookie("fabrikam", cookie) is None
    assert sessions.by_sid("fabrikam", opened.sid) is None
    assert sessions.by_cookie("contoso", "x" * 43) is None
    clock.moment += timedelta(hours=8, seconds=1)
    assert sessions.by_cookie("contoso", cookie) is None


def test_sso_70_a_new_cookie_keeps_the_sid(sessions):
    _, opened = sessions.open(session())
    cookie, again = sessions.open(opened)
    assert again.sid == opened.sid
    assert sessions.by_cookie("contoso", cookie) == again


def test_sso_75_an_app_is_noted_once_and_not_in_an_ended_session(sessions, database):
    _, opened = sessions.open(session())
    assert [sessions.add_app("contoso", opened.sid, "app_1").apps for _ in range(2)] == [("app_1",)] * 2
    assert sessions.by_sid("contoso", opened.sid).apps == ("app_1",)
    end_sessions(database, "contoso", {"sid": opened.sid}, End("app", Events(database, "contoso", LogSettings(90))))
    assert sessions.add_app("contoso", opened.sid, "app_2") is None


def test_sso_70_renewed_it_keeps_its_sid_and_the_apps_that_came_meanwhile(sessions, database):
    cookie, opened = sessions.open(session())
    sessions.add_app("contoso", opened.sid, "app_1")
    renewed_cookie, renewed = sessions.renew(cookie, session())
    assert (renewed.sid, renewed.apps) == (opened.sid, ("app_1",))
    assert sessions.by_cookie("contoso", cookie) is None
    assert sessions.by_cookie("contoso", renewed_cookie) == renewed


def test_sso_76_a_session_that_has_ended_meanwhile_does_not_come_back(sessions, database):
    cookie, opened = sessions.open(session())
    sessions.add_app("contoso", opened.sid, "app_1")
    log = Events(database, "contoso", LogSettings(1))
    end_sessions(database, "contoso", {"sid": opened.sid}, End("operator", log))
    _, renewed = sessions.renew(cookie, session())
    assert renewed.sid != opened.sid
    assert renewed.apps == ()
    assert sessions.by_sid("contoso", opened.sid) is None


def test_sso_123_renewed_in_two_tabs_at_once_there_is_one_of_it(sessions, database):
    cookie, opened = sessions.open(session())
    with ThreadPoolExecutor(8) as pool:
        renewed = list(pool.map(lambda _: sessions.renew(cookie, session())[1].sid, range(8)))
    assert renewed.count(opened.sid) == 1
    assert database.db.sessions.count_documents({"sid": opened.sid}) == 1


def test_pe_14_a_session_that_has_ended_does_not_come_back_when_the_clock_is_set_back(sessions, database, clock):
    cookie, opened = sessions.open(session())
    end_sessions(database, "contoso", {"sid": opened.sid}, End("person", Events(database, "contoso", LogSettings(90))))
    for _ in range(3):
        clock.moment -= timedelta(hours=1)
        assert sessions.by_cookie("contoso", cookie) is None
        assert sessions.by_sid("contoso", opened.sid) is None
        assert sessions.renew(cookie, session())[1].sid != opened.sid


def test_co_100_the_latest_sessions_are_read_by_an_index_however_many_there_are(sessions, database, clock):
    database.prepare([SPEC])
    for hours in range(1, 40):
        sessions.open(session(user=f"u-{hours}", expires=now() + timedelta(hours=hours, minutes=30)))
    sessions.open(session(tenant="fabrikam", expires=now() + timedelta(hours=99)))
    clock.moment += timedelta(hours=2)
    with profiled(database) as cost:
        assert [each.user for each in sessions.latest("contoso", 5)] == ["u-39", "u-38", "u-37", "u-36", "u-35"]
    assert cost.documents <= 6, cost
    assert [each.user for each in sessions.latest("fabrikam", 5)] == ["u"]
    assert len(sessions.latest("contoso", 100)) == 38
