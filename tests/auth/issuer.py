"""A real issuer on loopback: its keys, its metadata, and every way in which it can be of no use."""

import json
import threading
import time
import warnings
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

DIRECTORY = "11111111-2222-3333-4444-555555555555"
OTHER_DIRECTORY = "99999999-2222-3333-4444-555555555555"
AUDIENCE = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
APP = "aaaaaaaa-0000-0000-0000-000000000001"
SUBJECT = "bbbbbbbb-0000-0000-0000-000000000002"
_ANY_HEADER = JWSRegistry(algorithms=["RS256", "RS384", "PS256", "HS256", "none"], strict_check_header=False)


def make_key(kid, bits=2048):
    with warnings.catch_warnings(action="ignore"):  # of short ones, which some tests are about
        return RSAKey.generate_key(bits, {"kid": kid, "use": "sig"}, private=True)


class _Keys(dict):
    def __missing__(self, kid):
        return self.setdefault(kid, make_key(kid))


KEYS = _Keys()
"""The issuer's keys by their names, each made when it is needed: that takes 0.1 s."""


class Issuer:
    """Serves a JWK Set and counts who asks for it."""

    def __init__(self, server, root):
        self.url = f"{root}:{server.server_port}/{DIRECTORY}/v2.0"
        self.jwks_uri = f"{root}:{server.server_port}/keys"
        self.keys = ["a"]
        self.fetches = 0
        self.followed = 0
        self.behaviour = "good"
        self.metadata = {"issuer": self.url, "jwks_uri": self.jwks_uri}

    @property
    def key_set(self):
        return {"keys": [KEYS[kid].as_dict(private=False) for kid in self.keys]}

    def claims(self, **changes):
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": AUDIENCE, "sub": SUBJECT, "oid": SUBJECT, "appid": APP, "tid": DIRECTORY,
            "iat": now, "nbf": now, "exp": now + 3_600, "uti": "x",
        }
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not ...}

    def token(self, *, key="a", header=None, **changes):
        """Return a token; a claim of `...` is left out."""
        whole = {"alg": "RS256", "kid": key} | (header or {})
        whole = {name: value for name, value in whole.items() if value is not ...}
        return jwt.encode(whole, self.claims(**changes), KEYS[key], registry=_ANY_HEADER)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        issuer = self.server.issuer
        if self.path.endswith("/.well-known/openid-configuration"):
            return self._send(200, issuer.metadata)
        if self.path == "/elsewhere":
            issuer.followed += 1
            return self._send(200, issuer.key_set)
        issuer.fetches += 1
        answers = {
            "good": lambda: self._send(200, issuer.key_set),
            "error": lambda: self._send(500, issuer.key_set),
            "redirect": lambda: self._send(302, issuer.key_set, {"Location": "/elsewhere"}),
            "garbage": lambda: self._raw(b"<html>" + bytes(range(256))),
            "deep": lambda: self._raw(b'{"keys":' + b"[" * 100_000),
            "list": lambda: self._send(200, [issuer.key_set]),
            "empty": lambda: self._send(200, {"keys": []}),
            "huge": lambda: self._raw(b" " * 2_000_000 + json.dumps(issuer.key_set).encode()),
            "drip": self._drip,
            "drip header": self._drip_header,
            "cut": lambda: self._cut(),
        }
        return answers[issuer.behaviour]()

    def _send(self, status, body, headers=None):
        self._raw(json.dumps(body).encode(), status, headers)

    def _raw(self, body, status=200, headers=None):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def _drip_header(self):
        for _ in range(200):
            self.wfile.write(b"H")
            self.wfile.flush()
            time.sleep(0.1)

    def _cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b'{"keys":')

    def log_message(self, *args):
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        return None


@contextmanager
def running_issuer(root="http://127.0.0.1", tls=None):
    """Yield an issuer that answers until the end; `root` is what its URLs start with, up to the port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.issuer = Issuer(server, root)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.issuer
    finally:
        server.shutdown()
        server.server_close()
