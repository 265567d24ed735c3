"""Security event tokens (SETs, RFC 8417) about changes: signed notices, as RFC 9967 defines them for SCIM.

A notice names the attributes that changed and has none of their values; the receiver reads those by SCIM.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from joserfc import jwt

from app.protocol.messages import SECURITY_EVENT_JWT
from app.schemas.tables.common import EXTERNAL_ID, ID
from app.schemas.tables.group import GROUP_TYPE
from app.store.sign_on.signing_keys import EVENT_TOKEN, SigningKey, SigningKeys

CloudEvent = Mapping[str, Any]
"""An event as `CloudEvents` renders it."""
Payloads = dict[str, dict[str, Any]]
"""The `events` of a token: URI -> payload."""

CREATED = "urn:ietf:params:scim:event:prov:create:notice"
PATCHED = "urn:ietf:params:scim:event:prov:patch:notice"
REPLACED = "urn:ietf:params:scim:event:prov:put:notice"
DELETED = "urn:ietf:params:scim:event:prov:delete"
ACTIVATED = "urn:ietf:params:scim:event:prov:activate"
DEACTIVATED = "urn:ietf:params:scim:event:prov:deactivate"
EVENT_URIS = (CREATED, PATCHED, REPLACED, DELETED, ACTIVATED, DEACTIVATED)
"""The events that a token can be about (RFC 9967 section 7.4)."""
TYPE = SECURITY_EVENT_JWT.removeprefix("application/")
"""The `typ` of a token (RFC 8417 section 2.3)."""
_REPLACE = "replace"
"""The operation of a PUT."""
_TENANTS = "scimd.tenant."
"""The prefix of the types of events about tenants, which are no resources."""
_ALSO: dict[str, Payloads] = {
    "updated": {}, "members_changed": {}, "deactivated": {DEACTIVATED: {}}, "reactivated": {ACTIVATED: {}},
}
"""Kinds of changes of a resource that stays: the events beside the notice."""


class Stream(NamedTuple):
    """Whom tokens are for."""

    id: str
    audience: str


class Token(NamedTuple):
    """A signed token and its id."""

    id: str
    text: str


@dataclass(frozen=True)
class SecurityEvents:
    """Makes the tokens; `issuer` returns the issuer of a tenant."""

    keys: SigningKeys
    issuer: Callable[[str], str]

    def key(self) -> SigningKey:
        """Return the key that signs now; the first call makes it."""
        return self.keys.current(EVENT_TOKEN)

    def key_set(self) -> dict[str, Any]:
        """Return the keys whose signatures are to be believed now, as a set of JWKs (RFC 7517 section 5)."""
        return {"keys": [key.public for key in self.keys.published(EVENT_TOKEN)]}

    def token(self, event: CloudEvent, stream: Stream, key: SigningKey) -> Token | None:
        """Return the token about an event, or None if no token tells of such events.

        For one stream it is the same token each time, so that a receiver recognizes what it has got before (D-421).
        """
        events = payloads(event)
        if not events:
            return None
        claims = {
            "iss": self.issuer(event["tenant"]),
            "aud": stream.audience,
            "iat": int(datetime.fromisoformat(event["time"]).timestamp()),
            "jti": token_id(stream.id, event["id"]),
            "txn": event["id"],
            "sub_id": _subject(event),
            "events": events,
        }
        return Token(claims["jti"], jwt.encode({"alg": "RS256", "typ": TYPE, "kid": key.id}, claims, key.jwk))


def token_id(stream_id: str, event_id: str) -> str:
    """Return the `jti` of the token about an event."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{stream_id} {event_id}"))


def payloads(event: CloudEvent) -> Payloads:
    """Return the `events` of the token about an event; none if no token tells of it (RFC 9967 section 2.4)."""
    kind, data = event["type"].rpartition(".")[2], event["data"]
    if event["type"].startswith(_TENANTS):
        return {}
    if kind == "deleted":
        return {DELETED: {}}
    if kind in ("created", "restored"):
        return {CREATED: {"attributes": [ID.name, *_attributes(data)]}}
    if kind not in _ALSO:
        return {}
    version = {"version": data["version"]} if "version" in data else {}
    notice = {"attributes": _attributes(data), **version}
    return {REPLACED if data["operation"] == _REPLACE else PATCHED: notice, **_ALSO[kind]}


def _attributes(data: Mapping[str, Any]) -> list[str]:
    """Return the paths of the attributes that changed, as they are in a PATCH (RFC 7644 section 3.5.2)."""
    members = GROUP_TYPE.members
    assert members is not None
    has_members = members.name in data or "membersCount" in data
    return [*(each["attribute"] for each in data.get("changes", ())), *([members.name] if has_members else [])]


def _subject(event: CloudEvent) -> dict[str, str]:
    """Return the `sub_id` (RFC 9967 section 2.1)."""
    external = event["data"].get(EXTERNAL_ID.name)
    return {"format": "scim", "uri": f"/{event['subject']}", **({EXTERNAL_ID.name: external} if external else {})}
