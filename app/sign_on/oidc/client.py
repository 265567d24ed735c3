"""What scimd is at an identity provider: a client of it, with a secret or a key of its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion

from app.auth.client_authentication import ASSERTION_TYPE
from app.sign_on.oidc.discovery import Metadata
from app.sign_on.oidc.keys import Key
from app.store.sign_on.signing_keys import SigningKey

_ASSERTION_SECONDS = 120


@dataclass(frozen=True)
class Client:
    """The registration at an identity provider."""

    metadata: Metadata
    client_id: str
    find_key: Callable[[str], Key | None] = field(repr=False)
    """Returns the identity provider's key with this id, or None; it may fetch the keys first."""
    scopes: tuple[str, ...] = ()
    """Scopes to ask for besides `openid` and `profile`."""
    secret: str = field(default="", repr=False)
    key: SigningKey | None = None
    """The server's key for private_key_jwt, in place of a secret."""

    def authentication(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form fields and the headers by which the client authenticates at the token endpoint.

        OpenID Connect Core section 9; the secret goes into the form where the identity provider allows that.
        """
        named = {"client_id": self.client_id}
        if self.key is not None:
            return named | {
                "client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion(self.key),
            }, {}
        if "client_secret_post" in self.metadata.auth_methods:
            return named | {"client_secret": self.secret}, {}
        # RFC 6749 section 2.3.1: both are form-encoded first.
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
        return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _assertion(self, key: SigningKey) -> str:
        assert key.certificate is not None
        thumbprint = base64.urlsafe_b64encode(hashlib.sha256(key.certificate).digest()).rstrip(b"=").decode()
        token: str = sign_jwt_bearer_assertion(
            key.jwk, self.client_id, self.metadata.token_endpoint, subject=self.client_id,
            header={"alg": "RS256", "x5t#S256": thumbprint}, expires_in=_ASSERTION_SECONDS,
        )
        return token
