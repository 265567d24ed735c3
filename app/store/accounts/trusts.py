"""Trusts: whose JSON Web Tokens a tenant accepts, by issuer, audience and perhaps subject or app, and the keys.

The keys are stored in the database rather than in a worker's memory: all workers share what one has fetched, a worker
that starts while the issuer is down can use them, and together the workers respect one limit on asking the issuer.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pymongo import WriteConcern
from pymongo.errors import PyMongoError

from app.errors import InvalidValue, NotFound
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import DEFAULT_SCOPES, USE_NOTED_EVERY, Tokens
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

_TEXTS = ("tenant", "kind", "issuer", "subject", "appId", "jwksUri", "label", "fault", "lastAudience")
SPEC = CollectionSpec(
    name="trusts",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "kind", "issuer", "audiences", "scopes", "created"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                **{field: {"bsonType": "string"} for field in _TEXTS},
                **{field: {"bsonType": "array", "items": {"bsonType": "string"}} for field in ("audiences", "scopes")},
                "keys": {"bsonType": "array", "items": {"bsonType": "object"}},
                **{field: {"bsonType": "bool"} for field in ("fetching", "onlyPublic")},
                **{field: {"bsonType": "date"} for field in ("created", "fetched", "attempted", "used")},
            },
        }
    },
    indexes=(IndexSpec(keys=(("tenant", 1), ("created", 1)), name="tenant_created"),),
)
COLLECTIONS = (SPEC,)

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

ASSERTION, BEARER = "assertion", "bearer"
KINDS = (ASSERTION, BEARER)
"""`assertion`: a JWT is exchanged for an access token (RFC 7523); `bearer`: the JWT itself comes with each request."""


@dataclass(frozen=True)
class Trust:
    """An issuer whose tokens a tenant accepts, and on which conditions."""

    id: str
    """For an assertion, also the `client_id` that the customer configures."""
    tenant: str
    kind: str
    issuer: str
    audiences: tuple[str, ...]
    """As the operator gave them."""
    scopes: frozenset[str]
    created: datetime
    subject: str = ""
    app_id: str = ""
    jwks_uri: str = ""
    """The URL of the keys; "" to take it from the issuer's metadata."""
    only_public: bool = False  # whether its keys come only from addresses to which webhooks may go (D-506)
    label: str = ""
    keys: tuple[Mapping[str, str], ...] | None = None
    """The issuer's public keys as JWKs; None until they have been fetched."""
    fetched: datetime | None = None
    attempted: datetime | None = None
    used: datetime | None = None
    fetching: bool = False
    fault: str = ""
    """Why the last attempt to fetch the keys failed."""
    last_audience: str = ""
    """The audience of the last assertion that was exchanged."""

    @property
    def accepted_audiences(self) -> tuple[str, ...]:
        """Every accepted value of `aud`; an audience for assertions has up to three forms (`audience_forms`)."""
        if self.kind != ASSERTION:
            return self.audiences
        return tuple(dict.fromkeys(form for audience in self.audiences for form in audience_forms(audience)))


@dataclass(frozen=True)
class Conditions:
    """Which tokens a trust accepts: the fields of `Trust` that an operator sets."""

    kind: str
    issuer: str
    audiences: Iterable[str]
    subject: str = ""
    app_id: str = ""
    jwks_uri: str = ""
    only_public: bool = False


class Trusts:
    """The trusts of all tenants."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name]
        self._loosely = self._collection.with_options(write_concern=WriteConcern(w=1))
        self._tokens = Tokens(database)

    def add(
        self, tenant: str, conditions: Conditions, *, label: str = "", scopes: Iterable[str] = DEFAULT_SCOPES,
        session: Session = None,
    ) -> Trust:
        """Add a trust and return it; raises InvalidValue for a URL that is not allowed."""
        check_url(conditions.issuer, "The issuer")
        if conditions.jwks_uri:
            check_url(conditions.jwks_uri, "The JWKS URI", query=True)  # Entra's own may end in ?appid=...
        document: dict[str, Any] = {
            "_id": f"trust_{secrets.token_hex(8)}", "tenant": tenant, "kind": conditions.kind,
            "issuer": conditions.issuer, "audiences": list(dict.fromkeys(conditions.audiences)),
            "scopes": sorted(scopes), "created": now(),
        }
        optional: dict[str, Any] = {
            "subject": conditions.subject, "appId": conditions.app_id, "jwksUri": conditions.jwks_uri, "label": label,
            "onlyPublic": conditions.only_public,
        }
        document |= {field: value for field, value in optional.items() if value}
        self._collection.insert_one(document, session=session)
        return trust_of(document)

    def find(self, trust_id: str) -> Trust | None:
        """Return the trust with this id, or None."""
        document = self._collection.find_one({"_id": trust_id})
        return trust_of(document) if document else None

    def of_tenant(self, tenant: str, session: Session = None) -> list[Trust]:
        """Return the trusts of a tenant, oldest first."""
        rows = self._collection.find({"tenant": tenant}, sort=[("created", 1)], session=session)
        return [trust_of(row) for row in rows]

    def delete(self, trust_id: str, session: Session = None) -> Trust:
        """Delete a trust, revoke its access tokens, and return its last record; raises NotFound."""
        document = self._collection.find_one_and_delete({"_id": trust_id}, session=session)
        if document is None:
            raise NotFound(f"There is no trust {trust_id!r}.")
        self._tokens.revoke_of_client(document["tenant"], trust_id, session)
        return trust_of(document)

    def record_use(self, trust: Trust) -> None:
        """Record that a token of the issuer was used, at most once a minute; a failure to do so is ignored."""
        moment = now()
        if trust.used and moment - trust.used < USE_NOTED_EVERY:
            return
        with suppress(PyMongoError):
            self._loosely.update_one({"_id": trust.id}, {"$max": {"used": moment}})

    def record_audience(self, trust: Trust, claim: str | list[str]) -> None:
        """Record the audience of an exchanged assertion if it differs from the last one; a failure is ignored.

        `claim` is the token's `aud` (RFC 7519 section 4.1.3).
        """
        audiences = [claim] if isinstance(claim, str) else claim
        audience = next((each for each in audiences if each in trust.accepted_audiences), "")
        if audience != trust.last_audience:
            with suppress(PyMongoError):
                self._loosely.update_one({"_id": trust.id}, {"$set": {"lastAudience": audience}})

    def claim_fetch(self, trust: Trust, moment: datetime, pause: timedelta) -> bool:
        """Claim the next fetch of the issuer's keys and return whether this caller got it.

        Of all workers one gets it in each `pause`, and none if the keys were fetched since `trust` was read.
        """
        unchanged = trust.fetched or {"$exists": False}
        due = [{"attempted": {"$exists": False}}, {"attempted": {"$lte": moment - pause}}]
        change = {"$set": {"attempted": moment, "fetching": True}}
        query = {"_id": trust.id, "fetched": unchanged, "$or": due}
        return bool(self._collection.update_one(query, change).matched_count)

    def store_keys(self, trust_id: str, keys: Iterable[Mapping[str, str]], moment: datetime, *, first: bool) -> None:
        """Store the fetched keys in place of the earlier ones.

        The first fetch does not count as an attempt, so that a key that appears a moment later can still be fetched.
        """
        change = {"keys": [dict(key) for key in keys], "fetched": moment, "fetching": False}
        past = {"fault": ""} | ({"attempted": ""} if first else {})
        self._collection.update_one({"_id": trust_id}, {"$set": change, "$unset": past})

    def record_fault(self, trust_id: str, fault: str) -> None:
        """Record why the keys could not be fetched; the earlier ones stay."""
        self._collection.update_one({"_id": trust_id}, {"$set": {"fault": fault, "fetching": False}})


def audience_forms(audience: str) -> tuple[str, ...]:
    """Return the forms in which Entra writes one application as an audience (D-81).

    Its portal shows `api://<app id>/.default`; a token has `api://<app id>` or, in version 2, the bare `<app id>`.
    An audience that is neither an `api://` URI nor a UUID has one form, itself.
    """
    app = audience.removeprefix("api://").removesuffix("/.default")
    if app and (audience.startswith("api://") or _UUID.fullmatch(app)):
        return (f"api://{app}/.default", f"api://{app}", app)
    return (audience,)


def check_url(url: str, what: str, *, query: bool = False) -> None:
    """Check that keys may be fetched from `url`: https, or http on this machine; raises InvalidValue.

    `what` begins the error's sentence; `query` says whether the URL may have a query.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    plain = parts.scheme == "http" and host is not None and is_loopback(host)
    extras = "@" in parts.netloc or parts.fragment or (parts.query and not query)
    if not host or extras or not (parts.scheme == "https" or plain):
        without = "user and fragment" if query else "user, query and fragment"
        raise InvalidValue(f"{what} must be an https URL without {without} (http on this machine only).")
    if left := re.search("<[^>]*>", url):
        raise InvalidValue(f"{what} must have the value itself in place of {left[0]}.")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise InvalidValue(f"{what} must consist of printable ASCII characters without blanks.")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    with suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


def trust_of(document: dict[str, Any]) -> Trust:
    """Return the trust that is stored as a document."""
    dates = {field: aware(document[field]) for field in ("fetched", "attempted", "used") if field in document}
    return Trust(
        id=document["_id"], tenant=document["tenant"], kind=document["kind"], issuer=document["issuer"],
        audiences=tuple(document["audiences"]), scopes=frozenset(document["scopes"]),
        created=aware(document["created"]), subject=document.get("subject", ""), app_id=document.get("appId", ""),
        jwks_uri=document.get("jwksUri", ""), label=document.get("label", ""), fault=document.get("fault", ""),
        keys=tuple(document["keys"]) if "keys" in document else None, fetched=dates.get("fetched"),
        attempted=dates.get("attempted"), used=dates.get("used"), fetching=document.get("fetching", False),
        last_audience=document.get("lastAudience", ""), only_public=document.get("onlyPublic", False),
    )
