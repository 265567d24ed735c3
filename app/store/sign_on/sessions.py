"""The sessions: that a browser is signed in to a tenant.

The browser's cookie is 256 random bits, of which only the hash is stored. `sid` is the public id, which apps know: it
survives a new cookie. Nothing prolongs a session.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database
from app.store.mongo.database import Session as Transaction
from app.store.mongo.moments import aware, now

_TEXTS = {
    "sid": "sid", "tenant": "tenant", "user": "user", "connection": "connection", "subject": "subject",
    "name_id": "nameId", "session_index": "sessionIndex", "acr": "acr", "address": "address", "group": "group",
}
"""Attributes of a session -> fields of its document."""
_DATES = ("authTime", "created", "expires", "ended", "forget")
SPEC = CollectionSpec(
    name="sessions",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "sid", "user", "connection", "authTime", "created", "expires", "forget"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                **{field: {"bsonType": "string"} for field in (*_TEXTS.values(), "reason")},
                **{field: {"bsonType": "array", "items": {"bsonType": "string"}} for field in ("amr", "apps")},
                **{field: {"bsonType": "date"} for field in _DATES},
                "undated": {"bsonType": "bool"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("user", 1)), name="tenant_user"),
        IndexSpec(keys=(("tenant", 1), ("sid", 1)), name="tenant_sid"),
        IndexSpec(keys=(("tenant", 1), ("connection", 1), ("sessionIndex", 1)), name="tenant_connection_index"),
        IndexSpec(keys=(("tenant", 1), ("expires", 1)), name="tenant_expires"),
        IndexSpec(keys=(("expires", 1),), name="expires"),
        IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),
    ),
)
COLLECTIONS = (SPEC,)

FORGET_AFTER = timedelta(days=7)
"""How long a session is kept after its end."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session; unknown parts are ""."""

    tenant: str
    user: str
    connection: str
    auth_time: datetime
    expires: datetime
    sid: str = ""
    subject: str = ""
    name_id: str = ""
    session_index: str = ""
    """The identity provider's id of its session: SAML's SessionIndex, or the `sid` of the ID token."""
    acr: str = ""
    amr: tuple[str, ...] = ()
    address: str = ""
    group: str = ""
    """The group whose members alone the connection lets in."""
    apps: tuple[str, ...] = ()
    """The ids of the apps that the person is signed in to."""
    undated: bool = False
    """Whether the identity provider has not said when the person authenticated; `auth_time` is then its answer's."""

    @property
    def authenticated(self) -> datetime:
        """When the person authenticated, the beginning of 1970 if that is not known."""
        return datetime.fromtimestamp(0, UTC) if self.undated else self.auth_time


class Sessions:
    """The sessions of all tenants; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def open(self, session: Session) -> tuple[str, Session]:
        """Store a session; return the cookie for it, which cannot be read again, and the session with its `sid`."""
        return self._open(session, None)

    def _open(self, session: Session, transaction: Transaction) -> tuple[str, Session]:
        cookie = secrets.token_urlsafe(32)
        opened = replace(session, sid=session.sid or secrets.token_hex(16))
        texts = {field: getattr(opened, name) for name, field in _TEXTS.items()}
        undated = {"undated": True} if opened.undated else {}
        self._collection.insert_one({field: text for field, text in texts.items() if text} | undated | {
            "_id": hash_of(cookie), "authTime": opened.auth_time, "amr": list(opened.amr), "apps": list(opened.apps),
            "created": self._clock(), "expires": opened.expires, "forget": opened.expires + FORGET_AFTER,
        }, session=transaction)
        return cookie, opened

    def renew(self, cookie: str, session: Session) -> tuple[str, Session]:
        """Store a session in place of the user's running one with `cookie`, and return its new cookie and itself.

        It keeps that one's `sid` and apps, unless that one has ended meanwhile.
        """

        def work(transaction: Transaction) -> tuple[str, Session]:
            query = {"_id": hash_of(cookie), "tenant": session.tenant, "user": session.user} | self._running
            row = self._collection.find_one_and_delete(query, session=transaction)
            before = _session(row) if row else session
            return self._open(replace(session, sid=before.sid, apps=before.apps), transaction)

        return self._database.transaction(work)

    def by_cookie(self, tenant: str, cookie: str) -> Session | None:
        """Return the session of a browser, or None if it has none that is valid now."""
        return self._find({"_id": hash_of(cookie), "tenant": tenant})

    def by_sid(self, tenant: str, sid: str) -> Session | None:
        """Return the session with this public id, or None if there is none that is valid now."""
        return self._find({"tenant": tenant, "sid": sid})

    def running(self, tenant: str, user: str | None = None) -> list[Session]:
        """Return the sessions of a tenant, or of one of its users, that are valid now, oldest first."""
        query = {"tenant": tenant} | self._running
        own = {} if user is None else {"user": user}
        return [_session(row) for row in self._collection.find(query | own, sort=[("created", 1)])]

    def latest(self, tenant: str, limit: int) -> list[Session]:
        """Return the sessions of a tenant that are valid now and last longest, at most `limit`."""
        query = {"tenant": tenant} | self._running
        return [_session(row) for row in self._collection.find(query, sort=[("expires", -1)], limit=limit)]

    def add_app(self, tenant: str, sid: str, app: str) -> Session | None:
        """Note that a person is signed in to an app, which is told when that ends; return None if it has ended."""
        query = {"tenant": tenant, "sid": sid} | self._running
        document = self._collection.find_one_and_update(query, {"$addToSet": {"apps": app}}, return_document=True)
        return _session(document) if document else None

    def _find(self, query: dict[str, Any]) -> Session | None:
        document = self._collection.find_one(query | self._running)
        return _session(document) if document else None

    @property
    def _running(self) -> dict[str, Any]:
        """The condition on a session that is valid now."""
        return {"ended": {"$exists": False}, "expires": {"$gt": self._clock()}}


def _session(document: dict[str, Any]) -> Session:
    texts = {name: document.get(field, "") for name, field in _TEXTS.items()}
    return Session(
        **texts, auth_time=aware(document["authTime"]), expires=aware(document["expires"]),
        amr=tuple(document.get("amr", ())), apps=tuple(document.get("apps", ())),
        undated=document.get("undated", False),
    )
