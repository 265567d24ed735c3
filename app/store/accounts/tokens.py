"""Tokens: those that an operator issues, and the access tokens that the token endpoint issues.

A token reads `scimd_<public id>_<secret>`. The prefix is for leak scanners, the id finds the record and may be shown,
the secret is 256 random bits. Only its SHA-256 hash is stored; a secret of that size cannot be guessed, so a slow hash
would only cost time on each request. Nothing of a token changes except its revocation and the time of its last use.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import WriteConcern
from pymongo.errors import PyMongoError

from app.errors import InvalidValue, NotFound
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tenants import ALL_TENANTS
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

SPEC = CollectionSpec(
    name="tokens",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "hash", "scopes", "created"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                "tenant": {"bsonType": "string"},
                "hash": {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"},
                "scopes": {"bsonType": "array", "items": {"bsonType": "string"}},
                **{field: {"bsonType": "string"} for field in ("label", "client", "user")},
                **{field: {"bsonType": "date"} for field in ("created", "expires", "used", "revoked", "forget")},
                "warned": {"bsonType": "int"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("client", 1), ("used", 1)), name="tenant_client"),
        IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),
        IndexSpec(keys=(("client", 1), ("expires", 1)), name="client_expires"),
    ),
)
COLLECTIONS = (SPEC,)

SCIM_WRITE = "scim.write"
DEFAULT_SCOPES = ("scim.read", SCIM_WRITE)
"""What a credential may be used for unless an operator says otherwise."""
EVENTS_READ = "events.read"
"""The scope of consumers: it opens the feed and the snapshot."""
SCOPES = (*DEFAULT_SCOPES, EVENTS_READ)
"""All that a credential can be allowed."""
USE_NOTED_EVERY = timedelta(minutes=1)
FORGET_AFTER = timedelta(days=7)
"""How long the record of an expired access token is kept, so that a refusal can say what it was."""

_TOKEN = re.compile(r"scimd_([0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True)
class Token:
    """The record of a token, which has the hash of its secret only."""

    id: str
    tenant: str
    hash: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None = None
    label: str = ""
    used: datetime | None = None
    revoked: datetime | None = None
    client: str = ""
    """The id of the OAuth client or trust that an access token was issued to; "" for an operator's token."""
    user: str | None = None
    """The id of the user that /Me refers to for this token, if any (RFC 7644 section 3.11)."""

    def state(self, moment: datetime) -> str:
        """Return `valid`, `expired` or `revoked`."""
        if self.revoked:
            return "revoked"
        return "expired" if self.expires and self.expires <= moment else "valid"

    def opens_scim_at(self, moment: datetime) -> bool:
        """Return whether it may be used for SCIM, and not only to read events."""
        return self.state(moment) == "valid" and not self.scopes.isdisjoint(DEFAULT_SCOPES)


class Tokens:
    """The tokens of all tenants; that a token belongs to the tenant of the URL is checked by who authenticates."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name]
        # The time of the last use is for people to look at: no request waits for a majority to have it.
        self._loosely = self._collection.with_options(write_concern=WriteConcern(w=1))

    def issue(
        self, tenant: str, *, lifetime: timedelta | None = None, label: str = "",
        scopes: Iterable[str] = DEFAULT_SCOPES, client: str = "", user: str | None = None, session: Session = None,
    ) -> tuple[str, Token]:
        """Issue a token and return it with its record; the token itself cannot be read again.

        `lifetime` None means that it does not expire; `client` is the client or trust that an access token is for. A
        token of `ALL_TENANTS` has the scope `events.read` alone; raises InvalidValue for any other.
        """
        allowed = frozenset(scopes)
        check_scopes(tenant, allowed)
        token_id, secret, created = secrets.token_hex(6), secrets.token_hex(32), now()
        document: dict[str, Any] = {
            "_id": token_id, "tenant": tenant, "hash": hash_of(secret), "scopes": sorted(allowed), "created": created,
        }
        optional = {"label": label, "client": client, "user": user, "expires": created + lifetime if lifetime else None}
        document |= {field: value for field, value in optional.items() if value}
        if client and lifetime:
            document["forget"] = created + lifetime + FORGET_AFTER
        self._collection.insert_one(document, session=session)
        return f"scimd_{token_id}_{secret}", token_of(document)

    def find(self, token_id: str, session: Session = None) -> Token | None:
        """Return the record of the token with this id, of any tenant, or None."""
        document = self._collection.find_one({"_id": token_id}, session=session)
        return token_of(document) if document else None

    def of_tenant(self, tenant: str, session: Session = None) -> list[Token]:
        """Return the tokens that operators issued for a tenant, oldest first."""
        query = {"tenant": tenant, "client": {"$exists": False}}
        rows = self._collection.find(query, sort=[("created", 1)], session=session)
        return [token_of(row) for row in rows]

    def revoke(self, token_id: str, session: Session = None) -> Token:
        """Revoke a token from now on and return its record; raises NotFound."""
        token = self.find(token_id, session)
        if token is None:
            raise NotFound(f"There is no token {token_id!r}.")
        query = {"_id": token_id, "revoked": {"$exists": False}}
        self._collection.update_one(query, {"$set": {"revoked": now()}}, session=session)
        return token

    def revoke_of_client(self, tenant: str, client: str, session: Session = None) -> None:
        """Revoke all access tokens of a client from now on."""
        query = {"tenant": tenant, "client": client, "revoked": {"$exists": False}}
        self._collection.update_many(query, {"$set": {"revoked": now()}}, session=session)

    def record_use(self, token: Token) -> None:
        """Record that a token was used, at most once a minute; a failure to do so is ignored."""
        moment = now()
        if token.used and moment - token.used < USE_NOTED_EVERY:
            return
        with suppress(PyMongoError):
            self._loosely.update_one({"_id": token.id}, {"$max": {"used": moment}})


def check_scopes(tenant: str, scopes: Iterable[str]) -> None:
    """Check that a token of this tenant, or of `ALL_TENANTS`, may have these scopes; raises InvalidValue."""
    if tenant == ALL_TENANTS and set(scopes) != {EVENTS_READ}:
        raise InvalidValue(f"A token of all tenants must have the scope {EVENTS_READ} and no other.")


def parse(text: str) -> tuple[str, str] | None:
    """Return the public id and the secret of a token, or None if `text` is no token."""
    match = _TOKEN.fullmatch(text)
    return (match[1], match[2]) if match else None


def hash_of(secret: str) -> str:
    """Return the SHA-256 hash of a secret, which is what is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_secret(secret: str, stored: str) -> bool:
    """Return whether `stored` is the hash of `secret`, in constant time."""
    return hmac.compare_digest(hash_of(secret), stored)


def token_of(document: dict[str, Any]) -> Token:
    """Return the token that is stored as a document."""
    dates = {field: aware(document[field]) for field in ("expires", "used", "revoked") if field in document}
    return Token(
        id=document["_id"], tenant=document["tenant"], hash=document["hash"], scopes=frozenset(document["scopes"]),
        created=aware(document["created"]), label=document.get("label", ""), client=document.get("client", ""),
        user=document.get("user"), expires=dates.get("expires"), used=dates.get("used"), revoked=dates.get("revoked"),
    )
