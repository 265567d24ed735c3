"""An endpoint: where events are pushed to, how they are signed, how far it has come; and its document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from app.store.mongo.moments import aware

WEBHOOK, SET, POLL = "webhook", "set", "poll"
FORMS = (WEBHOOK, SET, POLL)
"""What an endpoint gets: CloudEvents, or security event tokens (by push), or the latter when it asks (by poll)."""
ON, STANDING_STILL, OFF = "on", "standing still", "off"
STATES = (ON, STANDING_STILL, OFF)
"""Events are sent; the endpoint fails, and one event is tried from time to time; nothing is sent."""
ED25519, HMAC = "ed25519", "hmac"
KEY_KINDS = (ED25519, HMAC)
PARALLEL = 8
MOST_PARALLEL = 32
MOST_ATTEMPTS = 20
"""Attempts that an endpoint's document has."""


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A key that signs what an endpoint gets."""

    kind: str
    """One of `KEY_KINDS`."""
    private: str = field(repr=False)
    """The private half, or the shared secret, sealed."""
    public: str = ""
    """The public half as it is shown, such as `whpk_...`; "" for a shared secret."""
    created: datetime
    until: datetime | None = None
    """When it stops signing; None for the newest one."""


class Attempt(TypedDict):
    """One attempt to deliver an event, as the endpoint's document has it."""

    time: datetime
    event: str
    """Its id."""
    status: int
    """The HTTP status; 0 without an answer."""
    reason: str
    """Why it failed, in our words; "" for success."""
    seconds: float


class Gap(TypedDict):
    """Events that an endpoint did not get, because they are no longer in the log."""

    place: int
    """How far it had come."""
    to: int
    """The place from which it goes on."""
    time: datetime
    """When that was noticed."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where events are pushed to, and how far it has come."""

    id: str
    tenant: str
    """A name, or `ALL_TENANTS` for one that gets the events of all."""
    form: str
    """One of `FORMS`."""
    created: datetime
    since: datetime
    """When it got into its state."""
    place: int
    """All events up to this number are delivered or put aside."""
    url: str = ""
    """Where to send; "" for `POLL`."""
    types: tuple[str, ...] = ()
    """The types of its events; a `*` at the end stands for any end, and () means all."""
    keys: tuple[SigningKey, ...] = ()
    audience: str = ""
    """Of a stream: the audience of its tokens."""
    authorization: str = field(default="", repr=False)
    """The value of the header `Authorization`, sealed; "" for none."""
    parallel: int = PARALLEL
    """The most events that are sent at once."""
    current: bool = False
    """Whether each event comes with its resource as it is at that moment."""
    done: tuple[int, ...] = ()
    """The numbers of events after `place` that are delivered or put aside."""
    state: str = ON
    reason: str = ""
    """Why it is in its state; "" if it is on."""
    attempts: tuple[Attempt, ...] = ()
    """The last `MOST_ATTEMPTS`, oldest first."""
    delivered: int = 0
    """How many events it has accepted."""
    failed: int = 0
    """How many attempts have failed."""
    failing: tuple[str, ...] = ()
    """Ids of the different events that have failed since the last success."""
    failing_since: datetime | None = None
    """When the first of those failed."""
    probes: int = 0
    """How many single events have been tried since it stands still."""
    next: datetime | None = None
    """Nothing is sent before this time."""
    gap: Gap | None = None
    """The last time that events were left out."""
    turn: int = 0
    """Grows whenever what the sender knows of it is void (`progress`)."""
    revision: int = 0
    """Grows whenever there is something new to be read for the sender."""


_TEXTS = ("tenant", "form", "url", "audience", "authorization", "state", "reason")
_NUMBERS = ("place", "parallel", "delivered", "failed", "probes", "turn", "revision")
_STRINGS, _DATES = ("types", "failing"), {"failing_since": "failingSince", "next": "next"}
_KEY_TEXTS = ("kind", "private", "public")


def document_of(endpoint: Endpoint) -> dict[str, Any]:
    """Return the document for an endpoint; fields that are None are left out."""
    document: dict[str, Any] = {
        "_id": endpoint.id,
        **{name: getattr(endpoint, name) for name in (*_TEXTS, *_NUMBERS, "created", "since")},
        **{name: list(getattr(endpoint, name)) for name in (*_STRINGS, "done", "attempts")},
        "current": endpoint.current,
        "keys": [key_document(key) for key in endpoint.keys],
    }
    dates = {stored: getattr(endpoint, name) for name, stored in _DATES.items()}
    return document | {name: value for name, value in {**dates, "gap": endpoint.gap}.items() if value is not None}


def endpoint_of(document: Mapping[str, Any]) -> Endpoint:
    """Return the endpoint for its document."""
    fields: dict[str, Any] = {name: document[name] for name in (*_TEXTS, *_NUMBERS)}
    fields |= {name: tuple(document[name]) for name in (*_STRINGS, "done", "attempts")}
    fields |= {name: aware(document[stored]) for name, stored in _DATES.items() if stored in document}
    return Endpoint(
        id=document["_id"],
        created=aware(document["created"]),
        since=aware(document["since"]),
        keys=tuple(_key_of(each) for each in document["keys"]),
        current=document.get("current", False),  # earlier versions stored none
        gap=document.get("gap"),
        **fields,
    )


def key_document(key: SigningKey) -> dict[str, Any]:
    """Return the part of a document for a key."""
    until = {} if key.until is None else {"until": key.until}
    return {name: getattr(key, name) for name in (*_KEY_TEXTS, "created")} | until


def _key_of(document: Mapping[str, Any]) -> SigningKey:
    until = aware(document["until"]) if "until" in document else None
    return SigningKey(created=aware(document["created"]), until=until, **{name: document[name] for name in _KEY_TEXTS})


_STRING: dict[str, Any] = {"bsonType": "string"}
_DATE: dict[str, Any] = {"bsonType": "date"}
_WHOLE: dict[str, Any] = {"bsonType": ["int", "long"]}
_REQUIRED = ("_id", *_TEXTS, *_NUMBERS, *_STRINGS, "created", "since", "done", "attempts", "keys")
VALIDATOR: dict[str, Any] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": list(_REQUIRED),
        "additionalProperties": False,
        "properties": {
            "_id": _STRING,
            **dict.fromkeys(_TEXTS, _STRING),
            **dict.fromkeys(_NUMBERS, _WHOLE),
            **{each: {"bsonType": "array", "items": _STRING} for each in _STRINGS},
            **dict.fromkeys(("created", "since", *_DATES.values()), _DATE),
            "form": {"enum": list(FORMS)},
            "state": {"enum": list(STATES)},
            "current": {"bsonType": "bool"},
            "done": {"bsonType": "array", "items": _WHOLE},
            "attempts": {"bsonType": "array", "maxItems": MOST_ATTEMPTS, "items": {"bsonType": "object"}},
            "keys": {"bsonType": "array", "items": {
                "bsonType": "object", "required": [*_KEY_TEXTS, "created"], "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(_KEY_TEXTS, _STRING), **dict.fromkeys(("created", "until"), _DATE),
                },
            }},
            "gap": {"bsonType": "object"},
        },
    }
}
"""What MongoDB checks."""
