r"""An app whose people sign in through scimd: Flask with Authlib.

    scimd app create flask-app --redirect-uri http://127.0.0.1:5000/callback \
        --backchannel-logout-uri http://127.0.0.1:5000/backchannel-logout --scope "profile email groups"
    pip install flask authlib requests
    ISSUER=https://scim.example.com/contoso CLIENT_ID=app_... CLIENT_SECRET=scimd_secret_... python app.py

Then open http://127.0.0.1:5000/. Elsewhere, BASE is the address that people open, and the URIs begin with it.
"""

import os
import secrets

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, request, session, url_for
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

ISSUER = os.environ["ISSUER"]
PORT = os.environ.get("PORT", "5000")
BASE = os.environ.get("BASE", f"http://127.0.0.1:{PORT}")
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex(32)
app.config["SESSION_COOKIE_NAME"] = "flask-app"
scimd = OAuth(app).register(
    "scimd",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email groups", "code_challenge_method": "S256"},
)
signed_in = {}  # session id of scimd -> claims; a database table in a real app


@app.get("/")
def home():
    person = signed_in.get(session.get("sid"))
    if person is None:
        return '<a href="/login">Sign in</a>'
    return {"key": [person["iss"], person["sub"]], "name": person.get("name"), "groups": person.get("groups", [])}


@app.get("/login")
def login():
    return scimd.authorize_redirect(f"{BASE}/callback")


@app.get("/callback")
def callback():
    if "error" in request.args:
        return {"error": request.args["error"]}, 403
    try:
        person = scimd.authorize_access_token()["userinfo"]  # the ID token, verified
    except OAuthError as error:  # the client secret is wrong, or the code or the state is not good any more
        app.logger.error("The sign-in has failed: %s", error)
        return {"error": error.error}, 403
    except JoseError as error:  # the ID token is not good
        app.logger.error("The ID token was refused: %s", error)
        return {"error": "id_token"}, 403
    if person["iss"] != ISSUER:  # the metadata must be that of this customer
        return {"error": "another issuer"}, 403
    session.clear()
    session["sid"] = person["sid"]
    signed_in[person["sid"]] = person
    return redirect(url_for("home"))


@app.post("/backchannel-logout")
def backchannel_logout():
    """Sign a person out who was disabled, or has signed out elsewhere."""
    keys = KeySet.import_key_set(scimd.fetch_jwk_set(force=True))
    claims = JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": os.environ["CLIENT_ID"]},
        exp={"essential": True},
        events={"essential": True},
    )
    try:
        token = jwt.decode(request.form["logout_token"], keys, algorithms=["RS256"])
        claims.validate(token.claims)
    except (JoseError, ValueError):
        return "", 400
    if LOGOUT not in token.claims["events"] or "nonce" in token.claims:
        return "", 400
    signed_in.pop(token.claims["sid"], None)
    return "", 200


if __name__ == "__main__":
    app.run(port=int(PORT))
