"""The whole way over a real server: from an app to the identity provider, and back to the app with a code."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from app.store.accounts.tenants import Tenants
from app.store.sign_on.apps import Apps, Settings
from tests.conftest import Server
from tests.sign_on.flow.world import World

CALLBACK = "https://app.example.com/callback"


class Portal:
    """An app, registered at the server of a world."""

    def __init__(self, world: World, name: str = "Portal", **settings) -> None:
        self.world = world
        tenant = Tenants(world.database).require(world.tenant)
        mine = ((tenant.name, tenant.tenant_id),)  # the server of the run has other tenants
        made = Settings(name=name, redirect_uris=(CALLBACK,), scopes=("openid", "profile"), tenants=mine, **settings)
        self.app, self.secret = Apps(world.database).create(made, lifetime=timedelta(days=1))
        self.verifier = secrets.token_urlsafe(32)
        self.issuer = f"{world.server.url}/{world.tenant}"

    def url(self, **more: str) -> str:
        """Return where the app sends a person."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "client_id": self.app.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid profile", "state": "s", "nonce": "n",
            "code_challenge": challenge, "code_challenge_method": "S256",
        }
        return f"{self.issuer}/oauth/authorize?{urlencode(query | more)}"

    def exchange(self, code: str) -> requests.Response:
        """Exchange a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": self.verifier}
        return requests.post(f"{self.issuer}/oauth/token", data=form, auth=(self.app.id, self.secret), timeout=30)

    def tokens(self, response: requests.Response) -> dict:
        """Return the tokens for the code with which a browser comes back."""
        return self.exchange(back(response)["code"]).json()

    def userinfo(self, access_token: str) -> requests.Response:
        """Ask for userinfo."""
        return requests.get(f"{self.issuer}/oauth/userinfo", headers={"Authorization": f"Bearer {access_token}"}, timeout=30)

    def claims(self, response: requests.Response) -> dict:
        """Return the claims of the ID token for the code with which a browser comes back."""
        keys = KeySet.import_key_set(requests.get(f"{self.issuer}/oauth/jwks", timeout=30).json())
        return jwt.decode(self.tokens(response)["id_token"], keys, algorithms=["RS256"]).claims


def back(response: requests.Response) -> dict[str, str]:
    """Return the parameters with which a browser comes back to the app."""
    assert response.status_code == 303, response.text
    location = response.headers["Location"]
    assert location.startswith(f"{CALLBACK}?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def come(browser, portal, *, changes=None, **more):
    """Go from an app to the identity provider and back as far as it goes."""
    begun = browser.begin(portal.url(**more))
    answered = browser.answer(begun, **(changes or {}))
    return browser.get(answered.headers["Location"]) if answered.status_code == 303 else answered


@pytest.fixture
def world(live_server: Server) -> World:
    made = World(live_server)
    made.user_id = made.user()
    return made


def test_sso_04_an_app_signs_a_person_in_and_a_second_one_needs_no_page(world):
    browser, portal, second = world.browser(), Portal(world), Portal(world, "Second")
    claims = portal.claims(come(browser, portal))
    [session] = world.sessions()
    assert (claims["sub"], claims["sid"], claims["nonce"], claims["tenant"]) == (world.user_id, session["sid"], "n", world.tenant)
    assert claims["auth_time"] == int(session["authTime"].timestamp())
    assert second.claims(browser.get(second.url()))["sub"] == world.user_id
    assert world.sessions()[0]["apps"] == [portal.app.id, second.app.id]
    assert [event["signOn"]["app"] for event in world.events("app-sign-on")] == [portal.app.id, second.app.id]


def test_sso_36_prompt_login_makes_the_person_authenticate_again_and_keeps_the_sid(world):
    browser, portal = world.browser(), Portal(world)
    first = portal.claims(come(browser, portal))
    begun = browser.begin(portal.url(prompt="login"))
    assert begun.xml.get("ForceAuthn") == "true"
    again = portal.claims(browser.get(browser.answer(begun).headers["Location"]))
    assert (again["sid"], again["sub"]) == (first["sid"], first["sub"])
    assert again["auth_time"] >= first["auth_time"]


def test_sso_33_a_login_hint_is_handed_on(world):
    assert world.browser().begin(Portal(world).url(login_hint="b.simon@contoso.com")).query["login_hint"] == "b.simon@contoso.com"


def test_sso_03_who_is_disabled_in_between_gets_page_e_with_the_way_back_to_the_app(world):
    browser, portal = world.browser(), Portal(world)
    begun = browser.begin(portal.url())
    world.disable(world.user_id)
    page = browser.answer(begun)
    assert page.status_code == 403
    assert "have no access here at the moment" in page.text
    link = next(unescape(url) for url in re.findall(r'href="([^"]+)"', page.text) if url.startswith(CALLBACK))
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert parameters == {"error": "access_denied", "state": "s", "iss": portal.issuer}
    assert "Back to Portal" in page.text


def test_sso_03_who_is_disabled_while_signed_in_is_out_everywhere_at_once(world):
    browser, portal = world.browser(), Portal(world)
    response = come(browser, portal)
    world.disable(world.user_id)
    refused = portal.exchange(back(response)["code"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert back(browser.get(portal.url(prompt="none")))["error"] == "login_required"
    assert browser.get(portal.url()).headers["Location"].startswith("https://login.example.com/saml2")


def test_an_app_that_is_deleted_during_a_sign_in_gets_no_code(world):
    browser, portal = world.browser(), Portal(world)
    begun = browser.begin(portal.url())
    answered = browser.answer(begun)
    Apps(world.database).delete(portal.app.id)
    assert browser.get(answered.headers["Location"]).headers["Location"] == world.url  # no URI of its is used any more


def test_sso_37_the_sign_on_url_leads_to_the_app(world):
    browser, portal = world.browser(), Portal(world, initiate_login_uri="https://app.example.com/login")
    finished = browser.sign_in()
    where = urlsplit(finished.headers["Location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == "https://app.example.com/login"
    assert parse_qs(where.query)["iss"] == [portal.issuer]
    assert portal.claims(browser.get(portal.url()))["sub"] == world.user_id
