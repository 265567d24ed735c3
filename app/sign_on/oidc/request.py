"""The authentication request: where a person is sent to sign in (OpenID Connect Core section 3.1.2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.sign_on.oidc.client import Client


@dataclass(frozen=True)
class Request:
    """What one sign-in asks of the identity provider."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    """The PKCE code verifier (RFC 7636 section 4.1)."""
    redirect_uri: str
    force: bool = False
    """Whether the person must authenticate anew."""
    login_hint: str = ""
    max_age: int | None = None
    """Seconds since the person's authentication that are still accepted; the answer then has `auth_time`."""


def authorization_url(client: Client, request: Request) -> str:
    """Return the URL of the identity provider's authorization endpoint with the request."""
    url: str = prepare_grant_uri(
        client.metadata.authorization_endpoint, client.client_id, "code", request.redirect_uri,
        " ".join(dict.fromkeys(("openid", "profile", *client.scopes))), request.state,
        response_mode="query", nonce=request.nonce, code_challenge=create_s256_code_challenge(request.verifier),
        code_challenge_method="S256", prompt="login" if request.force else None,
        max_age=None if request.max_age is None else str(request.max_age), login_hint=request.login_hint or None,
    )
    return url
