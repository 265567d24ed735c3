"""The metrics of many tenants stay a bounded number of series."""

from __future__ import annotations

import pytest

from app.errors import ScimError
from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Database
from app.telemetry import labels
from app.telemetry.labels import OTHERS, distinguish, largest_apart, tenant_label


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_most", labels.most_tenants())  # and so back to it
    distinguish(3)
    monkeypatch.setattr(labels, "_named", set())


def test_sc_09_tenants_beyond_the_bound_share_a_label() -> None:
    names = ["a", "b", "a", "", "c", "b", "d", "c", ""]
    assert [tenant_label(name) for name in names] == ["a", "b", "a", "", "c", "b", OTHERS, "c", ""]


def test_sc_09_the_largest_tenants_are_told_apart_and_nobody_is_lost() -> None:
    numbers = {(name, "User", "active"): number for name, number in {"a": 1, "b": 9, "c": 5, "d": 2, "e": 7}.items()}
    numbers["a", "Group", "active"] = 1
    found = largest_apart(numbers)
    assert found == {
        ("b", "User", "active"): 9, ("c", "User", "active"): 5, ("e", "User", "active"): 7,
        (OTHERS, "User", "active"): 3, (OTHERS, "Group", "active"): 1,
    }
    assert sum(found.values()) == sum(numbers.values())


def test_no_tenant_can_have_the_name_of_all_others(mock_database: Database) -> None:
    with pytest.raises(ScimError):
        Tenants(mock_database).create(OTHERS, "rfc")
