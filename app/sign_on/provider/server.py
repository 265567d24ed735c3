"""Authlib's authorization server for one app in one tenant: it checks requests, and makes codes and tokens.

There is one for each request, because Authlib asks it for the issuer and the key without naming a tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from joserfc.jws import JWSRegistry

from app.auth.jwt import decode_unverified
from app.sign_on.people import People, Person
from app.sign_on.provider.claims import ClaimsReader
from app.sign_on.provider.grants import ALGORITHM, AppClient, Challenge, CodeGrant, CodeOfApp, Identity, ProviderRequest
from app.store.accounts.tenants import Tenant
from app.store.sign_on.app_tokens import LIFETIME, AppTokens
from app.store.sign_on.apps import App
from app.store.sign_on.codes import Codes, Grant, Replayed, Taken
from app.store.sign_on.signing_keys import ID_TOKEN, SigningKey, SigningKeys

_REGISTRY = JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True)
class Stores:
    """What the server reads and writes."""

    codes: Codes
    tokens: AppTokens
    keys: SigningKeys
    people: People
    claims: ClaimsReader


class Servers:
    """Makes the servers of all tenants; `issuer` returns the URL of a tenant."""

    def __init__(self, stores: Stores, issuer: Callable[[str], str]) -> None:
        self._stores = stores
        self.issuer = issuer

    def of(self, tenant: str, app: App) -> ProviderServer:
        """Return the server of a tenant for an app."""
        return ProviderServer(self._stores, self.issuer(tenant), app)

    def subject(self, tenant: str, hint: str) -> str:
        """Return the id of the user whom a hint of an app means, "" if it is no ID token of the tenant."""
        return str(hinted(hint, self.issuer(tenant), self._stores.keys).get("sub", ""))


class _Server(AuthorizationServer):
    """The methods that Authlib expects its user to define."""

    client: AppClient

    def query_client(self, client_id: str) -> AppClient:
        """Return the app, which has been looked up already."""
        return self.client

    def authenticate_client(self, request: ProviderRequest, methods: Any, endpoint: str = "token") -> AppClient:
        """Return the app, which has authenticated already."""
        return self.client

    def create_oauth2_request(self, request: ProviderRequest) -> ProviderRequest:
        """Return the request as it is."""
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Send no signal: nothing listens to them."""

    def handle_response(self, status: int, body: dict[str, Any], headers: Any) -> dict[str, Any]:
        """Return the body."""
        return body

    def handle_error_response(self, request: ProviderRequest, error: OAuth2Error) -> NoReturn:
        """Raise the error again."""
        raise error


class ProviderServer(_Server):
    """The server for one app in one tenant; `issuer` is the URL of that tenant, whose name is its last part."""

    def __init__(self, stores: Stores, issuer: str, app: App) -> None:
        super().__init__()
        self.issuer = issuer
        self.client = AppClient(app)
        self._stores = stores
        self._key: SigningKey | None = None
        self._read: Tenant | None = None
        self._tenant = issuer.rpartition("/")[2]
        self.register_grant(CodeGrant, [Challenge(required=True), Identity(self)])

    def check(self, parameters: Mapping[str, str]) -> str:
        """Check a request for authorization, and return the granted scopes; raises OAuth2Error."""
        request = ProviderRequest(parameters)
        grant = self.get_consent_grant(request, None)
        scope: str = grant.request.scope
        return scope

    def grant(self, parameters: Mapping[str, str], person: Person) -> str:
        """Return a code for a checked request and the person who is signed in; raises OAuth2Error."""
        scope, session = self.check(parameters), person.session
        return self._stores.codes.create(Grant(
            tenant=self._tenant, app=self.client.id, session=session.sid, user=session.user,
            redirect_uri=parameters["redirect_uri"], scope=scope, challenge=parameters["code_challenge"],
            auth_time=session.authenticated, nonce=parameters.get("nonce", ""), acr=session.acr, amr=session.amr,
        ))

    def exchange(self, parameters: Mapping[str, str], tenant: Tenant) -> tuple[dict[str, Any], Person]:
        """Return the body of the answer to a token request, and who its code stood for; raises OAuth2Error.

        `tenant` is the server's, as it has just been read.
        """
        self._read = tenant
        request = ProviderRequest(parameters, "POST")
        body: dict[str, Any] = self.create_token_response(request)
        taken = request.authorization_code.taken
        if self._stores.codes.is_replayed(self._tenant, taken.id):  # while the token was made
            self._revoke(taken.id, taken.grant.session)
            raise InvalidGrantError("Invalid 'code' in request.")
        person: Person = request.user
        return body, person

    def take(self, code: str, client: AppClient) -> CodeOfApp | None:
        """Take a code and return it, or None if it is not good.

        The second use of a code revokes what the first has brought (RFC 6749 section 4.1.2).
        """
        try:
            taken = self._stores.codes.take(self._tenant, client.id, code)
        except Replayed as replayed:
            self._revoke(replayed.id, replayed.session)
            return None
        return CodeOfApp(taken) if taken else None

    def person_of(self, grant: Grant) -> Person | None:
        """Return who a code stands for, and note that they are in the app; None if they may not be any more."""
        assert self._read is not None
        person = self._stores.people.in_app(self._read, grant.session, grant.app)
        good = person and person.session.user == grant.user and person.is_in(self.client.app.settings.group)
        return person if good else None

    def key(self) -> SigningKey:
        """Return the key that signs ID tokens, which is read once for a request."""
        if self._key is None:
            self._key = self._stores.keys.current(ID_TOKEN)
        return self._key

    def claims(self, person: Person, scope: str) -> dict[str, Any] | None:
        """Return what an ID token says about a person, or None if they do not exist any more."""
        claims = self._stores.claims.read(person, scope.split(), self.client.app)
        return claims.for_id_token() if claims else None

    def issue(self, taken: Taken) -> dict[str, Any]:
        """Issue an access token, and return the answer without the ID token."""
        return {
            "access_token": self._stores.tokens.issue(taken), "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()), "scope": taken.grant.scope,
        }

    def _revoke(self, code_id: str, session: str) -> None:
        self._stores.tokens.revoke_of_code(self._tenant, session, code_id)


def hinted(text: str, issuer: str, keys: SigningKeys) -> dict[str, Any]:
    """Return the claims of an ID token of this issuer, which an app has sent back, none of anything else.

    It may have expired.
    """
    unverified = decode_unverified(text)
    if unverified is None or "crit" in unverified.header:  # joserfc fails at one that is not a list
        return {}
    known = KeySet([RSAKey.import_key(key.public) for key in keys.published(ID_TOKEN)])
    try:
        token = jwt.decode(unverified.text, known, registry=_REGISTRY)
    except (JoseError, ValueError):
        return {}
    # A logout token is signed by the same key; its type tells it from an ID token (RFC 8725 section 3.11).
    ours = token.header.get("typ") == "JWT" and token.claims.get("iss") == issuer
    return token.claims if ours else {}
