"""Codes and the tokens for them: good once, for their app and tenant, and for a while."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from app.store.mongo.moments import now
from app.store.sign_on.app_tokens import AppTokens
from app.store.sign_on.codes import Codes, Grant, Replayed

GRANT = Grant(
    tenant="contoso", app="app_1", session="sid", user="u", redirect_uri="https://app.example.com/cb",
    scope="openid profile", challenge="c" * 43, auth_time=now(), nonce="n", acr="a", amr=("pwd", "mfa"),
)


@pytest.fixture
def codes(database, clock):
    return Codes(database, clock)


@pytest.fixture
def tokens(database, clock):
    return AppTokens(database, clock)


def test_sso_98_a_code_is_taken_once_and_the_second_time_is_a_theft(codes):
    code = codes.create(GRANT)
    assert code.startswith("scimd_code_")
    taken = codes.take("contoso", "app_1", code)
    assert taken.grant == GRANT
    assert not codes.is_replayed("contoso", taken.id)
    with pytest.raises(Replayed) as caught:
        codes.take("contoso", "app_1", code)
    assert (caught.value.id, caught.value.session) == (taken.id, "sid")
    assert codes.is_replayed("contoso", taken.id)


def test_sso_98_nothing_that_is_stored_is_the_code(codes, database):
    code = codes.create(GRANT)
    assert code not in str(database.db.codes.find_one())


def test_au_4_a_foreign_app_or_tenant_neither_gets_nor_burns_the_code(codes):
    code = codes.create(GRANT)
    assert codes.take("contoso", "app_2", code) is None
    assert codes.take("fabrikam", "app_1", code) is None
    assert codes.take("contoso", "app_1", code + "x") is None
    assert codes.take("contoso", "app_1", code).grant == GRANT


def test_sso_98_a_code_is_good_for_a_minute(codes, clock):
    code = codes.create(GRANT)
    clock.moment += timedelta(seconds=60)
    assert codes.take("contoso", "app_1", code) is None
    clock.moment -= timedelta(seconds=1)
    assert codes.take("contoso", "app_1", code) is not None


def test_sso_123_of_eight_at_once_one_gets_the_code(codes):
    code = codes.create(GRANT)

    def take(_):
        try:
            return codes.take("contoso", "app_1", code)
        except Replayed:
            return None

    with ThreadPoolExecutor(8) as pool:
        assert sum(taken is not None for taken in pool.map(take, range(8))) == 1


def test_sso_99_a_token_is_found_by_its_text_in_its_tenant_for_ten_minutes(codes, tokens, clock, database):
    text = tokens.issue(codes.take("contoso", "app_1", codes.create(GRANT)))
    found = tokens.find("contoso", text)
    assert (found.app, found.session, found.user, found.scope) == ("app_1", "sid", "u", "openid profile")
    assert tokens.find("fabrikam", text) is None
    assert tokens.find("contoso", text[:-1] + ("0" if text[-1] != "0" else "1")) is None
    assert tokens.find("contoso", "scimd_at_") is None
    assert text not in str(database.db.app_tokens.find_one())
    clock.moment += timedelta(minutes=10)
    assert tokens.find("contoso", text) is None


def test_op_06_the_tokens_of_a_stolen_code_are_revoked_and_no_others(codes, tokens):
    stolen, other = (codes.take("contoso", "app_1", codes.create(replace(GRANT, nonce=nonce))) for nonce in "ab")
    texts = [tokens.issue(stolen), tokens.issue(other)]
    tokens.revoke_of_code("contoso", "sid", stolen.id)
    assert [tokens.find("contoso", text) is not None for text in texts] == [False, True]


def test_pe_14_a_code_that_was_used_is_not_good_again_when_the_clock_is_set_back(codes, tokens, clock):
    code = codes.create(GRANT)
    taken = codes.take("contoso", "app_1", code)
    token = tokens.issue(taken)
    clock.moment -= timedelta(hours=1)
    with pytest.raises(Replayed) as caught:
        codes.take("contoso", "app_1", code)
    tokens.revoke_of_code("contoso", caught.value.session, caught.value.id)
    clock.moment -= timedelta(hours=1)
    assert tokens.find("contoso", token) is None
