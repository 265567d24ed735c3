"""The code grant, PKCE and the ID token as extensions of Authlib's, stricter where Authlib is lax.

PKCE with S256 is required of every app. Claims from the directory cannot replace what the server says itself. Nothing
secret is written to a log, at no level.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.hooks import hooked
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode

from app.sign_on.people import Person
from app.store.sign_on.apps import App
from app.store.sign_on.codes import Grant, Taken
from app.store.sign_on.signing_keys import SigningKey

ALGORITHM = "RS256"
CODE_GRANT = "authorization_code"
ID_TOKEN_SECONDS = 300
_OWN = frozenset({"iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"})
"""The claims of an ID token that do not come from the directory."""


class Host(Protocol):
    """What the extensions need of the server."""

    issuer: str

    def key(self) -> SigningKey: ...
    def take(self, code: str, client: AppClient) -> CodeOfApp | None: ...
    def person_of(self, grant: Grant) -> Person | None: ...
    def claims(self, person: Person, scope: str) -> dict[str, Any] | None: ...
    def issue(self, taken: Taken) -> dict[str, Any]: ...


@dataclass(frozen=True)
class AppClient(ClientMixin):
    """An app as Authlib sees it."""

    app: App

    @property
    def id(self) -> str:
        """The id of the app."""
        return self.app.id

    def get_client_id(self) -> str:
        """Return the id of the app."""
        return self.app.id

    def get_default_redirect_uri(self) -> None:
        """Return None: a request must name its redirect URI."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return those of the requested scopes that the app may have; unknown ones are left out."""
        allowed = self.app.settings.scopes
        return " ".join(dict.fromkeys(each for each in (scope or "").split() if each in allowed))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether a redirect URI is registered, character by character (RFC 9700 section 4.1.3)."""
        return redirect_uri in self.app.settings.redirect_uris

    def check_response_type(self, response_type: str) -> bool:
        """Return whether it is `code`."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether it is the code grant."""
        return grant_type == CODE_GRANT


class ProviderRequest(OAuth2Request):
    """A request of an app as Authlib sees it."""

    def __init__(self, parameters: Mapping[str, str], method: str = "GET") -> None:
        # Always https: behind a proxy that terminates TLS this process sees http, which Authlib would refuse.
        super().__init__(method, "https://localhost/")
        self.payload = BasicOAuth2Payload(dict(parameters))

    @property
    def form(self) -> dict[str, str]:
        """The parameters."""
        data: dict[str, str] = self.payload.data
        return data


@dataclass(frozen=True)
class CodeOfApp:
    """A taken code as Authlib sees it."""

    taken: Taken

    def get_redirect_uri(self) -> str:
        """Return the redirect URI of the request."""
        return self.taken.grant.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.taken.grant.scope

    def get_nonce(self) -> str:
        """Return the nonce of the request, "" if it had none."""
        return self.taken.grant.nonce

    def get_auth_time(self) -> int:
        """Return when the person authenticated, in seconds since 1970; 0, which makes no claim, if it is not known."""
        return int(self.taken.grant.auth_time.timestamp())

    def get_acr(self) -> str:
        """Return the authentication context class, "" if it is not known."""
        return self.taken.grant.acr

    def get_amr(self) -> list[str]:
        """Return the authentication methods, as far as known."""
        return list(self.taken.grant.amr)

    @property
    def code_challenge(self) -> str:
        """The challenge of PKCE."""
        return self.taken.grant.challenge

    @property
    def code_challenge_method(self) -> str:
        """The only method."""
        return "S256"


class Challenge(CodeChallenge):
    """PKCE for every app, with S256 alone (RFC 9700 section 2.1.1)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or not data.get("code_challenge_method"):
            raise InvalidRequestError("code_challenge and code_challenge_method are required.")
        super().validate_code_challenge(grant, redirect_uri)
        if len(data["code_challenge"]) != 43 or not set(data["code_challenge"]).isdisjoint(".~"):
            raise InvalidRequestError("The code_challenge is not a SHA-256 hash in base64url.")

    def validate_code_verifier(self, grant: CodeGrant, result: Any) -> None:
        if not grant.request.form.get("code_verifier"):
            raise InvalidRequestError("Missing 'code_verifier'")
        super().validate_code_verifier(grant, result)


class Identity(OpenIDCode):
    """The ID token."""

    def __init__(self, server: Host) -> None:
        super().__init__()
        self._server = server

    def exists_nonce(self, nonce: str, request: ProviderRequest) -> bool:
        """Return False: a code is good once, and the app compares the nonce."""
        return False

    def resolve_client_private_key(self, client: AppClient) -> Any:
        return self._server.key().jwk

    def get_client_algorithm(self, client: AppClient) -> str:
        return ALGORITHM

    def get_encode_header(self, client: AppClient) -> dict[str, str]:
        return {"alg": ALGORITHM, "kid": self._server.key().id, "typ": "JWT"}

    def get_client_claims(self, client: AppClient) -> dict[str, Any]:
        moment = int(time.time())
        return {"iss": self._server.issuer, "aud": client.id, "iat": moment, "exp": moment + ID_TOKEN_SECONDS}

    def get_compatible_claims(self, request: ProviderRequest) -> dict[str, Any]:
        # Authlib's own method says that the person has authenticated just now, for a code that does not say when.
        return self.get_client_claims(request.client)

    def get_authorization_code_claims(self, code: CodeOfApp) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_authorization_code_claims(code)
        return claims | {"sid": code.taken.grant.session}

    def generate_user_info(self, person: Person, scope: str) -> dict[str, Any]:
        claims = self._server.claims(person, scope)
        if claims is None:
            raise InvalidGrantError("The person is not signed in any more.")
        return {name: value for name, value in claims.items() if name not in _OWN}


class CodeGrant(AuthorizationCodeGrant):
    """The code grant; the server does the work that Authlib leaves to its user."""

    server: Host

    def query_authorization_code(self, code: str, client: AppClient) -> CodeOfApp | None:
        return self.server.take(code, client)

    def authenticate_user(self, authorization_code: CodeOfApp) -> Person | None:
        return self.server.person_of(authorization_code.taken.grant)

    @hooked
    def create_token_response(self) -> tuple[int, dict[str, Any], Sequence[tuple[str, str]]]:
        # Authlib's own method writes the token to the debug log.
        code = self.request.authorization_code
        person = self.authenticate_user(code)
        if person is None:
            raise InvalidGrantError("The person is not signed in any more, or not in the group of this app.")
        self.request.user = person
        return 200, self.server.issue(code.taken), self.TOKEN_RESPONSE_HEADER
