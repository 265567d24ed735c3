"""Tokens at the door: who is let in, and that every refusal looks the same to the client."""

from datetime import timedelta

import pytest

from app.auth import Principal, require_read, require_write
from app.auth.credential_cache import LIFETIME
from app.auth.refusal import ago, loggable
from app.errors import Forbidden, Unauthorized
from app.protocol.messages import error_message
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens


def refused(authenticator, tenant, token):
    with pytest.raises(Unauthorized) as caught:
        authenticator.authenticate(tenant, token)
    return caught.value


def test_a_good_token(authenticator, tokens):
    text, token = tokens.issue("acme", label="entra-prod", user="u1")
    principal = authenticator.authenticate("acme", text)
    assert principal.tenant.name == "acme"
    assert principal.tenant.profile == "gallery"
    assert (principal.credential_id, principal.kind, principal.label, principal.user_id) == (
        token.id, "token", "entra-prod", "u1")


def test_several_live_at_once(authenticator, tokens):
    old, new = tokens.issue("acme")[0], tokens.issue("acme")[0]
    assert authenticator.authenticate("acme", old)
    assert authenticator.authenticate("acme", new)


BROKEN = {
    "wrong secret": lambda good: good[:-1] + ("0" if good[-1] != "0" else "1"),
    "truncated": lambda good: good[:-1],
    "lengthened": lambda good: good + "0",
    "upper case": str.upper,
    "secret alone": lambda good: good.rpartition("_")[2],
    "id alone": lambda good: good.rpartition("_")[0],
    "another id": lambda good: good[:6] + "0" * 12 + good[18:],
    "two of them": lambda good: f"{good},Bearer {good}",
    "blank before it": lambda good: " " + good,
    "line end": lambda good: good + "\n",
    "garbage": lambda good: "garbage",
    "blank": lambda good: " ",
    "NUL": lambda good: "\0",
    "surrogate": lambda good: "\ud800",
    "long": lambda good: "x" * 100_000,
    "operator": lambda good: '{"$gt": ""}',
    "JWT-like": lambda good: "eyJhbGciOiJub25lIn0.e30.",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_b1_broken_tokens_are_all_refused_alike(authenticator, tokens, broken):
    good, _ = tokens.issue("acme")
    error = refused(authenticator, "acme", BROKEN[broken](good))
    assert error.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert error_message(error) == error_message(refused(authenticator, "acme", None))


@pytest.mark.parametrize("nothing", [None, ""])
def test_b1_no_token_gets_no_error_code(authenticator, nothing):
    error = refused(authenticator, "acme", nothing)
    assert error.headers["WWW-Authenticate"] == 'Bearer realm="scimd"'
    assert str(error.refusal) == "credential: none was sent"


def test_b4_another_tenants_token_and_unknown_tenants_look_alike(authenticator, tokens):
    text, token = tokens.issue("acme", label="prod")
    foreign, unknown = refused(authenticator, "globex", text), refused(authenticator, "nobody", text)
    assert error_message(foreign) == error_message(unknown) == error_message(refused(authenticator, "acme", "x"))
    assert foreign.headers == unknown.headers
    assert str(foreign.refusal) == f'token: of another tenant (id {token.id}, label "prod")'


def test_b44_expired(authenticator, tokens, clock):
    text, token = tokens.issue("acme", lifetime=timedelta(days=90), label="entra-prod")
    assert authenticator.authenticate("acme", text)
    clock.forward(92.5 * 86_400)
    assert str(refused(authenticator, "acme", text).refusal) == (
        f'token: expired 2 days ago (id {token.id}, label "entra-prod")')


def test_b44_expiry_ends_what_is_remembered(authenticator, tokens, clock):
    text, _ = tokens.issue("acme", lifetime=timedelta(seconds=2))
    assert authenticator.authenticate("acme", text)
    clock.forward(2)
    assert "expired" in str(refused(authenticator, "acme", text).refusal)


def test_b44_revoked_within_five_seconds(authenticator, tokens, clock):
    text, token = tokens.issue("acme")
    assert authenticator.authenticate("acme", text)
    tokens.revoke(token.id)
    assert LIFETIME < 5
    clock.forward(LIFETIME)
    assert "token: revoked" in str(refused(authenticator, "acme", text).refusal)


def test_suspended_is_403_and_only_for_those_inside(authenticator, tokens, tenants, clock):
    text, _ = tokens.issue("acme")
    tenants.suspend("acme")
    with pytest.raises(Forbidden) as caught:
        authenticator.authenticate("acme", text)
    assert "suspended" in caught.value.detail
    assert refused(authenticator, "acme", "wrong")
    tenants.resume("acme")
    clock.forward(LIFETIME)
    assert authenticator.authenticate("acme", text)


def test_a_suspension_takes_effect_within_five_seconds(authenticator, tokens, tenants, clock):
    text, _ = tokens.issue("acme")
    assert authenticator.authenticate("acme", text)
    tenants.suspend("acme")
    clock.forward(LIFETIME)
    with pytest.raises(Forbidden):
        authenticator.authenticate("acme", text)


def test_a_deleted_tenant_is_refused(authenticator, tokens, database, clock):
    text, _ = tokens.issue("acme")
    assert authenticator.authenticate("acme", text)
    TenantDeletion(database).delete("acme")
    clock.forward(LIFETIME)
    assert refused(authenticator, "acme", text)


def test_one_read_for_a_token_and_none_for_one_seen_a_moment_ago(authenticator, tokens, reads):
    text, _ = tokens.issue("acme")
    authenticator.authenticate("acme", text)
    assert reads == ["tokens", "tenants"]
    for _ in range(10):
        authenticator.authenticate("acme", text)
    assert reads == ["tokens", "tenants"]


@pytest.mark.parametrize("broken", BROKEN)
def test_every_refusal_costs_the_same_read(authenticator, tokens, reads, broken):
    good, _ = tokens.issue("acme")
    refused(authenticator, "acme", BROKEN[broken](good))
    assert reads == ["tokens"]


def test_refusals_are_not_remembered(authenticator, tokens, reads):
    for _ in range(3):
        refused(authenticator, "acme", "garbage")
    assert reads == ["tokens"] * 3


def test_what_is_remembered_is_bounded_and_holds_no_token(authenticator, tokens, monkeypatch):
    monkeypatch.setattr("app.auth.credential_cache.MOST", 3)
    texts = [tokens.issue("acme")[0] for _ in range(5)]
    for text in texts:
        authenticator.authenticate("acme", text)
    entries = authenticator._cache._entries
    assert len(entries) == 3
    assert not any(text in repr(entries) for text in texts)


def test_what_is_remembered_is_of_one_tenant(authenticator, tokens):
    text, _ = tokens.issue("acme")
    assert authenticator.authenticate("acme", text)
    assert refused(authenticator, "globex", text)


def test_use_is_noted(authenticator, tokens):
    text, token = tokens.issue("acme")
    authenticator.authenticate("acme", text)
    assert tokens.find(token.id).used


@pytest.mark.parametrize(("text", "length"), [("x", "1 character"), ("xy", "2 characters")])
def test_a_refusal_tells_how_long_the_text_is(authenticator, text, length):
    assert refused(authenticator, "acme", text).refusal.checks[0].received == length


def test_a_refusal_tells_the_checks_and_no_secret(authenticator, tokens):
    good, token = tokens.issue("acme", label="prod")
    wrong = BROKEN["wrong secret"](good)
    refusal = refused(authenticator, "acme", wrong).refusal
    assert [(check.name, check.passed) for check in refusal.checks] == [("form", True), ("id", True), ("secret", False)]
    assert refusal.credential_id == token.id
    for secret in (good, wrong, good.rpartition("_")[2], wrong.rpartition("_")[2], token.hash):
        assert secret not in repr(refusal)


def test_scopes_are_enforced(tenants):
    def principal(*scopes):
        return Principal(tenants.require("acme"), "7f3a", "token", frozenset(scopes))

    require_read(principal("scim.read"))
    require_write(principal("scim.write"))
    for check, scope in ((require_read, "scim.read"), (require_write, "scim.write")):
        other = {"scim.read", "scim.write"} - {scope}
        with pytest.raises(Forbidden) as caught:
            check(principal(*other))
        assert caught.value.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}"'
        assert str(caught.value.refusal) == f"token: has no scope {scope} (id 7f3a)"


def test_time_in_words(tenants):
    now = tenants.require("acme").created
    spans = {timedelta(days=-2): "2 days ago", timedelta(hours=-25): "1 day ago", timedelta(minutes=-90): "1 hour ago",
             timedelta(seconds=-1): "1 second ago", timedelta(0): "just now", timedelta(minutes=5): "in 5 minutes"}
    assert {span: ago(now + span, now) for span in spans} == spans


def test_stores_can_be_asked_by_two_workers(database, tenants, tokens):
    """Nothing but the database is shared: what one process writes another reads."""
    text, token = tokens.issue("acme")
    Tokens(database).revoke(token.id)
    assert tokens.find(token.id).revoked
    assert Tenants(database).get("acme")


@pytest.mark.timeout(30)
def test_fa_01_what_is_shown_of_a_long_text_costs_no_more_than_of_a_short_one():
    """64 KB of `eyJ` as a client_id took 7 s, of a client that nobody had let in."""
    assert loggable("eyJ" * 1_400_000) == "(a secret)"
    assert loggable("eyJ " * 1_400_000).endswith("...")
    assert loggable("x eyJhbGciOi.eyJpc3MiOi.c2ln y") == "x (a secret) y"
    assert "eyJ" not in loggable(f"x eyJ{'a' * 500}.{'b' * 5_000}.c2ln y")


@pytest.mark.parametrize(("received", "written"), [
    ("a b", "a b"), (None, "nothing"), (True, "true"), (["a", "b"], '["a", "b"]'), ({"a": None}, '{"a": null}'), (1.5, "1.5"),
])
def test_what_was_received_is_written_as_it_was_sent(received, written) -> None:
    assert loggable(received) == written
