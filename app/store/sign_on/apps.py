"""The apps: OpenID Connect clients of the server, made by its operator, for some tenants or for all.

An app belongs to no tenant. Those that it is for are stored with their ids, so that a new tenant with the name of a
deleted one does not get its apps. Secrets are those of OAuth clients: several, hashed, expiring.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from app.errors import InvalidValue, NotFound
from app.schemas.storage.collection import CollectionSpec
from app.store.accounts.clients import MOST_SECRETS, Secret, new_secret, secrets_of
from app.store.accounts.expiries import APPS
from app.store.accounts.tenants import Tenant
from app.store.accounts.trusts import check_url
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

BY_NAME, BY_ID = "name", "id"
"""How an app is told about groups: by their display names, or by their ids."""
_LISTS = ("redirectUris", "logoutUris", "scopes")
_TEXTS = ("name", "backchannelLogoutUri", "initiateLoginUri", "group")
SPEC = CollectionSpec(
    name=APPS,
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "public", "groupsBy", "created", "secrets", "name", *_LISTS],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                "public": {"bsonType": "bool"},
                "groupsBy": {"enum": [BY_NAME, BY_ID]},
                "created": {"bsonType": "date"},
                "secrets": {"bsonType": "array", "items": {"bsonType": "object"}},
                "tenants": {"bsonType": "array", "items": {
                    "bsonType": "object", "required": ["name", "id"], "additionalProperties": False,
                    "properties": {each: {"bsonType": "string"} for each in ("name", "id")},
                }},
                **{each: {"bsonType": "array", "items": {"bsonType": "string"}} for each in _LISTS},
                **{each: {"bsonType": "string"} for each in _TEXTS},
            },
        }
    },
)
COLLECTIONS = (SPEC,)

PREFIX = "app_"
MOST_URIS = 20
_SCOPE = re.compile(r"[a-z][a-z0-9._-]{0,63}")
_WILD = re.compile(r"[*\\]|%2a", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator says about an app."""

    name: str
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...] = ()
    """Where a browser may be sent after a logout."""
    backchannel_logout_uri: str = ""
    initiate_login_uri: str = ""
    scopes: tuple[str, ...] = ("openid",)
    public: bool = False
    """Whether it has no secret, because it runs where a secret cannot be kept."""
    groups_by: str = BY_NAME
    group: str = ""
    """The display name of the group whose members may use it; "" for everybody."""
    tenants: tuple[tuple[str, str], ...] | None = None
    """Name and id of each tenant that it is for; None for all of them, also future ones."""


@dataclass(frozen=True, kw_only=True)
class App:
    """An app."""

    id: str
    settings: Settings
    created: datetime
    secrets: tuple[Secret, ...] = field(default=(), repr=False)

    def serves(self, tenant: Tenant) -> bool:
        """Return whether the app is for a tenant."""
        tenants = self.settings.tenants
        return tenants is None or (tenant.name, tenant.tenant_id) in tenants


class Apps:
    """All apps of this server."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name]

    def create(
        self, settings: Settings, *, lifetime: timedelta, session: Session = None
    ) -> tuple[App, str]:
        """Create an app and return it with its first secret, which cannot be read again, "" for a public one.

        `lifetime` is that of the secret. Raises InvalidValue.
        """
        check(settings)
        secret, row = ("", None) if settings.public else new_secret(lifetime)
        document = _document(settings) | {
            "_id": f"{PREFIX}{secrets.token_hex(8)}", "created": now(), "secrets": [row] if row else [],
        }
        self._collection.insert_one(document, session=session)
        return _app(document), secret

    def get(self, app_id: str, session: Session = None) -> App | None:
        """Return the app with this id, or None."""
        document = self._collection.find_one({"_id": app_id}, session=session)
        return _app(document) if document else None

    def require(self, app_id: str, session: Session = None) -> App:
        """Return the app with this id; raises NotFound."""
        app = self.get(app_id, session)
        if app is None:
            raise _missing(app_id)
        return app

    def all(self) -> list[App]:
        """Return all apps, oldest first."""
        return [_app(document) for document in self._collection.find({}, sort=[("created", 1), ("_id", 1)])]

    def for_tenant(self, tenant: Tenant) -> list[App]:
        """Return the apps that a tenant's people can use, oldest first."""
        return [app for app in self.all() if app.serves(tenant)]

    def change(self, app_id: str, settings: Settings, session: Session = None) -> App:
        """Replace what is said about an app, and return it; raises NotFound, InvalidValue."""
        check(settings)
        app = self.require(app_id, session)
        if app.settings.public != settings.public:
            raise InvalidValue("An app stays public or confidential; create another one.")
        document = _document(settings)
        gone = {name: "" for name in (*_TEXTS, "tenants") if name not in document}
        update = {"$set": document} | ({"$unset": gone} if gone else {})
        self._collection.update_one({"_id": app_id}, update, session=session)
        return App(id=app_id, settings=settings, created=app.created, secrets=app.secrets)

    def rotate(self, app_id: str, lifetime: timedelta, session: Session = None) -> tuple[App, Secret, str]:
        """Add a secret beside the existing ones; return the app, the secret's record and the secret.

        Raises NotFound, and InvalidValue for a public app and for one that has the most secrets already.
        """
        secret, row = new_secret(lifetime)
        query = {"_id": app_id, "public": False, f"secrets.{MOST_SECRETS - 1}": {"$exists": False}}
        change = {"$push": {"secrets": row}}
        document = self._collection.find_one_and_update(query, change, return_document=True, session=session)
        if document is None:
            if self.require(app_id, session).settings.public:
                raise InvalidValue(f"The app {app_id} is public and has no secret.")
            raise InvalidValue(f"The app {app_id} can have at most {MOST_SECRETS} secrets; delete one first.")
        return _app(document), Secret(**row), secret

    def delete_secret(self, app_id: str, secret_id: str, session: Session = None) -> App:
        """Delete a secret of an app, which gets nothing by it from now on; raises NotFound."""
        query, change = {"_id": app_id, "secrets.id": secret_id}, {"$pull": {"secrets": {"id": secret_id}}}
        document = self._collection.find_one_and_update(query, change, return_document=True, session=session)
        if document is None:
            self.require(app_id, session)
            raise NotFound(f"The app {app_id} has no secret {secret_id!r}.")
        return _app(document)

    def delete(self, app_id: str, session: Session = None) -> App:
        """Delete an app and return it; what it was given is worthless from now on. Raises NotFound."""
        document = self._collection.find_one_and_delete({"_id": app_id}, session=session)
        if document is None:
            raise _missing(app_id)
        return _app(document)


def check(settings: Settings) -> None:
    """Check what an operator says about an app; raises InvalidValue."""
    if not settings.name.strip() or len(settings.name) > 100 or not settings.name.isprintable():
        raise InvalidValue("The name of an app must have 1 to 100 printable characters.")
    for what, uris in (("redirect URIs", settings.redirect_uris), ("logout URIs", settings.logout_uris)):
        if len(uris) > MOST_URIS:
            raise InvalidValue(f"An app can have at most {MOST_URIS} {what}.")
    if not settings.redirect_uris:
        raise InvalidValue("An app needs a redirect URI.")
    for uri in settings.redirect_uris:
        check_uri(uri, "A redirect URI")
    for uri in settings.logout_uris:
        check_uri(uri, "A logout URI")
    if settings.initiate_login_uri:
        check_uri(settings.initiate_login_uri, "The URI that begins a login")
    if settings.backchannel_logout_uri:
        check_uri(settings.backchannel_logout_uri, "The URI for logout tokens")
    if "openid" not in settings.scopes or not all(map(_SCOPE.fullmatch, settings.scopes)):
        raise InvalidValue("The scopes of an app must be words, and openid one of them.")


def check_uri(uri: str, what: str) -> None:
    """Check the URI of an app: https, or http on this machine; without user, fragment and wildcard (RFC 6749 3.1.2).

    `what` begins the sentence of the error. Raises InvalidValue.
    """
    check_url(uri, what, query=True)
    if _WILD.search(uri) or len(uri) > 2_048:
        raise InvalidValue(f"{what} must have no wildcard and no backslash, and at most 2,048 characters.")
    if "#" in uri or ".." in urlsplit(uri).path.split("/"):
        raise InvalidValue(f"{what} must have no fragment and no `..` in its path.")


def _missing(app_id: str) -> NotFound:
    return NotFound(f"There is no app {app_id!r}; scimd app list shows the ids of those that there are.")


def _document(settings: Settings) -> dict[str, Any]:
    texts = {
        "name": settings.name, "backchannelLogoutUri": settings.backchannel_logout_uri,
        "initiateLoginUri": settings.initiate_login_uri, "group": settings.group,
    }
    tenants = settings.tenants
    return {
        "public": settings.public, "groupsBy": settings.groups_by, "redirectUris": list(settings.redirect_uris),
        "logoutUris": list(settings.logout_uris), "scopes": list(settings.scopes),
        **{name: text for name, text in texts.items() if text},
        **({} if tenants is None else {"tenants": [{"name": name, "id": each} for name, each in tenants]}),
    }


def _app(document: dict[str, Any]) -> App:
    tenants = document.get("tenants")
    settings = Settings(
        name=document["name"], redirect_uris=tuple(document["redirectUris"]),
        logout_uris=tuple(document["logoutUris"]), backchannel_logout_uri=document.get("backchannelLogoutUri", ""),
        initiate_login_uri=document.get("initiateLoginUri", ""), scopes=tuple(document["scopes"]),
        public=document["public"], groups_by=document["groupsBy"], group=document.get("group", ""),
        tenants=None if tenants is None else tuple((each["name"], each["id"]) for each in tenants),
    )
    return App(
        id=document["_id"], settings=settings, created=aware(document["created"]), secrets=secrets_of(document)
    )
