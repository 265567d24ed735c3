"""What an accepted answer has brought, as it is stored with the sign-in until the browser comes to `finish`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from app.sign_on.identity import Identity
from app.sign_on.matching import User
from app.store.mongo.moments import aware

_OBJECT_ID = "oid"
"""The claim in which Entra sends the id of a person that is the same for all apps."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Who has signed in, and how; unknown texts are ""."""

    user: str
    auth_time: datetime
    subject: str = ""
    vouched: tuple[str, ...] = ()
    """The ids by which the identity provider knows the person: a user with one of them as externalId is this person."""
    session_index: str = ""
    name_id: str = ""
    session_ends: datetime | None = None
    acr: str = ""
    amr: tuple[str, ...] = ()
    undated: bool = False

    @classmethod
    def of(cls, user: User, identity: Identity) -> Result:
        """Return the result for a user and the identity by which they were found."""
        subject = identity.subject or ""
        return cls(
            user=user.id, auth_time=identity.auth_time, subject=subject, vouched=vouched(identity),
            session_index=identity.session_index or "", name_id=identity.name_id or "",
            session_ends=identity.session_ends, acr=identity.acr or "", amr=identity.amr,
            undated=identity.undated,
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Result:
        """Return the result that is stored."""
        known = {each.name: document[each.name] for each in fields(cls) if each.name in document}
        for name, value in known.items():
            if isinstance(value, datetime):
                known[name] = aware(value)
            elif isinstance(value, list):
                known[name] = tuple(value)
        return cls(**known)

    def document(self) -> dict[str, Any]:
        """Return the document to store."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name)}


def vouched(identity: Identity) -> tuple[str, ...]:
    """Return the ids by which the identity provider knows the person, as provisioning may have them as externalId."""
    if identity.subject is None:
        return ()
    return tuple(dict.fromkeys((identity.subject, *identity.values.get(_OBJECT_ID, ()))))


def values_of(identity: Identity) -> list[dict[str, Any]]:
    """Return what an identity provider has sent, for the page of a test: [{name, values}]."""
    return [{"name": name, "values": list(values)} for name, values in identity.values.items()]
