"""Tenants of a real server with an identity provider, and browsers that sign in there by SAML."""

from __future__ import annotations

import base64
import uuid
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from lxml import etree

from app.store.sign_on.connection import Connection, SamlPart, StoredCertificate
from app.store.sign_on.connections import Connections
from tests.conftest import Server
from tests.sending import send
from tests.sign_on.saml.idp import ENTITY_ID, OBJECT_ID, Says, Signer, encoded, respond, signer

SSO_URL = "https://login.example.com/saml2"
USER = "b.simon@contoso.com"


@dataclass
class Browser:
    """Keeps cookies by itself, since they are `Secure` and the server is on plain HTTP; follows no redirect."""

    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, url: str) -> requests.Response:
        return self._sent("GET", url, self.cookies)

    def post(self, url: str, data: object, **more: Any) -> requests.Response:
        """Post from another site: cookies are Lax, so none go along."""
        return self._sent("POST", url, {}, data=data, **more)

    def _sent(self, method: str, url: str, cookies: dict[str, str], **more: Any) -> requests.Response:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
        headers |= more.pop("headers", {})
        response = send(method, url, headers=headers, allow_redirects=False, **more)
        for name, morsel in SimpleCookie(response.headers.get("Set-Cookie", "")).items():
            self.cookies[name] = morsel.value
        return response


@dataclass(frozen=True)
class SignIn:
    """A sign-in that waits for its answer."""

    request_id: str
    state: str


@dataclass(frozen=True)
class SamlTenant:
    """A tenant with a connection that is on, and one provisioned user."""

    server: Server
    name: str
    user_id: str
    token: str

    @property
    def sign_on(self) -> str:
        return f"{self.server.url}/{self.name}/sign-on"

    @property
    def acs(self) -> str:
        return f"{self.sign_on}/saml/acs"

    def begin(self, browser: Browser) -> SignIn:
        """Begin a sign-in and return what the identity provider is told."""
        started = browser.get(self.sign_on)
        assert started.status_code == 303, started.text
        return read_request(started.headers["Location"])

    def says(self, sign_in: SignIn) -> Says:
        """Return what an honest identity provider answers."""
        return Says(
            audience=f"{self.sign_on}/saml/metadata", acs_url=self.acs, request_id=sign_in.request_id,
            response_id=f"_{uuid.uuid4()}", assertion_id=f"_{uuid.uuid4()}", now=datetime.now(UTC),
        )

    def answer(self, browser: Browser, sign_in: SignIn, response: str | bytes) -> requests.Response:
        """Post a response, in base64 already, as the identity provider's page does."""
        return browser.post(self.acs, {"SAMLResponse": response, "RelayState": sign_in.state})

    def sign_in(self, browser: Browser) -> requests.Response:
        """Go all the way with an honest identity provider, and return the last answer."""
        sign_in = self.begin(browser)
        accepted = self.answer(browser, sign_in, encoded(respond(self.says(sign_in))))
        assert accepted.status_code == 303, accepted.text
        return browser.get(accepted.headers["Location"])

    def events(self) -> list[dict[str, Any]]:
        """Return the lines about sign-ons, the last one first."""
        found = self.server.database.db.events.find({"tenant": self.name, "operation": "sign-on"})
        return sorted(found, key=lambda event: event["time"], reverse=True)

    def sessions(self) -> int:
        """Return how many sessions run."""
        return self.server.database.db.sessions.count_documents({"tenant": self.name, "ended": None})


def read_request(url: str) -> SignIn:
    """Return the sign-in whose request a URL carries."""
    query = parse_qs(urlsplit(url).query)
    message = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15))
    return SignIn(message.get("ID"), query["RelayState"][0])


def saml_tenant(server: Server, known: tuple[Signer, ...] = (signer(),), sso_url: str = SSO_URL) -> SamlTenant:
    """Return a new tenant whose connection knows some certificates."""
    scim, token = server.create_tenant()
    name = scim.split("/")[-3]
    certificates = tuple(
        StoredCertificate(each.der, each.thumbprint, each.not_before, each.not_after)
        for each in (signer.certificate for signer in known)
    )
    connections = Connections(server.database)
    saved = connections.save(Connection(
        tenant=name, kind="saml", match_attribute="userName", match_source="NameID",
        saml=SamlPart(entity_id=ENTITY_ID, sso_url=sso_url, certificates=certificates),
    ))
    server.database.transaction(lambda session: connections.turn_on(name, saved.id, session))
    body = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": USER, "externalId": OBJECT_ID, "displayName": "B. Simon", "active": True,
        "name": {"formatted": "B. Simon", "givenName": "B.", "familyName": "Simon"}, "emails": [{"value": USER, "type": "work", "primary": True}],
    }
    made = send("POST", f"{scim}/Users", json=body, headers={"Authorization": f"Bearer {token}"})
    assert made.status_code == 201, made.text
    return SamlTenant(server, name, made.json()["id"], token)
