"""The application on a real MongoDB, without a socket in between, and tenants of their own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.relay import relay

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"


class Client:
    """A SCIM client of one tenant."""

    def __init__(self, app: Flask, tenant: str, token: str) -> None:
        self.tenant = tenant
        self.base = f"/{tenant}/scim/v2"
        self.headers = {"Authorization": f"Bearer {token}"}
        self._client = app.test_client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request; header names are given with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        response = self._client.open(self.base + path, method=method, headers=self.headers | named, **kind)
        if response.status_code >= 400 and method != "HEAD":
            error = response.get_json(force=True)
            assert response.content_type == "application/scim+json"
            assert error["schemas"] == [ERROR_URN]
            assert error["status"] == str(response.status_code)
            assert error["detail"]
        return response

    def user(self, name: str, **more: Any) -> dict[str, Any]:
        """Create a user and give it."""
        full = {"givenName": "G", "familyName": "F", "formatted": "G F"}
        body = {"schemas": [USER_URN], "userName": name, "displayName": name, "name": full} | more
        return self("POST", "/Users", body).get_json()

    def group(self, name: str, *members: str) -> dict[str, Any]:
        """Create a group and give it."""
        body = {"schemas": [GROUP_URN], "displayName": name, "members": [{"value": member} for member in members]}
        return self("POST", "/Groups", body).get_json()

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> TestResponse:
        """Send a PATCH."""
        return self("PATCH", path, {"schemas": [PATCH_URN], "Operations": list(operations)}, **headers)

    def found(self, path: str) -> list[str]:
        """Return the userNames or displayNames that a query finds, in its order."""
        answer = self("GET", path)
        assert answer.status_code == 200, answer.get_json()
        return [each.get("userName") or each["displayName"] for each in answer.get_json()["Resources"]]


PENDING = {"_outbox.time": {"$exists": True}}
MOST_PENDING = 200


@pytest.fixture(scope="session")
def http_database(mongod: Database) -> Iterator[Database]:
    fresh = Database(mongod.client, f"http-{uuid.uuid4().hex}")
    yield fresh
    mongod.client.drop_database(fresh.db.name)


@pytest.fixture(scope="session")
def application(http_database: Database) -> Flask:
    return create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), http_database)


@pytest.fixture(scope="session")
def new_client(application: Flask, http_database: Database) -> Callable[[str], Client]:
    """Return a function that makes a client of a new tenant with a profile."""

    def make(profile: str) -> Client:
        if http_database.db.users.count_documents(PENDING, limit=MOST_PENDING) == MOST_PENDING:
            relay(http_database)  # all tests share the database, and a total reads what is pending
        name = f"t-{uuid.uuid4().hex[:12]}"
        Tenants(http_database).create(name, profile)
        return Client(application, name, Tokens(http_database).issue(name)[0])

    return make


@pytest.fixture
def rfc(new_client: Callable[[str], Client]) -> Client:
    return new_client("rfc")


@pytest.fixture
def gallery(new_client: Callable[[str], Client]) -> Client:
    return new_client("gallery")
