"""What a process keeps of its tenants: the parts of those that were last asked for."""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any, cast

import pytest

from app import assembly, create_app
from app.application import OneBudget
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Budget, Database, budget, out_of_time
from tests.tenants import delete_for_good


def test_ev_63_a_tenant_made_again_under_its_name_gets_a_directory_of_its_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_directory = assembly.open_directory

    def noted(config: Any, database: Any, tenant: Any, **options: Any) -> Any:
        opened.append(tenant.tenant_id)
        return open_directory(config, database, tenant, **options)

    monkeypatch.setattr(assembly, "open_directory", noted)
    client = create_app(Config.from_environment({}), database).test_client()
    made = []
    for _ in range(2):
        made.append(Tenants(database).create("acme", "rfc").tenant_id)
        token = Tokens(database).issue("acme")[0]
        for _ in range(2):
            assert client.get("/acme/scim/v2/Users", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        delete_for_good(database, "acme")
    assert opened == made
    assert made[0] != made[1]


def test_sc_09_the_parts_of_busy_tenants_stay_where_others_come_and_go(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_directory = assembly.open_directory

    def counted(config: Any, database: Any, tenant: Any, **options: Any) -> Any:
        opened.append(tenant.name)
        return open_directory(config, database, tenant, **options)

    monkeypatch.setattr(assembly, "open_directory", counted)
    monkeypatch.setattr(assembly, "MOST_DIRECTORIES", 2)
    client = create_app(Config.from_environment({}), database).test_client()
    tokens = {}
    for name in ("busy", "one", "two", "three"):
        Tenants(database).create(name, "rfc")
        tokens[name] = Tokens(database).issue(name)[0]
    for name in ("busy", "one", "busy", "two", "busy", "three", "busy", "one"):
        answer = client.get(f"/{name}/scim/v2/Users", headers={"Authorization": f"Bearer {tokens[name]}"})
        assert answer.status_code == 200
    assert opened == ["busy", "one", "two", "three", "one"]


def test_the_time_that_a_client_takes_to_send_its_body_is_none_of_the_databases(database: Database) -> None:
    late: list[bool] = []

    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            time.sleep(0.3)
            return super().read(size)

    def app(environ: dict[str, Any], _: Any) -> list[bytes]:
        late.append(out_of_time())
        body = environ["wsgi.input"].read(3)
        late.append(out_of_time())
        time.sleep(0.3)
        late.append(out_of_time())
        return [body, environ["wsgi.input"].readline()]

    class Hurried:
        def budget(self) -> Budget:
            return budget(0.2)

    environ = {"wsgi.input": Slow(b"ada\nbob")}
    assert b"".join(OneBudget(app, cast(Database, Hurried()))(environ, None)) == b"ada\n"
    assert late == [False, False, True]
    assert environ["wsgi.input"].read() == b"bob"  # what is left is read after the response, when no budget counts
