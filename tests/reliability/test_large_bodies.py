"""A refusal is seen by a client that first sends its whole body, however large, and only then reads."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from app.blueprints.request.body import MOST_BYTES, MOST_DISCARDED
from tests.conftest import Server

PIECE = b"x" * 64 * 1024
TWELVE_MB = 12 * 1024 * 1024
JSON = {"Content-Type": "application/json"}


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // len(PIECE)):
        yield PIECE


def post(base: str, size: int, **headers: str) -> tuple[int, dict[str, object]]:
    """Send a body of some size, then read; give the status and the message."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    chunked = "Content-Length" not in named
    connection.request("POST", f"{parts.path}/Users", pieces(size), JSON | named, encode_chunked=chunked)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("headers", [
    {"Content_Length": str(TWELVE_MB)},
    {"Content_Length": str(TWELVE_MB), "Connection": "close"},
    {"Content_Length": str(TWELVE_MB), "Expect": "100-continue"},
    {"Transfer_Encoding": "chunked"},
    {"Transfer_Encoding": "chunked", "Connection": "close"},
])
def test_fa_41_a_body_that_is_too_large_is_read_to_its_end_and_refused(
    live_server: Server, headers: dict[str, str]
) -> None:
    base, token = live_server.create_tenant()
    status, error = post(base, TWELVE_MB, Authorization=f"Bearer {token}", **headers)
    assert (status, error["status"]) == (413, "413")
    assert str(MOST_BYTES) in str(error["detail"])


@pytest.mark.parametrize("headers", [
    {"Content_Length": str(TWELVE_MB)}, {"Transfer_Encoding": "chunked", "Connection": "close"},
])
def test_fa_41_so_is_the_body_of_a_request_that_is_refused_for_another_reason(
    live_server: Server, headers: dict[str, str]
) -> None:
    base, _ = live_server.create_tenant()
    assert post(base, TWELVE_MB, Authorization="Bearer wrong", **headers)[0] == 401


def test_fa_41_a_body_without_end_is_refused_and_its_connection_closed(live_server: Server) -> None:
    base, token = live_server.create_tenant()
    parts = urlsplit(base)
    head = f"POST {parts.path}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    sent = 0
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        line.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):
            while sent < 10 * MOST_DISCARDED:
                line.sendall(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))
                sent += len(PIECE)
    assert sent >= MOST_DISCARDED


def test_fa_41_the_next_request_on_the_connection_is_answered(live_server: Server) -> None:
    base, token = live_server.create_tenant()
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    headers = JSON | {"Authorization": f"Bearer {token}", "Content-Length": str(TWELVE_MB)}
    for _ in range(2):
        connection.request("POST", f"{parts.path}/Users", pieces(TWELVE_MB), headers)
        assert connection.getresponse().read()
    connection.request("GET", f"{parts.path}/Users", headers=headers | {"Content-Length": "0"})
    assert connection.getresponse().status == 200


def test_fa_41_a_client_that_stops_sending_holds_no_thread(live_server: Server) -> None:
    base, _ = live_server.create_tenant()
    parts = urlsplit(base)
    head = f"POST {parts.path}/Users HTTP/1.1\r\nHost: x\r\nContent-Length: {TWELVE_MB}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        line.sendall(head.encode() + PIECE)
        assert line.recv(12) == b"HTTP/1.1 401"  # before it is waited for the rest
        while line.recv(65_536):  # until the server gives up
            pass
