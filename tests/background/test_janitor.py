"""The janitor: it starts with a worker, and no failure of one round keeps it from the next."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app import create_app
from app.background import janitor
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.conftest import Fault, Server
from tests.processes import until


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.mark.parametrize(("code", "level"), [(91, logging.WARNING), (2, logging.ERROR)])
def test_a_round_that_fails_is_not_the_last(
    database: Database, fault: Fault, code: int, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    database.db.deleted.insert_one({"_id": "g", "tenant": "t", "expires": datetime.now(UTC) - timedelta(days=1)})
    with fault(["find"], "alwaysOn", errorCode=code):
        janitor.once(database, replace(janitor.CLEARING, seconds=0.5))
    assert [record.levelno for record in caplog.records if record.name == "scimd"] == [level]
    assert database.db.deleted.count_documents({}) == 1
    janitor.once(database, janitor.CLEARING)
    assert database.db.deleted.count_documents({}) == 0


def test_fa_17_it_starts_with_a_worker_and_waits_for_no_request(live_server: Server) -> None:
    moment, tenant, database = datetime.now(UTC), uuid.uuid4().hex, live_server.database.db
    database.events.insert_one({
        "tenant": tenant, "time": moment, "operation": "create", "status": 201, "actor": "x", "requestId": "x",
        "resource": {"type": "User", "id": "u", "name": "ann"},
        "uncounted": {"number": 1, "expires": moment + timedelta(days=1)},
    })
    until(lambda: database.counts.find_one({"tenant": tenant}), 60)
    assert database.counts.find_one({"tenant": tenant})["number"] == 1


def test_fa_17_an_application_alone_starts_none(database: Database) -> None:
    Tenants(database).create("acme", "rfc")
    token, _ = Tokens(database).issue("acme")
    before = set(threading.enumerate())
    client = create_app(Config.from_environment({}), database).test_client()
    answer = client.get("/acme/scim/v2/Users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert {thread.name for thread in set(threading.enumerate()) - before}.isdisjoint({"counting", "settling", "clearing"})
