"""Links and visits: who has a link gets in as often as it is good for, and nobody stays in longer than their visit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.config import Config
from app.errors import Conflict, NotFound
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.moments import now
from app.store.open import collections
from app.store.operators.credentials import SECRET, TOKEN, TRUST, Limit
from app.store.operators.links import MOST_OF_A_TENANT, MOST_WRONG_CODES, Links, WrongCode
from app.store.operators.visits import CONSOLE, IDLE, LONGEST, MOST_FORMS, SETUP, Visits

HOUR = timedelta(hours=1)
WHO = {"kind": CONSOLE, "who": "alice", "role": "operator", "address": "192.0.2.1", "agent": "Firefox"}


class Clock:
    def __init__(self):
        self.moment = now()

    def __call__(self):
        return self.moment


@pytest.fixture
def database(reused_database):
    reused_database.prepare(collections(Config.from_environment({})))
    Tenants(reused_database).create("contoso", "gallery")
    return reused_database


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def links(database, clock):
    return Links(database, clock)


@pytest.fixture
def visits(database, clock):
    return Visits(database, clock)


def test_ca_06_a_link_into_the_console_lets_one_of_eight_in(links):
    secret = links.make_console("operator", "alice")
    with ThreadPoolExecutor(8) as pool:
        entered = list(pool.map(lambda _: links.enter(secret, CONSOLE), range(8)))
    assert [link.who for link in entered if link] == ["alice"]
    assert links.get(secret, CONSOLE) is None


def test_co_20_a_link_into_the_console_is_good_for_five_minutes(links, clock):
    secret = links.make_console("viewer", "bob")
    assert links.get(secret, CONSOLE).role == "viewer"
    clock.moment += timedelta(minutes=5)
    assert links.get(secret, CONSOLE) is None
    assert links.enter(secret, CONSOLE) is None


@pytest.mark.parametrize("change", [str.swapcase, lambda secret: secret[:-1], lambda _: "", lambda _: "\udc80"])
def test_ca_06_a_link_that_is_not_the_very_one_lets_nobody_in(links, change):
    secret = links.make_console("operator", "alice")
    assert links.enter(change(secret), CONSOLE) is None
    assert links.enter(secret, SETUP) is None
    assert links.enter(secret, CONSOLE)


def test_ca_07_scanners_that_open_a_setup_link_do_not_use_it_up(links, clock):
    secret, code = links.make_setup("contoso", "setup", "alice", 72 * HOUR)
    assert code == ""
    assert all(links.enter(secret, SETUP) for _ in range(50))
    (link,) = links.of_tenant("contoso")
    assert (link.opened, link.last, link.role, link.who) == (50, pytest.approx(clock.moment, abs=HOUR), "setup", "alice")
    clock.moment += 72 * HOUR
    assert links.enter(secret, SETUP) is None


def test_ca_07_a_link_with_a_code_ends_with_the_fifth_wrong_one(links):
    secret, code = links.make_setup("contoso", "setup", "alice", HOUR, coded=True)
    assert len(code) == 8 and code.isdigit()
    wrong = f"{(int(code) + 1) % 10**8:08}"
    for left in range(MOST_WRONG_CODES - 1, 0, -1):
        with pytest.raises(WrongCode, match=f"{left} attempts? left"):
            links.enter(secret, SETUP, wrong)
    assert links.enter(secret, SETUP, f"{code[:4]}-{code[4:]}").tenant == "contoso"
    assert not links.has_ended(secret) and links.of_tenant("contoso", ended=True) == []
    with pytest.raises(WrongCode, match="has ended"):
        links.enter(secret, SETUP, wrong)
    assert links.enter(secret, SETUP, code) is None
    assert links.has_ended(secret) and links.of_tenant("contoso") == []
    assert [each.attempts for each in links.of_tenant("contoso", ended=True)] == [0] and links.of_tenant("fabrikam", ended=True) == []


@pytest.mark.parametrize("typo", ["", "12", "1234567", "123456789", "1234 567a", "abcdefgh", "١٢٣٤٥٦٧٨"])
def test_what_is_not_eight_digits_is_not_counted(links, typo):
    secret, code = links.make_setup("contoso", "setup", "alice", HOUR, coded=True)
    for _ in range(2 * MOST_WRONG_CODES):
        with pytest.raises(WrongCode, match="not counted") as refused:
            links.enter(secret, SETUP, typo)
    assert not refused.value.counted
    assert links.enter(secret, SETUP, code).tenant == "contoso"


def test_a_link_that_was_revoked_or_has_expired_did_not_end_by_its_code(links, clock):
    made = [links.make_setup("contoso", "setup", "alice", (1 + number) * HOUR, coded=True) for number in range(2)]
    for secret, code in made:
        for _ in range(MOST_WRONG_CODES - 1):
            with pytest.raises(WrongCode):
                links.enter(secret, SETUP, f"{(int(code) + 1) % 10**8:08}")
    links.revoke(links.of_tenant("contoso")[1].id)
    (secret, code), (revoked, _) = made
    with pytest.raises(WrongCode):
        links.enter(secret, SETUP, f"{(int(code) + 1) % 10**8:08}")
    assert (links.has_ended(secret), links.has_ended(revoked), links.has_ended("never-made")) == (True, False, False)
    clock.moment += 2 * HOUR
    assert not links.has_ended(secret) and links.of_tenant("contoso", ended=True) == []


def test_ca_07_a_tenant_has_five_setup_links_at_most(links):
    made = [links.make_setup("contoso", "status", "alice", HOUR) for _ in range(MOST_OF_A_TENANT)]
    with pytest.raises(Conflict, match="scimd setup list contoso"):
        links.check_room("contoso")
    links.check_room("fabrikam")
    links.revoke(links.of_tenant("contoso")[0].id)
    assert sum(1 for secret, _ in made if links.get(secret, SETUP)) == MOST_OF_A_TENANT - 1
    links.check_room("contoso")


def test_ca_07_the_sixth_link_is_counted_where_it_is_made(links, database):
    """A link that was just stored may not be known to a majority yet, and a query beside the transaction misses it."""

    def work(session):
        for _ in range(MOST_OF_A_TENANT):
            links.make_setup("contoso", "status", "alice", HOUR, session=session)
        links.check_room("contoso")  # what is not committed is not seen outside
        with pytest.raises(Conflict):
            links.check_room("contoso", session)

    database.transaction(work)


def test_co_83_the_fourth_secret_is_counted_where_it_is_made(database):
    def work(session):
        limit = Limit(3, "setup pages", (SECRET, TOKEN))
        for number in range(3):
            limit.check(database, "contoso", session)
            make = (Clients(database).create, Tokens(database).issue)[number % 2]
            make("contoso", lifetime=HOUR * 48, label="setup pages", session=session)
        Tokens(database).issue("contoso", label="by an operator", session=session)
        with pytest.raises(Conflict, match="revoke one first"):
            limit.check(database, "contoso", session)
        Limit(1, "setup pages", (TRUST,)).check(database, "contoso", session)
        Tokens(database).revoke(Tokens(database).of_tenant("contoso", session)[0].id, session)
        limit.check(database, "contoso", session)

    database.transaction(work)


def test_co_24_an_unknown_link_cannot_be_revoked(links):
    links.make_setup("contoso", "setup", "alice", HOUR)
    for link_id in ("", "0" * 12, "a", '{"$gt":""}'):
        with pytest.raises(NotFound):
            links.revoke(link_id)
    assert len(links.of_tenant("contoso")) == 1


def test_co_25_each_entry_has_a_new_cookie_and_ends_the_browsers_earlier_visit(visits):
    first, _ = visits.open(**WHO)
    second, _ = visits.open(former=first, **WHO)
    planted = "planted"
    third, _ = visits.open(former=planted, **WHO)
    assert len({first, second, third, planted}) == 4
    assert visits.get(first, CONSOLE) is None
    assert visits.get(planted, CONSOLE) is None
    assert visits.get(second, CONSOLE).who == "alice"
    assert visits.get(second, SETUP) is None


def test_co_26_a_visit_ends_after_eight_hours_or_a_pause(visits, clock):
    secret, _ = visits.open(**WHO)
    for _ in range(int(LONGEST / IDLE[CONSOLE]) * 2 - 1):
        clock.moment += IDLE[CONSOLE] / 2
        assert visits.get(secret, CONSOLE)
    clock.moment += IDLE[CONSOLE] / 2
    assert visits.get(secret, CONSOLE) is None
    other, _ = visits.open(**WHO)
    clock.moment += IDLE[CONSOLE] / 2
    assert visits.get(other, CONSOLE, touch=False)  # a live part does not prolong it
    clock.moment += IDLE[CONSOLE] / 2
    assert visits.get(other, CONSOLE) is None
    assert visits.list() == []


def test_co_26_visits_are_listed_and_ended(visits):
    (first, _), (second, _) = visits.open(**WHO), visits.open(**WHO | {"who": "bob"})
    listed = {each.who: each.id for each in visits.list()}
    assert set(listed) == {"alice", "bob"}
    assert visits.end_named(listed["alice"]) == 1
    assert (visits.get(first, CONSOLE), visits.get(second, CONSOLE).who) == (None, "bob")
    assert visits.end_named("") == 0
    assert visits.end() == 1


def test_co_32_the_path_that_was_asked_for_is_kept_for_the_next_entry(visits):
    secret, back = visits.open(**WHO)
    assert back == ""
    visits.come_back(visits.get(secret, CONSOLE), "/console/customers/contoso/credentials")
    assert visits.open(former=secret, **WHO)[1] == "/console/customers/contoso/credentials"


def test_co_34_a_form_with_a_secret_in_its_answer_is_used_once(visits):
    secret, _ = visits.open(**WHO)
    visit = visits.get(secret, CONSOLE)
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: visits.use_form(visit, "a"), range(8)))[-2:] == [False, True]
    assert all(visits.use_form(visit, f"form-{number}") for number in range(MOST_FORMS - 1))
    assert not visits.use_form(visit, "one more")
