"""The sign-ins: each attempt of a person to sign in, from the start to its result, and the assertions that were used.

A sign-in is named by its state, 256 random bits that travel through the browser; only their hash is stored. Each step
is one atomic operation, so that of two requests with one state a single one succeeds.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database
from app.store.mongo.moments import aware, now

SENT, ANSWERED, DONE = "sent", "answered", "done"
"""The steps: the browser was sent to the identity provider; an answer came; the person is signed in."""
_TEXTS = ("tenant", "connection", "browser", "request", "nonce", "verifier")
SPEC = CollectionSpec(
    name="sign_ins",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "connection", "browser", "for", "step", "started", "expires"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                **{each: {"bsonType": "string"} for each in _TEXTS},
                "step": {"enum": [SENT, ANSWERED, DONE]},
                "for": {"bsonType": "object"},
                "result": {"bsonType": "object"},
                "unsolicited": {"bsonType": "bool"},
                **{each: {"bsonType": "date"} for each in ("started", "expires", "forced")},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("browser", 1)), name="tenant_browser"),
        IndexSpec(keys=(("expires", 1),), name="expires", expire_after_seconds=0),
    ),
)
_USED = CollectionSpec(
    name="used_assertions",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "connection", "used", "expires"],
            "additionalProperties": False,
            "properties": {
                **{each: {"bsonType": "string"} for each in ("_id", "tenant", "connection")},
                **{each: {"bsonType": "date"} for each in ("used", "expires")},
            },
        }
    },
    indexes=(IndexSpec(keys=(("expires", 1),), name="expires", expire_after_seconds=0),),
)
COLLECTIONS = (SPEC, _USED)

LIFETIME = timedelta(minutes=10)
LOOP = timedelta(minutes=1)
"""Within this time a browser that was sent here by an unsolicited response is not sent on for another one."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """One attempt to sign in; unknown parts are ""."""

    tenant: str
    connection: str
    browser: str
    """The hash of the cookie of the browser that began it."""
    purpose: Mapping[str, Any]
    """What comes after: {"kind": "page" | "app" | "test"}, with the app's `request` or the `ticket` of the test."""
    request: str = ""
    """The ID of the SAML request."""
    nonce: str = field(default="", repr=False)
    verifier: str = field(default="", repr=False)
    """Nonce and code verifier of an OpenID Connect request."""
    forced: bool = False
    """Whether the person must authenticate anew."""
    unsolicited: bool = False
    """Whether it was begun because a response came that nobody had asked for."""
    id: str = ""
    """The hash of the state."""
    started: datetime = datetime.min
    result: Mapping[str, Any] | None = None


class SignIns:
    """The sign-ins of all tenants; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._used = database.db[_USED.name]
        self._clock = clock

    def begin(self, sign_in: SignIn, state: str) -> None:
        """Store a sign-in that begins now, under a state from `new_state`."""
        moment = self._clock()
        texts = {each: getattr(sign_in, each) for each in _TEXTS}
        document = {each: text for each, text in texts.items() if text} | {
            "_id": hash_of(state), "for": dict(sign_in.purpose), "step": SENT, "started": moment,
            "expires": moment + LIFETIME,
        }
        if sign_in.forced:
            document["forced"] = moment
        if sign_in.unsolicited:
            document["unsolicited"] = True
        self._collection.insert_one(document)

    def get(self, tenant: str, state: str) -> SignIn | None:
        """Return the sign-in with this state that waits for its answer, or None."""
        document = self._collection.find_one(self._waiting(tenant, state))
        return _sign_in(document) if document else None

    def answer(self, tenant: str, state: str) -> SignIn | None:
        """Mark the sign-in with this state as answered, and return it; None unless it waits for an answer."""
        document = self._collection.find_one_and_update(
            self._waiting(tenant, state), {"$set": {"step": ANSWERED}}, return_document=True
        )
        return _sign_in(document) if document else None

    def started(self, tenant: str, state: str) -> datetime | None:
        """Return when the sign-in with this state began, whatever has become of it, or None if it is not known."""
        document = self._collection.find_one({"_id": hash_of(state), "tenant": tenant}, {"started": 1})
        return aware(document["started"]) if document else None

    def store_result(self, sign_in: SignIn, result: Mapping[str, Any]) -> None:
        """Store what the answer has brought, for `finish`."""
        self._collection.update_one({"_id": sign_in.id, "tenant": sign_in.tenant}, {"$set": {"result": dict(result)}})

    def answered(self, tenant: str, state: str) -> SignIn | None:
        """Return the sign-in with this state that has been answered and not been finished, or None."""
        document = self._collection.find_one(self._answered(hash_of(state), tenant))
        return _sign_in(document) if document else None

    def finish(self, sign_in: SignIn) -> bool:
        """Mark an answered sign-in as done, and return whether it was this call that did."""
        query = self._answered(sign_in.id, sign_in.tenant)
        return bool(self._collection.update_one(query, {"$set": {"step": DONE}}).matched_count)

    def is_looping(self, tenant: str, browser: str) -> bool:
        """Return whether a browser, given by the hash of its cookie, was just sent on by an unsolicited response."""
        since = self._clock() - LOOP
        query = {"tenant": tenant, "browser": browser, "unsolicited": True, "started": {"$gt": since}}
        return self._collection.find_one(query, {"_id": 1}) is not None

    def use_assertion(self, tenant: str, connection: str, assertion_id: str, until: datetime) -> datetime | None:
        """Note that an assertion is used, until it is void; return when it was used first, None if it was not."""
        key = hash_of("\n".join((tenant, connection, assertion_id)))
        document: dict[str, Any] = {
            "_id": key, "tenant": tenant, "connection": connection, "used": self._clock(), "expires": until,
        }
        try:
            self._used.insert_one(document)
        except DuplicateKeyError:
            found: dict[str, Any] | None = self._used.find_one({"_id": key})
            return aware((found or document)["used"])
        return None

    def _waiting(self, tenant: str, state: str) -> dict[str, Any]:
        return {"_id": hash_of(state), "tenant": tenant, "step": SENT, "expires": {"$gt": self._clock()}}

    def _answered(self, sign_in_id: str, tenant: str) -> dict[str, Any]:
        running = {"step": ANSWERED, "result": {"$exists": True}, "expires": {"$gt": self._clock()}}
        return {"_id": sign_in_id, "tenant": tenant, **running}


def new_state() -> str:
    """Return a new state: 43 characters, so that it fits into the 80 bytes of SAML's RelayState."""
    return secrets.token_urlsafe(32)


def _sign_in(document: dict[str, Any]) -> SignIn:
    return SignIn(
        **{each: document.get(each, "") for each in _TEXTS}, purpose=document["for"], forced="forced" in document,
        unsolicited=document.get("unsolicited", False), id=document["_id"], started=aware(document["started"]),
        result=document.get("result"),
    )
