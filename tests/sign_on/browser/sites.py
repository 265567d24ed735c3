"""The other sites that a browser meets: an identity provider that speaks SAML, apps, and an attacker's page."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template_string, request, session
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.sign_on.saml.idp import Says, encoded, respond
from tests.sign_on.saml.world import SignIn, read_request

POSTS_ITSELF = """<!DOCTYPE html><title>Sign in</title><form method="post" action="{{ action }}">
<input type="hidden" name="SAMLResponse" value="{{ response }}">
{% if state is not none %}<input type="hidden" name="RelayState" value="{{ state }}">{% endif %}
<button>Go on</button></form><script>document.forms[0].submit()</script>"""


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


@contextmanager
def served(make):
    """Serve the application that `make` returns for its URL, on 127.0.0.1."""
    late = {}
    server = make_server("127.0.0.1", 0, lambda *both: late["app"](*both), threaded=True, request_handler=_Quiet)
    late["app"] = make(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class IdentityProvider:
    """Signs in whoever comes as the same person, and counts how often it was asked."""

    tenant: object = None
    """The tenant that trusts it; set once both exist."""
    name_id: str = "b.simon@contoso.com"
    asked: int = 0
    last: SignIn | None = None

    def app(self, url):
        app = Flask("idp")

        @app.get("/sso")
        def sso():
            self.asked += 1
            self.last = read_request(request.url)
            return self.answered(self.says(self.last), self.last.state)

        @app.get("/unsolicited")
        def unsolicited():
            return self.answered(self.says(SignIn("_nobody-has-asked", "")), None)

        @app.get("/attack")
        def attack():
            return self.answered(self.says(self.last), self.last.state)

        @app.get("/frame")
        def frame():
            return f'<!DOCTYPE html><title>Frame</title><iframe src="{request.args["src"]}"></iframe>'

        return app

    def says(self, sign_in):
        return replace(self.tenant.says(sign_in), name_id=self.name_id, now=datetime.now(UTC))

    def answered(self, says: Says, state):
        return render_template_string(POSTS_ITSELF, action=says.acs_url, response=encoded(respond(says)), state=state)


@dataclass
class AppSite:
    """An app of the vendor, which knows nothing but issuer, client id and secret."""

    name: str
    issuer: str
    client: tuple[str, str] = ("", "")
    told: list[str] = field(default_factory=list)
    """The logout tokens that have come."""

    def app(self, url):
        app = Flask(self.name)
        app.config |= {"SECRET_KEY": secrets.token_hex(), "SESSION_COOKIE_NAME": self.name}
        oauth = OAuth(app)

        def remote():
            return oauth.create_client("scimd") or oauth.register(
                "scimd", client_id=self.client[0], client_secret=self.client[1],
                server_metadata_url=f"{self.issuer}/.well-known/openid-configuration",
                client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
            )

        @app.get("/")
        def home():
            return f"<!DOCTYPE html><title>{self.name}</title><h1>{session['name']}</h1>" if "name" in session else redirect("/login")

        @app.get("/login")
        def login():
            return remote().authorize_redirect(f"{url}/callback")

        @app.get("/callback")
        def callback():
            if "error" in request.args:
                return f"<!DOCTYPE html><title>{self.name}</title><h1>error: {request.args['error']}</h1>"
            session["name"] = remote().authorize_access_token()["userinfo"]["name"]
            return redirect("/")

        @app.get("/forget")
        def forget():
            session.clear()
            return "<!DOCTYPE html><title>forgotten</title><h1>forgotten</h1>"

        @app.post("/backchannel-logout")
        def backchannel_logout():
            self.told.append(request.form["logout_token"])
            return ""

        return app
