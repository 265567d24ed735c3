"""What the log knows of a write before it is done: the line that it gets if it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from app.schemas.membership import MemberChange
from app.schemas.resource_type import ResourceType
from app.store.log.changes import known_names
from app.store.log.events import MOST_MEMBERS, Event

REQUEST = "request"
"""The operation of a request that is refused before it is known what it asks for."""


@dataclass(frozen=True)
class Attempt:
    """A write that is not done yet, as far as its request has been read."""

    operation: str = REQUEST
    resource_type: ResourceType | None = None
    resource_id: str = ""
    name: str = ""
    known_by: frozenset[str] = frozenset()
    """The names that the resource has, or would have, by which an operator may look for it."""
    member_ids: tuple[str, ...] = ()
    """The members to add or remove; the first MOST_MEMBERS of them."""
    warnings: tuple[str, ...] = ()

    def about(self, values: Mapping[str, Any], name: str) -> Attempt:
        """Return the attempt with the name of its resource, and the other names in a resource or payload."""
        assert self.resource_type is not None
        return replace(self, name=name, known_by=self.known_by | known_names(self.resource_type, values))

    def of_members(self, changes: Iterable[MemberChange]) -> Attempt:
        """Return the attempt with the members that the changes name."""
        members = (member for change in changes for member in change.members)
        return replace(self, member_ids=tuple(islice(members, MOST_MEMBERS)))

    def warned(self, warnings: Iterable[str]) -> Attempt:
        """Return the attempt with what cannot be done of it, where the rest can."""
        return replace(self, warnings=tuple(warnings))

    def refused(self, status: int, scim_type: str | None, detail: str) -> Event:
        """Return the line of the log that says that it was refused, and why."""
        kind = self.resource_type.name if self.resource_type else ""
        return Event(
            self.operation, kind, self.resource_id, self.name, known_by=self.known_by, member_ids=self.member_ids,
            warnings=self.warnings, status=status, scim_type=scim_type, detail=detail,
        )
