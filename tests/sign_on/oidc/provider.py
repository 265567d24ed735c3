"""An identity provider that can be told to misbehave: the demo's, with a hand on its tokens, keys and answers."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from authlib.oauth2.rfc6749 import ClientMixin
from flask import Response, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeyParameters, RSAKey
from joserfc.jws import JWSRegistry

from app.demo.identity_provider import IdentityProvider, Registration
from app.demo.people import PEOPLE, Person
from app.demo.serving import Place
from tests.auth.issuer import make_key
from tests.sending import send

ADA = PEOPLE[0]
CLIENT_ID = "0c1de000-0000-4000-8000-00000000000c"
SECRET = "a secret with & % + ü"
ANY = JWSRegistry(algorithms=["RS256", "PS256", "ES256", "RS384", "HS256", "none"], strict_check_header=False)

Forge = Callable[["FakeProvider", dict[str, Any]], object]
"""Makes the ID token of an answer from the claims that an honest one has; None leaves it out."""


@cache
def keys() -> dict[str, RSAKey]:
    """Return the keys of the providers, which take long to make: two good ones, a stranger's, a short one."""
    return {name: make_key(name, 1024 if name == "short" else 2048) for name in ("good", "next", "stranger", "short")}


@cache
def curve() -> ECKey:
    """Return a key for ES256."""
    return ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"}, private=True)


class FakeProvider(IdentityProvider):
    """Signs as it is told, and counts what it is asked for."""

    def __init__(self, url: str, client: ClientMixin) -> None:
        super().__init__(url, client, key=keys()["good"])
        self.url = url
        self.signer: RSAKey | ECKey = keys()["good"]
        self.rows: list[KeyParameters | dict[str, Any]] = [keys()["good"].as_dict(private=False)]
        self.forge: Forge | None = None
        self.behaviour = ""
        self.changed: dict[str, Any] = {}
        self.person: Person = ADA
        self.asked = {"metadata": 0, "keys": 0, "token": 0, "elsewhere": 0}
        self.forms: list[dict[str, str]] = []
        self.app.add_url_rule("/elsewhere", "elsewhere", self._elsewhere, methods=["GET", "POST"])

    def metadata(self) -> Any:
        self.asked["metadata"] += 1
        found = super().metadata() | self.changed
        return {name: value for name, value in found.items() if value is not ...}

    def key_set(self) -> Any:
        self.asked["keys"] += 1
        return {"keys": self.rows}

    def honest(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of an ID token for this client; a claim of `...` is left out."""
        now = int(time.time())
        found = self.claims(self.person) | {
            "iss": self.issuer, "aud": self.client.client_id, "iat": now, "exp": now + 300, "auth_time": now,
        } | changes
        return {name: value for name, value in found.items() if value is not ...}

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = None) -> str:
        """Return a token with these claims; a header of `...` is left out."""
        key = key or self.signer
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        whole = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | (header or {})
        return jwt.encode({n: v for n, v in whole.items() if v is not ...}, claims, key, registry=ANY)

    def token(self) -> Any:
        self.asked["token"] += 1
        self.forms.append(request.form.to_dict() | {"Authorization": request.headers.get("Authorization", "")})
        spoiled = getattr(self, f"_{self.behaviour}", None)
        if spoiled:
            return spoiled()
        code = self.codes.get(request.form.get("code", ""))
        _decode_basic()
        answer: Response = super().token()
        if answer.status_code != 200 or "id_token" not in answer.get_data(as_text=True):
            return answer
        tokens = json.loads(answer.get_data(as_text=True))
        assert code is not None
        self.person = code.person
        claims = self.honest(nonce=code.get_nonce())
        tokens["id_token"] = self.forge(self, claims) if self.forge else self.sign(claims)
        if tokens["id_token"] is None:
            del tokens["id_token"]
        return Response(json.dumps(tokens), content_type="application/json")

    def _redirect(self) -> Response:
        return Response("", 307, {"Location": f"{self.url}/elsewhere"})

    def _failure(self) -> Response:
        return Response('{"error": "server_error", "error_description": "<b>it</b>\\u202e broke"}', 500)

    def _html(self) -> Response:
        return Response("<html>" + "x" * 100)

    def _huge(self) -> Response:
        return Response(b" " * 10_000_000)

    def _drip(self) -> Response:
        def slowly() -> Iterator[bytes]:
            for _ in range(200):
                yield b" "
                time.sleep(0.1)

        return Response(slowly())

    def _twice(self) -> Response:
        token = self.sign(self.honest())
        return Response(f'{{"id_token": "{token}", "access_token": "x", "id_token": "{token}"}}')

    def _list(self) -> Response:
        return Response("[" * 100_000)

    def _elsewhere(self) -> Response:
        self.asked["elsewhere"] += 1
        return Response("{}")


def _decode_basic() -> None:
    """Decode the two parts of Basic (RFC 6749 section 2.3.1), which Authlib's provider takes as they come."""
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind == "Basic":
        parts = b":".join(unquote_plus(part.decode()).encode() for part in base64.b64decode(encoded).split(b":"))
        request.environ["HTTP_AUTHORIZATION"] = f"Basic {base64.b64encode(parts).decode()}"


@contextmanager
def running_provider(redirect_uri: str) -> Iterator[FakeProvider]:
    """Yield a provider that answers until the end."""
    place = Place()
    provider = FakeProvider(place.url, Registration(CLIENT_ID, SECRET, redirect_uri))
    with place.serving(provider.app):
        yield provider


def sign_in_at(url: str, person: Person = ADA) -> dict[str, str]:
    """Sign in at the provider, to which `url` leads, and return the parameters that the browser brings back."""
    answer = send("POST", url, data={"person": person.id}, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
