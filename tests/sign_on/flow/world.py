"""A tenant whose people sign in by SAML at a real server, their browsers, and what their identity provider answers."""

from __future__ import annotations

import uuid
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from lxml import etree

from app.store.mongo.database import Database
from app.store.sign_on.apps import Apps, Settings
from app.store.sign_on.connection import Connection, SamlPart, StoredCertificate
from app.store.sign_on.connections import Connections
from tests.conftest import Server
from tests.sending import send
from tests.served import Served
from tests.sign_on.saml import idp
from tests.sign_on.saml.idp import How, Says, Signer, encoded, respond

GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"
USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SSO_URL = "https://login.example.com/saml2"
NAME = "b.simon@contoso.com"


def today(name: str = "idp") -> Signer:
    """Return a signer whose certificate is valid now, whenever that is."""
    return idp.signer(name, starts=(datetime.now(UTC) - idp.NOW).days - 30)


@dataclass(frozen=True)
class Begun:
    """A sign-in that has begun."""

    state: str
    request: str
    query: Mapping[str, str]
    """What the browser carries to the identity provider."""
    response: requests.Response

    @property
    def xml(self) -> etree._Element:
        """The request as the identity provider reads it."""
        return etree.fromstring(zlib.decompress(b64decode(self.query["SAMLRequest"]), -15))


@dataclass
class World:
    """The tenant."""

    server: Server | Served
    tenant: str = field(default_factory=lambda: f"t-{uuid.uuid4().hex[:12]}")
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the usual connection."""
    user_id: str = ""
    """The id of the person who signs in as a rule."""

    def __post_init__(self) -> None:
        self.scim, self.token = self.server.create_tenant(self.tenant, "interop")
        self.connection = self.connect(**self.changes)

    @property
    def database(self) -> Database:
        return self.server.database

    @property
    def url(self) -> str:
        return f"{self.server.url}/{self.tenant}/sign-on"

    def connect(self, *, on: bool = True, by: Signer | None = None, **changes: Any) -> Connection:
        """Add a connection to the fake identity provider."""
        certificate = (by or today()).certificate
        row = StoredCertificate(certificate.der, certificate.thumbprint, certificate.not_before, certificate.not_after)
        saml = SamlPart(entity_id=idp.ENTITY_ID, sso_url=SSO_URL, certificates=(row,))
        made = Connection(tenant=self.tenant, kind="saml", match_attribute="userName", match_source="NameID", saml=saml)
        connections = Connections(self.database)
        saved = connections.save(replace(made, **changes))
        if not on:
            return saved
        return self.database.transaction(lambda session: connections.turn_on(self.tenant, saved.id, session))

    def user(self, name: str = NAME, **more: Any) -> str:
        """Provision a user and return its id."""
        body = {"schemas": [USER_URN], "userName": name, "displayName": name, **more}
        created = self.request("POST", "/Users", body)
        assert created.status_code == 201, created.text
        return created.json()["id"]

    def group(self, name: str, *members: str) -> str:
        """Provision a group and return its id."""
        body = {"schemas": [GROUP_URN], "displayName": name, "members": [{"value": each} for each in members]}
        created = self.request("POST", "/Groups", body)
        assert created.status_code == 201, created.text
        return created.json()["id"]

    def request(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send a SCIM request."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return send(method, f"{self.scim}{path}", json=body, headers=headers)

    def patch(self, user: str, *operations: Mapping[str, Any]) -> None:
        """Change a user by PATCH."""
        body = {"schemas": [PATCH_URN], "Operations": list(operations)}
        assert self.request("PATCH", f"/Users/{user}", body).status_code in (200, 204)

    def leave(self, group: str, user: str) -> None:
        """Remove a member from a group."""
        operation = {"op": "remove", "path": f'members[value eq "{user}"]'}
        body = {"schemas": [PATCH_URN], "Operations": [operation]}
        assert self.request("PATCH", f"/Groups/{group}", body).status_code in (200, 204)

    def disable(self, user: str) -> None:
        """Disable a user as Entra does."""
        self.patch(user, {"op": "Replace", "path": "active", "value": "False"})

    def events(self, operation: str = "sign-on") -> list[dict[str, Any]]:
        """Return the lines of the log about an operation, oldest first."""
        return list(self.database.db.events.find({"tenant": self.tenant, "operation": operation}, sort=[("time", 1), ("_id", 1)]))

    def reasons(self) -> list[str]:
        """Return the reasons of the refusals in the log, oldest first."""
        return [event["detail"].partition(":")[0] for event in self.events() if event.get("failed")]

    def sessions(self) -> list[dict[str, Any]]:
        """Return the sessions that have not ended."""
        return list(self.database.db.sessions.find({"tenant": self.tenant, "ended": {"$exists": False}}))

    def signed_in_to_app(self, uri: str) -> str:
        """Register an app with a URI for logout tokens, sign all in to it who have a session, and return its id."""
        settings = Settings(name="Portal", redirect_uris=("https://app.example.com/callback",), backchannel_logout_uri=uri)
        app, _ = Apps(self.database).create(settings, lifetime=timedelta(days=1))
        self.database.db.sessions.update_many({"tenant": self.tenant}, {"$push": {"apps": app.id}})
        return app.id

    def browser(self) -> Browser:
        """Return a browser without any cookie."""
        return Browser(self)


class Browser:
    """A browser: it keeps cookies, those that are `Secure`, too, and follows no redirect by itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}

    def send(self, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> requests.Response:
        """Send a request with all cookies, and keep those that the response sets or removes."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookies} if cookies else {}
        response = send(method, url, headers={**sent, **(headers or {})}, allow_redirects=False, **more)
        for row in response.raw.headers.getlist("Set-Cookie"):
            name, _, value = row.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return response

    def get(self, url: str, **more: Any) -> requests.Response:
        return self.send("GET", url, **more)

    def begin(self, url: str = "") -> Begun:
        """Begin a sign-in; the browser is sent to the identity provider."""
        response = self.get(url or self.world.url)
        assert response.status_code == 303, response.text
        where = urlsplit(response.headers["Location"])
        assert f"{where.scheme}://{where.netloc}{where.path}" == SSO_URL
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        xml = etree.fromstring(zlib.decompress(b64decode(query["SAMLRequest"]), -15))
        return Begun(query["RelayState"], xml.get("ID", ""), query, response)

    def says(self, begun: Begun, **changes: Any) -> Says:
        """Return what the identity provider answers; each assertion has an id of its own."""
        usual = {
            "audience": f"{self.world.url}/saml/metadata", "acs_url": f"{self.world.url}/saml/acs", "request_id": begun.request,
            "assertion_id": f"_{uuid.uuid4()}", "now": datetime.now(UTC),
        }
        return Says(**(usual | changes))

    def post(self, xml: str, state: str, **more: Any) -> requests.Response:
        """Post a response of the identity provider, as a form of another site does: without cookies."""
        form = {"SAMLResponse": encoded(xml), "RelayState": state}
        url = f"{more.pop('at', self.world.url)}/saml/acs"
        return send("POST", url, data=form, allow_redirects=False, **more)

    def answer(self, begun: Begun, what: str = "assertion", by: Signer | None = None, **changes: Any) -> requests.Response:
        """Let the identity provider answer, and post that."""
        return self.post(respond(self.says(begun, **changes), what, How(by or today())), begun.state)

    def sign_in(self, **changes: Any) -> requests.Response:
        """Go the whole way, and return the response of the last step, or of the one that refused."""
        answered = self.answer(self.begin(), **changes)
        return self.get(answered.headers["Location"]) if answered.status_code == 303 else answered

    @property
    def session(self) -> str:
        """The cookie of the session, "" without."""
        return self.cookies.get(self.session_name, "")

    @property
    def session_name(self) -> str:
        """The name of that cookie."""
        return f"__Host-scimd-{self.world.tenant}"

    def is_signed_in(self) -> bool:
        """Return whether the server takes the browser for signed in."""
        return self.get(self.world.url).status_code == 200
