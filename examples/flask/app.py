"""An app whose people sign in through scimd: Flask with Authlib.

    pip install flask authlib requests
    ISSUER=https://scim.example.com/contoso CLIENT_ID=app_... CLIENT_SECRET=scimd_secret_... python app.py
"""

import os
import secrets

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, request, session, url_for
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

ISSUER = os.environ["ISSUER"]
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
    return scimd.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    if "error" in request.args:
        return {"error": request.args["error"]}, 403
    person = scimd.authorize_access_token()["userinfo"]  # the ID token, verified
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
    app.run(port=int(os.environ.get("PORT", "5000")))
