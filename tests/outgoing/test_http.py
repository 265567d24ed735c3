"""Outgoing HTTP: through the environment's proxy where there is one, with verified TLS, and never beyond its limits."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.auth.jwks import FetchError, fetch_keys
from app.outgoing import http
from app.outgoing.failures import CLOSED, TLS
from app.store.accounts.trusts import Conditions
from tests.auth.issuer import AUDIENCE, running_issuer
from tests.auth.proxy import HOST, Proxy, certificate, running_proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with running_proxy() as proxy:
        yield proxy


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield an issuer behind TLS, at a name that no resolver has, whose certificate the machine knows."""
    tls, vouches = certificate(tmp_path, HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(vouches))
    with running_issuer(f"https://{HOST}", tls) as issuer:
        yield issuer


@pytest.fixture
def trust(trusts: Any, tenants: Any, far: Any) -> Any:
    return trusts.add("acme", Conditions("bearer", issuer=far.url, audiences=[AUDIENCE]))


def test_fa_15_keys_are_fetched_where_only_a_proxy_leads_out(
    trust: Any, far: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FetchError, match=f"{HOST}:.*could not be read: the name does not resolve"):
        fetch_keys(trust)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert [key["kid"] for key in fetch_keys(trust)] == ["a"]
    port = far.url.split(":")[2].split("/")[0]
    assert proxy.targets == [f"{HOST}:{port}"] * 2
    assert all(each.startswith("Basic ") for each in proxy.credentials)


@pytest.mark.parametrize(("behaviour", "why"), [("refuse", "at the proxy: "), ("drip", "it takes too long")])
def test_fa_15_a_proxy_that_is_of_no_use_is_told_without_its_password(
    trust: Any, proxy: Proxy, behaviour: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    proxy.behaviour = behaviour
    with pytest.raises(FetchError, match=why) as raised:
        fetch_keys(trust)
    assert "s3cret" not in str(raised.value)


def test_fa_15_a_certificate_that_nobody_vouches_for(
    trust: Any, proxy: Proxy, far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match="TLS: its certificate is not accepted: unable to get local issuer certificate|self-signed"):
        fetch_keys(trust)
    assert far.fetches == 0


def test_fa_15_a_certificate_of_another_host(
    trusts: Any, tenants: Any, far: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    other = trusts.add(
        "acme", Conditions("bearer", issuer=far.url.replace(HOST, f"other.{HOST}"), audiences=[AUDIENCE]),
    )
    with pytest.raises(FetchError, match="TLS: its certificate is not accepted: Hostname mismatch"):
        fetch_keys(other)


def test_fa_15_what_is_on_this_machine_is_asked_directly(
    trusts: Any, tenants: Any, issuer: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert fetch_keys(trusts.add("acme", Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE])))
    assert proxy.targets == []


def test_fa_15_no_proxy_is_honoured(trust: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", HOST)
    with pytest.raises(FetchError):
        fetch_keys(trust)
    assert proxy.targets == []


def test_no_password_is_taken_from_a_netrc(issuer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent to a proxy that is no proxy, so that the headers can be seen."""
    (tmp_path / "netrc").write_text("default login name password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.getsockname()[1]}")
        sent = []

        def answer() -> None:
            line, _ = server.accept()
            with line:
                sent.append(line.recv(65_536))
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=answer)
        thread.start()
        assert http.get(f"http://{HOST}/", deadline=time.monotonic() + 5, most_bytes=100) == b"{}"
        thread.join()
    assert sent[0].startswith(b"GET http://issuer.invalid/ ")
    assert b"authorization" not in sent[0].lower()


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found\r\nLocation: /x"])
def test_a_body_without_end_costs_no_more_than_the_limit(status: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = [0]

        def pour() -> None:
            line, _ = server.accept()
            line.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
            try:
                for _ in range(4_000):
                    taken[0] += line.send(b" " * 65_536)
            except OSError:
                line.close()

        thread = threading.Thread(target=pour)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(http.OutgoingError, match="larger than 1000 bytes|answered 302"):
            http.get(url, deadline=time.monotonic() + 5, most_bytes=1_000)
        thread.join()
    assert taken[0] < 20_000_000  # what fits into the buffers between the two


class Form(BaseHTTPRequestHandler):
    """Answers a form with what it was sent, and counts who follows its redirect."""

    followed = 0

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"]))
        status = int(self.path.removeprefix("/"))
        self.send_response(status)
        self.send_header("Location", "/200")
        self.end_headers()
        self.wfile.write(b"%s|%s|%s" % (form, self.headers["Content-Type"].encode(), self.headers["X-Own"].encode()))

    def do_GET(self) -> None:
        type(self).followed += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def form() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Form) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("status", [200, 204, 302, 307, 400, 500])
def test_sso_12_a_form_is_posted_and_no_redirect_is_followed(form: str, status: int) -> None:
    sent = {"a": "1 ü", "b": "&"}
    answer = http.post(
        f"{form}/{status}", sent, deadline=time.monotonic() + 5, most_bytes=1_000, headers={"X-Own": "yes"},
    )
    assert answer.status == status
    if status != 204:
        assert answer.body == b"a=1+%C3%BC&b=%26|application/x-www-form-urlencoded|yes"
    assert Form.followed == 0


def test_sso_12_nobody_answers_and_a_limit_that_is_passed_are_told_apart(form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(http.Unreachable, match="the connection is refused"):
        http.post(f"http://127.0.0.1:{port}/", {}, deadline=time.monotonic() + 5, most_bytes=1_000)
    with pytest.raises(http.OutgoingError, match="larger than 10 bytes") as raised:
        http.post(
            f"{form}/200", {"a": "b" * 100}, deadline=time.monotonic() + 5, most_bytes=10, headers={"X-Own": "yes"},
        )
    assert not isinstance(raised.value, http.Unreachable)


def closed(line: socket.socket) -> None:
    line.recv(65_536)
    line.close()


def reset(line: socket.socket) -> None:
    line.recv(65_536)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def plain(line: socket.socket) -> None:
    line.recv(65_536)
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    line.close()


@pytest.mark.parametrize(("scheme", "behaviour", "says"), [
    ("http", closed, "the connection is closed without an answer"),
    ("http", reset, "the connection is closed without an answer"),
    ("https", plain, "TLS: "),
])
def test_a_connection_that_leads_to_no_answer_says_why(scheme: str, behaviour: Any, says: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: behaviour(server.accept()[0]))
        thread.start()
        url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(http.OutgoingError, match=f"could not be read: {says}") as raised:
            http.get(url, deadline=time.monotonic() + 5, most_bytes=1_000)
        thread.join()
    assert raised.value.reason == (TLS if scheme == "https" else CLOSED)


@pytest.mark.parametrize(("begun", "no_answer"), [(b"", True), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", False)])
def test_sso_12_a_slow_answer_to_a_form_is_cut_at_the_deadline(begun: bytes, no_answer: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []

        def begin() -> None:
            accepted.append(server.accept()[0])
            accepted[0].sendall(begun)

        thread = threading.Thread(target=begin)
        thread.start()
        with pytest.raises(http.OutgoingError, match="it takes too long") as raised:
            http.post(
                f"http://127.0.0.1:{server.getsockname()[1]}/", {}, deadline=time.monotonic() + 0.5, most_bytes=10,
            )
        thread.join()
        accepted[0].close()
    assert isinstance(raised.value, http.Unreachable) is no_answer  # D-732


@pytest.mark.parametrize(("sent", "says"), [
    (b"hello\r\n\r\n", "the answer is not one of HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "the answer is cut short"),
])
def test_what_is_no_answer_of_http_is_called_that(sent: bytes, says: str) -> None:
    def answer(line: socket.socket) -> None:
        line.recv(65_536)
        line.sendall(sent)
        line.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: answer(server.accept()[0]))
        thread.start()
        with pytest.raises(http.OutgoingError, match=says):
            http.get(f"http://127.0.0.1:{server.getsockname()[1]}/", deadline=time.monotonic() + 5, most_bytes=1_000)
        thread.join()
