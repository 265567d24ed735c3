"""The metrics of many tenants stay a bounded number of series."""

from __future__ import annotations

import pytest

from app.config import Config
from app.errors import ScimError
from app.store.accounts.tenants import Tenants
from app.store.directory import totals
from app.store.directory.totals import largest_tenants
from app.store.mongo.database import Database
from app.store.open import collections
from app.telemetry import labels
from app.telemetry.labels import OTHERS, distinguish, tenant_label
from tests.relay import SOURCES
from tests.store.log.conftest import an_event, pend
from tests.store.test_costs import profiled


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_most", labels.most_tenants())  # and so back to it
    distinguish(3)
    monkeypatch.setattr(labels, "_named", set())


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


def test_sc_09_tenants_beyond_the_bound_share_a_label() -> None:
    names = ["a", "b", "a", "", "c", "b", "d", "c", ""]
    assert [tenant_label(name) for name in names] == ["a", "b", "a", "", "c", "b", OTHERS, "c", ""]


def test_sc_09_the_largest_tenants_are_told_apart_and_nobody_is_lost(database: Database) -> None:
    database.prepare(collections(Config.from_environment({})))
    numbers = {"a": (1, 0), "b": (9, 3), "c": (5, 0), "d": (2, 2), "e": (7, 1)}
    rows = [(tenant, "User", *each) for tenant, each in numbers.items()] + [("a", "Group", 1, 0)]
    database.db.counts.insert_many([
        {"tenant": tenant, "type": kind, "number": number, "disabled": disabled} for tenant, kind, number, disabled in rows
    ])
    assert largest_tenants(database, SOURCES, 3, OTHERS) == {
        ("b", "User"): (9, 3), ("c", "User"): (5, 0), ("e", "User"): (7, 1), (OTHERS, "User"): (3, 2), (OTHERS, "Group"): (1, 0),
    }


def test_a_tenant_of_many_types_lets_no_more_tenants_be_told_apart(database: Database) -> None:
    database.prepare(collections(Config.from_environment({})))
    kinds = [f"Kind{number}" for number in range(12)]
    database.db.counts.insert_many([
        {"tenant": tenant, "type": kind, "number": number, "disabled": 0} for tenant, number in (("a", 9), ("b", 2), ("c", 1)) for kind in kinds
    ])
    assert largest_tenants(database, SOURCES, 1, OTHERS) == {("a", kind): (9, 0) for kind in kinds} | {(OTHERS, kind): (3, 0) for kind in kinds}


def test_d_670_each_number_is_read_once(database: Database) -> None:
    database.prepare(collections(Config.from_environment({})))
    database.db.counts.insert_many([
        {"tenant": f"t{number}", "type": kind, "number": number, "disabled": 0} for number in range(40) for kind in ("User", "Group")
    ])
    pend(database, "outbox", "o", an_event(tenant="t0", more={"number": 2, "disabled": 1}))
    with profiled(database) as cost:
        found = largest_tenants(database, SOURCES, 30, OTHERS)
    assert cost.documents <= 80 + 5, cost
    few = 10 * 9 // 2
    assert found == {(f"t{number}", kind): (number, 0) for number in range(10, 40) for kind in ("User", "Group")} | {
        (OTHERS, "User"): (few + 2, 1), (OTHERS, "Group"): (few, 0),
    }


def test_d_670_so_many_numbers_are_read_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 16 MB, however many there are: those of a tenant may be on both sides of an end."""
    database.prepare(collections(Config.from_environment({})))
    database.db.counts.insert_many([
        {"tenant": f"t{number}", "type": kind, "number": number, "disabled": 1} for number in range(1, 6) for kind in ("User", "Group", "Device")
    ])
    expected = {("t5", kind): (5, 1) for kind in ("User", "Group", "Device")} | {(OTHERS, kind): (10, 4) for kind in ("User", "Group", "Device")}
    for at_once in (1, 2, 3, 4, 7, 14, 15, 16):
        monkeypatch.setattr(totals, "AT_ONCE", at_once)
        assert largest_tenants(database, SOURCES, 1, OTHERS) == expected


def test_no_tenant_can_have_the_name_of_all_others(mock_database: Database) -> None:
    with pytest.raises(ScimError):
        Tenants(mock_database).create(OTHERS, "rfc")
