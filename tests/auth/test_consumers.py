"""Credentials of consumers: the scope of the feed, and the tokens of all tenants."""

import time
from datetime import timedelta

import pytest

from app.auth import EVERY_TENANT, Authenticator, Limits, require_events, require_read, require_write
from app.auth.credential_cache import LIFETIME, CredentialCache
from app.auth.limits.rate_limits import ROOM
from app.errors import Forbidden, InvalidValue, TooManyRequests, Unauthorized
from app.protocol.messages import error_message
from app.store.accounts.clients import Clients
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tokens import DEFAULT_SCOPES, EVENTS_READ, SCOPES, Tokens
from app.store.accounts.trusts import Conditions
from tests.auth.issuer import AUDIENCE, SUBJECT


@pytest.fixture
def all_tenants(tokens):
    """Return a token of all tenants."""
    return tokens.issue(ALL_TENANTS, scopes=[EVENTS_READ], label="copy")[0]


def refused(call, *arguments):
    with pytest.raises(Unauthorized) as caught:
        call(*arguments)
    return caught.value


def test_ev_79_the_scope_of_the_feed_is_given_by_name_only(tokens, database, trusts):
    conditions = Conditions("bearer", issuer="https://sts.example.com/", audiences=["a"])
    given = [
        tokens.issue("acme")[1].scopes, Clients(database).create("acme", lifetime=timedelta(days=1))[0].scopes,
        trusts.add("acme", conditions).scopes,
    ]
    assert given == [frozenset(DEFAULT_SCOPES)] * 3
    assert EVENTS_READ not in DEFAULT_SCOPES
    named = [
        tokens.issue("acme", scopes=SCOPES)[1].scopes,
        Clients(database).create("acme", lifetime=timedelta(days=1), scopes=SCOPES)[0].scopes,
        trusts.add("acme", conditions, scopes=SCOPES).scopes,
    ]
    assert named == [frozenset({"scim.read", "scim.write", "events.read"})] * 3


def test_ev_79_entras_token_does_not_open_the_feed(authenticator, tokens):
    principal = authenticator.authenticate_consumer("acme", tokens.issue("acme")[0])
    with pytest.raises(Forbidden) as caught:
        require_events(principal)
    assert caught.value.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="events.read"'


def test_ev_79_a_consumer_of_one_tenant(authenticator, tokens):
    text, token = tokens.issue("acme", scopes=[EVENTS_READ])
    principal = authenticator.authenticate_consumer("acme", text)
    require_events(principal)
    assert (principal.tenant.name, principal.credential_id, principal.owner) == ("acme", token.id, "acme")
    for check in (require_read, require_write):
        with pytest.raises(Forbidden):
            check(authenticator.authenticate("acme", text))
    for other in ("globex", "nobody", "*", None):
        refused(authenticator.authenticate_consumer, other, text)


def test_ev_79_a_trust_may_have_the_scope(authenticator, trusts, issuer, tenants):
    conditions = Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE], subject=SUBJECT)
    trusts.add("acme", conditions, scopes=[EVENTS_READ])
    principal = authenticator.authenticate_consumer("acme", issuer.token())
    require_events(principal)
    assert principal.kind == "JWT"
    refused(authenticator.authenticate_consumer, None, issuer.token())


@pytest.mark.parametrize("scopes", [(), DEFAULT_SCOPES, SCOPES, ("scim.read", "events.read")])
def test_ev_80_a_token_of_all_tenants_has_the_scope_of_the_feed_and_no_other(tokens, scopes):
    with pytest.raises(InvalidValue, match="must have the scope events.read and no other"):
        tokens.issue(ALL_TENANTS, scopes=scopes)
    assert tokens.of_tenant(ALL_TENANTS) == []


def test_ev_80_a_token_of_all_tenants_opens_the_feed_of_each_and_of_all(authenticator, all_tenants):
    for _ in range(2):  # read, and then remembered
        for name in ("acme", "globex"):
            principal = authenticator.authenticate_consumer(name, all_tenants)
            require_events(principal)
            assert (principal.tenant.name, principal.owner, principal.label) == (name, "*", "copy")
        principal = authenticator.authenticate_consumer(None, all_tenants)
        require_events(principal)
        assert (principal.tenant, principal.owner) == (EVERY_TENANT, "*")


def test_ev_80_a_token_of_all_tenants_never_opens_scim(authenticator, all_tenants, tokens, reads):
    foreign = tokens.issue("globex")[0]
    authenticator.authenticate_consumer("acme", all_tenants)  # which the door remembers
    authenticator.authenticate_consumer(None, all_tenants)
    for name in ("acme", "nobody", "*", "-", ""):
        del reads[:]
        error = refused(authenticator.authenticate, name, all_tenants)
        assert reads[0] == "tokens"
        as_foreign = refused(authenticator.authenticate, name, foreign)
        assert (error_message(error), error.headers) == (error_message(as_foreign), as_foreign.headers)
        if name != "*":  # which is looked for, and not found
            assert reads == ["tokens"] * 2
            assert "of another tenant" in str(error.refusal)


def test_ev_80_there_is_no_feed_of_a_tenant_that_does_not_exist(authenticator, all_tenants, tenants, database):
    TenantDeletion(database).delete("globex")
    authenticator.authenticate_consumer(None, all_tenants)
    for _ in range(2):
        for name in ("nobody", "*", "-", "globex"):
            refused(authenticator.authenticate_consumer, name, all_tenants)


@pytest.mark.parametrize("broken", [None, "", "garbage", "scimd_" + "0" * 12 + "_" + "0" * 64])
def test_ev_80_a_wrong_credential_opens_no_feed(authenticator, broken):
    for name in ("acme", None):
        refused(authenticator.authenticate_consumer, name, broken)


def test_ev_80_a_revoked_token_opens_nothing_five_seconds_later(authenticator, tokens, all_tenants, clock):
    for name in ("acme", None):
        authenticator.authenticate_consumer(name, all_tenants)
    [token] = tokens.of_tenant(ALL_TENANTS)
    assert token.used
    tokens.revoke(token.id)
    assert LIFETIME < 5
    clock.forward(LIFETIME)
    for name in ("acme", None):
        assert "revoked" in str(refused(authenticator.authenticate_consumer, name, all_tenants).refusal)


def test_ev_80_an_expired_token_opens_nothing(authenticator, tokens, clock):
    text = tokens.issue(ALL_TENANTS, scopes=[EVENTS_READ], lifetime=timedelta(days=1))[0]
    assert authenticator.authenticate_consumer(None, text)
    clock.forward(86_400)
    assert "expired" in str(refused(authenticator.authenticate_consumer, None, text).refusal)


def test_ev_80_a_suspension_stops_the_tenants_own_credentials(authenticator, tokens, tenants, all_tenants):
    own = tokens.issue("acme", scopes=[EVENTS_READ])[0]
    tenants.suspend("acme")
    with pytest.raises(Forbidden, match="suspended"):
        authenticator.authenticate_consumer("acme", own)
    assert authenticator.authenticate_consumer("acme", all_tenants).tenant.suspended


def test_ev_81_the_requests_of_all_tenants_are_limited_as_those_of_one(real_database):
    moment = time.time()
    for name in ("acme", "globex"):
        Tenants(real_database).create(name, "rfc", rate_limit=200)  # which is not the limit of all
    all_tenants = Tokens(real_database).issue(ALL_TENANTS, scopes=[EVENTS_READ])[0]
    own = Tokens(real_database).issue("acme", scopes=[EVENTS_READ])[0]
    limits = Limits(real_database, 100, lambda: moment)
    authenticator = Authenticator(real_database, limits=limits, cache=CredentialCache(lambda: moment))
    for number in range(ROOM):
        authenticator.authenticate_consumer((None, "acme", "globex")[number % 3], all_tenants)
    for name in (None, "acme", "globex"):
        with pytest.raises(TooManyRequests, match="More than 100 requests a second") as caught:
            authenticator.authenticate_consumer(name, all_tenants)
        assert (caught.value.tenant, caught.value.limit) == ("*", "rate")
    assert authenticator.authenticate_consumer("acme", own)
