"""A small OpenID provider: it knows some people, asks for no password, and signs in the one that is clicked."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, request
from joserfc.jwk import RSAKey

from app.demo.pages import page
from app.demo.people import DIRECTORY, PEOPLE, Person

_CHOOSE = """
<p>This is the demo's identity provider, which serves the tenant <em>demo</em> alone. It asks for no password: who are
you?</p>
<form method="post">
{% for person in people %}
<button name="person" value="{{ person.id }}">{{ person.name }}
<small>{{ person.login }}{% if person.remark %} · {{ person.remark }}{% endif %}</small></button>
{% endfor %}
</form>"""

_UNKNOWN = """
<p>The demo's identity provider serves the tenant <em>demo</em> alone. It answers requests of the client
<em>{{ client.client_id }}</em> with the redirect URI <em>{{ client.redirect_uri }}</em>, and this is another one:
{{ error }}.</p>"""


@dataclass(frozen=True)
class Registration(ClientMixin):
    """The one client that the provider knows: scimd."""

    client_id: str
    client_secret: str
    redirect_uri: str

    def get_client_id(self) -> str:
        """Return the id; this and the next ones are called by Authlib."""
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        """Return the scopes of a request that the client may have: all of them."""
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether the client is registered with this URI."""
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether the secret is right."""
        return secrets.compare_digest(client_secret.encode(), self.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client may authenticate in this way."""
        return method in ("client_secret_post", "client_secret_basic")

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the client may use this flow."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use this grant."""
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    """An authorization code and what it was issued for."""

    code: str
    person: Person
    parameters: dict[str, str]
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self) -> str | None:
        """Return the redirect URI of the request; this and the next ones are called by Authlib."""
        return self.parameters.get("redirect_uri")

    def get_scope(self) -> str:
        """Return the scopes."""
        return self.parameters.get("scope", "")

    def get_nonce(self) -> str | None:
        """Return the nonce of the request."""
        return self.parameters.get("nonce")

    def get_auth_time(self) -> int:
        """Return when the person signed in."""
        return self.auth_time

    def get_acr(self) -> None:
        """Return None: nothing is said about how the person authenticated."""

    def get_amr(self) -> list[str]:
        """Return how the person authenticated."""
        return ["pwd"]

    @property
    def code_challenge(self) -> str | None:
        """The challenge of the request (RFC 7636)."""
        return self.parameters.get("code_challenge")

    @property
    def code_challenge_method(self) -> str | None:
        """How the challenge was made."""
        return self.parameters.get("code_challenge_method")


class IdentityProvider:
    """The provider at `url`; `app` is the Flask application that answers there. `key` signs; by default a new one."""

    def __init__(
        self, url: str, client: Registration, people: Iterable[Person] = PEOPLE, key: RSAKey | None = None
    ) -> None:
        self.issuer = f"{url}/{DIRECTORY}/v2.0"
        self.client = client
        self.people = {person.id: person for person in people}
        self.codes: dict[str, Code] = {}
        self.keys = [key or RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig"}, private=True)]
        self.app = Flask("identity_provider", static_folder=None)
        self.app.wsgi_app = _AsHttps(self.app.wsgi_app)  # type: ignore[method-assign]
        self._server = AuthorizationServer(self.app, self._client, lambda token, _: None)
        self._server.register_grant(self._grant(), [CodeChallenge(), self._id_token()])
        self._server.register_extension(_Issuer(self.issuer))
        base = f"/{DIRECTORY}"
        for path, view, methods in (
            (f"{base}/v2.0/.well-known/openid-configuration", self.metadata, ["GET"]),
            (f"{base}/keys", self.key_set, ["GET"]),
            (f"{base}/authorize", self._authorize, ["GET", "POST"]),
            (f"{base}/token", self.token, ["POST"]),
        ):
            self.app.add_url_rule(path, view.__name__, view, methods=methods)

    def metadata(self) -> Any:
        """Return the discovery document (OpenID Connect Discovery section 3)."""
        base = self.issuer.removesuffix("/v2.0")
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/keys", "response_types_supported": ["code"], "response_modes_supported": ["query"],
            "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": True,
        }

    def key_set(self) -> Any:
        """Return the public keys as a JWK Set."""
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def claims(self, person: Person) -> dict[str, Any]:
        """Return what an ID token says about a person."""
        pairwise = hashlib.sha256(f"{self.client.client_id} {person.id}".encode()).hexdigest()
        return {
            "sub": pairwise, "oid": person.id, "tid": DIRECTORY, "name": person.name,
            "preferred_username": person.login, "email": person.login, "sid": secrets.token_hex(16), "ver": "2.0",
        }

    def token(self) -> Any:
        """Answer at the token endpoint."""
        return self._server.create_token_response()

    def _client(self, client_id: str) -> Registration | None:
        return self.client if client_id == self.client.client_id else None

    def _authorize(self) -> Any:
        try:
            grant = self._server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return page("This request cannot be answered", _UNKNOWN, error=error.error, client=self.client), 400
        person = self.people.get(request.form.get("person", ""))
        if person is None:
            return page("Sign in", _CHOOSE, people=self.people.values())
        answer: Response = self._server.create_authorization_response(grant_user=person, grant=grant)
        return answer

    def _grant(self) -> type[AuthorizationCodeGrant]:
        provider = self

        class Grant(AuthorizationCodeGrant):
            def save_authorization_code(self, code: str, request: Any) -> None:
                provider.codes[code] = Code(code, request.user, dict(request.payload.data))

            def query_authorization_code(self, code: str, client: Registration) -> Code | None:
                return provider.codes.get(code)

            def delete_authorization_code(self, authorization_code: Code) -> None:
                provider.codes.pop(authorization_code.code, None)

            def authenticate_user(self, authorization_code: Code) -> Person:
                return authorization_code.person

        return Grant

    def _id_token(self) -> OpenIDCode:
        provider = self

        class IdToken(OpenIDCode):
            def exists_nonce(self, nonce: str, request: Any) -> bool:
                return False

            def resolve_client_private_key(self, client: Registration) -> RSAKey:
                return provider.keys[0]

            def get_encode_header(self, client: Registration) -> dict[str, str]:
                return {"alg": "RS256", "kid": str(provider.keys[0].kid), "typ": "JWT"}

            def get_client_claims(self, client: Registration) -> dict[str, Any]:
                return {"iss": provider.issuer, "aud": client.client_id}

            def generate_user_info(self, user: Person, scope: str) -> dict[str, Any]:
                return provider.claims(user)

        return IdToken(require_nonce=True)


class _AsHttps:
    """WSGI middleware that says https, which Authlib requires; on the loopback interface http is as good."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._app(environ | {"wsgi.url_scheme": "https"}, start_response)


class _Issuer(IssuerParameter):
    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer
