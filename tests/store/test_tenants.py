"""Tenants: their names, their life, and that nothing of a deleted one is left."""

import pytest

from app.errors import Conflict, InvalidValue, NotFound
from app.protocol.profile import PROFILES as PROFILE_ROWS
from app.store import tenants as rows
from app.store.tenants import Tenants, check_name


@pytest.fixture
def memory(mock_database):
    return mock_database


@pytest.fixture
def tenants(memory):
    return Tenants(memory)


def test_profiles_are_those_of_the_protocol():
    assert set(rows.PROFILES) == set(PROFILE_ROWS)


def test_n_20_entra_is_the_older_name_of_interop(tenants, memory):
    assert tenants.create("new", "entra").profile == "interop"
    memory.db.tenants.insert_one({"_id": "old", "profile": "entra", "created": rows.now(), "suspended": False})
    assert [(t.name, t.profile) for t in tenants.list()] == [("new", "interop"), ("old", "interop")]
    assert memory.db.tenants.find_one({"_id": "old"})["profile"] == "entra"  # the version before can still read it


def test_created_is_found_and_listed_by_name(tenants):
    tenants.create("b", "rfc")
    created = tenants.create("a", "gallery")
    assert tenants.get("a") == created
    assert created.created.tzinfo is not None
    assert [(t.name, t.profile, t.suspended) for t in tenants.list()] == [("a", "gallery", False), ("b", "rfc", False)]


def test_one_name_is_one_tenant(tenants):
    tenants.create("acme", "gallery")
    with pytest.raises(Conflict, match="'acme' already"):
        tenants.create("acme", "rfc")


@pytest.mark.parametrize("name", ["a", "0", "a-b", "contoso-2", "a" * 63])
def test_names_that_can_be(name):
    check_name(name)


@pytest.mark.parametrize("name", ["", "A", "a" * 64, "-a", "a-", "a_b", "a.b", "a b", "a/b", "ä", "a\n", "..", "%61", "a\0"])
def test_names_that_cannot_be(name):
    with pytest.raises(InvalidValue, match="1 to 63"):
        check_name(name)


@pytest.mark.parametrize("name", ["healthz", "readyz", "metrics", "console", "oauth", "static"])
def test_names_of_the_servers_own_routes(name):
    with pytest.raises(InvalidValue, match="keeps it for itself"):
        check_name(name)


def test_unknown_profile(tenants):
    with pytest.raises(InvalidValue, match="gallery, interop, rfc"):
        tenants.create("acme", "okta")


def test_suspended_and_resumed(tenants):
    tenants.create("acme", "gallery")
    tenants.suspend("acme")
    assert tenants.require("acme").suspended
    tenants.resume("acme")
    assert not tenants.require("acme").suspended


@pytest.mark.parametrize("act", ["suspend", "resume", "delete", "require"])
def test_unknown_tenant(tenants, act):
    with pytest.raises(NotFound, match="no tenant 'acme'"):
        getattr(tenants, act)("acme")


def test_deleted_with_all_its_data_and_nobody_elses(tenants, memory):
    for name in ("acme", "globex"):
        tenants.create(name, "gallery")
        for collection in ("users", "memberships", "a_custom_type", "tokens"):
            memory.db[collection].insert_many({"tenant": name, "n": n} for n in range(3))
    tenants.delete("acme")
    assert tenants.get("acme") is None
    assert tenants.get("globex")
    for collection in ("users", "memberships", "a_custom_type", "tokens"):
        assert memory.db[collection].count_documents({"tenant": "acme"}) == 0
        assert memory.db[collection].count_documents({"tenant": "globex"}) == 3


def test_more_than_one_batch_is_deleted(tenants, memory, monkeypatch):
    monkeypatch.setattr(rows, "_BATCH", 2)
    tenants.create("acme", "gallery")
    memory.db.users.insert_many({"tenant": "acme"} for _ in range(5))
    tenants.delete("acme")
    assert memory.db.users.count_documents({}) == 0


def test_a_new_tenant_inherits_nothing(tenants, memory):
    memory.db.users.insert_one({"tenant": "acme"})  # what a request wrote while the tenant before was being deleted
    tenants.create("acme", "gallery")
    assert memory.db.users.count_documents({}) == 0
