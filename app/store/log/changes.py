"""What a write did, and the line of the provisioning log that says so.

A write returns a `Change`. Its line is made from that here, and nowhere else. The `Request` says who asked for it; a
write takes it and hands it on unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.schemas.meta import version_number
from app.schemas.resource_type import ResourceType
from app.schemas.returned import View, without_secrets
from app.schemas.tables.common import EXTERNAL_ID
from app.schemas.tables.user import USER_TYPE
from app.store.log.event import MOST_LISTED, MOST_MEMBERS, NOTHING_MORE, Actor, Event, More, filled

PATCH = "patch"
_DERIVED = frozenset({"meta", "schemas", "id"})


class Kind(StrEnum):
    """What a write did to its resource."""

    CREATED = "created"
    IMPORTED = "imported"
    UPDATED = "updated"
    """Attributes changed, and perhaps members."""
    MEMBERS_CHANGED = "members_changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    RESTORED = "restored"


_EVENTS = {
    Kind.CREATED: "created", Kind.IMPORTED: "created", Kind.UPDATED: "updated", Kind.MEMBERS_CHANGED: "members_changed",
    Kind.UNCHANGED: "", Kind.DELETED: "deleted", Kind.RESTORED: "restored",
}


@dataclass(frozen=True)
class Request:
    """The request that a write is made for, as far as the log mentions it."""

    operation: str
    """create, replace, patch, delete, import or restore."""
    actor: Actor
    has_body: bool = True
    """Whether the response shows the resource."""
    warnings: tuple[str, ...] = ()
    """What could not be done, where the rest was."""


@dataclass(frozen=True)
class Change:
    """What a write did to one resource."""

    kind: Kind
    resource_type: ResourceType
    before: Mapping[str, Any] | None = None
    """The resource as it was; None for a new one, and where it was not read because only its members changed."""
    after: Mapping[str, Any] | None = None
    """The resource as it is now; None for a deleted one. Of one whose members changed, at least `id` and its names."""
    added: Sequence[str] = ()
    """Ids of the new members."""
    removed: Sequence[str] = ()
    """Ids of the members that left; only the first of them where a large group was cleared."""
    removed_count: int = 0
    groups: Sequence[str] = ()
    """Of a deleted or restored resource: ids of the groups that it leaves or returns to."""
    members_count: int = 0
    """Of a restored group: how many members it has."""
    unknown: Sequence[str] = ()
    """Those of `added` that were not there; they may have come into being at the same time."""

    @property
    def event_type(self) -> str:
        """The type of the event for consumers, such as `scimd.user.updated`; "" if nothing has changed."""
        what = _EVENTS[self.kind]
        if self.kind is Kind.UPDATED and self.more.disabled:
            what = "deactivated" if self.more.disabled > 0 else "reactivated"
        return what and f"scimd.{self.resource_type.name.lower()}.{what}"

    @property
    def version(self) -> int:
        """The version of the resource since the change; 0 if only the database knows it.

        A deletion counts as a version, so that the events of a resource are in the order of their versions.
        """
        version = version_number(self.resource.get("meta", {}).get("version", 'W/"0"'))
        return version + 1 if self.kind is Kind.DELETED else version

    @property
    def resource(self) -> Mapping[str, Any]:
        """The resource: as it is now, or as it was before it was deleted."""
        resource = self.before if self.after is None else self.after
        assert resource is not None
        return resource

    @property
    def name(self) -> str:
        """The name by which people know the resource."""
        return str(self.resource.get(self.resource_type.identifier, ""))

    @property
    def more(self) -> More:
        """How many more resources there are since."""
        match self.kind:
            case Kind.CREATED | Kind.IMPORTED | Kind.RESTORED:
                return More(1, self._disabled(self.after))
            case Kind.UPDATED:
                return More(0, self._disabled(self.after) - self._disabled(self.before))
            case Kind.DELETED:
                return More(-1, -self._disabled(self.before))
        return NOTHING_MORE

    @property
    def deactivates(self) -> bool:
        """Whether a user is disabled or deleted."""
        if self.resource_type.name != USER_TYPE.name:
            return False
        return self.kind is Kind.DELETED or (self.kind is Kind.UPDATED and self.more.disabled > 0)

    def _disabled(self, resource: Mapping[str, Any] | None) -> int:
        return int(self.resource_type.is_disabled(resource or {}))


def line_of(change: Change, request: Request, event_id: str) -> Event:
    """Return the line of the log for a change; `event_id` is the line's."""
    resource_type, before, after = change.resource_type, change.before or {}, change.after or {}
    changes: list[dict[str, Any]] = []
    if change.kind in (Kind.CREATED, Kind.IMPORTED, Kind.RESTORED, Kind.UPDATED):
        changes = difference(before, after, without_secrets(resource_type))
    # What is changed is listed under the name that it had; the new one is among the changes.
    name = str(before.get(resource_type.identifier, "")) if before and change.kind is Kind.UPDATED else change.name
    return Event(
        request.operation,
        resource_type.name,
        change.resource["id"],
        name,
        external_id=str(change.resource.get(EXTERNAL_ID.name, "")),
        changes=changes,
        members=members_changed(change),
        member_ids=(*change.added[:MOST_MEMBERS], *change.removed[:MOST_MEMBERS]),
        status=_status(change, request),
        warnings=request.warnings,
        known_by=known_names(resource_type, before) | known_names(resource_type, after),
        type=change.event_type,
        version=change.version,
        more=change.more,
        groups=_groups(change),
        id=event_id,
    )


def known_names(resource_type: ResourceType, values: Mapping[str, Any]) -> frozenset[str]:
    """Return the names in a resource or a payload by which an operator may look for it: userName, externalId, ..."""
    texts = ((key, value) for key, value in values.items() if isinstance(value, str) and value)
    return frozenset(value for key, value in texts if key.lower() in resource_type.lower_names)


def difference(before: Mapping[str, Any], after: Mapping[str, Any], view: View) -> list[dict[str, Any]]:
    """Return the attributes that differ, as {attribute, old, new}, with what the view shows of them.

    Extensions are compared attribute by attribute. `meta` and `schemas` of the resource itself follow from the rest and
    are left out.
    """
    before, after = ({key: each[key] for key in each.keys() - _DERIVED} for each in (before, after))
    return _difference(before, after, view.of(before), view.of(after))


def _difference(
    before: Mapping[str, Any], after: Mapping[str, Any], shown_before: Mapping[str, Any], shown_after: Mapping[str, Any]
) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = []
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) == after.get(key):
            continue
        old, new = shown_before.get(key), shown_after.get(key)
        if ":" in key:
            for change in _difference(before.get(key) or {}, after.get(key) or {}, old or {}, new or {}):
                changes.append(change | {"attribute": f"{key}:{change['attribute']}"})
        else:
            values = {"old": old, "new": new}
            changes.append({"attribute": key} | {name: value for name, value in values.items() if value is not None})
    return changes


def members_changed(change: Change) -> dict[str, Any]:
    """Return the `members` field of a line: the first MOST_LISTED ids each way, and how many there are in all."""
    added, removed = list(change.added[:MOST_LISTED]), list(change.removed[:MOST_LISTED])
    return filled({
        "added": added, "addedCount": len(change.added), "removed": removed, "removedCount": change.removed_count,
        "truncated": len(added) < len(change.added) or len(removed) < change.removed_count,
    })


def _groups(change: Change) -> dict[str, Any]:
    """Return the fields of a line about the groups that a deleted or restored resource leaves or returns to."""
    return filled({
        "groups": list(change.groups[:MOST_LISTED]), "groupsCount": len(change.groups),
        "membersCount": change.members_count,
    })


def _status(change: Change, request: Request) -> int:
    statuses = request.actor.statuses
    if change.kind in (Kind.CREATED, Kind.IMPORTED):
        return statuses.created
    return statuses.shown if request.has_body else statuses.not_shown
