"""The provisioning log: what was changed, by whom, and what was refused, and why.

An event of a change is written in the transaction of the change. Its id is chosen before, so that after a network
error the log tells whether the change took place (reliability: an error is "unknown", not "no").
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.database import Database, Session

SPEC = CollectionSpec(
    name="events",
    validator=None,
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("time", -1)), name="tenant_time"),
        IndexSpec(keys=(("tenant", 1), ("resource.id", 1), ("time", -1)), name="tenant_resource_time"),
        IndexSpec(keys=(("tenant", 1), ("resource.name", 1), ("time", -1)), name="tenant_name_time"),
        IndexSpec(
            keys=(("tenant", 1), ("failed", 1), ("time", -1)), name="tenant_failed_time", partial={"failed": True}
        ),
        IndexSpec(keys=(("expires", 1),), name="expires", expire_after_seconds=0),
    ),
)
COLLECTIONS = (SPEC,)

NO_TENANT = "-"
"""Whose log the refused requests to a tenant are in that there is none of; no tenant can have this name."""
MOST_MEMBERS = 100
"""Ids that one event spells out; beyond that it counts."""


def new_id() -> str:
    """Give an id for an event; unlike a resource's it is no secret, and need not come from the operating system."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))  # noqa: S311


@dataclass(frozen=True)
class Actor:
    """Who asks, and in which request."""

    credential: str = ""
    request_id: str = ""


@dataclass
class Event:
    """One line of the log, being filled in."""

    operation: str
    """create, replace, patch, delete, or what was asked for where it was refused."""
    resource_type: str = ""
    resource_id: str = ""
    name: str = ""
    """What an operator looks for: the name by which people know the resource."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """[{attribute, old, new}]."""
    members: dict[str, Any] = field(default_factory=dict)
    """{added: [...], removed: [...], addedCount, removedCount}."""
    checks: list[dict[str, Any]] = field(default_factory=list)
    """Of a refused credential: each check with what it expected and received."""
    status: int = 0
    scim_type: str | None = None
    detail: str = ""
    id: str = field(default_factory=new_id)


class Events:
    """The provisioning log of one tenant."""

    def __init__(self, database: Database, tenant: str, *, days: int, values: bool = True) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._days = days
        self._values = values

    def append(self, event: Event, actor: Actor, session: Session = None) -> None:
        """Write one event."""
        self._collection.insert_one(self._document(event, actor), session=session)

    def append_all(self, events: list[Event], actor: Actor, session: Session = None) -> None:
        """Write several events."""
        self._collection.insert_many([self._document(event, actor) for event in events], session=session)

    def find(
        self, *, name: str | None = None, failed: bool = False, since: datetime | None = None, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """Give the newest events, the oldest of them first; `name` is a user's or group's name or id."""
        query: dict[str, Any] = {"tenant": self._tenant}
        if name:
            query["$or"] = [{"resource.name": name}, {"resource.id": name}]
        if failed:
            query["failed"] = True
        if since:
            query["time"] = {"$gt": since}
        return list(self._collection.find(query, {"expires": 0}, sort=[("time", -1)]).limit(limit))[::-1]

    def contains(self, event_id: str) -> bool:
        """Tell whether the event, and so the change that it belongs to, is stored."""
        return self._collection.find_one({"_id": event_id, "tenant": self._tenant}, {"_id": 1}) is not None

    def _document(self, event: Event, actor: Actor) -> dict[str, Any]:
        now = datetime.now(UTC)
        document: dict[str, Any] = {
            "_id": event.id,
            "tenant": self._tenant,
            "time": now,
            "operation": event.operation,
            "resource": _filled({"type": event.resource_type, "id": event.resource_id, "name": event.name}),
            "credential": actor.credential,
            "request": actor.request_id,
            "status": event.status,
            "expires": now + timedelta(days=self._days),
        }
        if event.changes:
            kept = event.changes if self._values else [{"attribute": c["attribute"]} for c in event.changes]
            document["changes"] = kept
        if event.members:
            document["members"] = event.members
        if event.detail:
            failure = {"failed": True, "scimType": event.scim_type, "detail": event.detail, "checks": event.checks}
            document |= _filled(failure)
        return document


def difference(before: Mapping[str, Any], after: Mapping[str, Any], never: frozenset[str]) -> list[dict[str, Any]]:
    """Give the attributes that differ, with old and new value; for those in `never` only that they differ.

    Extensions are compared attribute by attribute; `meta` and `schemas` follow from the rest and are left out.
    """
    changes: list[dict[str, Any]] = []
    for key in sorted((before.keys() | after.keys()) - {"meta", "schemas", "id"}):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if ":" in key:
            for change in difference(old or {}, new or {}, never):
                changes.append(change | {"attribute": f"{key}:{change['attribute']}"})
        elif key in never:
            changes.append({"attribute": key})
        else:
            values = {"old": old, "new": new}
            changes.append({"attribute": key} | {name: value for name, value in values.items() if value is not None})
    return changes


def members_changed(added: list[str], removed: list[str], removed_count: int | None = None) -> dict[str, Any]:
    """Give the `members` part of an event: the ids, as many as are worth spelling out, and the numbers."""
    gone = len(removed) if removed_count is None else removed_count
    return _filled({
        "added": added[:MOST_MEMBERS], "addedCount": len(added),
        "removed": removed[:MOST_MEMBERS], "removedCount": gone,
    })


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in (None, "", [], 0)}
