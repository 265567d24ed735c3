"""Authorization codes (RFC 6749 section 4.1.2): what a person's sign-in gives to an app, good once and for a minute.

A code is 256 random bits; only its hash is stored. One atomic operation takes it, which also compares tenant and app:
an app that is not meant neither gets the code nor uses it up. The second use of a code is taken for a theft, and ends
what the first one brought (RFC 6749 section 10.5).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database
from app.store.mongo.moments import aware, now

_TEXTS = {
    "tenant": "tenant", "app": "app", "session": "session", "user": "user", "redirect_uri": "redirectUri",
    "scope": "scope", "nonce": "nonce", "challenge": "challenge", "acr": "acr",
}
"""Attributes of a grant -> fields of its document."""
SPEC = CollectionSpec(
    name="codes",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", *_TEXTS.values(), "amr", "authTime", "expires", "forget"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                **{field: {"bsonType": "string"} for field in _TEXTS.values()},
                "amr": {"bsonType": "array", "items": {"bsonType": "string"}},
                **{field: {"bsonType": "date"} for field in ("authTime", "expires", "forget", "used", "replayed")},
            },
        }
    },
    indexes=(IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),),
)
COLLECTIONS = (SPEC,)

PREFIX = "scimd_code_"
LIFETIME = timedelta(seconds=60)
_FORGET_AFTER = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a code stands for; unknown parts are ""."""

    tenant: str
    app: str
    session: str
    """The public id of the session, `sid`."""
    user: str
    redirect_uri: str
    scope: str
    challenge: str
    """Of PKCE, by the method S256 (RFC 7636 section 4.2)."""
    auth_time: datetime
    nonce: str = ""
    acr: str = ""
    amr: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taken:
    """A code that was taken: what it stands for, and its id, by which tokens name it."""

    id: str
    grant: Grant


class Replayed(Exception):
    """The code was used before; `id` and `session` are those of the code."""

    def __init__(self, code_id: str, session: str) -> None:
        super().__init__("The code was used before.")
        self.id = code_id
        self.session = session


class Codes:
    """The codes of all tenants; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def create(self, grant: Grant) -> str:
        """Store a grant and return the code for it, which cannot be read again."""
        code = f"{PREFIX}{secrets.token_hex(32)}"
        moment = self._clock()
        expires = moment + LIFETIME
        document = {field: getattr(grant, name) for name, field in _TEXTS.items()} | {
            "_id": hash_of(code), "authTime": grant.auth_time, "amr": list(grant.amr), "expires": expires,
            "forget": expires + _FORGET_AFTER,
        }
        self._collection.insert_one(document)
        return code

    def take(self, tenant: str, app: str, code: str) -> Taken | None:
        """Take a code of a tenant and an app; return None if there is none, or if it has expired.

        Raises Replayed if the app has used it before; the code is marked, for `is_replayed`.
        """
        moment, own = self._clock(), {"_id": hash_of(code), "tenant": tenant, "app": app}
        unused = {"used": {"$exists": False}, "expires": {"$gt": moment}}
        document = self._collection.find_one_and_update(own | unused, {"$set": {"used": moment}})
        if document is not None:
            return Taken(document["_id"], _grant(document))
        again = {"$set": {"replayed": moment}}
        document = self._collection.find_one_and_update(own | {"used": {"$exists": True}}, again)
        if document is not None:
            raise Replayed(document["_id"], document["session"])
        return None

    def is_replayed(self, tenant: str, code_id: str) -> bool:
        """Return whether a code was used more than once."""
        query = {"_id": code_id, "tenant": tenant, "replayed": {"$exists": True}}
        return self._collection.find_one(query, {"_id": 1}) is not None


def _grant(document: dict[str, Any]) -> Grant:
    texts = {name: document[field] for name, field in _TEXTS.items()}
    return Grant(**texts, auth_time=aware(document["authTime"]), amr=tuple(document["amr"]))
