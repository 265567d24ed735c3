"""An identity provider that publishes its SAML metadata, as Entra writes it, and can be told to misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app.sign_on.certificate import Certificate
from tests.sign_on.saml.idp import ENTITY_ID, signer

_MD = "urn:oasis:names:tc:SAML:2.0:metadata"
_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
SSO_URL = "https://login.microsoftonline.com/0b1d7e1c-0000-4000-8000-000000000001/saml2"


def metadata(
    *certificates: Certificate, entity_id: str = ENTITY_ID, sso_url: str = SSO_URL, use: str = "signing"
) -> bytes:
    """Return the metadata of an identity provider with these certificates, those of `signer()` if there are none."""
    keys = "".join(
        f'<KeyDescriptor use="{use}"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>'
        f"{each.text}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        for each in certificates or (signer().certificate,)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><EntityDescriptor ID="_1" entityID="{entity_id}" xmlns="{_MD}">'
        f'<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}'
        f'<SingleLogoutService Binding="{_REDIRECT}" Location="{sso_url}"/>'
        f'<SingleSignOnService Binding="{_REDIRECT}" Location="{sso_url}"/></IDPSSODescriptor></EntityDescriptor>'
    ).encode()


class Publisher(ThreadingHTTPServer):
    """Serves `body`; `behaviour` is good, error, redirect or drip."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = metadata()
        self.behaviour = "good"
        self.fetches = 0
        self.followed = 0

    @property
    def url(self) -> str:
        """Where the metadata is."""
        return f"http://127.0.0.1:{self.server_address[1]}/metadata?appid=1"

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        publisher = self.server
        publisher.followed += self.path == "/elsewhere"
        publisher.fetches += 1
        self.send_response({"error": 500, "redirect": 302}.get(publisher.behaviour, 200))
        if publisher.behaviour == "redirect":
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(publisher.body)))
        self.end_headers()
        if publisher.behaviour == "drip":
            for byte in publisher.body:
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)
        self.wfile.write(publisher.body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def running_publisher() -> Iterator[Publisher]:
    """Run the identity provider."""
    with Publisher() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
