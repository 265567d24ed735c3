"""A small app: it signs people in by OpenID Connect and shows what it learns about them.

It knows nothing of scimd but an issuer and a client id. It has no secret, since nothing of it is kept between two
starts; an app that can keep one should have it, as those in `examples/`.
"""

from __future__ import annotations

import secrets
import threading
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_client import OAuth
from authlib.integrations.flask_client.apps import FlaskOAuth2App
from flask import Flask, redirect, request, session, url_for
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from app.demo.pages import page

_WELCOME = """
<p>This is a small app. Its people sign in at the identity provider of their organisation.</p>
<a class="button" href="{{ login }}">Sign in<small>at {{ issuer }}</small></a>"""
_HELLO = """
<p>You are signed in. This is what the app knows about you:</p>
<table>{% for name, value in claims.items() %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>{% endfor %}</table>
<p><a class="button" href="{{ out }}">Sign out</a></p>"""
_REFUSED = """<p>You were not signed in: {{ why }}</p><a class="button" href="{{ again }}">Start again</a>"""
_OF_THE_TOKEN = ("iss", "aud", "iat", "exp", "auth_time", "nonce", "amr", "acr", "sid", "at_hash")
"""The claims that are shown last, since they are not about the person."""
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Portal:
    """The app; `app` is the Flask application."""

    def __init__(self, issuer: str, client_id: str) -> None:
        self.issuer = issuer
        self.app = Flask("portal", static_folder=None)
        self.app.secret_key = secrets.token_hex(32)
        self.app.config["SESSION_COOKIE_NAME"] = "demo-app"  # cookies of this machine's ports share one jar
        self._signed_in: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._client: FlaskOAuth2App = OAuth(self.app).register(
            "scimd", client_id=client_id,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile email groups", "code_challenge_method": "S256",
                "token_endpoint_auth_method": "none",
            },
        )
        for path, view in (
            ("/", self.home), ("/login", self.login), ("/callback", self.callback), ("/logout", self.logout),
        ):
            self.app.add_url_rule(path, view.__name__, view)
        self.app.add_url_rule("/backchannel-logout", "told", self.told, methods=["POST"])

    def home(self) -> Any:
        """Show who is signed in, or how to."""
        known = self._signed_in.get(session.get("key", ""))
        if known is None:
            return page("Demo app", _WELCOME, login=url_for("login"), issuer=self.issuer)
        claims = {name: ", ".join(value) if isinstance(value, list) else value for name, value in _sorted(known)}
        return page(f"Hello, {claims.get('name', claims['sub'])}", _HELLO, claims=claims, out=url_for("logout"))

    def login(self) -> Any:
        """Send the person to scimd; this is also where a login that begins there arrives."""
        return self._client.authorize_redirect(url_for("callback", _external=True))

    def callback(self) -> Any:
        """Take the authorization code, and sign the person in."""
        if "error" in request.args:
            return page("Not signed in", _REFUSED, why=request.args["error"], again=url_for("login")), 403
        tokens = self._client.authorize_access_token()
        session["key"] = secrets.token_urlsafe(32)
        with self._lock:
            self._signed_in[session["key"]] = tokens
        return redirect(url_for("home"), 303)

    def logout(self) -> Any:
        """Sign the person out here and at scimd (OpenID Connect RP-Initiated Logout 1.0)."""
        with self._lock:
            known = self._signed_in.pop(session.pop("key", ""), None)
        home = url_for("home", _external=True)
        if known is None:
            return redirect(home, 303)
        query = urlencode({"id_token_hint": known["id_token"], "post_logout_redirect_uri": home})
        return redirect(f"{self._client.load_server_metadata()['end_session_endpoint']}?{query}", 303)

    def told(self) -> Any:
        """Sign a person out of whom scimd says so (OpenID Connect Back-Channel Logout 1.0 section 2.6)."""
        keys = KeySet.import_key_set(self._client.fetch_jwk_set(force=True))
        checks = JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer}, aud={"essential": True, "value": self._client.client_id},
            events={"essential": True}, exp={"essential": True},
        )
        try:
            token = jwt.decode(request.form.get("logout_token", ""), keys, algorithms=["RS256"])
            checks.validate(token.claims)
        except (JoseError, ValueError):
            return "", 400
        if token.header.get("typ") != "logout+jwt" or _LOGOUT_EVENT not in token.claims["events"]:
            return "", 400
        sid = token.claims.get("sid")
        with self._lock:
            ended = [key for key, known in self._signed_in.items() if known["userinfo"].get("sid") == sid]
            for key in ended:
                del self._signed_in[key]
        return "", 200


def _sorted(known: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the claims of a person who is signed in, those about the token last."""
    return sorted(known["userinfo"].items(), key=lambda row: row[0] in _OF_THE_TOKEN)
