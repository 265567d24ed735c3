"""At least 300 bad requests over HTTP: the expected answer to each, no 5xx, no change of state, and the server goes on."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.bad_input.corpus import GROUP, USER, Bad, corpus
from tests.conftest import Server

ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"
CORPUS = corpus()


class Tenant:
    """A tenant with a user and a group, and a connection to it."""

    def __init__(self, server: Server) -> None:
        self.url, self.token = server.create_tenant(profile="rfc")
        parts = urlsplit(self.url)
        self.base = parts.path
        self.address = (parts.hostname or "", parts.port or 0)
        self.connection = http.client.HTTPConnection(*self.address, timeout=30)
        user = self.good("POST", "/Users", {"schemas": [USER], "userName": "victim", "emails": [{"value": "v@x"}]})
        group = self.good("POST", "/Groups", {"schemas": [GROUP], "displayName": "G", "members": [{"value": user["id"]}]})
        self.names = {"{user}": user["id"], "{group}": group["id"]}

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Send one request; give status, media type and body."""
        for placeholder, name in getattr(self, "names", {}).items():
            path = path.replace(placeholder, name)
            body = body.replace(placeholder.encode(), name.encode()) if body else body
        given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"} | headers
        try:
            self.connection.request(method, self.base + path, body, {k: v.encode("utf-8") for k, v in given.items()})
            answer = self.connection.getresponse()
            found = answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            self.connection.close()
            raise
        if found[0] >= 400 and body:  # the server may hang up on what it has not read
            self.connection.close()
        return found

    def good(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send what is right and give the answer."""
        status, _, answer = self.send(method, path, json.dumps(body).encode() if body is not None else None, {})
        assert status < 300, answer
        return json.loads(answer)

    def state(self) -> Any:
        """Return everything that the tenant holds."""
        return self.good("GET", "/Users"), self.good("GET", "/Groups")


@pytest.fixture(scope="module")
def tenant(live_server: Server) -> Tenant:
    return Tenant(live_server)


def test_there_are_enough() -> None:
    assert len(CORPUS) >= 300
    names = [bad.name for bad in CORPUS]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)


def test_each_is_answered_as_it_should_be_and_changes_nothing(tenant: Tenant) -> None:
    before = tenant.state()
    wrong = [f"{bad.name}: {reason}" for bad in CORPUS if (reason := _answer(tenant, bad))]
    assert not wrong, "\n".join(wrong)
    assert tenant.state() == before


def _answer(tenant: Tenant, bad: Bad) -> str:
    try:
        status, kind, body = tenant.send(bad.method, bad.path, bad.body, bad.headers)
    except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
        return "the connection was closed"
    if status not in bad.status:
        return f"{status}, not {bad.status}: {body[:200]!r}"
    if kind != "application/scim+json":
        return f"the type is {kind}"
    error = json.loads(body)
    if error["schemas"] != [ERROR_URN] or error["status"] != str(status) or not error["detail"]:
        return f"no SCIM error: {body[:200]!r}"
    if bad.scim_type and status != 414 and error.get("scimType") != bad.scim_type:
        return f"{error.get('scimType')}, not {bad.scim_type}: {error['detail'][:120]}"
    return ""


FRAMES = {
    "no request": b"\r\n\r\n", "rubbish": b"\x16\x03\x01\x02\x00\x01", "no version": b"GET /\r\n\r\n",
    "two lengths": b"POST {base}/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunked": b"POST {base}/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "negative length": b"POST {base}/Users HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
    "bad chunk": b"POST {base}/Users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "long line": b"GET {base}/Users?filter=" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long header": b"GET {base}/Users HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    "no ASCII": "GET {base}/Users/\u00fc HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "blank in the path": b"GET {base}/Users/a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "many headers": b"GET {base}/Users HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    "folded header": b"GET {base}/Users HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n",
    "NUL in header": b"GET {base}/Users HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
}


def _sent(tenant: Tenant, request: bytes) -> bytes:
    """Send octets and nothing more, and give all that is answered."""
    with socket.create_connection(tenant.address, timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("name", FRAMES)
def test_broken_frames_are_refused_or_cut(tenant: Tenant, name: str) -> None:
    before = tenant.state()
    answer = _sent(tenant, FRAMES[name].replace(b"{base}", tenant.base.encode()))
    if answer:
        assert 400 <= int(answer.split()[1]) < 500 or answer.startswith(b"HTTP/1.1 501"), answer[:200]
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"\r\nContent-Type: application/scim+json\r\n" in head  # HT-22
        first, _ = json.JSONDecoder().raw_decode(body.decode())  # what comes after it may be refused, too
        assert (first["schemas"], first["status"]) == ([ERROR_URN], answer.split()[1].decode())
        assert b"xxxx" not in body and b"Host" not in body
    tenant.connection.close()
    assert tenant.state() == before


@pytest.mark.parametrize("body", [
    b"zz\r\n{}\r\n0\r\n\r\n", b"\r\n{}\r\n0\r\n\r\n", b"2;=\r\n{}\r\n0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n",
    b"2\r\n{}\r\n0\r\nno header\r\n\r\n", b"2\r\n{}\r\n0\r\n", b"20\r\n{", b"2" * 9000,
])
def test_ht_08_chunks_that_cannot_be_read(tenant: Tenant, body: bytes) -> None:
    """RFC 9112 section 7.1: the size in hexadecimal digits, the octets, the end of the line; the last one is 0."""
    before = tenant.state()
    for path in ("/scim/v2/Users", "/scim/v2/Users/.search", "/scim/v2/Bulk", "/oauth/token"):
        path = tenant.base.replace("/scim/v2", path)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.token}\r\n"
        answer = _sent(tenant, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 400"), answer
        error = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert error.get("scimType") == "invalidSyntax" or (path.endswith("/token") and error["error"] == "invalid_request")
    tenant.connection.close()
    assert tenant.state() == before


def test_a_body_that_is_cut_off_is_stored_by_nobody(tenant: Tenant) -> None:
    body = json.dumps({"schemas": [USER], "userName": "cut"}).encode()
    head = f"POST {tenant.base}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body) + 50}\r\n\r\n"
    with socket.create_connection(tenant.address, timeout=10) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    tenant.connection.close()
    assert tenant.state()[0]["totalResults"] == 1
