"""The roles that users have been given: what consumers know, since each change of them is an event.

They are a field of the user's document, which no request of SCIM reads or writes; so the field and the event that says
what it is from now on are one write, and a snapshot shows the field as of its own moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pymongo import UpdateOne

from app.schemas.storage.collection import ROLES
from app.store.directory.resources import Resources, name_fields
from app.store.log.outbox import Pending, appended
from app.store.mongo.database import Session
from app.store.mongo.indexes import by_ids

Roles = tuple[str, ...]


class RolesChange(NamedTuple):
    """How the roles of one user change."""

    before: Roles
    after: Roles
    event: Pending


def given_roles(store: Resources, users: Iterable[str], session: Session) -> dict[str, Roles]:
    """Return the roles that users have been given, of those that exist."""
    query = {"tenant": store.tenant, "_id": {"$in": list(users)}}
    rows = store.collection.find(query, {ROLES: 1}, session=session, **by_ids(store.collection))
    return {row["_id"]: tuple(row.get(ROLES, ())) for row in rows}


def give_roles(store: Resources, changes: Mapping[str, RolesChange], session: Session) -> None:
    """Give users their roles, each with its event; users who have others than expected by now keep theirs.

    The version of a user does not change: SCIM shows nothing of this.
    """
    updates = [UpdateOne(_expecting(store, user, each), _giving(store, each)) for user, each in changes.items()]
    store.collection.bulk_write(updates, ordered=False, session=session)


def _expecting(store: Resources, user: str, change: RolesChange) -> dict[str, Any]:
    had = list(change.before) if change.before else {"$exists": False}
    return {"_id": user, "tenant": store.tenant, ROLES: had}


def _giving(store: Resources, change: RolesChange) -> list[dict[str, Any]]:
    append = {"$set": appended(change.event, store.type.identifier, name_fields(store.type))}
    if change.after:
        return [{"$set": {ROLES: {"$literal": list(change.after)}, **append["$set"]}}]
    return [append, {"$unset": ROLES}]
