"""What the log knows of a write before it is done: the line that it gets if it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from app.errors import ScimError
from app.schemas.membership import MemberChange
from app.schemas.resource_type import ResourceType
from app.schemas.validation.secrets import hidden_in, kept
from app.store.log.changes import known_names
from app.store.log.event import MOST_MEMBERS, Event

REQUEST = "request"
"""The operation of a request that is refused before it is known what it asks for."""
MOST_SENT = 4_096
"""Bytes of a payload that the line of a refusal has."""


@dataclass
class Attempt:
    """A write that is not done yet, as far as its request has been read.

    Most writes succeed and need no line of a refusal, so only `refused` looks for names.
    """

    operation: str = REQUEST
    resource_type: ResourceType | None = None
    resource_id: str = ""
    name: str = ""
    versions: list[Mapping[str, Any]] = field(default_factory=list)
    """The resource as it is and as it would be, or the payload, as far as they have been read."""
    members: tuple[MemberChange, ...] = ()
    """The members to add or remove."""
    sent: Any = None
    """The payload, if there is one."""
    warnings: tuple[str, ...] = ()
    """What cannot be done of it, where the rest can."""

    def about(self, values: Mapping[str, Any], name: str = "") -> None:
        """Note another version of the resource, or a payload, and the name that it is listed under, if it has one."""
        self.versions.append(values)
        self.name = name or self.name

    def refused(self, error: ScimError) -> Event:
        """Return the line of the log that says that it was refused, and why."""
        kind = self.resource_type
        names = [known_names(kind, values) for values in self.versions] if kind else []
        members = (member for change in self.members for member in change.members)
        hidden = hidden_in(row for schema in kind.schemas for row in schema.attributes) if kind else frozenset[str]()
        return Event(
            self.operation, kind.name if kind else "", self.resource_id, self.name,
            known_by=frozenset().union(*names), member_ids=tuple(islice(members, MOST_MEMBERS)),
            warnings=self.warnings, status=error.status, scim_type=error.scim_type, detail=error.detail,
            cause=error.cause, attribute=error.attribute, problems=error.problems,
            sent=kept(self.sent, hidden, MOST_SENT) if self.sent is not None else "",
        )
