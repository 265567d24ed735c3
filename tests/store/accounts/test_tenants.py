"""Tenants: their names, their life, and that nothing of a deleted one is left."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.auth.credential_cache import LIFETIME
from app.config import Config
from app.errors import Conflict, InvalidValue, NotFound
from app.protocol.profile import PROFILES as PROFILE_ROWS
from app.schemas.meta import first_meta
from app.store.accounts import tenant_deletion
from app.store.accounts import tenants as rows
from app.store.accounts.names import check_name
from app.store.accounts.tenant_deletion import TenantDeletion, finish_deletions
from app.store.accounts.tenants import ALL_TENANTS, BeingDeleted, Tenants, tenant_id
from app.store.directory import totals
from app.store.log.changes import Request
from app.store.log.event import Actor
from app.store.mongo.database import REQUEST_SECONDS
from app.store.open import open_directory
from tests.tenants import as_a_minute_later, delete_for_good


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


def test_ev_63_the_id_of_a_tenant_is_its_creation_in_milliseconds_in_hexadecimal(tenants):
    assert tenant_id(datetime(2026, 11, 28, 17, 15, 9, 123_000, UTC)) == "1a2232751c3"
    created = tenants.create("acme", "gallery")
    assert created.tenant_id == tenant_id(created.created) == tenants.require("acme").tenant_id


def test_ev_63_a_tenant_made_again_under_its_name_has_another_id(tenants, memory):
    first = tenants.create("acme", "gallery")
    delete_for_good(memory, "acme")
    assert tenants.create("acme", "gallery").tenant_id != first.tenant_id


def test_d_591_no_two_tenants_have_one_id(tenants, monkeypatch):
    moment = datetime(2026, 11, 28, 17, 15, 9, 123_000, UTC)
    monkeypatch.setattr(rows, "now", lambda: moment)
    found = [tenants.create(name, "gallery").created for name in ("a", "b", "c")]
    assert found == [moment + timedelta(milliseconds=number) for number in range(3)]
    monkeypatch.setattr(rows, "now", lambda: moment - timedelta(hours=1))  # somebody has set the clock
    assert tenants.create("d", "gallery").created == moment + timedelta(milliseconds=3)
    monkeypatch.setattr(rows, "now", lambda: moment + timedelta(hours=1))
    assert tenants.create("e", "gallery").created == moment + timedelta(hours=1)


@pytest.mark.parametrize("in_transaction", [True, False])
def test_d_591_tenants_that_many_create_at_once_have_ids_of_their_own(database, monkeypatch, in_transaction):
    moment = rows.now()
    monkeypatch.setattr(rows, "now", lambda: moment)
    tenants = Tenants(database)

    def create(number):
        if in_transaction:
            return database.transaction(lambda session: tenants.create(f"t-{number}", "gallery", session))
        return tenants.create(f"t-{number}", "gallery")

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(create, range(24)))
    assert len({tenant.tenant_id for tenant in made}) == 24


def test_one_name_is_one_tenant(tenants):
    tenants.create("acme", "gallery")
    with pytest.raises(Conflict, match="'acme' is taken"):
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
    with pytest.raises(InvalidValue, match="the server reserves it"):
        check_name(name)


@pytest.mark.parametrize("name", ["changes", "snapshot", "streams", "webhooks", "jwks", ALL_TENANTS])
def test_ev_81_names_of_the_feeds_routes_are_reserved_and_a_tenant_that_has_one_goes_on(tenants, memory, name):
    with pytest.raises(InvalidValue, match="cannot be a name"):
        tenants.create(name, "rfc")
    memory.db.tenants.insert_one({"_id": name, "profile": "rfc", "created": rows.now(), "suspended": False})
    tenants.suspend(name)
    assert tenants.require(name).suspended


def test_unknown_profile(tenants):
    with pytest.raises(InvalidValue, match="gallery, interop, rfc"):
        tenants.create("acme", "okta")


def test_suspended_and_resumed(tenants):
    tenants.create("acme", "gallery")
    tenants.suspend("acme")
    assert tenants.require("acme").suspended
    tenants.resume("acme")
    assert not tenants.require("acme").suspended


@pytest.mark.parametrize("act", ["suspend", "resume", "require"])
def test_unknown_tenant(tenants, act):
    with pytest.raises(NotFound, match="no tenant 'acme'"):
        getattr(tenants, act)("acme")


def test_an_unknown_tenant_cannot_be_deleted(memory):
    with pytest.raises(NotFound, match="no tenant 'acme'"):
        TenantDeletion(memory).delete("acme")


def test_deleted_with_all_its_data_and_nobody_elses(tenants, memory):
    for name in ("acme", "globex"):
        tenants.create(name, "gallery")
        for collection in ("users", "memberships", "a_custom_type", "tokens"):
            memory.db[collection].insert_many({"tenant": name, "n": n} for n in range(3))
    TenantDeletion(memory).delete("acme")
    assert tenants.get("acme") is None
    assert tenants.get("globex")
    for collection in ("users", "memberships", "a_custom_type", "tokens"):
        assert memory.db[collection].count_documents({"tenant": "acme"}) == 0
        assert memory.db[collection].count_documents({"tenant": "globex"}) == 3


def test_more_than_one_batch_is_deleted(tenants, memory, monkeypatch):
    monkeypatch.setattr(tenant_deletion, "_BATCH", 2)
    tenants.create("acme", "gallery")
    memory.db.users.insert_many({"tenant": "acme"} for _ in range(5))
    TenantDeletion(memory).delete("acme")
    assert memory.db.users.count_documents({}) == 0


def test_fa_05_what_comes_after_a_deletion_is_deleted_with_the_tombstone(tenants, memory):
    tenants.create("acme", "gallery")
    TenantDeletion(memory).delete("acme")
    memory.db.users.insert_one({"tenant": "acme"})  # by a worker that remembers the credential
    assert finish_deletions(memory, rows.now()) == 0
    as_a_minute_later(memory, "acme")
    assert finish_deletions(memory, rows.now()) == 1
    assert memory.db.users.count_documents({}) == memory.db.tenants.count_documents({}) == 0


def test_fa_05_nobody_gets_the_name_before_all_requests_are_over(tenants, memory):
    tenants.create("acme", "gallery")
    TenantDeletion(memory).delete("acme")
    for _ in range(2):
        with pytest.raises(BeingDeleted, match=r"deleted a moment ago; it is free at \d\d:\d\d:\d\d UTC"):
            tenants.create("acme", "gallery")
        with pytest.raises(BeingDeleted):
            TenantDeletion(memory).finish("acme")
    as_a_minute_later(memory, "acme")
    memory.db.users.insert_one({"tenant": "acme"})
    TenantDeletion(memory).finish("acme")
    assert tenants.create("acme", "gallery") == tenants.get("acme")
    assert memory.db.users.count_documents({}) == 0


def test_fa_05_a_deleted_tenant_is_no_tenant(tenants, memory):
    tenants.create("acme", "gallery")
    TenantDeletion(memory).delete("acme")
    assert tenants.list() == []
    for act in ("suspend", "resume", "require"):
        with pytest.raises(NotFound):
            getattr(tenants, act)("acme")


def test_fa_05_the_name_is_kept_for_longer_than_anybody_remembers_it():
    assert timedelta(seconds=LIFETIME + REQUEST_SECONDS) * 2 < rows.GRACE


def test_fa_05_totals_that_are_put_back_during_a_deletion_go_too(database, monkeypatch):
    """The janitor of another process adds up the log after `counts` was emptied and before `events` is."""
    tenants = Tenants(database)
    directory = open_directory(Config.from_environment({}), database, tenants.create("acme", "rfc"))
    user = directory.catalogue.named("User")
    resource = {"schemas": [user.schema.id], "id": "1", "userName": "jane", "meta": first_meta("User", rows.now())}
    directory.create(user, resource, (), Request("create", Actor()))
    delete_from = TenantDeletion._delete_from

    def slowly(self, collection, name):
        if collection == "events":
            assert totals.settle(database) <= 1
        return delete_from(self, collection, name)

    monkeypatch.setattr(TenantDeletion, "_delete_from", slowly)
    monkeypatch.setattr(database.db, "list_collection_names", lambda: ["users", "counts", "events"])
    TenantDeletion(database).delete("acme")
    assert [list(database.db[name].find({"tenant": "acme"})) for name in ("users", "counts", "events")] == [[], [], []]


def test_fa_05_a_killed_deletion_goes_on(tenants, memory, monkeypatch):
    tenants.create("acme", "gallery")
    memory.db.users.insert_one({"tenant": "acme"})
    with monkeypatch.context() as patch:
        patch.setattr(TenantDeletion, "_delete_all", killed)
        with pytest.raises(KeyboardInterrupt):
            TenantDeletion(memory).delete("acme")
    assert tenants.get("acme") is None
    TenantDeletion(memory).delete("acme")
    assert memory.db.users.count_documents({}) == 0


def killed(*_):
    raise KeyboardInterrupt


def test_fa_03_the_loser_of_two_creations_deletes_nothing(database):
    """B has seen that there is no tenant; A creates it, and a user is stored; B goes on."""
    TenantDeletion(database).finish("acme")
    Tenants(database).create("acme", "rfc")
    database.db.users.insert_one({"tenant": "acme"})
    with pytest.raises(Conflict, match="'acme' is taken"):
        Tenants(database).create("acme", "rfc")
    assert database.db.users.count_documents({"tenant": "acme"}) == 1


def test_fa_03_of_many_creations_at_once_one_wins(database):
    tenants = Tenants(database)

    def create(number):
        try:
            return database.transaction(lambda session: tenants.create("acme", "rfc", session))
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [each for each in pool.map(create, range(8)) if each]
    assert made == [tenants.get("acme")]


def test_fa_05_what_another_process_deletes_is_not_the_end(tenants, memory, monkeypatch):
    """Each worker finishes deletions: where two read the same documents, one finds its own batch gone."""
    monkeypatch.setattr(tenant_deletion, "_BATCH", 2)
    tenants.create("acme", "gallery")
    memory.db.users.insert_many({"tenant": "acme"} for _ in range(7))
    deletion = TenantDeletion(memory)
    deletion.begin("acme")
    as_a_minute_later(memory, "acme")
    delete_batch, number = deletion._delete_batch, iter(range(100))

    def after_the_other(collection, name, ids, session):
        if next(number) % 2 == 0:
            collection.delete_many({"_id": {"$in": ids}})
        return delete_batch(collection, name, ids, session)

    monkeypatch.setattr(deletion, "_delete_batch", after_the_other)
    deletion.finish("acme")
    assert memory.db.users.count_documents({}) == memory.db.tenants.count_documents({}) == 0


def test_fa_05_what_an_earlier_version_has_left_is_deleted_before_the_name_is_taken_again(tenants, memory):
    for name in ("acme", "globex"):
        memory.db.users.insert_one({"tenant": name})
    tenants.create("globex", "gallery")
    for name in ("acme", "globex"):
        TenantDeletion(memory).finish(name)
    assert [row["tenant"] for row in memory.db.users.find()] == ["globex"]
    assert tenants.create("acme", "gallery") == tenants.get("acme")


def test_fa_05_eight_workers_finish_one_deletion_and_leave_nothing(database):
    Tenants(database).create("acme", "rfc")
    for number in range(10):
        rows = ({"tenant": "acme", "group": f"g{number}", "member": f"m{each}"} for each in range(1_000))
        database.db.memberships.insert_many(rows)
    TenantDeletion(database).begin("acme")
    as_a_minute_later(database, "acme")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: TenantDeletion(database).finish("acme"), range(8)))
    assert database.db.memberships.count_documents({}) == database.db.tenants.count_documents({}) == 0


def test_fa_03_who_clears_up_late_takes_nothing_from_a_new_tenant(database, monkeypatch):
    """Two clear up behind one tenant; the first ends, the name is taken again, and then the second goes on."""
    tenants, deletion, late = Tenants(database), TenantDeletion(database), TenantDeletion(database)
    tenants.create("acme", "rfc")
    database.db.users.insert_one({"_id": "old", "tenant": "acme"})
    deletion.delete("acme")
    database.db.users.insert_one({"_id": "stray", "tenant": "acme"})
    as_a_minute_later(database, "acme")
    delete_batch = late._delete_batch

    def after_the_others(*arguments):
        if not tenants.get("acme"):
            deletion.finish("acme")
            tenants.create("acme", "rfc")
            database.db.users.insert_many([{"_id": "stray", "tenant": "acme"}, {"_id": "new", "tenant": "acme"}])
        return delete_batch(*arguments)

    monkeypatch.setattr(late, "_delete_batch", after_the_others)
    late.finish("acme")
    assert database.db.users.count_documents({"tenant": "acme"}) == 2
    assert tenants.get("acme")
