"""A resource as its page shows it: its attributes, the groups that it is in, what happened to it, or how it returns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from app.schemas.comparison import fold
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.returned import Projection
from app.schemas.storage.collection import unique_rows
from app.store.directory.directory import Directory
from app.store.directory.documents import decode
from app.store.log.event import MEMBER
from app.store.log.events import Events
from app.store.log.reading.page import LogFilter, LogPage, Window
from app.store.mongo.moments import aware
from app.store.operators.reports.groups import MOST, InGroup, groups_of
from app.store.operators.reports.values import Row, rows_of

MOST_ROWS = 200
"""Values that a page shows."""
MOST_NAMES = 20
"""Names under which a page looks for refusals."""


@dataclass(frozen=True)
class Kept:
    """A deleted resource that can be restored."""

    id: str
    type: str
    name: str
    deleted: datetime
    by: str
    expires: datetime
    groups: int
    """How many groups it was in."""
    taken: str = ""
    """The id of the resource that has its name by now, for which it cannot be restored."""


@dataclass(frozen=True)
class Look:
    """A resource as its page shows it."""

    type: ResourceType
    resource: Resource
    """As the API returns it, without members and groups."""
    groups: list[InGroup]
    kept: Kept | None = None
    """Set for a deleted one."""
    members: int = 0
    """How many members a deleted group comes back with; `MOST` + 1 stands for more than `MOST`."""

    @property
    def name(self) -> str:
        """The name by which people know it, else its id."""
        return str(self.resource.get(self.type.identifier) or self.resource["id"])

    @property
    def heading(self) -> str:
        """What the page is called."""
        return str(self.resource.get(self.type.label) or self.name)

    @property
    def created(self) -> datetime:
        """When it was created."""
        return datetime.fromisoformat(self.resource["meta"]["created"])

    @property
    def json(self) -> str:
        """The resource as JSON."""
        return json.dumps(self.resource, indent=2, ensure_ascii=False)

    def rows(self) -> list[Row]:
        """Return the values of the attributes."""
        return list(islice(rows_of(self.resource, self.type), MOST_ROWS))


def look(directory: Directory, resource_type: ResourceType, resource_id: str) -> Look | None:
    """Return a resource that exists or can be restored, or None."""
    hidden = [row.name for row in (resource_type.members, resource_type.groups) if row is not None]
    projection = Projection.parse(resource_type, excluded=hidden)
    found, parents = directory.find_with_groups(resource_type, {"_id": resource_id}, projection.top_level(), 1)
    if not found:
        return _deleted(directory, resource_type, resource_id, projection)
    directory.fill(found, resource_type, projection.top_level(), parents)
    return Look(resource_type, projection.apply(found[0]), groups_of(directory, resource_id, parents))


def _deleted(
    directory: Directory, resource_type: ResourceType, resource_id: str, projection: Projection
) -> Look | None:
    row = directory.deleted.find_with(resource_id)
    if row is None or row["type"] != resource_type.name:
        return None
    (kept,) = restorable(directory, [row])
    groups = groups_of(directory, resource_id, {resource_id: set(row["memberships"])})
    members = directory.memberships.ids("member", {"group": resource_id}, MOST + 1) if resource_type.members else []
    resource = projection.apply(decode(dict(row["document"]), resource_type))
    return Look(resource_type, resource, groups, kept, len(members))


def restorable(directory: Directory, rows: Iterable[Mapping[str, Any]]) -> list[Kept]:
    """Return what the page shows of deleted resources, with who has their names by now."""
    rows = list(rows)
    taken: dict[str, str] = {}
    for resource_type in directory.catalogue.types:
        mine = [row for row in rows if row["type"] == resource_type.name]
        taken |= _taken(directory, resource_type, mine) if mine else {}
    return [
        Kept(
            row["_id"], row["type"], row["name"], aware(row["deleted"]), row["by"], aware(row["expires"]),
            len(row["memberships"]), taken.get(row["_id"], ""),
        )
        for row in rows
    ]


def _taken(directory: Directory, resource_type: ResourceType, rows: list[Mapping[str, Any]]) -> dict[str, str]:
    """Return who has by now what must be unique of deleted resources: id of the deleted one -> id of the other."""
    paths = [f"_unique.{key}" for key, _ in unique_rows(resource_type)]
    wanted = {path: {_at(row["document"], path) for row in rows} - {None} for path in paths}
    either = [{"tenant": directory.tenant, path: {"$in": list(values)}} for path, values in wanted.items() if values]
    if not either:
        return {}
    collection = directory.resources(resource_type).collection
    found = collection.find({"$or": either}, dict.fromkeys(paths, 1), limit=len(rows) * len(paths))
    holders = {(path, value): row["_id"] for row in found for path in paths if (value := _at(row, path)) is not None}
    return {
        row["_id"]: holder
        for row in rows for path in paths if (holder := holders.get((path, _at(row["document"], path))))
    }


def _at(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path, None if it has none or cannot be compared."""
    found: Any = document
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str | int) else None


def timeline(events: Events, resource_id: str, window: Window) -> LogPage:
    """Return what happened to a resource: changes, memberships, sign-ons, and refusals under any name that it had."""
    names = sorted(events.names_of(resource_id))[:MOST_NAMES]
    found = events.page(LogFilter(keys=(resource_id, *names)), window)
    own = {fold(resource_id), MEMBER + fold(resource_id)}
    # Somebody else may have had one of the names before, or has it by now.
    shown = [each for each in found.events if own.intersection(each["keys"]) or _of_nobody(each)]
    return replace(found, events=shown, front=None)


def _of_nobody(event: Mapping[str, Any]) -> bool:
    return bool(event.get("failed")) and not event["resource"].get("id")
