"""Two apps against a real server with two workers: one with Authlib's client, and one by hand."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from app.store.mongo.moments import now
from app.store.sign_on.apps import Apps, Settings
from app.store.sign_on.connection import SAML, Connection, SamlPart
from app.store.sign_on.connections import Connections
from app.store.sign_on.sessions import Session, Sessions
from tests.conftest import Server, free_port
from tests.sign_on.provider.fake_app import fake_app, serving
from tests.sign_on.provider.world import CERTIFICATE

USER = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann@contoso.com", "displayName": "Ann", "active": True,
    "name": {"givenName": "Ann", "familyName": "Lee", "formatted": "Ann Lee"}, "emails": [{"value": "ann@contoso.com", "type": "work"}],
}


@dataclass
class Running:
    """A server, a tenant with a signed-in person, and an app."""

    server: Server
    tenant: str
    user: str
    cookie: str
    issuer: str
    port: int
    client_id: str
    secret: str

    @property
    def browser(self) -> requests.Session:
        """A browser in which the person is signed in; it keeps our cookies on plain http, as browsers do on localhost."""
        browser = requests.Session()
        browser.headers["Cookie"] = f"__Host-scimd-{self.tenant}={self.cookie}"
        return browser


@pytest.fixture
def running(live_server):
    server = live_server
    url, token = server.create_tenant()
    tenant = url.split("/")[3]
    user = requests.post(f"{url}/Users", json=USER, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()["id"]
    database = server.database
    connections = Connections(database)
    part = SamlPart(entity_id="https://idp.example.com/", sso_url="https://idp.example.com/sso", certificates=(CERTIFICATE,))
    saved = connections.save(Connection(tenant=tenant, kind=SAML, match_attribute="userName", match_source="NameID", saml=part))
    database.transaction(lambda session: connections.turn_on(tenant, saved.id, session))
    cookie, _ = Sessions(database).open(Session(tenant=tenant, user=user, connection=saved.id, auth_time=now(), expires=now() + timedelta(hours=8)))
    port = free_port()
    home = f"http://127.0.0.1:{port}"
    settings = Settings(name="Portal", redirect_uris=(f"{home}/callback",), logout_uris=(f"{home}/",), scopes=("openid", "profile", "email"))
    app, secret = Apps(database).create(settings, lifetime=timedelta(days=1))
    return Running(server, tenant, user, cookie, f"{server.url}/{tenant}", port, app.id, secret)


def walk(running, start, jar=None):
    """Go where redirects lead, with the cookies that each host has given, and return the last answer."""
    jar = {} if jar is None else jar
    jar.setdefault(urlsplit(running.issuer).netloc, {f"__Host-scimd-{running.tenant}": running.cookie})
    url = start
    for _ in range(10):
        mine = jar.setdefault(urlsplit(url).netloc, {})
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in mine.items())} if mine else {}
        answer = requests.get(url, headers=header, allow_redirects=False, timeout=30)
        for line in answer.raw.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            mine[name] = value
            if "Max-Age=0" in line:
                del mine[name]
        if answer.status_code not in (302, 303):
            return answer
        url = requests.compat.urljoin(url, answer.headers["Location"])
    raise AssertionError("too many redirects")


def test_sso_143_an_app_with_authlibs_client_signs_a_person_in_and_out(running):
    app = fake_app(running.issuer, running.client_id, running.secret)
    with serving(app, running.port) as home:
        jar = {}
        assert requests.get(f"{home}/", timeout=30).text == "Nobody"
        assert walk(running, f"{home}/login", jar).text == f"Hello Ann of {running.tenant}"
        assert walk(running, f"{home}/", jar).text == f"Hello Ann of {running.tenant}"
        assert walk(running, f"{home}/logout", jar).text == "Nobody"
        assert Sessions(running.server.database).by_cookie(running.tenant, running.cookie) is None


def test_op_20_the_app_refuses_what_another_tenant_says(running):
    server = running.server
    other = server.create_tenant()[0].split("/")[3]
    app = fake_app(f"{server.url}/{other}", running.client_id, running.secret)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with serving(app, running.port) as home:
        jar = {}
        login = requests.get(f"{home}/login", allow_redirects=False, timeout=30)
        jar[urlsplit(home).netloc] = login.cookies.get_dict()
        assert login.headers["Location"].startswith(f"{server.url}/{other}/oauth/authorize?")
        foreign = login.headers["Location"].replace(f"/{other}/", f"/{running.tenant}/")
        assert walk(running, foreign, jar).status_code >= 400
        assert walk(running, f"{home}/", jar).text == "Nobody"


def test_sso_143_the_flow_by_hand(running):
    discovered = requests.get(f"{running.issuer}/.well-known/openid-configuration", timeout=30).json()
    verifier, nonce, state = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    callback = f"http://127.0.0.1:{running.port}/callback"
    asked = running.browser.get(discovered["authorization_endpoint"], allow_redirects=False, timeout=30, params={
        "response_type": "code", "client_id": running.client_id, "redirect_uri": callback, "scope": "openid email", "state": state, "nonce": nonce,
        "code_challenge": challenge, "code_challenge_method": "S256",
    })
    assert asked.status_code == 303
    back = dict(parse_qsl(urlsplit(asked.headers["Location"]).query))
    assert (back["state"], back["iss"]) == (state, discovered["issuer"])
    tokens = requests.post(discovered["token_endpoint"], auth=(running.client_id, running.secret), timeout=30, data={
        "grant_type": "authorization_code", "code": back["code"], "redirect_uri": callback, "code_verifier": verifier,
    }).json()
    keys = KeySet.import_key_set(requests.get(discovered["jwks_uri"], timeout=30).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    JWTClaimsRegistry(
        iss={"essential": True, "value": discovered["issuer"]}, aud={"essential": True, "value": running.client_id},
        nonce={"essential": True, "value": nonce}, exp={"essential": True},
    ).validate(claims)
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
    told = requests.get(discovered["userinfo_endpoint"], headers={"Authorization": f"Bearer {tokens['access_token']}"}, timeout=30).json()
    assert told == {"sub": running.user, "tenant": running.tenant, "email": "ann@contoso.com", "email_verified": False}


def test_sso_98_one_code_is_taken_once_by_two_workers(running):
    """Many requests at once reach both workers; which one answers is not known, and does not matter."""
    from concurrent.futures import ThreadPoolExecutor

    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    callback = f"http://127.0.0.1:{running.port}/callback"
    asked = running.browser.get(f"{running.issuer}/oauth/authorize", allow_redirects=False, timeout=30, params={
        "response_type": "code", "client_id": running.client_id, "redirect_uri": callback, "scope": "openid", "code_challenge": challenge,
        "code_challenge_method": "S256",
    })
    form = {
        "grant_type": "authorization_code", "code": dict(parse_qsl(urlsplit(asked.headers["Location"]).query))["code"], "redirect_uri": callback,
        "code_verifier": verifier,
    }

    def exchange(_):
        return requests.post(f"{running.issuer}/oauth/token", auth=(running.client_id, running.secret), data=form, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(exchange, range(8)))
    good = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    assert len(good) <= 1
    for token in good:
        assert requests.get(f"{running.issuer}/oauth/userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 401
