"""Makes hundreds of tenants on the running server: in its database, since each run of `scimd` takes a second."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from app.cli.connection import Connection
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database

_opened: dict[str, Database] = {}


def database_of(server: Any) -> Database:
    """Return the database of a running server."""
    if server.url not in _opened:
        _opened[server.url] = Connection(server.environ).database
    return _opened[server.url]


def new_client(server: Any, base_url: str) -> tuple[str, str]:
    """Create an OAuth 2.0 client of the tenant with this SCIM URL; return its id and its secret."""
    created, secret = Clients(database_of(server)).create(base_url.split("/")[-3], lifetime=timedelta(days=1))
    return created.id, secret


def new_tenant(server: Any, profile: str) -> tuple[str, str]:
    """Create a tenant with a new name; return its SCIM URL and a token."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    Tenants(database_of(server)).create(name, profile)
    if profile == "entra":  # as versions before `interop` stored it (N-20)
        database_of(server).db.tenants.update_one({"_id": name}, {"$set": {"profile": profile}})
    token, _ = Tokens(database_of(server)).issue(name)
    return f"{server.url}/{name}/scim/v2", token
