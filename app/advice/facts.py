"""What is known about a customer when it is judged: a few facts, none of which is read from the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Contact:
    """Some requests without ten quiet minutes between them."""

    began: datetime
    let_in: bool
    """Whether one of them had a valid credential."""


@dataclass(frozen=True)
class Denial:
    """The requests that were denied since a client was last let in."""

    time: datetime
    """Of the last one."""
    cause: str
    """Why the last one was denied (`app.causes`)."""
    count: int
    since: datetime | None = None
    """Of the first one; None if an earlier version counted them."""
    reason: str = ""
    """Why the last one was denied, in a sentence; of a wrong address only what is wrong with the Tenant URL, or ""."""


@dataclass(frozen=True)
class Credential:
    """A credential that is valid now, or was."""

    kind: str
    """`token`, `client` or `trust`."""
    id: str
    label: str = ""
    expires: datetime | None = None
    """Of a client: when the last of its secrets does."""
    used: datetime | None = None
    writes: bool = True
    """Whether it may change something; one that only reads is the vendor's own."""
    revoked: bool = False
    """Whether it was revoked, at the time `expires`."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts about one customer."""

    name: str
    profile: str = "gallery"
    provider: str = ""
    """The identity provider that was chosen (`app.advice.guides`), "" if none was."""
    suspended: bool = False
    suspended_by: str = ""
    suspended_at: datetime | None = None
    contacts: tuple[Contact, ...] = ()
    """The newest, in the order of their beginning."""
    last: datetime | None = None
    """When a client was last let in."""
    last_write: datetime | None = None
    denied: Denial | None = None
    refused: int = 0
    """Changes that were refused within a day."""
    commonest: str = ""
    """Why most of them were: the cause, and after a blank the attribute, if any."""
    failed: int = 0
    """Answers of 5xx within an hour."""
    failed_since: datetime | None = None
    """The beginning of the hour in which the first of them was given."""
    credentials: tuple[Credential, ...] = ()
    ended: Credential | None = None
    """If none is valid that may change something: the last one that could, None if it was deleted or there was none."""
    link_until: datetime | None = None
    """When the last setup link expires."""
