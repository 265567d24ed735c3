"""The janitor: no failure of one round keeps it from the next."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.store import janitor
from app.store.database import Database
from tests.conftest import Fault


@pytest.mark.parametrize(("code", "level"), [(91, logging.WARNING), (2, logging.ERROR)])
def test_a_round_that_fails_is_not_the_last(
    database: Database, fault: Fault, code: int, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    database.db.deleted.insert_one({"_id": "g", "tenant": "t", "expires": datetime.now(UTC) - timedelta(days=1)})
    with fault(["find"], "alwaysOn", errorCode=code):
        janitor.once(database, replace(janitor.CLEARING, seconds=2))
    assert [record.levelno for record in caplog.records if record.name == "scimd"] == [level]
    assert database.db.deleted.count_documents({}) == 1
    janitor.once(database, janitor.CLEARING)
    assert database.db.deleted.count_documents({}) == 0
