"""What an identity provider has said about a person, once all of it has been verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Identity:
    """The verified statement of an identity provider about the person who signs in."""

    subject: str | None
    """The identity provider's own, immutable id of the person; None if it has not said one."""
    values: Mapping[str, tuple[str, ...]]
    """What it has said besides: the name of a SAML attribute or a claim, or `NameID`, and its values."""
    auth_time: datetime
    """When the person was authenticated."""
    session_index: str | None = None
    """What the identity provider calls its session: SAML's `SessionIndex`, or the `sid` of an ID token."""
    name_id: str | None = None
    """SAML's `NameID`."""
    session_ends: datetime | None = None
    """When its session ends (SAML's `SessionNotOnOrAfter`); None if it has not said so."""
    acr: str | None = None
    """The authentication context class (OpenID Connect Core section 2)."""
    amr: tuple[str, ...] = field(default=())
    """The authentication methods (RFC 8176)."""
    undated: bool = False
    """Whether it has not said when the person was authenticated; `auth_time` is then the moment of its answer."""
