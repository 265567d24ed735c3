"""One event of the provisioning log: what it says, and its document."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.errors import Problem
from app.schemas.comparison import fold
from app.schemas.tables.common import EXTERNAL_ID
from app.store.mongo.moments import now

MOST_WARNINGS = 20
"""Warnings in one line."""
MOST_MEMBERS = 100
"""Members that one line is found by, each way."""
MOST_LISTED = 1_000
"""Members that one line lists each way, and groups; the rest are only counted."""
MEMBER = "member:"
"""The prefix of a member's id among the keys of a line about a group; the line is not one of the member's own."""
LONGEST_NAME = 1_024
"""Characters of a name. No resource has a longer one, but a refused request may."""
LONGEST_DETAIL = 8_192
MOST_PROBLEMS = 20


def new_id() -> str:
    """Return an id for a line: a UUID of version 7, so that lines of one millisecond sort as they were made (D-590).

    Unlike a resource's id it is no secret, and need not come from the operating system.
    """
    # RFC 9562 section 5.7, with the fraction of the millisecond in 12 bits (section 6.2, method 3).
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    number = milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random.getrandbits(62)  # noqa: S311
    return str(uuid.UUID(int=number))


class More(NamedTuple):
    """How many more resources there are since a change: 1, 0 or -1 in all, and how many more disabled ones."""

    number: int = 0
    disabled: int = 0


NOTHING_MORE = More()


class Statuses(NamedTuple):
    """The HTTP status of each outcome of a write; 0 where nothing is answered by HTTP (D-172)."""

    created: int = 0
    shown: int = 0
    """The response shows the resource."""
    not_shown: int = 0


@dataclass(frozen=True)
class Actor:
    """Who asks, in which request, and with which status they are answered."""

    credential: str = ""
    request_id: str = ""
    statuses: Statuses = Statuses()


@dataclass(frozen=True)
class Event:
    """One line of the log."""

    operation: str
    """create, replace, patch, delete, import, restore, what an operator did, or what was refused."""
    resource_type: str = ""
    resource_id: str = ""
    name: str = ""
    """The name by which people know the resource."""
    external_id: str = ""
    """Of a change: the resource's externalId."""
    changes: Sequence[Mapping[str, Any]] = ()
    """[{attribute, old, new}]."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """{added: [...], removed: [...], addedCount, removedCount}."""
    member_ids: tuple[str, ...] = ()
    """The members by whose ids the line of a group is found."""
    checks: Sequence[Mapping[str, Any]] = ()
    """Of a refused credential: each check, with the expected and the received value."""
    status: int = 0
    """The HTTP status; 0 for what an operator did."""
    warnings: Sequence[str] = ()
    """What could not be done, where the rest was."""
    scim_type: str | None = None
    detail: str = ""
    cause: str = ""
    """Of what was refused: the word for why (`app.causes`)."""
    attribute: str = ""
    """Of a refused change: the path of the first attribute that is wrong, without indexes."""
    problems: Sequence[Problem] = ()
    """Of a refused change: what is wrong with it."""
    sent: str = ""
    """Of a refused change: its payload as JSON, cut and without secrets."""
    known_by: Set[str] = frozenset()
    """Other names by which the line is found: old names, new names, names that were refused, the externalId."""
    type: str = ""
    """Of a change: its type for consumers, such as `scimd.user.updated`."""
    version: int = 0
    """Of a change: the version of the resource since."""
    more: More = NOTHING_MORE
    groups: Mapping[str, Any] = field(default_factory=dict)
    """Of a deletion or a restore: {groups: [...], groupsCount, membersCount}."""
    sign_on: Mapping[str, Any] = field(default_factory=dict)
    """Of a person's sign-on: {connection, app, sid, address, amr}, as far as known."""
    roles: Sequence[str] | None = None
    """Of a user's roles: those that they have from now on."""
    id: str = field(default_factory=new_id)


def document_of(event: Event, tenant: str, actor: Actor, *, values: bool) -> dict[str, Any]:
    """Return the document for an event, without its end; `values` says whether it has those of attributes."""
    name = event.name[:LONGEST_NAME]
    known_by = {name, event.resource_id, *event.known_by, *(MEMBER + each for each in event.member_ids)} - {""}
    document: dict[str, Any] = {
        "_id": event.id,
        "tenant": tenant,
        "time": now(),
        "operation": event.operation,
        "resource": filled({
            "type": event.resource_type, "id": event.resource_id, "name": name, EXTERNAL_ID.name: event.external_id,
        }),
        "keys": sorted({fold(each[:LONGEST_NAME]) for each in known_by}),
        "credential": actor.credential,
        "request": actor.request_id,
        "status": event.status,
    }
    changes = event.changes if values else ({"attribute": each["attribute"]} for each in event.changes)
    problems = [each._asdict() if values else {"path": each.path} for each in event.problems[:MOST_PROBLEMS]]
    sign_on = event.sign_on if values else {key: each for key, each in event.sign_on.items() if key != "address"}
    if event.roles is not None:
        document[ROLES] = list(event.roles)
    return document | filled({
        "signOn": filled(sign_on),
        "changes": list(changes),
        "members": event.members,
        "scimType": event.scim_type,
        "detail": event.detail[:LONGEST_DETAIL],
        "cause": event.cause,
        "attribute": event.attribute,
        "problems": problems,
        "sent": event.sent if values else "",
        "checks": list(event.checks),
        "failed": event.status >= 400,
        "warnings": list(event.warnings[:MOST_WARNINGS]),
    })


ROLES = "roles"
"""The field for them."""


def filled(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value; None, False, 0 and what is empty are left out."""
    return {key: value for key, value in document.items() if value}
