"""How long what sign-on stores is kept: long enough to say why somebody was refused, and then MongoDB deletes it."""

from datetime import timedelta

import pytest

from app.store.accounts.tokens import hash_of
from app.store.log.events import Events, LogSettings
from app.store.mongo.moments import now
from app.store.sign_on.app_tokens import AppTokens
from app.store.sign_on.codes import Codes, Grant
from app.store.sign_on.logouts import End, end_sessions
from app.store.sign_on.sessions import Session, Sessions
from app.store.sign_on.sign_ins import SignIn, SignIns, new_state

GRANT = Grant(
    tenant="contoso", app="app_1", session="sid", user="u", redirect_uri="https://app.example.com/cb", scope="openid",
    challenge="c" * 43, auth_time=now(),
)


@pytest.fixture
def stored(database):
    """Store one of each kind, and return the collections."""
    SignIns(database).begin(SignIn(tenant="contoso", connection="sso_1", browser=hash_of("cookie"), purpose={"kind": "page"}), new_state())
    SignIns(database).use_assertion("contoso", "sso_1", "_1", now() + timedelta(hours=1))
    codes = Codes(database)
    AppTokens(database).issue(codes.take("contoso", "app_1", codes.create(GRANT)))
    moment = now()
    Sessions(database).open(Session(
        tenant="contoso", user="u", connection="sso_1", auth_time=moment, expires=moment + timedelta(hours=8), apps=("app_1",),
    ))
    end_sessions(database, "contoso", {}, End("operator", Events(database, "contoso", LogSettings(90))))
    return database.db


@pytest.mark.parametrize(("collection", "since", "until", "kept"), [
    ("sign_ins", "started", "expires", timedelta(minutes=10)), ("used_assertions", "used", "expires", timedelta(hours=1)),
    ("sessions", "ended", "forget", timedelta(days=7)), ("codes", "expires", "forget", timedelta(hours=1)),
    ("app_tokens", "expires", "forget", timedelta(days=1)), ("logouts", "created", "forget", timedelta(days=7)),
])
def test_sso_125_each_is_kept_for_its_time_and_then_deleted(stored, collection, since, until, kept):
    row = stored[collection].find_one()
    assert row[until] - row[since] == pytest.approx(kept, abs=timedelta(seconds=90))
    ends = [index for index in stored[collection].list_indexes() if index.get("expireAfterSeconds") == 0]
    assert [list(index["key"]) for index in ends] == [[until]]


def test_sso_125_a_session_that_has_run_out_is_kept_as_long(database):
    moment = now()
    Sessions(database).open(Session(tenant="contoso", user="u", connection="sso_1", auth_time=moment, expires=moment + timedelta(hours=8)))
    row = database.db.sessions.find_one()
    assert row["forget"] - row["expires"] == timedelta(days=7)
