"""What consumers of all tenants are told: that a tenant was created, suspended, resumed, deleted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from app.store.accounts import tenant_deletion
from app.store.accounts import tenants as rows
from app.store.accounts.tenant_deletion import KEPT, TenantDeletion, finish_deletions
from app.store.accounts.tenants import BeingDeleted, TenantEvents, Tenants
from app.store.log import relay as relays
from app.store.log.batch import next_batch
from app.store.log.event import Actor
from app.store.log.events import Events, LogSettings
from app.store.log.outbox import OUTBOX
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from app.store.open import collections
from tests.store.log.conftest import COLLECTIONS, CONFIG, an_event, created, left, numbered, pend
from tests.tenants import as_a_minute_later, delete_for_good


@pytest.fixture
def database(reused_database: Database) -> Database:
    reused_database.prepare(collections(CONFIG))
    return reused_database


@pytest.fixture
def tenants(database: Database) -> Tenants:
    return Tenants(database, TenantEvents(database, Actor("command line: alice"), days=7))


@pytest.fixture
def relay(database: Database) -> Relay:
    return Relay(database, COLLECTIONS)


def told(database: Database) -> list[tuple[str, str]]:
    """Return what the log tells of tenants, in its order."""
    return [(event["type"], event["resource"]["id"]) for event in numbered(database) if event["tenant"] == "-"]


def left_of(database: Database, tenant: str) -> dict[str, Any]:
    """Return everything that has the tenant's name."""
    names = [name for name in database.db.list_collection_names() if name not in (*KEPT, "system.views")]
    return {name: rows for name in names if (rows := list(database.db[name].find({"tenant": tenant})))}


def test_ev_62_a_change_of_a_tenant_is_one_event_for_consumers_of_all(
    database: Database, tenants: Tenants, relay: Relay
) -> None:
    acme = tenants.create("acme", "rfc")
    for act in (tenants.suspend, tenants.suspend, tenants.resume, tenants.resume):
        act("acme")
    tenants.limit("acme", 30)
    assert relay.drain() == 3
    events = numbered(database)
    assert [(event["type"], event["operation"]) for event in events] == [
        ("scimd.tenant.created", "create"), ("scimd.tenant.suspended", "suspend"), ("scimd.tenant.resumed", "resume")]
    for event in events:
        assert event["resource"] == {"type": "Tenant", "id": "acme", "name": "acme"}
        assert (event["tenant"], event["tenantId"]) == ("-", acme.tenant_id)
        assert event["credential"] == "command line: alice"
        assert event["until"] - event["time"] == timedelta(days=7)
        assert "more" not in event
    assert left(database) == []
    assert tenants.require("acme").rate_limit == 30


def test_ev_62_a_change_that_is_not_committed_is_no_event(database: Database, tenants: Tenants, relay: Relay) -> None:
    tenants.create("acme", "rfc")

    def work(session: Any) -> None:
        tenants.create("globex", "rfc", session)
        tenants.suspend("acme", session)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.transaction(work)
    relay.drain()
    assert told(database) == [("scimd.tenant.created", "acme")]


def test_ev_62_of_many_suspensions_at_once_one_is_an_event(database: Database, tenants: Tenants, relay: Relay) -> None:
    tenants.create("acme", "rfc")
    with ThreadPoolExecutor(6) as pool:
        for _ in pool.map(lambda _: database.transaction(lambda session: tenants.suspend("acme", session)), range(6)):
            pass
    relay.drain()
    assert [kind for kind, _ in told(database)] == ["scimd.tenant.created", "scimd.tenant.suspended"]


def test_ev_10_consumers_are_told_of_a_deletion_when_nothing_of_the_tenant_can_come(
    database: Database, tenants: Tenants, relay: Relay
) -> None:
    acme = tenants.create("acme", "rfc")
    TenantDeletion(database, TenantEvents(database, Actor("command line: alice"), days=7)).delete("acme")
    pend(database, "users", "straggler", created(tenant="acme"), tenant="acme")  # by a worker that remembers a credential
    relay.drain()
    assert [event["type"] for event in numbered(database)] == ["scimd.tenant.created", "scimd.user.created"]
    as_a_minute_later(database, "acme")
    moment = rows.now()
    assert finish_deletions(database, moment) == 1
    assert relay.drain() == 1
    assert told(database) == [("scimd.tenant.created", "acme"), ("scimd.tenant.deleted", "acme")]
    event = numbered(database)[-1]
    assert (event["operation"], event["tenantId"], event["credential"]) == ("delete", acme.tenant_id, "command line: alice")
    assert event["time"] >= moment
    assert event["until"] - event["time"] == timedelta(days=7)
    assert left_of(database, "acme") == {}
    assert left(database) == []
    assert database.db.outbox.count_documents({}) == 0


def test_ev_10_what_is_pending_goes_on_in_its_order_without_a_relay(
    database: Database, tenants: Tenants, relay: Relay
) -> None:
    first = tenants.create("acme", "rfc")
    tenants.suspend("acme")
    delete_for_good(database, "acme")
    second = tenants.create("acme", "rfc")
    assert len(left(database)) == 4
    assert relay.drain() == 4
    assert [(event["type"], event["tenantId"]) for event in numbered(database)] == [
        ("scimd.tenant.created", first.tenant_id), ("scimd.tenant.suspended", first.tenant_id),
        ("scimd.tenant.deleted", first.tenant_id), ("scimd.tenant.created", second.tenant_id),
    ]
    assert left(database) == []


def test_ev_10_of_many_that_finish_a_deletion_one_tells(database: Database, tenants: Tenants, relay: Relay) -> None:
    tenants.create("acme", "rfc")
    TenantDeletion(database).delete("acme")
    as_a_minute_later(database, "acme")
    with ThreadPoolExecutor(6) as pool:
        for _ in pool.map(lambda _: TenantDeletion(database).finish("acme"), range(6)):
            pass
    relay.drain()
    assert told(database) == [("scimd.tenant.created", "acme"), ("scimd.tenant.deleted", "acme")]


@pytest.mark.parametrize("step", ["_delete_all", "_remove"])
def test_ev_10_a_deletion_that_is_killed_tells_when_another_finishes_it(
    database: Database, tenants: Tenants, relay: Relay, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    tenants.create("acme", "rfc")
    relay.drain()
    TenantDeletion(database).delete("acme")
    as_a_minute_later(database, "acme")
    original: Callable[..., Any] = getattr(TenantDeletion, step)

    def killed(*arguments: Any) -> None:
        original(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TenantDeletion, step, killed)
        with pytest.raises(KeyboardInterrupt):
            TenantDeletion(database).finish("acme")
    assert relay.drain() == 0
    assert finish_deletions(database, rows.now()) == 1
    assert finish_deletions(database, rows.now()) == 0
    relay.drain()
    assert told(database) == [("scimd.tenant.created", "acme"), ("scimd.tenant.deleted", "acme")]


def test_ev_10_a_relay_that_stops_before_it_empties_the_outbox_tells_nothing_twice(
    database: Database, tenants: Tenants, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants.create("acme", "rfc")
    monkeypatch.setattr(relay._emptying, "remove", lambda moved: None)
    assert relay.take()
    assert relay.round() == 1
    relay.give_back()
    assert len(left(database)) == 1
    delete_for_good(database, "acme")  # which takes what is left in the document's outbox elsewhere
    Relay(database, COLLECTIONS).drain()
    assert told(database) == [("scimd.tenant.created", "acme"), ("scimd.tenant.deleted", "acme")]
    assert left(database) == []


def test_ev_54_the_events_of_a_deleted_tenant_go_at_once(database: Database, tenants: Tenants, relay: Relay) -> None:
    for name in ("acme", "globex"):
        tenants.create(name, "rfc")
        pend(database, "users", f"{name}-1", created(tenant=name), tenant=name)
    relay.drain()
    pend(database, "users", "acme-1", an_event(tenant="acme"), tenant="acme")
    TenantDeletion(database).delete("acme")
    assert left_of(database, "acme") == {}
    assert [event["tenant"] for event in numbered(database)] == ["-", "-", "globex"]
    assert database.db.counts.find_one({"tenant": "globex"})["number"] == 1


def test_ev_63_nothing_that_a_relay_holds_outlives_the_tenant(
    database: Database, tenants: Tenants, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay has read what a straggler wrote, and stores it after the deletion has gone through everything again."""
    tenants.create("acme", "rfc")
    relay.drain()
    TenantDeletion(database).delete("acme")
    pend(database, "users", "straggler", created(tenant="acme"), tenant="acme")
    as_a_minute_later(database, "acme")
    held = next_batch(database, COLLECTIONS)
    assert finish_deletions(database, rows.now()) == 0
    with pytest.raises(BeingDeleted) as caught:
        tenants.create("acme", "rfc")
    assert timedelta(seconds=10) < caught.value.until - rows.now() <= tenant_deletion._RELAYING
    with monkeypatch.context() as patch:
        patch.setattr(relays, "next_batch", lambda *_: held)
        assert relay.take()
        relay.round()
        relay.give_back()
    assert set(left_of(database, "acme")) == {"events", "counts"}
    as_a_minute_later(database, "acme")
    assert finish_deletions(database, rows.now()) == 1
    relay.drain()
    assert left_of(database, "acme") == {}
    assert told(database)[-1] == ("scimd.tenant.deleted", "acme")


def test_ev_10_a_tombstone_of_the_version_before_is_removed_without_an_event(
    database: Database, tenants: Tenants, relay: Relay
) -> None:
    tenants.create("acme", "rfc")
    relay.drain()
    database.db.tenants.update_one({"_id": "acme"}, {"$set": {"deleted_at": rows.now(), "suspended": True}})
    as_a_minute_later(database, "acme")
    assert finish_deletions(database, rows.now()) == 1
    assert relay.drain() == 0
    assert tenants.create("acme", "rfc")


def test_ev_62_the_log_of_no_tenant_has_the_events_before_the_relay_has_moved_them(
    database: Database, tenants: Tenants
) -> None:
    tenants.create("acme", "rfc")
    log = Events(database, "-", LogSettings(90), sources=("outbox", "tenants"))
    assert [event["type"] for event in log.find()] == ["scimd.tenant.created"]
    delete_for_good(database, "acme")
    assert [event["type"] for event in log.find()] == ["scimd.tenant.created", "scimd.tenant.deleted"]
    assert database.db.tenants.count_documents({OUTBOX: {"$exists": True}}) == 0
