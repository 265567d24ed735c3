"""Whom an event concerns: the people whose roles it may change, and the groups whose people it may.

A membership that begins or ends concerns everybody who is below its member by the time that they are looked at.
Those who have left in between are concerned by the event that says so; that is why each event is followed, and none
is left out because its group has no role any more (D-432).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.schemas.resource_type import Catalogue
from app.schemas.tables.user import USER_TYPE
from app.store.roles.role_maps import EVERYBODY

CREATED, DELETED, RESTORED = "created", "deleted", "restored"


@dataclass
class Concerned:
    """Whom some events concern."""

    members: dict[str, None] = field(default_factory=dict)
    """Ids of people, and of groups with the people in those; each once, in order."""
    groups: dict[str, None] = field(default_factory=dict)
    """Groups whose members are concerned, EVERYBODY for all people."""

    def add(self, event: Mapping[str, Any]) -> None:
        """Add whom an event concerns, of one of the types that `types_of` names."""
        resource = event["resource"]
        if resource["type"] == USER_TYPE.name:
            self.members[resource["id"]] = None
            return
        if event["type"].rpartition(".")[2] in (DELETED, RESTORED):
            self.groups[resource["id"]] = None
        self._add_members(resource["id"], event.get("members", {}))

    def _add_members(self, group: str, members: Mapping[str, Any]) -> None:
        added, removed = members.get("added", ()), members.get("removed", ())
        if len(added) < members.get("addedCount", 0):
            self.groups[group] = None
        if len(removed) < members.get("removedCount", 0):  # who has left is not known
            self.groups[EVERYBODY] = None
        self.members |= dict.fromkeys((*added, *removed))


def types_of(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the types of events that may change somebody's roles."""
    groups = (f"scimd.{each.name.lower()}.*" for each in catalogue.types if each.members)
    user = USER_TYPE.name.lower()
    return (f"scimd.{user}.{CREATED}", f"scimd.{user}.{RESTORED}", *groups)


def without_repetition(groups: Iterable[str]) -> list[str]:
    """Return the groups to go through, or EVERYBODY alone."""
    found = list(dict.fromkeys(groups))
    return [EVERYBODY] if EVERYBODY in found else found
