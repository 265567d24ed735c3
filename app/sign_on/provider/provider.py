"""The OpenID provider: what the routes under `/T/oauth/` call, put together from the modules of this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.auth.limits.rate_limits import Limits
from app.auth.token_endpoint import TokenAnswer, TokenRequest
from app.roles.reckoning import roles_now
from app.schemas.resource_type import ResourceType
from app.sign_on.people import People, Person
from app.sign_on.provider import discovery
from app.sign_on.provider.app_authentication import AppAuthentication
from app.sign_on.provider.authorize import OPERATION, Authorization
from app.sign_on.provider.claims import ClaimsReader
from app.sign_on.provider.logout import AskFirst, Logout, Redirect, SignedOut
from app.sign_on.provider.server import Servers, Stores
from app.sign_on.provider.token import AppTokenEndpoint
from app.sign_on.provider.unanswered import Unanswered
from app.sign_on.provider.userinfo import UserInfo
from app.store.accounts.domains import Domains
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.directory import Directory
from app.store.directory.given_roles import Roles
from app.store.log.events import LogSettings
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.sign_on.app_tokens import AppTokens
from app.store.sign_on.apps import Apps
from app.store.sign_on.codes import Codes
from app.store.sign_on.sessions import Sessions
from app.store.sign_on.signing_keys import SigningKeys


@dataclass(frozen=True)
class Parts:
    """What the provider is put together from."""

    database: Database
    keys: SigningKeys
    limits: Limits
    issuer: Callable[[str], str]
    """The name of a tenant -> its URL."""
    directory: Callable[[Tenant], Directory]
    user_type: ResourceType
    """The type of users, as all tenants have it."""
    log: LogSettings


class OpenIDProvider:
    """scimd as OpenID provider, for all tenants."""

    def __init__(self, parts: Parts) -> None:
        database, tenants, apps = parts.database, Tenants(parts.database), Apps(parts.database)
        people = People(database, Sessions(database), parts.directory)
        claims, tokens = ClaimsReader(Domains(database), partial(_roles, database)), AppTokens(database)
        servers = Servers(Stores(Codes(database), tokens, parts.keys, people, claims), parts.issuer)
        authentication = AppAuthentication(apps, tenants, now)
        self.authorization = Authorization(database, people, servers, parts.limits)
        self._parts = parts
        self.unanswered = Unanswered(parts.limits, OPERATION, values=parts.log.values)
        self._token = AppTokenEndpoint(database, authentication, servers, parts.log)
        self._userinfo = UserInfo(apps, tokens, people, claims)
        self._logout = Logout(database, parts.keys, lambda tenant: parts.directory(tenant).events)

    def token(self, request: TokenRequest, parameters: Mapping[str, str]) -> TokenAnswer:
        """Return the answer to a token request of an app; raises TooManyRequests."""
        return self._token.answer(request, parameters, self._parts.limits)

    def userinfo(self, tenant: str, authorization: str) -> dict[str, Any] | None:
        """Return the claims for the token in a header, None if that is not good; raises TooManyRequests."""
        return self._userinfo.answer(tenant, authorization, self._parts.limits)

    def logout(self, tenant: str, pairs: Sequence[tuple[str, str]], cookie: str) -> Redirect | AskFirst | SignedOut:
        """Return what follows from an app's request to sign a person out; `cookie` is that of the session, or ""."""
        return self._logout.answer(tenant, self._parts.issuer(tenant), pairs, cookie)

    def key_set(self) -> dict[str, Any]:
        """Return the keys that ID tokens can be verified with."""
        return discovery.key_set(self._parts.keys)

    def metadata(self, tenant: str, of_clients: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata of a tenant's provider; `of_clients` are those for clients of SCIM."""
        return discovery.metadata(self._parts.issuer(tenant), self._parts.user_type, of_clients)


def _roles(database: Database, person: Person) -> Roles:
    return roles_now(database, person.directory, person.session.user)
