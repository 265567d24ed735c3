"""An application with a feed, tenants, and events that are stored as the relay stores them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.config import Config
from app.store.accounts.tenants import ALL_TENANTS, Tenant, Tenants
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import Client

Row = dict[str, Any]
NOW = datetime(2026, 11, 28, 17, 15, 9, 123_000, UTC)


class World:
    """A server's database, and consumers of its feed."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.app = app
        self.database = database
        self.http = app.test_client()
        self.everyone = Tokens(database).issue(ALL_TENANTS, scopes=[EVENTS_READ])[0]
        self.tokens: dict[str, str] = {}

    def tenant(self, name: str, profile: str = "gallery") -> Tenant:
        """Create a tenant, with a token for its feed."""
        tenant = Tenants(self.database).create(name, profile)
        self.tokens[name] = Tokens(self.database).issue(name, scopes=[EVENTS_READ])[0]
        return tenant

    def scim(self, tenant: str) -> Client:
        """Return a SCIM client of a tenant."""
        return Client(self.app, tenant, Tokens(self.database).issue(tenant)[0])

    def event(self, tenant: Tenant, what: str = "user.updated", resource_id: str = "", **more: Any) -> Row:
        """Return an event, not stored yet."""
        kind = what.partition(".")[0].capitalize()
        return {
            "_id": str(uuid.uuid4()), "tenant": tenant.name, "time": NOW, "operation": "patch",
            "resource": {"type": kind, "id": resource_id or str(uuid.uuid4()), "name": "jane@example.com"},
            "keys": ["jane@example.com"], "credential": "abcdef012345", "request": "9f", "status": 204,
            "until": NOW + timedelta(days=90), "type": f"scimd.{what}", "tenantId": tenant.tenant_id, "version": 4,
        } | more

    def number(self, *events: Row, skip: int = 0) -> list[int]:
        """Store events with the next numbers, as the relay does; return the numbers."""
        lease = self.database.db.leases.find_one({"_id": "relay"}) or {"published": 0}
        first = lease["published"] + skip + 1
        rows = [event | {"seq": first + number} for number, event in enumerate(events)]
        if rows:
            self.database.db.events.insert_many(rows)
        self.lease(published=first + len(rows) - 1)
        return [row["seq"] for row in rows]

    def lease(self, **fields: Any) -> None:
        """Set fields of the relay's lease."""
        self.database.db.leases.update_one({"_id": "relay"}, {"$set": fields}, upsert=True)

    def get(self, path: str, token: str | None = None, method: str = "GET") -> TestResponse:
        """Send a request of a consumer: by default with the token of the tenant in the path, or that of all."""
        tenant = path.split("/")[1] if path.count("/") > 1 else None
        token = token or (self.tokens[tenant] if tenant else self.everyone)
        return self.http.open(path, method=method, headers={"Authorization": f"Bearer {token}"})

    def page(self, path: str) -> Row:
        """Return the body of a page."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def ids(self, path: str) -> list[str]:
        """Return the ids of the events on a page."""
        return [event["id"] for event in self.page(path)["events"]]

    def walk(self, path: str, limit: int) -> list[Row]:
        """Return all items of a snapshot, page by page."""
        return self._walk(f"{path}?limit={limit}")

    def walk_group(self, path: str, limit: int) -> list[Row]:
        """Return all items of a snapshot of one group, which `path` names."""
        return self._walk(f"{path}&limit={limit}")

    def _walk(self, path: str) -> list[Row]:
        items: list[Row] = []
        page = None
        while True:
            body = self.page(path + (f"&page={page}" if page else ""))
            items += body["items"]
            page = body["page"]
            if page is None:
                return items


@pytest.fixture
def world(reused_database: Database) -> Iterator[World]:
    app = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), reused_database)
    yield World(app, reused_database)
    app.feed.stop_waiting()
