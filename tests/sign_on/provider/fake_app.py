"""A small app of the vendor, with Authlib's client for Flask: it knows an issuer, an id and a secret, and nothing of scimd's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for
from werkzeug.serving import make_server


def fake_app(issuer: str, client_id: str, client_secret: str) -> Flask:
    """Return the app for one customer."""
    app = Flask("portal")
    app.secret_key = "a secret of the app's own"
    scimd = OAuth(app).register(
        "scimd", server_metadata_url=f"{issuer}/.well-known/openid-configuration", client_id=client_id,
        client_secret=client_secret, client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
    )

    @app.get("/")
    def home():
        person = session.get("person")
        return f"Hello {person['name']} of {person['tenant']}" if person else "Nobody"

    @app.get("/login")
    def login():
        return scimd.authorize_redirect(url_for("callback", _external=True))

    @app.get("/callback")
    def callback():
        token = scimd.authorize_access_token()  # checks state, nonce, signature, iss, aud and exp
        session["person"] = {**token["userinfo"], "told": scimd.userinfo(token=token)["name"]}
        session["id_token"] = token["id_token"]
        return redirect(url_for("home"))

    @app.get("/logout")
    def logout():
        hint = session.pop("id_token")
        session.clear()
        end = scimd.load_server_metadata()["end_session_endpoint"]
        return redirect(f"{end}?id_token_hint={hint}&post_logout_redirect_uri={url_for('home', _external=True)}")

    return app


@contextmanager
def serving(app: Flask, port: int) -> Iterator[str]:
    """Serve an app on loopback and yield its address."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
