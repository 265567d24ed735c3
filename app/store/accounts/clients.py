"""OAuth 2.0 clients and their secrets; a client may have several, so that one can be replaced without downtime.

A secret is 256 random bits after `scimd_secret_`, a prefix for leak scanners; only its SHA-256 hash is stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.errors import InvalidValue, NotFound
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import DEFAULT_SCOPES, Tokens, hash_of
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

SPEC = CollectionSpec(
    name="clients",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "scopes", "tokenSeconds", "created", "secrets"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                "tenant": {"bsonType": "string"},
                "label": {"bsonType": "string"},
                "scopes": {"bsonType": "array", "items": {"bsonType": "string"}},
                "tokenSeconds": {"bsonType": ["int", "long"]},
                "created": {"bsonType": "date"},
                "secrets": {
                    "bsonType": "array",
                    "items": {
                        "bsonType": "object",
                        "required": ["id", "hash", "created", "expires"],
                        "additionalProperties": False,
                        "properties": {
                            **{field: {"bsonType": "string"} for field in ("id", "hash")},
                            **{field: {"bsonType": "date"} for field in ("created", "expires")},
                            "warned": {"bsonType": "int"},
                        },
                    },
                },
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("created", 1)), name="tenant_created"),
        IndexSpec(keys=(("secrets.expires", 1),), name="expires"),
    ),
)
COLLECTIONS = (SPEC,)

MOST_SECRETS = 10
LONGEST_SECRET = timedelta(days=3 * 365 + 1)
"""Three years including a leap day: the most that Entra's gallery allows."""
TOKEN_LIFETIME = timedelta(hours=1)
SHORTEST_TOKEN, LONGEST_TOKEN = timedelta(hours=1), timedelta(hours=6)
"""The lifetimes of an access token that Entra's gallery allows (D-107)."""


@dataclass(frozen=True)
class Secret:
    """The record of one of a client's secrets, which has its hash only."""

    id: str
    hash: str
    created: datetime
    expires: datetime


@dataclass(frozen=True)
class Client:
    """An OAuth 2.0 client of a tenant."""

    id: str
    tenant: str
    label: str
    scopes: frozenset[str]
    token_lifetime: timedelta
    created: datetime
    secrets: tuple[Secret, ...]

    def can_come(self, moment: datetime) -> bool:
        """Return whether it has a secret that is valid at a moment."""
        return any(moment < each.expires for each in self.secrets)


class Clients:
    """The OAuth 2.0 clients of all tenants; the caller checks that a client belongs to the tenant in the URL."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name]
        self._tokens = Tokens(database)

    def create(
        self, tenant: str, *, lifetime: timedelta, label: str = "", scopes: Iterable[str] = DEFAULT_SCOPES,
        token_lifetime: timedelta = TOKEN_LIFETIME, session: Session = None,
    ) -> tuple[Client, str]:
        """Create a client and return it with its first secret, which cannot be read again; raises InvalidValue."""
        if not SHORTEST_TOKEN <= token_lifetime <= LONGEST_TOKEN:
            raise InvalidValue("The lifetime of access tokens must be from 1h to 6h.")
        secret, row = new_secret(lifetime)
        document = {
            "_id": f"client_{secrets.token_hex(8)}", "tenant": tenant, "scopes": sorted(scopes), "created": now(),
            "tokenSeconds": int(token_lifetime.total_seconds()), "secrets": [row],
        }
        if label:
            document["label"] = label
        self._collection.insert_one(document, session=session)
        return client_of(document), secret

    def find(self, client_id: str, session: Session = None) -> Client | None:
        """Return the client with this id, of any tenant, or None."""
        document = self._collection.find_one({"_id": client_id}, session=session)
        return client_of(document) if document else None

    def of_tenant(self, tenant: str, session: Session = None) -> list[Client]:
        """Return the clients of a tenant, oldest first."""
        rows = self._collection.find({"tenant": tenant}, sort=[("created", 1)], session=session)
        return [client_of(row) for row in rows]

    def rotate(self, client_id: str, lifetime: timedelta, session: Session = None) -> tuple[Client, Secret, str]:
        """Add a secret beside the existing ones; return the client, the secret's record and the secret.

        Raises NotFound, and InvalidValue for a client that has the most secrets already.
        """
        secret, row = new_secret(lifetime)
        full = f"secrets.{MOST_SECRETS - 1}"
        query, change = {"_id": client_id, full: {"$exists": False}}, {"$push": {"secrets": row}}
        document = self._collection.find_one_and_update(query, change, return_document=True, session=session)
        if document is None:
            self.require(client_id, session)
            raise InvalidValue(f"The client {client_id} can have at most {MOST_SECRETS} secrets; delete one first.")
        return client_of(document), Secret(**row), secret

    def delete_secret(self, client_id: str, secret_id: str, session: Session = None) -> Client:
        """Delete a secret, so that it gets no more access tokens, and return its client; raises NotFound.

        Access tokens that it got before stay valid until they expire, after an hour as a rule, so that a client keeps
        working while its secret is replaced. `delete` revokes them all at once.
        """
        query, change = {"_id": client_id, "secrets.id": secret_id}, {"$pull": {"secrets": {"id": secret_id}}}
        document = self._collection.find_one_and_update(query, change, return_document=True, session=session)
        if document is None:
            self.require(client_id, session)
            raise NotFound(f"The client {client_id} has no secret {secret_id!r}.")
        return client_of(document)

    def delete(self, client_id: str, session: Session = None) -> Client:
        """Delete a client, revoke its access tokens, and return its last record; raises NotFound."""
        # The client first, so that it gets no new token while its tokens are revoked.
        document = self._collection.find_one_and_delete({"_id": client_id}, session=session)
        if document is None:
            raise _missing(client_id)
        self._tokens.revoke_of_client(document["tenant"], client_id, session)
        return client_of(document)

    def require(self, client_id: str, session: Session = None) -> Client:
        """Return the client with this id; raises NotFound."""
        client = self.find(client_id, session)
        if client is None:
            raise _missing(client_id)
        return client


def _missing(client_id: str) -> NotFound:
    return NotFound(f"There is no client {client_id!r}.")


def new_secret(lifetime: timedelta) -> tuple[str, dict[str, Any]]:
    """Return a new secret and the record of it that is stored; raises InvalidValue for more than three years."""
    if lifetime > LONGEST_SECRET:
        raise InvalidValue(f"A client secret can be valid for at most three years, {LONGEST_SECRET.days}d.")
    secret, created = f"scimd_secret_{secrets.token_hex(32)}", now()
    row = {"id": secrets.token_hex(4), "hash": hash_of(secret), "created": created, "expires": created + lifetime}
    return secret, row


def secrets_of(document: Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return the records of the secrets in the document of a client or an app."""
    rows = document["secrets"]
    return tuple(Secret(row["id"], row["hash"], aware(row["created"]), aware(row["expires"])) for row in rows)


def client_of(document: dict[str, Any]) -> Client:
    """Return the client that is stored as a document."""
    return Client(
        id=document["_id"], tenant=document["tenant"], label=document.get("label", ""),
        scopes=frozenset(document["scopes"]), token_lifetime=timedelta(seconds=document["tokenSeconds"]),
        created=aware(document["created"]),
        secrets=secrets_of(document),
    )
