"""Limits: nobody below theirs is refused, and the workers count together."""

from datetime import timedelta

import pytest
from pymongo.read_concern import ReadConcern

from app.auth import Authenticator, Limits, TokenEndpoint, TokenRequest
from app.auth.credential_cache import CredentialCache
from app.auth.limits import rate_limits
from app.auth.limits.rate_limits import rate_of
from app.errors import Forbidden, TooManyRequests, Unauthorized
from app.protocol.messages import error_message
from app.store.accounts.clients import Clients
from app.store.accounts.shared_buckets import SharedBuckets

FIGURES = {name: getattr(rate_limits, name) for name in ("ROOM", "ROOM_SECONDS", "TOKEN_REQUESTS", "WRONG_CREDENTIALS")}
ROOM, ROOM_SECONDS, TOKEN_REQUESTS, WRONG_CREDENTIALS = 300, 3, 50, 60


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    """A fifth of what the limits are, since each part of one is a write."""
    for name in FIGURES:
        monkeypatch.setattr(rate_limits, name, globals()[name])


def test_what_the_limits_are():
    assert FIGURES == {"ROOM": 1_500, "ROOM_SECONDS": 15, "TOKEN_REQUESTS": 300, "WRONG_CREDENTIALS": 100}


class Still:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.now = 1_800_000_000.25

    def __call__(self):
        return self.now


@pytest.fixture
def database(real_database):
    """The real MongoDB: the buckets are changed by pipelines, which mongomock does not have."""
    return real_database


@pytest.fixture
def still():
    return Still()


def allowed(times, act, *arguments):
    """How often an act is allowed."""
    count = 0
    for _ in range(times):
        try:
            act(*arguments)
            count += 1
        except TooManyRequests:
            pass
    return count


def spend(database, still, amount):
    """Use up the room of `acme`, as another worker would."""
    SharedBuckets(database).add("requests:acme", amount, 25.0, still.now)


def test_sc_16_one_worker_is_exact(database, still):
    limits = Limits(database, 100, still)
    assert allowed(600, limits.count_request, "acme") == ROOM
    for seconds in (1, 2, 0.5):
        still.now += seconds
        assert allowed(300, limits.count_request, "acme") == 100 * seconds


@pytest.mark.parametrize("workers", [2, 8])
@pytest.mark.parametrize("limit", [25, 100, 1_000])
def test_sc_16_workers_count_together(database, still, workers, limit):
    each = [Limits(database, limit, still) for _ in range(workers)]
    rate = rate_of(limit)
    count = sum(allowed(1, each[n % workers].count_request, "acme") for n in range(rate.room + 3 * workers * rate.batch))
    assert rate.room <= count <= rate.room + workers * rate.batch
    still.now += 60
    count = sum(allowed(1, each[n % workers].count_request, "acme") for n in range(rate.room + 3 * workers * rate.batch))
    assert rate.room <= count <= rate.room + workers * rate.batch


@pytest.mark.parametrize("workers", [1, 3])
def test_sc_16_who_sends_its_rate_is_never_refused(database, still, workers):
    """However it comes: one by one, in bursts of a second, over one worker or all of them."""
    each = [Limits(database, 25, still) for _ in range(workers)]
    for second in range(40):
        for number in range(25):
            each[(number + second) % workers].count_request("acme")
            if second % 2:
                still.now += 1 / 25
        if not second % 2:
            still.now += 1


def test_sc_16_what_an_outage_of_a_minute_has_held_back_is_let_in(database, still, monkeypatch):
    monkeypatch.setattr(rate_limits, "ROOM", FIGURES["ROOM"])
    limits = Limits(database, 25, still)
    assert allowed(60, limits.count_request, "acme") == 60
    still.now += 60
    assert allowed(60, limits.count_request, "acme", None, 25) == 60


def test_in_the_long_run_nobody_has_more_than_the_rate(database, still):
    workers = [Limits(database, 100, still) for _ in range(4)]
    count = 0
    for _ in range(100):
        count += sum(allowed(10, worker.count_request, "acme") for worker in workers)
        still.now += 0.1
    assert ROOM + 10 * 100 - 40 <= count <= ROOM + 10 * 100 + 40


def test_a_worker_that_comes_late_is_told_at_its_first_report(database, still):
    first, second = Limits(database, 100, still), Limits(database, 100, still)
    assert allowed(400, first.count_request, "acme") == ROOM
    assert allowed(200, second.count_request, "acme") < rate_of(100).batch


def test_fa_09_a_bulk_takes_as_much_as_it_has_operations(database, still):
    limits = Limits(database, 25, still)
    Limits(database, 25, still).count_request("acme", None, 200)  # another worker's
    for _ in range(3):
        with pytest.raises(TooManyRequests) as refused:
            limits.count_request("acme", None, 200)
        assert refused.value.headers["Retry-After"] == "4"  # 100 are missing
    assert allowed(120, limits.count_request, "acme") == 100  # what was refused was not counted
    still.now += 60
    limits.count_request("acme", None, 200)


def test_fa_09_a_tenant_may_have_a_rate_of_its_own(database, still):
    limits = Limits(database, 100, still)
    assert allowed(700, limits.count_request, "acme", 200) == 600
    assert allowed(400, limits.count_request, "globex", 25) == ROOM
    still.now += 1
    assert allowed(500, limits.count_request, "acme", 200) == 200
    assert allowed(500, limits.count_request, "globex", 25) == 25
    assert allowed(400, Limits(database, None, still).count_request, "initech", 25) == ROOM


def test_a_clock_that_is_behind_changes_nothing(database, still):
    shared = SharedBuckets(database)
    assert shared.add("requests:acme", 100, 10.0, still.now) == 100
    assert shared.add("requests:acme", 1, 10.0, still.now - 30) == 101
    assert shared.add("requests:acme", 1, 10.0, still.now + 5) == 52
    assert shared.add("requests:acme", 1, 10.0, still.now + 60) == 1


def test_n_05_a_request_is_held_against_the_limit_of_the_process_that_it_reaches(database, still):
    usual, raised = Limits(database, 100, still), Limits(database, 300, still)
    assert allowed(400, usual.count_request, "acme") == ROOM
    assert allowed(1_000, raised.count_request, "acme") > ROOM


def test_few_requests_cost_nothing(database, still):
    assert allowed(9, Limits(database, 100, still).count_request, "acme") == 9
    assert database.db.counters.count_documents({}) == 0


def test_many_requests_cost_a_write_in_ten(database, still, monkeypatch):
    added = []
    add = SharedBuckets.add
    monkeypatch.setattr(SharedBuckets, "add", lambda self, *given: added.append(given[1]) or add(self, *given))
    limits = Limits(database, 100, still)
    allowed(400, limits.count_request, "acme")
    assert added == [10] * (ROOM // 10)
    assert SharedBuckets(database).add("requests:acme", 0, 100.0, still.now) == ROOM


def test_a_bucket_is_forgotten_when_it_is_empty(database, still):
    SharedBuckets(database).add("requests:acme", ROOM, 100.0, still.now)
    [row] = database.db.counters.with_options(read_concern=ReadConcern("local")).find()
    assert row["forget"].timestamp() == still.now + ROOM / 100 + 60


def test_tenants_do_not_share(database, still):
    limits = Limits(database, 25, still)
    assert allowed(400, limits.count_request, "acme") == ROOM
    assert allowed(400, limits.count_request, "globex") == ROOM


def test_off(database, still):
    limits = Limits(database, None, still)
    for act in (limits.count_request, limits.count_token_request, limits.count_wrong_credential):
        assert allowed(5_000, act, "x") == 5_000
    assert database.db.counters.count_documents({}) == 0


def test_the_answer_says_for_how_long(database, still):
    limits = Limits(database, 25, still)
    allowed(WRONG_CREDENTIALS, limits.count_wrong_credential, "192.0.2.1")
    still.now += 0.2
    allowed(ROOM, limits.count_request, "acme")
    with pytest.raises(TooManyRequests) as caught:
        limits.count_wrong_credential("192.0.2.1")
    assert caught.value.headers["Retry-After"] == "1"
    with pytest.raises(TooManyRequests) as caught:
        limits.count_request("acme")
    assert caught.value.headers["Retry-After"] == "1"
    assert error_message(caught.value)["status"] == "429"
    assert caught.value.tenant == "acme"


def test_a_refused_tenant_is_noted_once_a_minute(database, still):
    each = [Limits(database, 25, still), Limits(database, None, still)]
    assert [limits.may_log("acme") for limits in each * 3].count(True) == 1
    still.now += 61
    assert [limits.may_log("acme") for limits in each * 3].count(True) == 1


def test_wrong_credentials_and_token_requests_have_their_own_limits(database, still):
    a, b = Limits(database, 25, still), Limits(database, 25, still)
    assert allowed(40, a.count_wrong_credential, "192.0.2.1") == 40
    assert allowed(40, b.count_wrong_credential, "192.0.2.1") == 20
    assert allowed(20, b.count_wrong_credential, "192.0.2.2") == 20
    assert allowed(100, a.count_token_request, "acme") == TOKEN_REQUESTS
    assert allowed(25, a.count_request, "acme") == 25


def test_an_ipv6_network_is_one_address(database, still):
    limits = Limits(database, 25, still)
    assert sum(allowed(1, limits.count_wrong_credential, f"2001:db8::{n:x}") for n in range(90)) == WRONG_CREDENTIALS
    assert allowed(1, limits.count_wrong_credential, "2001:db8:0:1::1") == 1


def test_what_is_kept_is_bounded(database, still, monkeypatch):
    monkeypatch.setattr("app.auth.limits.buckets.MOST_BUCKETS", 10)
    limits = Limits(database, 100, still)
    for n in range(50):
        limits.count_request(f"tenant-{n}")
    assert len(limits._requests._buckets) == 10


def test_wrong_tokens_end_in_429_and_good_ones_go_on(database, tenants, tokens, still):
    authenticator = Authenticator(database, limits=Limits(database, 100, still), clock=still)
    good, _ = tokens.issue("acme")
    for _ in range(WRONG_CREDENTIALS):
        with pytest.raises(Unauthorized):
            authenticator.authenticate("acme", "wrong", "192.0.2.1")
    with pytest.raises(TooManyRequests):
        authenticator.authenticate("acme", "wrong", "192.0.2.1")
    with pytest.raises(TooManyRequests):
        authenticator.authenticate("globex", good, "192.0.2.1")
    assert authenticator.authenticate("acme", good, "192.0.2.1")
    with pytest.raises(Unauthorized):
        authenticator.authenticate("acme", None, "192.0.2.1")


def test_a_tenants_requests_end_in_429(database, tenants, tokens, still):
    authenticator = Authenticator(database, limits=Limits(database, 25, still), clock=still)
    good, _ = tokens.issue("acme")
    spend(database, still, ROOM - 10)
    assert allowed(100, authenticator.authenticate, "acme", good) == 10


def test_fa_09_another_rate_is_taken_up_within_five_seconds(database, tenants, tokens, still):
    authenticator = Authenticator(database, limits=Limits(database, 25, still), clock=still, cache=CredentialCache(still))
    good, _ = tokens.issue("acme")
    assert allowed(400, authenticator.authenticate, "acme", good) == ROOM
    tenants.limit("acme", 1_000)
    still.now += 5
    assert allowed(600, authenticator.authenticate, "acme", good) == 600
    tenants.limit("acme", None)
    still.now += 5
    assert allowed(10, authenticator.authenticate, "acme", good) == 0


def test_who_is_not_let_in_does_not_use_up_a_tenants_requests(database, tenants, tokens, still):
    authenticator = Authenticator(database, limits=Limits(database, 25, still), clock=still)
    for _ in range(50):
        with pytest.raises(Unauthorized):
            authenticator.authenticate("acme", "wrong")
    good, _ = tokens.issue("acme")
    assert allowed(400, authenticator.authenticate, "acme", good) == ROOM


def test_the_token_endpoint_ends_in_429(database, tenants, still):
    endpoint = TokenEndpoint(database, limits=Limits(database, 25, still), clock=still)
    body = b"grant_type=client_credentials&client_id=x&client_secret=y"
    answers = allowed(WRONG_CREDENTIALS + 50, lambda: endpoint.answer(TokenRequest("acme", body, address="192.0.2.1")))
    assert answers == WRONG_CREDENTIALS


def test_a_higher_limit_raises_the_others(database, still):
    limits = Limits(database, 1_000, still)
    assert allowed(10 * WRONG_CREDENTIALS + 50, limits.count_wrong_credential, "192.0.2.1") == 10 * WRONG_CREDENTIALS


def test_requests_without_a_credential_are_401_for_ever_and_fill_no_log(database, tenants, still):
    authenticator = Authenticator(database, limits=Limits(database, 100, still), clock=still)
    errors = []
    for _ in range(WRONG_CREDENTIALS + 50):
        with pytest.raises(Unauthorized) as caught:
            authenticator.authenticate("acme", None, "192.0.2.1")
        errors.append(caught.value)
    assert len({repr((error_message(error), error.headers)) for error in errors}) == 1
    assert sum(error.refusal is not None for error in errors) == WRONG_CREDENTIALS


def test_access_tokens_end_in_429(database, tenants, still):
    client, secret = Clients(database).create("acme", lifetime=timedelta(days=1_000))
    endpoint = TokenEndpoint(database, limits=Limits(database, 25, still), clock=still)
    body = f"grant_type=client_credentials&client_id={client.id}&client_secret={secret}".encode()
    assert allowed(TOKEN_REQUESTS + 20, lambda: endpoint.answer(TokenRequest("acme", body))) == TOKEN_REQUESTS


def test_a_suspended_tenant_is_limited_too(database, tenants, tokens, still):
    """Each of its refusals is a line in the log."""
    authenticator = Authenticator(database, limits=Limits(database, 25, still), clock=still)
    good, _ = tokens.issue("acme")
    tenants.suspend("acme")
    spend(database, still, ROOM - 20)
    kinds = []
    for _ in range(60):
        with pytest.raises((Forbidden, TooManyRequests)) as caught:
            authenticator.authenticate("acme", good)
        kinds.append(type(caught.value).__name__)
    assert kinds.count("AccessRefused") == 20
