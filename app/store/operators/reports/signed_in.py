"""Who is signed in, by name."""

from __future__ import annotations

from app.store.directory.directory import Directory
from app.store.directory.identities import all_names
from app.store.mongo.database import Database
from app.store.sign_on.sessions import Session, Sessions


def signed_in(database: Database, directory: Directory, tenant: str, limit: int) -> list[tuple[Session, str]]:
    """Return a tenant's latest sessions, each with the name of its user, or the id of one that is not there."""
    sessions = Sessions(database).latest(tenant, limit)
    found = directory.identities.of({each.user for each in sessions}, names=all_names) if sessions else {}
    names = {key: str(each.names.get(each.resource_type.identifier, key)) for key, each in found.items()}
    return [(each, names.get(each.user, each.user)) for each in sessions]
