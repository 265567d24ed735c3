"""What operators do to credentials is in the tenant's provisioning log, like what clients do to its users."""

from __future__ import annotations

from app.cli.connection import Connection
from app.store.events import Actor, Event, Events


def note(connection: Connection, tenant: str, operation: str, kind: str, credential_id: str, label: str = "") -> None:
    """Write what was done to a credential into the tenant's log."""
    event = Event(operation, resource_type=kind, resource_id=credential_id, name=label)
    Events(connection.database, tenant, days=connection.config.log_days).append(event, Actor("command line"))
