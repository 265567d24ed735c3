"""What happens to users and tenants ends their sessions, from the numbered events."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.config import Config
from app.protocol.cursor import Cursors
from app.protocol.profile import PROFILES
from app.provider import Provider
from app.queries import Queries
from app.schemas.returned import Projection
from app.schemas.tables.user import USER_TYPE
from app.sign_on import endings
from app.sign_on.endings import Endings, Follower
from app.store.accounts.tenants import Tenants
from app.store.log.event import Actor
from app.store.mongo.moments import now
from app.store.open import open_directory
from app.store.sign_on.logouts import Place
from app.store.sign_on.sessions import Session, Sessions
from tests.blueprints.conftest import PATCH_URN, USER_URN
from tests.moments import next_millisecond
from tests.relay import relay
from tests.store.test_costs import profiled
from tests.tenants import delete_for_good

CONFIG = Config.from_environment({})
USER = {"schemas": [USER_URN], "userName": "ann@example.com", "active": True}


@pytest.fixture
def tenant(database):
    return Tenants(database).create("contoso", "gallery")


@pytest.fixture
def directory(database, tenant):
    return open_directory(CONFIG, database, tenant)


@pytest.fixture
def provider(directory):
    return Provider(directory, Queries(directory, Cursors(b"0" * 43 + b"="), "contoso"), PROFILES["gallery"], Actor())


@pytest.fixture
def sessions(database):
    return Sessions(database)


@pytest.fixture
def follower(database, tenant):
    """Return a follower that has read everything so far, while somebody else is signed in."""
    one = new_follower(database)
    relay(database)
    sign_in(Sessions(database), "somebody", "tailspin")
    assert one.round() == 0
    return one


def new_follower(database):
    return Follower(database, 90, lambda tenant: open_directory(CONFIG, database, tenant))


def follow(database, follower):
    relay(database)
    return follower.round()


def create(provider, name="ann@example.com"):
    projection = Projection.parse(USER_TYPE, None, None)
    return provider.create(USER_TYPE, USER | {"userName": name}, projection).resource["id"]


def switch(provider, user, *, active):
    operation = {"op": "replace", "path": "active", "value": active}
    provider.patch(USER_TYPE, user, {"schemas": [PATCH_URN], "Operations": [operation]}, None)


def sign_in(sessions, user, tenant="contoso", **changes):
    moment = now()
    about = {"tenant": tenant, "user": user, "connection": "sso_1", "auth_time": moment, "apps": ("app_1",)}
    return sessions.open(Session(**about | {"expires": moment + timedelta(hours=8)} | changes))[0]


def reasons(database):
    """Return why sessions have ended, as their apps will be told."""
    return sorted(row["reason"] for row in database.db.logouts.find())


def test_sso_73_the_sessions_of_a_disabled_user_end(database, provider, sessions, follower):
    ann, ben = create(provider), create(provider, "ben@example.com")
    cookies = [sign_in(sessions, each) for each in (ann, ann, ben)]
    switch(provider, ann, active=False)
    assert follow(database, follower) == 2
    assert [sessions.by_cookie("contoso", cookie) is None for cookie in cookies] == [True, True, False]
    assert reasons(database) == ["disabled", "disabled"]
    assert follow(database, follower) == 0


def test_sso_73_the_sessions_of_a_deleted_user_end(database, provider, sessions, follower):
    user = create(provider)
    sign_in(sessions, user)
    provider.delete(USER_TYPE, user)
    assert follow(database, follower) == 1
    assert reasons(database) == ["deleted"]


def test_sso_73_the_sessions_of_a_suspended_tenant_end_and_those_of_others_go_on(
    database, provider, sessions, follower
):
    cookies = [sign_in(sessions, create(provider)), sign_in(sessions, "u", "fabrikam")]
    Tenants(database).suspend("contoso")
    assert follow(database, follower) == 1
    assert sessions.by_cookie("contoso", cookies[0]) is None
    assert sessions.by_cookie("fabrikam", cookies[1]) is not None
    assert reasons(database) == ["suspended"]


def test_sso_74_reactivating_a_user_brings_no_session_back_and_leaves_new_ones(database, provider, sessions, follower):
    user = create(provider)
    old = sign_in(sessions, user)
    switch(provider, user, active=False)
    switch(provider, user, active=True)
    next_millisecond()
    new = sign_in(sessions, user)
    assert follow(database, follower) == 1
    assert sessions.by_cookie("contoso", old) is None
    assert sessions.by_cookie("contoso", new) is not None
    assert reasons(database) == ["disabled"]


def test_a_session_ends_that_began_a_moment_after_the_event_by_another_clock(database, provider, sessions, follower):
    user = create(provider)
    switch(provider, user, active=False)
    sign_in(sessions, user)
    assert follow(database, follower) == 1


def test_nothing_else_that_happens_to_a_user_ends_a_session(database, provider, sessions, follower):
    user = create(provider)
    cookie = sign_in(sessions, user)
    operation = {"op": "replace", "path": "userName", "value": "new@example.com"}
    provider.patch(USER_TYPE, user, {"schemas": [PATCH_URN], "Operations": [operation]}, None)
    assert follow(database, follower) == 0
    assert sessions.by_cookie("contoso", cookie) is not None


def test_a_new_follower_goes_on_where_the_last_one_was_killed(database, provider, sessions, follower):
    user = create(provider)
    sign_in(sessions, user)
    switch(provider, user, active=False)
    relay(database)
    assert new_follower(database).round() == 1
    assert follower.round() == 0


def test_two_followers_at_once_tell_each_app_once(database, provider, sessions, follower):
    users = [create(provider, f"user-{number}@example.com") for number in range(20)]
    for user in users:
        sign_in(sessions, user)
        switch(provider, user, active=False)
    relay(database)
    followers = [follower, *(new_follower(database) for _ in range(3))]
    with ThreadPoolExecutor(len(followers)) as threads:
        assert sum(threads.map(lambda one: one.round(), followers)) == 20
    assert reasons(database) == ["disabled"] * 20


def test_a_follower_reads_all_of_many_events(database, provider, sessions, follower, monkeypatch):
    monkeypatch.setattr(endings, "_BATCH", 2)
    users = [create(provider, f"user-{number}@example.com") for number in range(5)]
    for user in users:
        sign_in(sessions, user)
        switch(provider, user, active=False)
    assert follow(database, follower) == 5


@pytest.mark.parametrize("number", [None, 2**60])
def test_where_the_place_is_lost_everybody_who_is_signed_in_is_looked_at(
    database, provider, sessions, follower, number
):
    ann, ben = create(provider), create(provider, "ben@example.com")
    cookies = [sign_in(sessions, each) for each in (ann, ben)]
    switch(provider, ann, active=False)
    relay(database)
    if number is None:
        database.db.server.delete_one({"_id": "endings"})
    else:
        Place(database).begin_anew(number)
    assert new_follower(database).round() == 1
    assert [sessions.by_cookie("contoso", cookie) is None for cookie in cookies] == [True, False]
    switch(provider, ben, active=False)
    assert follow(database, new_follower(database)) == 1


def test_a_new_tenant_is_not_taken_for_a_deleted_one_with_its_name(database, provider, sessions, follower):
    Tenants(database).suspend("contoso")
    relay(database)
    delete_for_good(database, "contoso")
    Tenants(database).create("contoso", "gallery")
    cookie = sign_in(sessions, "u")
    assert follow(database, follower) == 0
    assert sessions.by_cookie("contoso", cookie) is not None


def test_sso_07_while_nobody_is_signed_in_no_event_is_read_and_nothing_written(database, provider, sessions):
    follower, user = new_follower(database), create(provider)
    switch(provider, user, active=False)
    relay(database)
    database.db.command("profile", 2)
    assert follower.round() == 0
    database.db.command("profile", 0)
    assert [(row["op"], row["ns"].split(".")[1]) for row in database.db.system.profile.find({})] == [("query", "sessions"), ("query", "leases")]
    sign_in(sessions, user)
    assert follower.round() == 1
    assert reasons(database) == ["disabled"]


def test_where_everybody_is_looked_at_many_are_read_at_once(database, provider, sessions, follower):
    users = [create(provider, f"user-{number}@example.com") for number in range(60)]
    for user in users:
        sign_in(sessions, user)
    relay(database)
    switch(provider, users[7], active=False)
    relay(database)
    database.db.server.delete_one({"_id": "endings"})
    with profiled(database) as cost:
        assert new_follower(database).round() == 1
    assert len([each for each in cost.commands if each.startswith("users ")]) <= 3, cost


def test_who_signs_in_after_a_rest_is_looked_at_and_followed(database, provider, sessions):
    follower, user = new_follower(database), create(provider)
    assert follower.round() == 0
    cookie = sign_in(sessions, user)
    assert follower.round() == 0
    assert sessions.by_cookie("contoso", cookie) is not None
    switch(provider, user, active=False)
    assert follow(database, follower) == 1


def test_sso_74_who_signs_in_after_a_rest_and_is_disabled_for_a_moment_is_out(database, provider, sessions):
    """Between two rounds of the follower, the first of which had nobody to look after."""
    follower, user = new_follower(database), create(provider)
    relay(database)
    assert follower.round() == 0
    cookie = sign_in(sessions, user)
    switch(provider, user, active=False)
    switch(provider, user, active=True)
    assert follow(database, follower) == 1
    assert sessions.by_cookie("contoso", cookie) is None
    assert reasons(database) == ["disabled"]


def test_sso_77_an_operator_ends_sessions(database, sessions):
    cookie = sign_in(sessions, "u")
    assert Endings(database, 90).end("contoso", {"user": "u"}, "operator", Actor("command line: alice")) == 1
    assert sessions.by_cookie("contoso", cookie) is None
