"""The token endpoint (RFC 6749 section 3.2) and its metadata (RFC 8414).

Authlib's server runs the grant and words the errors. This module is stricter where Authlib is lax: parameters come from
the body only, `client_authentication` authenticates the client, and no token is logged.

Access tokens are opaque and stored as hashes, like those that operators issue: authentication has one kind of check,
and they can be revoked. Unlike a signed token, each costs a write, once an hour for each client.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from app.auth.client_authentication import (
    METHODS,
    AuthenticatedClient,
    ClientAuthentication,
    TenantSuspended,
    claimed_id,
)
from app.auth.jwt import ALGORITHM
from app.auth.limits.rate_limits import Limits
from app.auth.refusal import AUTHENTICATE, Refusal, Refused
from app.outgoing.addresses import Networks
from app.protocol.messages import FORM
from app.store.accounts.tokens import SCOPES, Tokens
from app.store.mongo.database import Database

_MOST_PARAMETERS = 50
_CODE_GRANT = "authorization_code"
"""Of no client: who sends it without an id is an app."""


@dataclass(frozen=True)
class TokenRequest:
    """A client's request to the token endpoint."""

    tenant: str
    body: bytes
    content_type: str = FORM
    authorization: str = ""
    address: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class TokenAnswer:
    """The response of the token endpoint."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    refusal: Refusal | None = None
    """Why the request was refused: for the log, not for the client."""
    operation: str = AUTHENTICATE
    """What the log calls a refused request."""


def metadata(issuer: str) -> dict[str, Any]:
    """Return the metadata of a tenant's authorization server (RFC 8414 section 2); `issuer` is its URL."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "scopes_supported": list(SCOPES),
        "response_types_supported": [],  # required by the RFC; there is no authorization endpoint
        "grant_types_supported": [ClientCredentialsGrant.GRANT_TYPE],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": [ALGORITHM],
    }


class _Request(OAuth2Request):
    """A token request as Authlib sees it."""

    def __init__(self, request: TokenRequest, parameters: dict[str, str]) -> None:
        # Always https: behind a proxy that terminates TLS this process sees http, which Authlib would refuse.
        super().__init__("POST", "https://localhost/")
        self.tenant = request.tenant
        self.authorization = request.authorization
        self.payload = BasicOAuth2Payload(parameters)
        self.client: AuthenticatedClient | None = None


class _Grant(ClientCredentialsGrant):
    def create_token_response(self) -> tuple[int, dict[str, Any], Sequence[tuple[str, str]]]:
        # Authlib's own method writes the token to the debug log.
        return 200, self.server.issue(self.request), self.TOKEN_RESPONSE_HEADER


class TokenEndpoint(AuthorizationServer):
    """Issues access tokens to the clients of all tenants."""

    def __init__(
        self, database: Database, *, limits: Limits | None = None, clock: Callable[[], float] = time.time,
        others: Mapping[str, Callable[[TokenRequest, dict[str, str]], TokenAnswer]] | None = None,
        networks: Networks = (),
    ) -> None:
        """`networks` are those of the setting `SCIMD_WEBHOOK_NETWORKS`.

        `others` answer the requests of those whose ids begin with their keys; the first also those of a code without
        any id.
        """
        super().__init__(scopes_supported=SCOPES)
        self.register_grant(_Grant)
        self._clients = ClientAuthentication(database, clock, networks)
        self._tokens = Tokens(database)
        self._limits = limits or Limits(database, None)
        self._others = others or {}

    def answer(self, request: TokenRequest) -> TokenAnswer:
        """Return the response to a token request; raises TooManyRequests."""
        try:
            parameters = _parameters(request)
            sender = claimed_id(parameters, request.authorization)
            if not sender and parameters["grant_type"] == _CODE_GRANT:
                sender = next(iter(self._others), "")
            other = next((each for prefix, each in self._others.items() if sender.startswith(prefix)), None)
            if other is not None:
                return other(request, parameters)
            answer: TokenAnswer = self.create_token_response(_Request(request, parameters))
            return answer
        except Refused as refused:
            answer = not_authenticated(refused.refusal)
        except OAuth2Error as failed:
            answer = error_answer(failed)
        self._limits.count_wrong_credential(request.address)
        return answer

    def issue(self, request: _Request) -> dict[str, Any]:
        """Issue an access token for the requested scopes, or for all that the client has, and return the response.

        Raises InvalidScopeError, InvalidClientError for a client that was deleted meanwhile, and TooManyRequests.
        """
        client = request.client
        assert client is not None
        scopes = frozenset((request.payload.scope or "").split()) or client.scopes
        if not scopes <= client.scopes:
            raise InvalidScopeError("The client does not have that scope.")
        self._limits.count_token_request(request.tenant)
        text, token = self._tokens.issue(
            request.tenant, lifetime=client.lifetime, label=client.label, scopes=scopes, client=client.id
        )
        if not self._clients.exists(client):  # deleted meanwhile: its other tokens were revoked before this one
            self._tokens.revoke(token.id)
            raise InvalidClientError("The client could not be authenticated.", status_code=401)
        return {
            "access_token": text, "token_type": "Bearer", "expires_in": int(client.lifetime.total_seconds()),
            "scope": " ".join(sorted(token.scopes)),
        }

    # The methods that Authlib expects its user to define.

    def create_oauth2_request(self, request: _Request) -> _Request:
        """Return the request as it is."""
        return request

    def handle_response(self, status: int, body: dict[str, Any], headers: Sequence[tuple[str, str]]) -> TokenAnswer:
        """Return the answer of a grant."""
        return TokenAnswer(status, body, dict(headers))

    def handle_error_response(self, request: _Request, error: OAuth2Error) -> NoReturn:
        """Raise the error again, for `answer` to handle."""
        raise error

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Send no signal: nothing listens to them."""

    def authenticate_client(self, request: _Request, methods: Any, endpoint: str = "token") -> AuthenticatedClient:
        """Return the client that sends the request; raises Refused, OAuth2Error."""
        return self._clients.authenticate(request.tenant, request.payload.data, request.authorization)


def _parameters(request: TokenRequest) -> dict[str, str]:
    """Return the parameters of the body, none of which may be repeated (RFC 6749 section 3.2); raises OAuth2Error."""
    if request.content_type.partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"The body must be {FORM}.")
    try:
        text = request.body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        limit = f"or has more than {_MOST_PARAMETERS} parameters"
        raise InvalidRequestError(f"The body is not valid {FORM}, {limit}.") from None
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise InvalidRequestError("A parameter is given more than once.")
    parameters = {name: value for name, value in pairs if value}  # an empty value counts as no value
    if "grant_type" not in parameters:
        raise InvalidRequestError("The parameter grant_type is missing.")
    return parameters


def not_authenticated(refusal: Refusal, operation: str = AUTHENTICATE) -> TokenAnswer:
    """Return the answer to who is not the client or the app that they say; `operation` is what the log calls it."""
    error = InvalidClientError("The client could not be authenticated.", status_code=401)
    return replace(error_answer(error, refusal), operation=operation)


def error_answer(error: OAuth2Error, refusal: Refusal | None = None) -> TokenAnswer:
    """Return the answer for an error (RFC 6749 section 5.2); `refusal` is logged, or else the error's description."""
    headers = dict(error.get_headers())
    if error.status_code == 401:
        headers["WWW-Authenticate"] = 'Basic realm="scimd"'
    description = error.description
    if isinstance(error, UnsupportedGrantTypeError):
        description = "The only grant_type here is client_credentials."
    body = {"error": error.error, "error_description": description}
    suspended, no_scope = isinstance(error, TenantSuspended), isinstance(error, InvalidScopeError)
    cause = "suspended" if suspended else "scope" if no_scope else "token-request"
    refusal = refusal or Refusal("token request", description.rstrip("."), cause=cause)
    return TokenAnswer(error.status_code, body, headers, refusal)
