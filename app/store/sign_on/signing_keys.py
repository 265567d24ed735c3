"""The keys that sign what the server says: ID tokens, requests to identity providers, and security event tokens.

There is one set for the server, made at its first need. A key signs from its `signsFrom` on, until a newer one does; a
rotation publishes the new key a day before it signs, and the old one for some time after that, so that nobody meets a
signature by a key that they could not know. Keys are numbered, and a unique index lets only one process make the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey
from pymongo.errors import DuplicateKeyError

from app.errors import Conflict
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.sealing import Sealer
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

ID_TOKEN, SAML, EVENT_TOKEN = "id-token", "saml", "event-token"
"""What a key is for: tokens for apps; requests and client assertions for identity providers, with a certificate; or
security event tokens."""
USES = (ID_TOKEN, SAML, EVENT_TOKEN)
SPEC = CollectionSpec(
    name="signing_keys",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "use", "number", "public", "private", "created", "signsFrom"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                "use": {"enum": list(USES)},
                "number": {"bsonType": "int"},
                "public": {"bsonType": "object"},
                "private": {"bsonType": "string"},
                "certificate": {"bsonType": "binData"},
                **{field: {"bsonType": "date"} for field in ("created", "signsFrom", "publishedUntil")},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("use", 1), ("number", 1)), name="use_number", unique=True),
        IndexSpec(keys=(("publishedUntil", 1),), name="published_until", expire_after_seconds=0),
    ),
)
COLLECTIONS = (SPEC,)

_BITS = {ID_TOKEN: 3_072, SAML: 3_072, EVENT_TOKEN: 2_048}
"""The length of a key; one signs each event for each receiver, which takes a third of the time with 2,048 (D-420)."""
AHEAD = timedelta(hours=24)
"""How long a new key is published before it signs."""
_KEPT = {ID_TOKEN: AHEAD, SAML: AHEAD, EVENT_TOKEN: timedelta(days=30)}
"""How long the old key is published after that; receivers may verify an event long after it was sent."""
_CERTIFIED = timedelta(days=3_652)


@dataclass(frozen=True)
class SigningKey:
    """A key; `private` is its private part in DER."""

    id: str
    use: str
    public: dict[str, Any]
    """The public part as a JWK (RFC 7517), with `kid`, `use` and `alg`."""
    created: datetime
    signs_from: datetime
    published_until: datetime | None
    certificate: bytes | None
    """A certificate signed by the key itself, in DER; only keys for identity providers have one."""
    sealed: str
    sealer: Sealer

    @cached_property
    def private(self) -> RSAPrivateKey:
        """The private part; raises StoreError if it cannot be unsealed."""
        # The key is ours, sealed and authenticated: to check the primes again would take 0.1 s.
        der = self.sealer.unseal(self.sealed)
        loaded = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(loaded, RSAPrivateKey)
        return loaded

    @cached_property
    def jwk(self) -> RSAKey:
        """The private part as joserfc and Authlib take it."""
        return RSAKey(self.private, self.private, {"kid": self.id})


class SigningKeys:
    """All keys of this server; `clock` returns the time."""

    def __init__(self, database: Database, sealer: Sealer, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self.sealer = sealer
        self._clock = clock
        self._known: dict[str, SigningKey] = {}

    def current(self, use: str) -> SigningKey:
        """Return the key that signs now; the first call makes it."""
        moment = self._clock()
        row = self._collection.find_one({"use": use, "signsFrom": {"$lte": moment}}, sort=[("number", -1)])
        return self._key(row) if row else self._first(use)

    def published(self, use: str) -> list[SigningKey]:
        """Return the keys whose signatures are to be believed now, oldest first; the first call makes one."""
        current, moment = self.current(use), self._clock()
        found = [key for key in self.all() if key.use == use]
        return [
            key for key in found
            if key.id == current.id or key.published_until is None or moment < key.published_until
        ]

    def all(self) -> list[SigningKey]:
        """Return all keys, by use and age."""
        return [self._key(row) for row in self._collection.find({}, sort=[("use", 1), ("number", 1)])]

    def rotate(self, use: str, *, at_once: bool = False, session: Session = None) -> SigningKey:
        """Make a new key and return it; it signs after a day, with `at_once` immediately.

        `at_once` also withdraws all other keys of that use, for a key that has become known. Raises Conflict while a
        new key waits to sign, and if another process makes one.
        """
        moment = self._clock()
        rows = list(self._collection.find({"use": use}, sort=[("number", 1)], session=session))
        if not at_once and rows and aware(rows[-1]["signsFrom"]) > moment:
            starts = f"{aware(rows[-1]['signsFrom']):%Y-%m-%d %H:%M}"
            raise Conflict(f"The key {rows[-1]['_id']} is new already, and signs from {starts} UTC on.")
        signs_from = moment if at_once or not rows else moment + AHEAD
        ends = moment if at_once else signs_from + _KEPT[use]
        for row in rows:
            sooner = min(ends, aware(row.get("publishedUntil", ends)))
            self._collection.update_one({"_id": row["_id"]}, {"$set": {"publishedUntil": sooner}}, session=session)
        return self._make(use, rows[-1]["number"] + 1 if rows else 1, signs_from, session)

    def _first(self, use: str) -> SigningKey:
        try:
            return self._make(use, 1, self._clock())
        except Conflict:  # another process was first
            row = self._collection.find_one({"use": use}, sort=[("number", 1)])
            assert row is not None
            return self._key(row)

    def _make(self, use: str, number: int, signs_from: datetime, session: Session = None) -> SigningKey:
        private, kid = generate_private_key(65_537, _BITS[use]), secrets.token_hex(8)
        public = RSAKey(private.public_key(), private.public_key(), {"kid": kid, "use": "sig", "alg": "RS256"})
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        row = {
            "_id": kid, "use": use, "number": number, "public": public.as_dict(private=False),
            "private": self.sealer.seal(der), "created": self._clock(), "signsFrom": signs_from,
        }
        if use == SAML:
            row["certificate"] = _certificate(private, self._clock())
        try:
            self._collection.insert_one(row, session=session)
        except DuplicateKeyError:
            raise Conflict("Another process has just made a key; look again.") from None
        return self._key(row)

    def _key(self, row: dict[str, Any]) -> SigningKey:
        ends = aware(row["publishedUntil"]) if "publishedUntil" in row else None
        known = self._known.get(row["_id"])
        if known is None or known.published_until != ends:
            known = self._known[row["_id"]] = SigningKey(
                id=row["_id"], use=row["use"], public=row["public"], created=aware(row["created"]),
                signs_from=aware(row["signsFrom"]), published_until=ends, certificate=row.get("certificate"),
                sealed=row["private"], sealer=self.sealer,
            )
        return known


def _certificate(key: RSAPrivateKey, moment: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scimd")])
    built = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), moment, moment + _CERTIFIED
    )
    return built.sign(key, SHA256()).public_bytes(Encoding.DER)
