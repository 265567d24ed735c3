"""A tenant with a connection, an app, and people with sessions, over the whole application and a real MongoDB."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet

from app import create_app
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.moments import now
from app.store.sign_on.apps import Apps, Settings
from app.store.sign_on.connection import SAML, Connection, SamlPart, StoredCertificate
from app.store.sign_on.connections import Connections
from app.store.sign_on.sessions import Session, Sessions

BASE = "https://scim.example.com"
CALLBACK = "https://app.example.com/callback?from=scimd"
LOGGED_OUT = "https://app.example.com/bye"
SCOPES = ("openid", "profile", "email", "phone", "address", "groups", "roles", "enterprise", "external")
SCIM = "application/scim+json"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CERTIFICATE = StoredCertificate(b"der", "AB", datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC))
PORTAL = Settings(name="Portal", redirect_uris=(CALLBACK,), logout_uris=(LOGGED_OUT,), scopes=SCOPES)


class World:
    """The application and what is in it; `settings` are those of the server."""

    def __init__(self, database, **settings):
        self.database = database
        environ = {"SCIMD_PUBLIC_URL": BASE, "SCIMD_RATE_LIMIT": "off"} | settings
        self.config = Config.from_environment(environ)
        self.app = create_app(self.config, database)
        self.apps, self.sessions = Apps(database), Sessions(database)
        self.tokens, self.connections = {}, {}
        self.tenant("contoso")
        self.portal, self.secret = self.register()

    def tenant(self, name, *, connected=True):
        """Create a tenant, with a connection that is on."""
        Tenants(self.database).create(name, "gallery")
        self.tokens[name] = Tokens(self.database).issue(name)[0]
        if connected:
            part = SamlPart(entity_id="https://idp.example.com/", sso_url="https://idp.example.com/sso", certificates=(CERTIFICATE,))
            connection = Connection(tenant=name, kind=SAML, match_attribute="userName", match_source="NameID", saml=part)
            connections = Connections(self.database)
            saved = connections.save(connection)
            self.database.transaction(lambda session: connections.turn_on(name, saved.id, session))
            self.connections[name] = saved.id

    def register(self, settings=PORTAL, **changes):
        """Register an app."""
        return self.apps.create(replace(settings, **changes), lifetime=timedelta(days=1))

    def scim(self, method, path, body=None, *, tenant="contoso"):
        """Send a request of the provisioning."""
        answer = self.app.test_client().open(
            f"/{tenant}/scim/v2/{path}", method=method, data=json.dumps(body) if body else None, content_type=SCIM,
            headers={"Authorization": f"Bearer {self.tokens[tenant]}"},
        )
        assert answer.status_code < 300, answer.data
        return answer.json

    def provision(self, name="ann@contoso.com", *, tenant="contoso", **attributes):
        """Create a user, and return the id."""
        user = {
            "schemas": [USER, ENTERPRISE], "userName": name, "displayName": "Ann", "active": True,
            "name": {"givenName": "Ann", "familyName": "Lee", "formatted": "Ann Lee"}, "externalId": f"ext-{name}",
        }
        return self.scim("POST", "Users", user | attributes, tenant=tenant)["id"]

    def disable(self, user, tenant="contoso"):
        """Disable a user as Entra does."""
        patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
        self.scim("PATCH", f"Users/{user}", patch, tenant=tenant)

    def session(self, user, *, tenant="contoso", **changes):
        """Store a session of a user, and return its cookie and itself."""
        fields = {
            "tenant": tenant, "user": user, "connection": self.connections[tenant], "auth_time": now(),
            "expires": now() + timedelta(hours=8), "acr": "urn:example:acr", "amr": ("pwd", "mfa"), "address": "192.0.2.1",
        }
        return self.sessions.open(Session(**fields | changes))

    def browser(self, cookie="", tenant="contoso"):
        """Return a browser, signed in by a cookie."""
        client = self.app.test_client()
        if cookie:
            client.set_cookie(f"__Host-scimd-{tenant}", cookie, domain="localhost")
        return Browser(self, client, tenant)

    def signed_in(self, tenant="contoso", name="ann@contoso.com", group="", **attributes):
        """Provision a user and return their browser, with `user` and `session`; `group` is that of the connection."""
        user = self.provision(name, tenant=tenant, **attributes)
        cookie, session = self.session(user, tenant=tenant, **{"group": group} if group else {})
        browser = self.browser(cookie, tenant)
        browser.user, browser.session = user, session
        return browser

    def exchange(self, code, verifier, *, tenant="contoso", app=None, secret=None, basic=True, **parameters):
        """Exchange a code as an app does; a parameter of None is left out."""
        app, secret = app or self.portal, self.secret if secret is None else secret
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
        headers = {}
        if basic and secret:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{app.id}:{secret}".encode()).decode()
        else:
            form |= {"client_id": app.id} | ({"client_secret": secret} if secret else {})
        form = {name: value for name, value in (form | parameters).items() if value is not None}
        return self.app.test_client().post(f"/{tenant}/oauth/token", data=form, headers=headers)

    def userinfo(self, token, *, tenant="contoso", method="GET"):
        """Ask for userinfo."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.app.test_client().open(f"/{tenant}/oauth/userinfo", method=method, headers=headers)

    def claims(self, id_token, *, tenant="contoso"):
        """Return the claims of an ID token, verified with the published keys."""
        keys = KeySet.import_key_set(self.app.test_client().get(f"/{tenant}/oauth/jwks").json)
        return jwt.decode(id_token, keys, algorithms=["RS256"]).claims

    def events(self, tenant="contoso", **query):
        """Return the lines of a tenant's log."""
        return list(self.database.db.events.find({"tenant": tenant, **query}, sort=[("time", 1), ("_id", 1)]))


class Browser:
    """A browser of somebody at a tenant."""

    def __init__(self, world, client, tenant):
        self.world = world
        self.client = client
        self.tenant = tenant
        self.verifier = secrets.token_urlsafe(32)

    def parameters(self, **changes):
        """Return a good request of the app; a parameter of None is left out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        good = {
            "client_id": self.world.portal.id, "redirect_uri": CALLBACK, "response_type": "code",
            "scope": " ".join(SCOPES), "state": "the state", "nonce": "the nonce",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256",
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def authorize(self, *, method="GET", tenant=None, **changes):
        """Go where an app sends a person."""
        path, parameters = f"/{tenant or self.tenant}/oauth/authorize", self.parameters(**changes)
        if method == "POST":
            return self.client.post(path, data=parameters)
        return self.client.get(f"{path}?{urlencode(parameters)}")

    def code(self, **changes):
        """Return a code."""
        return sent_back(self.authorize(**changes))["code"]

    def tokens(self, **changes):
        """Return what an app gets for a code."""
        answer = self.world.exchange(self.code(**changes), self.verifier, tenant=self.tenant)
        assert answer.status_code == 200, answer.data
        return answer.json

    def logout(self, method="GET", headers=None, **parameters):
        """Go where an app sends a person to sign out."""
        path = f"/{self.tenant}/oauth/logout"
        if method == "POST":
            return self.client.post(path, data=parameters, headers=headers)
        return self.client.get(f"{path}?{urlencode(parameters)}", headers=headers)

    def is_signed_in(self):
        """Return whether an app gets a code without a page."""
        return "code" in sent_back(self.authorize(prompt="none"))


def sent_back(answer):
    """Return the parameters with which a browser is sent back to the app, each of which comes once."""
    assert answer.status_code == 303, answer.data
    location = answer.headers["Location"]
    assert location.startswith(CALLBACK + "&"), location
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def refused_on_a_page(answer, status=404):
    """Check that a browser sees a page, and is sent nowhere."""
    assert answer.status_code == status, answer.data
    assert answer.mimetype == "text/html"
    assert "Location" not in answer.headers
    return answer.get_data(as_text=True)
