"""The proxy and the service of docs/operating.md: nginx runs the site as shown, and systemd can read the unit."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.config import SETTINGS
from tests.conftest import Server, end_with_parent, free_port, make_server
from tests.docs import pages
from tests.docs.story import USER
from tests.processes import until

SECTION = "docs/operating.md#Deployment"
(SITE,) = pages.blocks(SECTION, "nginx")
(UNIT,) = pages.blocks(SECTION, "ini")
PUBLIC = "https://scim.example.com"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
AROUND = """
daemon off;
user root;
pid {folder}/pid;
error_log {folder}/start.txt;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Stack:
    """nginx with the page's site, and the two scimd servers behind it."""

    port: int
    certificate: Path
    servers: tuple[Server, Server]
    token: str

    def ask(self, method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"https://127.0.0.1:{self.port}/acme/scim/v2{path}"
        return requests.request(method, url, json=body, headers=headers, verify=str(self.certificate), timeout=30)

    def connect(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.minimum_version = context.maximum_version = version
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=15)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")


def certify(folder: Path) -> Path:
    """Create a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scim.example.com")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "fullchain.pem").write_bytes(made.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder / "fullchain.pem"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run nginx with the site of the page, in which only ports and folders are changed."""
    folder = tmp_path_factory.mktemp("proxy")
    certificate, port = certify(folder), free_port()
    pair = [make_server(folder, SCIMD_WORKERS="1", SCIMD_PUBLIC_URL=PUBLIC) for _ in range(2)]
    changes = {"listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "/etc/letsencrypt/live/scim.example.com": str(folder),
               "/var/log/nginx": str(folder), "127.0.0.1:8000": pair[0].environ["SCIMD_BIND"],
               "127.0.0.1:8001": pair[1].environ["SCIMD_BIND"]}
    site = SITE
    for shown, ours in changes.items():
        assert shown in site
        site = site.replace(shown, ours)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    for server in pair:
        server.start()
    proxy = subprocess.Popen([str(NGINX), "-e", f"{folder}/start.txt", "-c", f"{folder}/nginx.conf"], preexec_fn=end_with_parent)
    found = Stack(port, certificate, (pair[0], pair[1]), pair[0].create_tenant("acme")[1])
    until(lambda: (folder / "pid").exists() and proxy.poll() is None)
    yield found
    proxy.terminate()
    assert proxy.wait(20) == 0
    for server in pair:
        if server.process and server.process.poll() is None:
            assert server.stop() == 0


needs_nginx = pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")


def test_each_location_passes_the_address_of_the_client_on() -> None:
    section = pages.text(SECTION)
    passed = section.count("proxy_pass http://scimd;")
    assert passed == section.count("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;") == 2
    assert "`SCIMD_PROXIES=1` on scimd" in section


@needs_nginx
def test_links_have_the_public_address(stack: Stack) -> None:
    answer = stack.ask("POST", "/Users", USER)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{PUBLIC}/acme/scim/v2/Users/{answer.json()['id']}"


@needs_nginx
def test_tls_is_new_enough_for_entra(stack: Stack) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        stack.connect(version).close()
    with pytest.raises((ssl.SSLError, ConnectionError)), pytest.warns(DeprecationWarning):
        stack.connect(ssl.TLSVersion.TLSv1_1)


@needs_nginx
def test_half_sent_requests_do_not_block_others(stack: Stack) -> None:
    head = f"POST /acme/scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stack.token}\r\n"
    body = f'{head}Content-Type: application/scim+json\r\nContent-Length: 500\r\n\r\n{{"schemas"'
    held = [stack.connect() for _ in range(200)]
    for number, line in enumerate(held):
        line.sendall((head if number % 2 else body).encode())

    def timed(_: int) -> float:
        began = time.monotonic()
        assert stack.ask("GET", "/Users?count=1").status_code == 200
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as pool:
        slowest = max(pool.map(timed, range(40)))
    for line in held:
        line.close()
    assert slowest < 1


@needs_nginx
def test_a_body_that_is_too_large_is_refused(stack: Stack) -> None:
    assert stack.ask("POST", "/Users", {"x": "x" * 5 * 1024 * 1024}).status_code == 413


@needs_nginx
def test_either_scimd_may_stop_and_without_both_clients_get_503_with_retry_after(stack: Stack) -> None:
    for server in stack.servers:
        assert server.stop() == 0
        assert {stack.ask("GET", "/Users?count=1").status_code for _ in range(20)} == {200}
        server.start()
    for server in stack.servers:
        assert server.stop() == 0
    answer = stack.ask("GET", "/Users?count=1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.json()["status"] == "503"


def test_the_unit_starts_scimd_with_existing_settings() -> None:
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT)
    assert unit["Service"]["ExecStart"].endswith("/scimd serve")
    assert unit["Service"]["Environment"] == "SCIMD_BIND=127.0.0.1:%i"
    assert "SCIMD_BIND" in {row.name for row in SETTINGS}
    assert int(unit["Service"]["TimeoutStopSec"]) > 30  # gunicorn's graceful_timeout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd on this machine")
def test_systemd_can_read_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "scimd@8000.service"
    file.write_text(UNIT.replace("/opt/scimd/.venv/bin/scimd", "/bin/true").replace("%i", "8000"))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert "scimd@" not in done.stderr, done.stderr
