"""The token endpoint (RFC 6749 section 3.2): client credentials, by a secret or by an assertion (RFC 7523 section 2.2).

Authlib's server runs the grant and words the errors. What is ours here is stricter than its own: parameters come from
the body alone, an unknown client cannot be told from a wrong secret, and no token reaches a log.

Access tokens are opaque and stored hashed, like those that operators issue: one kind of check at the door, at the same
cost, and they can be revoked. Their price is one write where a signed token has none, once an hour for each client.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote_plus

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError, InvalidRequestError, InvalidScopeError, UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from app.auth.jwt import verify
from app.auth.keys import Keys
from app.auth.refusal import Inspection, Refusal, Refused, ago, shown
from app.store.clients import TOKEN_LIFETIME, Client, Clients
from app.store.database import Database
from app.store.tenants import Tenants
from app.store.tokens import SCOPES, Tokens, hash_of, is_secret
from app.store.trusts import ASSERTION, Trusts

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 64 * 1024
MOST_PARAMETERS = 50
_NO_HASH = hash_of("")


@dataclass(frozen=True)
class TokenRequest:
    """What a client sends to the token endpoint."""

    tenant: str
    body: bytes
    content_type: str = FORM
    authorization: str = ""


@dataclass(frozen=True)
class TokenAnswer:
    """What it is answered, and why it was refused, which is not for the client."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    refusal: Refusal | None = None


@dataclass(frozen=True)
class _Grantee:
    """Who has authenticated, in the words of Authlib: a client with a secret, or a trusted identity."""

    id: str
    label: str
    scopes: frozenset[str]
    lifetime: timedelta

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == ClientCredentialsGrant.GRANT_TYPE


class _Request(OAuth2Request):
    """A token request as Authlib sees it."""

    def __init__(self, request: TokenRequest, parameters: dict[str, str]) -> None:
        # https whatever came in: behind a proxy this process sees http, and TLS is the proxy's.
        super().__init__("POST", "https://localhost/", headers={"Authorization": request.authorization})
        self.tenant = request.tenant
        self.payload = BasicOAuth2Payload(parameters)
        self.client: _Grantee | None = None


class _Grant(ClientCredentialsGrant):
    def create_token_response(self) -> tuple[int, dict[str, Any], Sequence[tuple[str, str]]]:
        # Authlib's own writes the token into the debug log.
        return 200, self.server.issue(self.request), self.TOKEN_RESPONSE_HEADER


class TokenEndpoint(AuthorizationServer):
    """Issues access tokens to the clients of all tenants."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        super().__init__(scopes_supported=SCOPES)
        self.register_grant(_Grant)
        self._tenants = Tenants(database)
        self._clients = Clients(database)
        self._tokens = Tokens(database)
        self._trusts = Trusts(database)
        self._keys = Keys(database, clock)
        self._clock = clock

    def answer(self, request: TokenRequest) -> TokenAnswer:
        """Answer a token request."""
        try:
            parameters = _parameters(request)
            answer: TokenAnswer = self.create_token_response(_Request(request, parameters))
            return answer
        except Refused as refused:
            error = InvalidClientError("The client could not be authenticated.", status_code=401)
            return _answer(error, refused.refusal)
        except OAuth2Error as error:
            return _answer(error)

    def issue(self, request: _Request) -> dict[str, Any]:
        """Issue an access token for what was asked, or for all that the client may."""
        grantee = request.client
        assert grantee is not None
        asked = frozenset((request.payload.scope or "").split()) or grantee.scopes
        if not asked <= grantee.scopes:
            raise InvalidScopeError("The client does not have that scope.")
        text, token = self._tokens.issue(
            request.tenant, lifetime=grantee.lifetime, label=grantee.label, scopes=asked, client=grantee.id
        )
        seconds = int(grantee.lifetime.total_seconds())
        return {"access_token": text, "token_type": "Bearer", "expires_in": seconds, "scope": " ".join(sorted(token.scopes))}

    # What Authlib asks of whoever embeds it.

    def create_oauth2_request(self, request: _Request) -> _Request:
        """Take the request as it is."""
        return request

    def handle_response(self, status: int, body: dict[str, Any], headers: Sequence[tuple[str, str]]) -> TokenAnswer:
        """Give the answer of a grant."""
        return TokenAnswer(status, body, dict(headers))

    def handle_error_response(self, request: _Request, error: OAuth2Error) -> NoReturn:
        """Leave every error to `answer`."""
        raise error

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Send no signals: nobody listens."""

    def authenticate_client(self, request: _Request, methods: Any, endpoint: str = "token") -> _Grantee:
        """Give who sends the request; raises Refused, OAuth2Error."""
        given = request.payload.data
        basic = _basic(request.headers["Authorization"])
        by_assertion = "client_assertion" in given or "client_assertion_type" in given
        if sum((bool(request.headers["Authorization"]), "client_secret" in given, by_assertion)) > 1:
            raise InvalidRequestError("More than one way of client authentication was used.")
        if basic and given.get("client_id", basic[0]) != basic[0]:
            raise InvalidRequestError("The client_id is not the one of the Authorization header.")
        if by_assertion:
            return self._by_assertion(request.tenant, given)
        client_id, secret = basic or (given.get("client_id", ""), given.get("client_secret", ""))
        return self._by_secret(request.tenant, client_id, secret)

    def _by_secret(self, tenant: str, client_id: str, secret: str) -> _Grantee:
        """Check id and secret; the same work is done whether there is such a client or not (B42)."""
        inspection = Inspection("client")
        client = self._clients.find(client_id)
        rows = client.secrets if client else ()
        good = [row for row in rows if is_secret(secret, row.hash)] or ([] if is_secret(secret, _NO_HASH) else [])
        sent = bool(client_id and secret)
        inspection.check("form", sent, expected="client_id and client_secret", received=shown(client_id) or "nothing",
                         reason="id or secret was not sent")
        if client is None:
            inspection.fail("id", expected="a known one", received=client_id, reason="unknown")
        inspection.credential_id, inspection.label = client.id, client.label
        inspection.check("tenant", client.tenant == tenant, expected=tenant, received=client.tenant,
                         reason="of another tenant")
        inspection.check("secret", bool(good), expected="one of its own", received="another", reason="wrong secret")
        moment = datetime.fromtimestamp(self._clock(), UTC)
        ends = good[0].expires
        inspection.check("secret's expiry", moment < ends, expected=f"after {moment:%Y-%m-%d %H:%M:%S}Z",
                         received=str(ends), reason=f"secret {good[0].id} expired {ago(ends, moment)}")
        self._check_tenant(inspection, tenant)
        return _grantee(client)

    def _by_assertion(self, tenant: str, given: dict[str, str]) -> _Grantee:
        """Check a JWT of a trusted issuer; the `client_id` is optional with it (RFC 7521 section 4.2)."""
        inspection = Inspection("assertion")
        kind = given.get("client_assertion_type", "")
        inspection.check("type", kind == ASSERTION_TYPE, expected=ASSERTION_TYPE, received=kind,
                         reason="of another type")
        client_id = given.get("client_id")
        trusts = [
            trust for trust in self._trusts.of_tenant(tenant)
            if trust.kind == ASSERTION and client_id in (None, trust.id)
        ]
        inspection.check("client_id", bool(trusts), expected="one of a trust of this tenant", received=client_id,
                         reason="unknown client_id")
        trust, _ = verify(inspection, given.get("client_assertion", ""), trusts, self._keys, self._clock())
        self._check_tenant(inspection, tenant)
        return _Grantee(trust.id, trust.label, trust.scopes, TOKEN_LIFETIME)

    def _check_tenant(self, inspection: Inspection, name: str) -> None:
        """Check that the tenant is there and active; only somebody who is in it learns that."""
        tenant = self._tenants.get(name)
        if tenant is None:
            inspection.fail("tenant", expected="a tenant", received=name, reason="its tenant is deleted")
        inspection.check("tenant", not tenant.suspended, expected="an active tenant", received="a suspended one",
                         reason="the tenant is suspended")


def _grantee(client: Client) -> _Grantee:
    return _Grantee(client.id, client.label, client.scopes, client.token_lifetime)


def _parameters(request: TokenRequest) -> dict[str, str]:
    """Give the parameters of the body, each once (RFC 6749 section 3.2); raises OAuth2Error."""
    if request.content_type.partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"The body must be {FORM}.")
    try:
        text = request.body.decode("ascii" if b"%" in request.body else "utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise InvalidRequestError("The body cannot be read.") from None
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise InvalidRequestError("A parameter is given more than once.")
    parameters = {name: value for name, value in pairs if value}  # an empty one counts as left out
    if "grant_type" not in parameters:
        raise InvalidRequestError("The parameter grant_type is missing.")
    return parameters


def _basic(authorization: str) -> tuple[str, str] | None:
    """Give id and secret of an Authorization header; raises Refused for one that has none."""
    if not authorization:
        return None
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
        client_id, colon, secret = text.partition(":")
        if scheme.lower() == "basic" and colon:
            return unquote_plus(client_id), unquote_plus(secret)  # RFC 6749 section 2.3.1
    except (binascii.Error, ValueError):
        pass
    raise Refused(Refusal("client", "the Authorization header is no Basic one that can be read"))


def _answer(error: OAuth2Error, refusal: Refusal | None = None) -> TokenAnswer:
    """Word an error (RFC 6749 section 5.2)."""
    headers = dict(error.get_headers())
    if error.status_code == 401:
        headers["WWW-Authenticate"] = 'Basic realm="scimd"'
    description = error.description
    if isinstance(error, UnsupportedGrantTypeError):
        description = "The only grant_type here is client_credentials."
    return TokenAnswer(error.status_code, {"error": error.error, "error_description": description}, headers, refusal)
