"""The access tokens of apps: for userinfo and nothing else.

They are in a collection of their own, so that the door of SCIM cannot even look one up. A token reads
`scimd_at_<public id>_<secret>`; only the hash of the secret is stored.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import hash_of, is_secret
from app.store.mongo.database import Database
from app.store.mongo.moments import aware, now
from app.store.sign_on.codes import Taken

_TEXTS = ("tenant", "hash", "app", "session", "user", "scope", "code")
SPEC = CollectionSpec(
    name="app_tokens",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", *_TEXTS, "created", "expires", "forget"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                **{field: {"bsonType": "string"} for field in _TEXTS},
                **{field: {"bsonType": "date"} for field in ("created", "expires", "forget", "revoked")},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("session", 1)), name="tenant_session"),
        IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),
    ),
)
COLLECTIONS = (SPEC,)

LIFETIME = timedelta(minutes=10)
_FORGET_AFTER = timedelta(days=1)
_TOKEN = re.compile(r"scimd_at_([0-9a-f]{12})_([0-9a-f]{64})")
_UNKNOWN_ID = "000000000000"
"""An id that no token has; it is looked up for a malformed token, so that it costs the same read."""


@dataclass(frozen=True)
class AppToken:
    """The record of an access token."""

    id: str
    tenant: str
    app: str
    session: str
    """The public id of the session, `sid`."""
    user: str
    scope: str


class AppTokens:
    """The access tokens of all apps; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def issue(self, taken: Taken) -> str:
        """Issue a token for a code that was taken, and return it; it cannot be read again."""
        token_id, secret, moment = secrets.token_hex(6), secrets.token_hex(32), self._clock()
        grant, expires = taken.grant, moment + LIFETIME
        self._collection.insert_one({
            "_id": token_id, "tenant": grant.tenant, "hash": hash_of(secret), "app": grant.app,
            "session": grant.session, "user": grant.user, "scope": grant.scope, "code": taken.id, "created": moment,
            "expires": expires, "forget": expires + _FORGET_AFTER,
        })
        return f"scimd_at_{token_id}_{secret}"

    def find(self, tenant: str, text: str) -> AppToken | None:
        """Return the record of a token of a tenant, or None if it is not one that is valid now."""
        match = _TOKEN.fullmatch(text)
        token_id, secret = match.groups() if match else (_UNKNOWN_ID, "")
        document: dict[str, Any] | None = self._collection.find_one({"_id": token_id, "tenant": tenant})
        good = is_secret(secret, document["hash"] if document else "")
        if document is None or not good or "revoked" in document or aware(document["expires"]) <= self._clock():
            return None
        return AppToken(token_id, *(document[field] for field in ("tenant", "app", "session", "user", "scope")))

    def revoke_of_code(self, tenant: str, session: str, code_id: str) -> None:
        """Revoke what was issued for a code, whose session is given, from now on."""
        query = {"tenant": tenant, "session": session, "code": code_id, "revoked": {"$exists": False}}
        self._collection.update_many(query, {"$set": {"revoked": self._clock()}})
