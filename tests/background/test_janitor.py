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
from app.store.directory.memberships import CLEARED
from app.store.mongo.database import Database, connect
from app.store.sign_on.connection import SAML, Connection, SamlPart
from app.store.sign_on.connections import Connections
from app.store.sign_on.links import Link, Links
from tests.conftest import APP_NAME, Fault, Server
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


def test_what_is_cleared_for_good_leaves_no_link_to_the_identity_provider(database: Database) -> None:
    part = SamlPart(entity_id="https://idp.example.com/", sso_url="https://idp.example.com/sso", certificates=())
    for tenant in ("contoso", "fabrikam"):
        Tenants(database).create(tenant, "gallery")
        saved = Connections(database).save(
            Connection(tenant=tenant, kind=SAML, match_attribute="userName", match_source="NameID", saml=part)
        )
        for user in ("gone", "there"):
            Links(database, tenant, saved.id).pin(Link(f"subject of {user}", user), ())
    database.db.deleted.insert_one({"_id": "gone", "tenant": "contoso", "expires": datetime.now(UTC)})
    janitor.once(database, janitor.CLEARING)
    left = sorted((row["tenant"], row["user"]) for row in database.db.links.find())
    assert left == [("contoso", "there"), ("fabrikam", "gone"), ("fabrikam", "there")]
    assert database.db.deleted.count_documents({}) == 0


@pytest.mark.timeout(60)
def test_a_thread_goes_on_after_a_failure(
    database: Database, mongod_uri: str, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    database.db.deleted.insert_one({"_id": "g", "tenant": "t", "expires": datetime.now(UTC) - timedelta(days=1)})
    own = connect(f"{mongod_uri}&appname={APP_NAME}", name=database.db.name)
    with fault(["find"], "alwaysOn", errorCode=13435, errorLabels=[]):
        (thread,) = janitor.start(own, [replace(janitor.CLEARING, pause=0.02, first=0.02, seconds=0.3)])
        until(lambda: "clearing is not finished" in caplog.text, 30)
    until(lambda: not database.db.deleted.count_documents({}), 30)
    own.close()
    thread.join(30)
    assert not thread.is_alive()


def test_fa_17_it_starts_with_a_worker_and_waits_for_no_request(live_server: Server) -> None:
    memberships, tenant = live_server.database.db.memberships, uuid.uuid4().hex
    memberships.insert_one({"tenant": tenant, "group": CLEARED, "member": "g", "due": datetime.now(UTC)})
    until(lambda: not memberships.find_one({"tenant": tenant}), 60)


def test_fa_17_an_application_alone_starts_none(database: Database) -> None:
    Tenants(database).create("acme", "rfc")
    token, _ = Tokens(database).issue("acme")
    before = set(threading.enumerate())
    client = create_app(Config.from_environment({}), database).test_client()
    answer = client.get("/acme/scim/v2/Users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert {thread.name for thread in set(threading.enumerate()) - before}.isdisjoint({"sweeping", "settling", "clearing"})
