"""Sign-ins, links and tickets: each step is taken once, whoever comes at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.store.accounts.tokens import hash_of
from app.store.mongo.moments import now
from app.store.sign_on.links import Link, Links, forget
from app.store.sign_on.sign_ins import LIFETIME, LOOP, SignIn, SignIns, new_state
from app.store.sign_on.tickets import Tickets

THREADS = 8
SIGN_IN = SignIn(tenant="contoso", connection="sso_1", browser=hash_of("cookie"), purpose={"kind": "page"}, request="_1")
MS = timedelta(milliseconds=1)


@pytest.fixture
def sign_ins(database, clock):
    return SignIns(database, clock)


def at_once(work):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda _: work(), range(THREADS)))


def begun(sign_ins, sign_in=SIGN_IN):
    state = new_state()
    sign_ins.begin(sign_in, state)
    return state


def answered(sign_ins):
    state = begun(sign_ins)
    sign_ins.store_result(sign_ins.answer("contoso", state), {"user": "u"})
    return state


def test_sso_30_the_state_fits_into_a_relay_state_and_is_stored_as_a_hash(sign_ins, database):
    state = begun(sign_ins)
    assert len(state) == 43
    assert state not in str(database.db.sign_ins.find_one())


def test_sso_34_a_sign_in_is_good_for_one_answer(sign_ins):
    state = begun(sign_ins)
    found = sign_ins.answer("contoso", state)
    assert (found.connection, found.request, found.purpose, found.forced) == ("sso_1", "_1", {"kind": "page"}, False)
    assert sign_ins.answer("contoso", state) is None
    assert sign_ins.started("contoso", state) == found.started


def test_sso_34_a_sign_in_lives_for_ten_minutes(sign_ins, clock):
    first, second = begun(sign_ins), begun(sign_ins)
    clock.moment += LIFETIME - MS
    assert sign_ins.answer("contoso", first)
    clock.moment += MS
    assert sign_ins.answer("contoso", second) is None


def test_sa_59_a_state_belongs_to_its_tenant(sign_ins):
    state = begun(sign_ins)
    assert sign_ins.answer("fabrikam", state) is None
    assert sign_ins.get("fabrikam", state) is sign_ins.started("fabrikam", state) is None
    assert sign_ins.answer("contoso", state)


def test_sso_123_of_eight_answers_at_once_one_is_taken(sign_ins):
    state = begun(sign_ins)
    assert len([found for found in at_once(lambda: sign_ins.answer("contoso", state)) if found]) == 1


def test_sso_123_of_eight_requests_that_finish_at_once_one_does(sign_ins):
    found = sign_ins.answered("contoso", answered(sign_ins))
    assert sorted(at_once(lambda: sign_ins.finish(found))) == [False] * (THREADS - 1) + [True]


def test_a_sign_in_is_finished_once_it_has_a_result(sign_ins):
    state = begun(sign_ins)
    assert sign_ins.answered("contoso", state) is None
    sign_ins.answer("contoso", state)
    assert sign_ins.answered("contoso", state) is None
    state = answered(sign_ins)
    found = sign_ins.answered("contoso", state)
    assert found.result == {"user": "u"}
    assert sign_ins.finish(found)
    assert sign_ins.answered("contoso", state) is None


def test_sso_123_of_eight_uses_of_an_assertion_at_once_one_is_the_first(sign_ins):
    until = now() + LIFETIME
    found = at_once(lambda: sign_ins.use_assertion("contoso", "sso_1", "_assertion", until))
    assert found.count(None) == 1
    assert sign_ins.use_assertion("contoso", "sso_1", "_another", until) is None


def test_sso_38_a_browser_that_has_just_been_sent_on_is_not_sent_again(sign_ins, clock):
    begun(sign_ins)
    assert not sign_ins.is_looping("contoso", SIGN_IN.browser)
    begun(sign_ins, SignIn(**{**vars(SIGN_IN), "unsolicited": True}))
    assert sign_ins.is_looping("contoso", SIGN_IN.browser)
    assert not sign_ins.is_looping("contoso", hash_of("another"))
    clock.moment += LOOP
    assert not sign_ins.is_looping("contoso", SIGN_IN.browser)


def test_pe_09_of_eight_links_at_once_one_is_written_and_all_hold(database):
    links, link = Links(database, "contoso", "sso_1"), Link("subject", "user")
    assert at_once(lambda: links.pin(link, ())) == [True] * THREADS
    assert links.of("subject", "another") == links.of(None, "user") == [link]
    assert database.db.links.count_documents({}) == 1


def test_sso_63_a_link_that_contradicts_another_is_not_written(database):
    links = Links(database, "contoso", "sso_1")
    assert links.pin(Link("one", "u1"), ())
    assert not links.pin(Link("one", "u2"), ())
    assert not links.pin(Link("two", "u1"), ())
    assert Links(database, "contoso", "sso_2").pin(Link("one", "u2"), ())
    assert Links(database, "fabrikam", "sso_1").pin(Link("one", "u2"), ())
    assert links.pin(Link("one", "u2"), [Link("one", "u1")])
    assert links.of("one", "u1") == [Link("one", "u2")]


def test_sso_63_an_operator_forgets_the_subjects_of_a_user(database):
    links = Links(database, "contoso", "sso_1")
    links.pin(Link("one", "u1"), ())
    assert forget(database, "fabrikam", "u1") == 0
    assert forget(database, "contoso", "u1") == 1
    assert links.pin(Link("two", "u1"), ())


def test_sso_19_a_ticket_works_once_and_for_a_quarter_of_an_hour(database, clock):
    tickets = Tickets(database, clock)
    secret, late = tickets.create("contoso", "sso_1"), tickets.create("contoso", "sso_1")
    assert secret not in str(database.db.tickets.find_one())
    assert tickets.take("fabrikam", secret) is tickets.take("contoso", secret, "console") is None
    assert [found for found in at_once(lambda: tickets.take("contoso", secret)) if found] == [(hash_of(secret), "sso_1")]
    clock.moment += timedelta(minutes=15)
    assert tickets.take("contoso", late) is None


def test_sso_19_a_ticket_keeps_what_the_test_has_found(database):
    tickets = Tickets(database)
    secret = tickets.create("contoso", "sso_1")
    ticket, _ = tickets.take("contoso", secret)
    assert tickets.outcome("contoso", secret) is None
    tickets.report("contoso", ticket, {"passed": True})
    assert tickets.outcome("contoso", secret) == {"passed": True}
    assert tickets.outcome("fabrikam", secret) is None


def test_pe_14_nothing_that_was_used_is_good_again_when_the_clock_is_set_back(database, sign_ins, clock):
    state, until = answered(sign_ins), clock() + timedelta(hours=1)
    finished = answered(sign_ins)
    assert sign_ins.finish(sign_ins.answered("contoso", finished))
    assert sign_ins.use_assertion("contoso", "sso_1", "_1", until) is None
    tickets = Tickets(database, clock)
    ticket = tickets.create("contoso", "sso_1")
    assert tickets.take("contoso", ticket)
    for _ in range(3):
        clock.moment -= timedelta(hours=1)
        assert sign_ins.answer("contoso", state) is None
        assert sign_ins.answered("contoso", finished) is None
        assert sign_ins.use_assertion("contoso", "sso_1", "_1", until) is not None
        assert tickets.take("contoso", ticket) is None
