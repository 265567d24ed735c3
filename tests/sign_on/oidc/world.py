"""A tenant whose people sign in by OpenID Connect at a real server, and their browsers."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from app.demo.people import Person
from app.demo.serving import Place
from app.sign_on.refreshing import discovered
from app.store.accounts.sealing import Sealer
from app.store.sign_on.connection import Connection, OidcPart
from app.store.sign_on.connections import Connections
from tests.conftest import Server
from tests.sending import send
from tests.sign_on.oidc.provider import ADA, CLIENT_ID, SECRET, FakeProvider, Registration

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"


class World:
    """The tenant, with ADA provisioned; `provider` is its identity provider."""

    def __init__(self, server: Server, place: Place) -> None:
        self.server = server
        self.tenant = f"t-{uuid.uuid4().hex[:12]}"
        self.scim, self.token = server.create_tenant(self.tenant, "interop")
        self.url = f"{server.url}/{self.tenant}/sign-on"
        self.provider = FakeProvider(place.url, Registration(CLIENT_ID, SECRET, f"{self.url}/oidc/callback"))

    def connect(self, **changes: Any) -> Connection:
        """Add a connection to the provider, which must be running, and turn it on."""
        sealed = Sealer(self.server.database).seal(SECRET.encode())
        oidc = discovered(OidcPart(issuer=self.provider.issuer, client_id=CLIENT_ID, secret=sealed))
        usual = Connection(
            tenant=self.tenant, kind="oidc", match_attribute="userName", match_source="preferred_username", oidc=oidc,
        )
        connections = Connections(self.server.database)
        saved = connections.save(replace(usual, **changes))
        return self.server.database.transaction(
            lambda session: connections.turn_on(self.tenant, saved.id, session)
        )

    def user(self, name: str = ADA.login, **more: Any) -> str:
        """Provision a user and return its id."""
        body = {"schemas": [USER_URN], "userName": name, "displayName": name, **more}
        headers = {"Authorization": f"Bearer {self.token}"}
        created = send("POST", f"{self.scim}/Users", json=body, headers=headers)
        assert created.status_code == 201, created.text
        return str(created.json()["id"])

    def sessions(self) -> list[dict[str, Any]]:
        """Return the sessions that have not ended."""
        return list(self.server.database.db.sessions.find({"tenant": self.tenant, "ended": {"$exists": False}}))

    def refusals(self) -> list[dict[str, Any]]:
        """Return the refused sign-ins in the log, oldest first."""
        query = {"tenant": self.tenant, "operation": "sign-on", "failed": True}
        return list(self.server.database.db.events.find(query, sort=[("time", 1), ("_id", 1)]))

    def reasons(self) -> list[str]:
        """Return the reasons of the refusals, oldest first."""
        return [event["detail"].partition(":")[0] for event in self.refusals()]

    def browser(self) -> Browser:
        """Return a browser without any cookie."""
        return Browser(self)


class Browser:
    """A browser: it keeps cookies, and follows no redirect by itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, url: str) -> requests.Response:
        return self._send("GET", url)

    def head(self, url: str) -> requests.Response:
        return self._send("HEAD", url)

    def _send(self, method: str, url: str) -> requests.Response:
        # requests itself does not send a `Secure` cookie to http, not even on this machine.
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        return self.http.request(method, url, headers=headers, allow_redirects=False, timeout=30)

    def begin(self) -> str:
        """Begin a sign-in, and return the URL at the provider."""
        response = self.get(self.world.url)
        assert response.status_code == 303, response.text
        return str(response.headers["Location"])

    def answered(self, person: Person = ADA) -> str:
        """Begin a sign-in, sign in at the provider, and return the URL to which it sends the browser back."""
        response = send("POST", self.begin(), data={"person": person.id}, allow_redirects=False)
        assert response.status_code == 302, response.text
        return str(response.headers["Location"])

    def come_back(self, url: str) -> requests.Response:
        """Go to the callback and on to `finish`; return the last response, or the one that refused."""
        response = self.get(url)
        return self.get(response.headers["Location"]) if response.status_code == 303 else response

    def sign_in(self, person: Person = ADA) -> requests.Response:
        """Go the whole way."""
        return self.come_back(self.answered(person))

    def is_signed_in(self) -> bool:
        """Return whether the server takes the browser for signed in."""
        return self.get(self.world.url).status_code == 200


def parameters(url: str) -> dict[str, str]:
    """Return the parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
