"""Tokens: what they look like, what is stored of them, and their life."""

import re
from datetime import timedelta

import mongomock
import pytest

from app.errors import NotFound
from app.store.accounts import tokens as rows
from app.store.accounts.tokens import Tokens, is_secret, parse


@pytest.fixture
def memory(mock_database):
    return mock_database


@pytest.fixture
def tokens(memory):
    return Tokens(memory)


def test_recognisable_strong_and_short(tokens):
    text, token = tokens.issue("acme")
    assert re.fullmatch(r"scimd_[0-9a-f]{12}_[0-9a-f]{64}", text)  # 64 hex digits are 256 bits
    assert len(text) < 100
    assert parse(text)[0] == token.id


def test_no_two_are_equal(tokens):
    issued = [tokens.issue("acme")[0] for _ in range(50)]
    assert len({parse(text)[1] for text in issued}) == len(set(issued)) == 50


def test_the_secret_is_not_stored(tokens, memory):
    text, token = tokens.issue("acme", label="entra-prod")
    secret = parse(text)[1]
    assert secret not in repr(list(memory.db.tokens.find()))
    assert secret not in repr(token)
    assert is_secret(secret, tokens.find(token.id).hash)
    assert not is_secret(secret[:-1] + ("0" if secret[-1] != "0" else "1"), token.hash)


def test_record(tokens):
    _, token = tokens.issue("acme", lifetime=timedelta(days=90), label="entra-prod", scopes=["scim.read"], user="u1")
    found = tokens.find(token.id)
    assert found == token
    assert found.expires - found.created == timedelta(days=90)
    assert (found.label, found.scopes, found.user) == ("entra-prod", frozenset({"scim.read"}), "u1")


@pytest.mark.parametrize("text", [
    "", "scimd_", "scimd_7f3a", "Scimd_" + "0" * 12 + "_" + "0" * 64, "scimd_" + "0" * 12 + "_" + "0" * 63,
    "scimd_" + "0" * 12 + "_" + "0" * 65, "scimd_" + "0" * 12 + "_" + "A" * 64, "scimd_" + "0" * 12 + "_" + "0" * 64 + "\n",
    "scimd_" + "٠" * 12 + "_" + "0" * 64,
])
def test_what_is_no_token(text):
    assert parse(text) is None


def test_lists_those_of_one_tenant_and_no_access_tokens(tokens):
    ids = [tokens.issue("acme", label=str(n))[1].id for n in range(2)]
    tokens.issue("globex")
    tokens.issue("acme", client="client_1", lifetime=timedelta(hours=1))
    assert sorted(token.id for token in tokens.of_tenant("acme")) == sorted(ids)


def test_revoked_once(tokens):
    _, token = tokens.issue("acme")
    tokens.revoke(token.id)
    first = tokens.find(token.id).revoked
    tokens.revoke(token.id)
    assert first is not None
    assert tokens.find(token.id).revoked == first


def test_revoking_what_is_not_there(tokens):
    with pytest.raises(NotFound, match="no token 'abc'"):
        tokens.revoke("abc")


def test_access_tokens_of_a_client_are_revoked_together(tokens):
    mine = tokens.issue("acme", client="c1", lifetime=timedelta(hours=1))[1]
    others = [tokens.issue("acme", client="c2", lifetime=timedelta(hours=1))[1], tokens.issue("acme")[1],
              tokens.issue("globex", client="c1", lifetime=timedelta(hours=1))[1]]
    tokens.revoke_of_client("acme", "c1")
    assert tokens.find(mine.id).revoked
    assert not any(tokens.find(token.id).revoked for token in others)


def test_only_access_tokens_are_forgotten(tokens, memory):
    tokens.issue("acme", lifetime=timedelta(hours=1))
    tokens.issue("acme", client="c1", lifetime=timedelta(hours=1))
    assert memory.db.tokens.count_documents({"forget": {"$exists": True}}) == 1
    [row] = memory.db.tokens.find({"client": "c1"})
    assert row["forget"] - row["expires"] == rows.FORGET_AFTER


def test_use_is_noted_at_most_once_a_minute(tokens, memory, monkeypatch):
    _, token = tokens.issue("acme")
    tokens.record_use(token)
    first = tokens.find(token.id)
    assert first.used
    writes = []
    monkeypatch.setattr(mongomock.Collection, "update_one", lambda *args, **kwargs: writes.append(args))
    tokens.record_use(first)
    assert writes == []
