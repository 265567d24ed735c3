"""A connection: what a tenant knows of its identity provider, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.store.mongo.moments import aware

SAML, OIDC = "saml", "oidc"
KINDS = (SAML, OIDC)
ON, OFF = "on", "off"
_TEXTS = {
    "label": "label", "subject": "subject", "group": "group", "app": "app", "fault": "fault", "base_url": "baseUrl",
}
"""Attributes of a connection -> fields of its document."""
_FLAGS = {"sign_requests": "signRequests", "require_mfa": "requireMfa", "fetching": "fetching"}
_DATES = {
    "fetched": "fetched", "attempted": "attempted", "tested": "tested", "last_sign_in": "lastSignIn",
    "expires": "expires", "saved": "saved",
}
_SAML = {
    "metadata_url": "metadataUrl", "entity_id": "entityId", "our_entity_id": "ourEntityId", "sso_url": "ssoUrl",
    "slo_url": "sloUrl",
}
_OIDC = {"issuer": "issuer", "client_id": "clientId", "secret": "secret"}


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate of an identity provider, as it is stored."""

    der: bytes
    thumbprint: str
    """SHA-256 of the bytes, in upper case hexadecimal."""
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, kw_only=True)
class SamlPart:
    """An identity provider that speaks SAML 2.0; unknown parts are ""."""

    entity_id: str
    sso_url: str
    certificates: tuple[StoredCertificate, ...]
    metadata_url: str = ""
    """Where its metadata is read again; "" if it was given once."""
    slo_url: str = ""
    our_entity_id: str = ""
    """The name by which it knows this tenant; "" for the URL of our own metadata."""


@dataclass(frozen=True, kw_only=True)
class OidcPart:
    """An identity provider that speaks OpenID Connect."""

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    """The client secret, sealed; "" if the server's key takes its place."""
    scopes: tuple[str, ...] = ()
    """What is asked for beside `openid` and `profile`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What its discovery document says, as `app.sign_on.oidc` has read it."""
    keys: tuple[Mapping[str, str], ...] = ()
    """Its public keys as JWKs."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A connection of a tenant to its identity provider; unknown parts are "" or None."""

    tenant: str
    kind: str
    match_attribute: str
    """The short name of the user's attribute that is compared."""
    match_source: str
    """Where its value comes from: `NameID`, the name of a SAML attribute, or a claim."""
    saml: SamlPart | None = None
    oidc: OidcPart | None = None
    id: str = ""
    created: datetime = datetime.min
    saved: datetime | None = None
    """When an operator last changed it."""
    on: bool = False
    label: str = ""
    subject: str = ""
    """What is the person's immutable id; "" for the standard one."""
    sign_requests: bool = False
    require_mfa: bool = False
    group: str = ""
    """The display name of the group whose members come in; "" for everybody."""
    app: str = ""
    """The id of the app that the Sign on URL leads to."""
    base_url: str = ""
    """The public URL of this server at the last good sign-in."""
    last_sign_in: datetime | None = None
    tested: datetime | None = None
    """When a test was last passed, with the settings that there are now."""
    fetched: datetime | None = None
    attempted: datetime | None = None
    fetching: bool = False
    fault: str = ""
    """Why the last attempt to read the metadata failed."""
    expires: datetime | None = None
    """When the last of its certificates expires."""

    @property
    def provider(self) -> str:
        """The name of the identity provider: its entity id, or its issuer."""
        return self.saml.entity_id if self.saml else self.oidc.issuer if self.oidc else ""

    @property
    def registration(self) -> tuple[str, ...]:
        """What decides by which subject the identity provider knows a person."""
        return self.kind, self.provider, self.oidc.client_id if self.oidc else "", self.subject

    @property
    def can_be_read_again(self) -> bool:
        """Whether the metadata can be read again from its URL."""
        return bool(self.oidc or (self.saml and self.saml.metadata_url))


def settings_of(connection: Connection) -> dict[str, Any]:
    """Return the fields of what an operator says about a connection, those without a value left out."""
    texts = {_TEXTS[name]: getattr(connection, name) for name in ("label", "subject", "group", "app")}
    flags = {_FLAGS[name]: getattr(connection, name) for name in ("sign_requests", "require_mfa")}
    return {
        "kind": connection.kind, "match": {"attribute": connection.match_attribute, "from": connection.match_source},
        **{name: value for name, value in (texts | flags).items() if value}, **provider_of(connection),
    }


def provider_of(connection: Connection) -> dict[str, Any]:
    """Return the fields of what is known of the identity provider."""
    if connection.saml is not None:
        saml, ends = connection.saml, [each.not_after for each in connection.saml.certificates]
        texts = {name: getattr(saml, attribute) for attribute, name in _SAML.items()}
        rows = [
            {"der": each.der, "thumbprint": each.thumbprint, "notBefore": each.not_before, "notAfter": each.not_after}
            for each in saml.certificates
        ]
        part = {name: text for name, text in texts.items() if text} | {"certificates": rows}
        return {SAML: part} | ({"expires": max(ends)} if ends else {})
    oidc = connection.oidc
    assert oidc is not None
    texts = {name: getattr(oidc, attribute) for attribute, name in _OIDC.items()}
    return {OIDC: {name: text for name, text in texts.items() if text} | {
        "scopes": list(oidc.scopes), "metadata": dict(oidc.metadata), "keys": [dict(key) for key in oidc.keys],
    }}


def connection_of(document: Mapping[str, Any]) -> Connection:
    """Return the connection that a document is about."""
    known: dict[str, Any] = {
        **{name: document.get(each, "") for name, each in _TEXTS.items()},
        **{name: document.get(each, False) for name, each in _FLAGS.items()},
        **{name: aware(document[each]) for name, each in _DATES.items() if each in document},
    }
    return Connection(
        id=document["_id"], tenant=document["tenant"], kind=document["kind"], created=aware(document["created"]),
        on=document["state"] == ON, match_attribute=document["match"]["attribute"],
        match_source=document["match"]["from"], saml=_saml(document.get(SAML)), oidc=_oidc(document.get(OIDC)),
        **known,
    )


def _saml(part: Mapping[str, Any] | None) -> SamlPart | None:
    if part is None:
        return None
    certificates = tuple(
        StoredCertificate(bytes(row["der"]), row["thumbprint"], aware(row["notBefore"]), aware(row["notAfter"]))
        for row in part["certificates"]
    )
    return SamlPart(certificates=certificates, **{name: part.get(each, "") for name, each in _SAML.items()})


def _oidc(part: Mapping[str, Any] | None) -> OidcPart | None:
    if part is None:
        return None
    return OidcPart(
        scopes=tuple(part["scopes"]), metadata=part["metadata"], keys=tuple(part["keys"]),
        **{name: part.get(each, "") for name, each in _OIDC.items()},
    )
