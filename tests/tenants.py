"""What tests do to whole tenants."""

from __future__ import annotations

from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import GRACE
from app.store.mongo.database import Database
from app.store.mongo.moments import now


def delete_for_good(database: Database, name: str) -> None:
    """Delete a tenant so that its name is free at once, as it is a minute after `TenantDeletion.delete`."""
    TenantDeletion(database).delete(name)
    as_a_minute_later(database, name)
    TenantDeletion(database).finish(name)


def as_a_minute_later(database: Database, name: str) -> None:
    """Make the deletion of a tenant as old as it is when its name becomes free."""
    assert database.db.tenants.update_one({"_id": name}, {"$set": {"deleted_at": now() - GRACE}}).matched_count
