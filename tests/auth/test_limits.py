"""Limits: nobody below his is refused, and the workers count together."""

from datetime import timedelta

import pytest

from app.auth import Authenticator, Limits, TokenEndpoint, TokenRequest
from app.auth.limits import REPORTS, TOKEN_REQUESTS, WRONG_CREDENTIALS
from app.errors import Forbidden, TooManyRequests, Unauthorized
from app.store.clients import Clients


class Still:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.now = 1_800_000_000.25

    def __call__(self):
        return self.now


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


def test_one_worker_is_exact(database, still):
    limits = Limits(database, 100, still)
    assert allowed(300, limits.request, "acme") == 100
    still.now += 1
    assert allowed(300, limits.request, "acme") == 100


@pytest.mark.parametrize("workers", [2, 4, 8])
@pytest.mark.parametrize("limit", [25, 100, 1_000])
def test_workers_count_together(database, still, workers, limit):
    each = [Limits(database, limit, still) for _ in range(workers)]
    count = sum(allowed(1, each[n % workers].request, "acme") for n in range(3 * limit))
    assert limit <= count <= limit + workers * (limit // REPORTS)


def test_a_worker_that_comes_late_is_told_at_its_first_report(database, still):
    first, second = Limits(database, 100, still), Limits(database, 100, still)
    assert allowed(200, first.request, "acme") == 100
    assert allowed(200, second.request, "acme") < 100 // REPORTS


def test_n_05_a_request_is_held_against_the_limit_of_the_process_that_it_reaches(database, still):
    usual, raised = Limits(database, 100, still), Limits(database, 300, still)
    assert allowed(500, usual.request, "acme") == 100
    assert allowed(500, raised.request, "acme") == 300


def test_few_requests_cost_nothing(database, still):
    assert allowed(9, Limits(database, 100, still).request, "acme") == 9
    assert database.db.counters.count_documents({}) == 0


def test_many_requests_cost_a_write_in_ten(database, still, monkeypatch):
    limits = Limits(database, 100, still)
    allowed(1_000, limits.request, "acme")
    [row] = database.db.counters.find()
    assert row["count"] == 100
    assert row["forget"].timestamp() >= still.now


def test_tenants_do_not_share(database, still):
    limits = Limits(database, 25, still)
    assert allowed(100, limits.request, "acme") == 25
    assert allowed(100, limits.request, "globex") == 25


def test_off(database, still):
    limits = Limits(database, None, still)
    for act in (limits.request, limits.token_request, limits.wrong_credential):
        assert allowed(500, act, "x") == 500
    assert database.db.counters.count_documents({}) == 0


def test_the_answer_says_for_how_long(database, still):
    limits = Limits(database, 25, still)
    still.now = 1_800_000_000.0 // 60 * 60 + 20.5
    allowed(WRONG_CREDENTIALS, limits.wrong_credential, "192.0.2.1")
    allowed(25, limits.request, "acme")
    with pytest.raises(TooManyRequests) as caught:
        limits.wrong_credential("192.0.2.1")
    assert caught.value.headers["Retry-After"] == "40"
    with pytest.raises(TooManyRequests) as caught:
        limits.request("acme")
    assert caught.value.headers["Retry-After"] == "1"
    assert caught.value.to_message()["status"] == "429"


def test_wrong_credentials_and_token_requests_have_their_own_limits(database, still):
    a, b = Limits(database, 25, still), Limits(database, 25, still)
    assert allowed(60, a.wrong_credential, "192.0.2.1") == 60
    assert allowed(60, b.wrong_credential, "192.0.2.1") == 40
    assert allowed(60, b.wrong_credential, "192.0.2.2") == 60
    assert allowed(500, a.token_request, "acme") == TOKEN_REQUESTS
    assert allowed(25, a.request, "acme") == 25


def test_an_ipv6_network_is_one_address(database, still):
    limits = Limits(database, 25, still)
    assert sum(allowed(1, limits.wrong_credential, f"2001:db8::{n:x}") for n in range(300)) == 100
    assert allowed(1, limits.wrong_credential, "2001:db8:0:1::1") == 1


def test_what_is_kept_is_bounded(database, still, monkeypatch):
    monkeypatch.setattr("app.auth.limits._MOST_COUNTS", 10)
    limits = Limits(database, 100, still)
    for n in range(50):
        limits.request(f"tenant-{n}")
    assert len(limits._often.storage._counts) == 10


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
    assert allowed(100, authenticator.authenticate, "acme", good) == 25


def test_who_is_not_let_in_does_not_use_up_a_tenants_requests(database, tenants, tokens, still):
    authenticator = Authenticator(database, limits=Limits(database, 25, still), clock=still)
    for _ in range(50):
        with pytest.raises(Unauthorized):
            authenticator.authenticate("acme", "wrong")
    good, _ = tokens.issue("acme")
    assert allowed(100, authenticator.authenticate, "acme", good) == 25


def test_the_token_endpoint_ends_in_429(database, tenants, still):
    endpoint = TokenEndpoint(database, limits=Limits(database, 25, still), clock=still)
    body = b"grant_type=client_credentials&client_id=x&client_secret=y"
    answers = allowed(WRONG_CREDENTIALS + 50, lambda: endpoint.answer(TokenRequest("acme", body, address="192.0.2.1")))
    assert answers == WRONG_CREDENTIALS


def test_a_higher_limit_raises_the_others(database, still):
    limits = Limits(database, 1_000, still)
    assert allowed(2_000, limits.wrong_credential, "192.0.2.1") == 10 * WRONG_CREDENTIALS


def test_requests_without_a_credential_are_401_for_ever_and_fill_no_log(database, tenants, still):
    authenticator = Authenticator(database, limits=Limits(database, 100, still), clock=still)
    errors = []
    for _ in range(WRONG_CREDENTIALS + 50):
        with pytest.raises(Unauthorized) as caught:
            authenticator.authenticate("acme", None, "192.0.2.1")
        errors.append(caught.value)
    assert len({repr((error.to_message(), error.headers)) for error in errors}) == 1
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
    kinds = []
    for _ in range(60):
        with pytest.raises((Forbidden, TooManyRequests)) as caught:
            authenticator.authenticate("acme", good)
        kinds.append(type(caught.value).__name__)
    assert kinds.count("AccessRefused") == 25
