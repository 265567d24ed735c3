"""A real proxy on loopback, which alone knows where a name leads, and a certificate for that name."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "issuer.invalid"
"""A name that no resolver has (RFC 6761 section 6.4)."""


class Proxy(ThreadingHTTPServer):
    """Connects to the loopback, whatever the name, and counts what it was sent."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.url = f"http://name:s3cret@127.0.0.1:{self.server_port}"
        self.targets: list[str] = []
        self.credentials: list[str] = []
        self.behaviour = "good"

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing about a client that has gone."""


class _Tunnel(BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.targets.append(self.path)
        self.server.credentials.append(self.headers["Proxy-Authorization"] or "")
        if self.server.behaviour == "refuse":
            self.send_error(407)
            return
        if self.server.behaviour == "drip":
            for _ in range(100):
                self.wfile.write(b"H")
                time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as onward:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=(onward.makefile("rb", 0), self.wfile), daemon=True)
            back.start()
            _pass_on(self.connection.makefile("rb", 0), onward.makefile("wb", 0))
            onward.shutdown(socket.SHUT_WR)
            back.join()

    def do_GET(self) -> None:
        self.server.targets.append(self.path)
        self.send_error(500)

    def log_message(self, *_: object) -> None:
        return None


def _pass_on(source: object, target: object) -> None:
    with contextlib.suppress(OSError):
        shutil.copyfileobj(source, target, 1)  # type: ignore[misc]


@contextlib.contextmanager
def running_proxy() -> Iterator[Proxy]:
    """Yield a proxy that answers until the end."""
    with Proxy() as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield proxy
        proxy.shutdown()


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """Return a server's side of TLS for a host, and the file with the certificate that vouches for it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1))
    signed = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False).sign(key, hashes.SHA256())
    kind, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(signed.public_bytes(encoding))
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, kind, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, folder / "cert.pem"
