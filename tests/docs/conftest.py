"""What the tests of the pages share."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.store.accounts import tenant_deletion, tenants


@pytest.fixture(autouse=True)
def names_are_free_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `scimd tenant create` wait for six seconds in place of a minute, a second longer than a worker's memory.

    What the minute is for: tests/reliability/test_deleted_tenant.py.
    """
    for module in (tenants, tenant_deletion):
        monkeypatch.setattr(module, "GRACE", timedelta(seconds=6))
