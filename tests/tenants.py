"""What tests do to whole tenants."""

from __future__ import annotations

import uuid

from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import GRACE, Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from app.store.mongo.moments import now


def create(database: Database, server: str, name: str | None, profile: str) -> tuple[str, str]:
    """Create a tenant of a server, and return its SCIM URL and a token; without a name it gets one of its own."""
    name = name or f"t-{uuid.uuid4().hex[:12]}"
    Tenants(database).create(name, profile)
    return f"{server}/{name}/scim/v2", Tokens(database).issue(name)[0]


def delete_for_good(database: Database, name: str) -> None:
    """Delete a tenant so that its name is free at once, as it is a minute after `TenantDeletion.delete`."""
    TenantDeletion(database).delete(name)
    as_a_minute_later(database, name)
    TenantDeletion(database).finish(name)


def as_a_minute_later(database: Database, name: str) -> None:
    """Make the deletion of a tenant as old as it is when its name becomes free."""
    assert database.db.tenants.update_one({"_id": name}, {"$set": {"deleted_at": now() - GRACE}}).matched_count
