"""A tenant's share of the threads, over HTTP: who is over it is refused and noted, and what ends gives its thread back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app import create_app
from app.auth import Shares
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import USER_URN, Client

MOST = 2


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture
def small(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Return an application in which a tenant may hold two threads."""
    monkeypatch.setattr("app.auth.limits.thread_shares.SECONDS", 0)
    monkeypatch.setattr("app.auth.limits.thread_shares.SCAN_SECONDS", 0)
    yield create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off", "SCIMD_THREADS": "8"}), database)


@pytest.fixture
def new(small: Flask, database: Database) -> Callable[[str], Client]:
    def make(name: str) -> Client:
        Tenants(database).create(name, "gallery")
        return Client(small, name, Tokens(database).issue(name)[0])

    return make


def shares(app: Flask) -> Shares:
    found = app.extensions["scimd"].enter.__self__
    assert isinstance(found, Shares)
    return found


def held(app: Flask) -> dict[str, int]:
    return shares(app)._threads._held


def test_fa_09_beyond_its_share_a_tenant_is_refused_and_others_are_not(
    small: Flask, database: Database, new: Callable[[str], Client]
) -> None:
    acme, globex = new("acme"), new("globex")
    for _ in range(MOST):
        shares(small).enter("acme")  # as requests that are being answered
    for method, path in [("GET", "/Users"), ("POST", "/Users"), ("POST", "/Bulk"), ("GET", "/Schemas")]:
        refused = acme(method, path, {"schemas": [USER_URN], "userName": "a"} if method == "POST" else None)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert globex("GET", "/Users").status_code == 200
    shares(small).leave("acme")
    assert acme("GET", "/Users").status_code == 200
    assert held(small) == {"acme": MOST - 1}
    [line] = database.db.events.find({"tenant": "acme", "failed": True})
    assert (line["status"], line["operation"]) == (429, "request")
    assert "Too many requests at once" in line["detail"]


@pytest.mark.parametrize(("method", "path", "body"), [
    ("GET", "/Users", None), ("GET", "/Nothing", None), ("POST", "/Users", b"{"), ("DELETE", "/Users/x", None),
    ("GET", "/Users?filter=x", None), ("HEAD", "/Users", None), ("OPTIONS", "/Users", None), ("GET", "/../x", None),
])
def test_fa_09_whatever_becomes_of_a_request_its_thread_is_given_back(
    small: Flask, new: Callable[[str], Client], method: str, path: str, body: bytes | None
) -> None:
    acme = new("acme")
    for _ in range(2 * MOST):
        assert acme(method, path, body).status_code != 429
    assert held(small) == {}


def test_fa_09_a_bug_gives_its_thread_back(
    small: Flask, new: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    acme = new("acme")
    monkeypatch.setattr("app.provider.Provider.query", fail)
    assert [acme("GET", "/Users").status_code for _ in range(2 * MOST)] == [500] * 2 * MOST
    assert held(small) == {}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_fa_09_a_long_response_holds_its_thread_until_it_is_read(
    small: Flask, new: Callable[[str], Client], method: str
) -> None:
    acme = new("acme")
    group = acme.group("G", *(str(uuid.uuid4()) for _ in range(1_100)))["id"]
    for _ in range(2 * MOST):
        response = acme(method, f"/Groups/{group}")
        assert response.status_code == 200
        assert held(small) == {"acme": 1}
        response.close()
        assert held(small) == {}


def test_fa_09_queries_without_an_index_have_a_narrow_lane(small: Flask, new: Callable[[str], Client]) -> None:
    acme, globex = new("acme"), new("globex")
    acme.user("a")
    slow = "/Users?filter=nickName co \"zzz\""
    with shares(small).scan("acme"):
        for path in (slow, "/Users?sortBy=title", "/?filter=nickName co \"zzz\""):
            refused = acme("GET", path)
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        for path in ("/Users", '/Users?filter=userName eq "a"', "/Users?sortBy=userName", "/Users?cursor"):
            assert acme("GET", path).status_code == 200, path
        assert globex("GET", slow).status_code == 200
    assert acme("GET", slow).status_code == 200
