"""The URLs of sign-on, all made from the server's own: none is taken from a request."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit


@dataclass(frozen=True)
class Urls:
    """The URLs of one tenant; `base` is what the server's own URLs start with."""

    base: str
    tenant: str

    @property
    def issuer(self) -> str:
        """The tenant as apps know it."""
        return f"{self.base}/{self.tenant}"

    @property
    def sign_on(self) -> str:
        """Where a person begins to sign in."""
        return f"{self.issuer}/sign-on"

    @property
    def unsolicited(self) -> str:
        """Where a browser is sent with a response that nobody has asked for."""
        return f"{self.sign_on}?unsolicited"

    @property
    def entity_id(self) -> str:
        """What the tenant is called in SAML: the URL of its metadata."""
        return f"{self.sign_on}/saml/metadata"

    @property
    def acs(self) -> str:
        """Where a SAML response is posted."""
        return f"{self.sign_on}/saml/acs"

    @property
    def saml_logout(self) -> str:
        """Where an identity provider says by SAML that a person has signed out there."""
        return f"{self.sign_on}/saml/logout"

    @property
    def callback(self) -> str:
        """The redirect URI for OpenID Connect."""
        return f"{self.sign_on}/oidc/callback"

    @property
    def oidc_logout(self) -> str:
        """Where an identity provider says by OpenID Connect that a person has signed out there."""
        return f"{self.sign_on}/oidc/logout"

    @property
    def out(self) -> str:
        """Where a person signs out."""
        return f"{self.sign_on}/out"

    def finish(self, state: str) -> str:
        """Return where the browser is sent with its cookies once the answer has been accepted."""
        return f"{self.sign_on}/finish?state={quote(state, safe='')}"

    def initiated(self, initiate_login_uri: str) -> str:
        """Return the URL at an app at which it begins a login here (OpenID Connect Core section 4)."""
        parts = urlsplit(initiate_login_uri)
        target = urlunsplit((parts.scheme, parts.netloc, "/", "", ""))
        query = f"iss={quote(self.issuer, safe='')}&target_link_uri={quote(target, safe='')}"
        return f"{initiate_login_uri}{'&' if parts.query else '?'}{query}"
