"""Clients that send half a request and then nothing: with gunicorn alone, no proxy in front, others are answered."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from app.store.mongo.budget import REQUEST_SECONDS
from tests.conftest import Server, make_server, new_database
from tests.processes import children

HELD = 50
SECOND = 1.0
MOST_MB = 120.0


@contextlib.contextmanager
def held_open(base: str, token: str) -> Iterator[None]:
    """Hold requests open: of half of them the head is cut off, of the others the body."""
    parts = urlsplit(base)
    head = f"POST {parts.path}/Users HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/scim+json\r\n"
    rest = f"Authorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n" + '{"userName": "'
    with contextlib.ExitStack() as stack:
        for number in range(HELD):
            line = stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=10))
            line.sendall((head if number % 2 else head + rest).encode())
        time.sleep(SECOND)
        yield


def ask(base: str, token: str) -> float:
    """Ask over a connection of its own and give the seconds; those who are never answered took 10."""
    start = time.perf_counter()
    with contextlib.suppress(requests.Timeout):
        answer = requests.get(f"{base}/Users?count=1", headers={"Authorization": f"Bearer {token}"}, timeout=10)
        assert answer.status_code == 200, answer.text
    return time.perf_counter() - start


def times_of_others(server: Server, number: int = 40) -> list[float]:
    """Return how long each of some requests took, four at a time, while others are held open."""
    base, token = server.create_tenant()
    ask(base, token)
    # By another tenant: who holds that many threads itself is refused.
    with held_open(*server.create_tenant()), ThreadPoolExecutor(4) as pool:
        return sorted(pool.map(lambda _: ask(base, token), range(number)))


def memory(server: Server) -> float:
    """Return the resident memory of the largest worker in MB."""
    assert server.process
    texts = [Path(f"/proc/{child}/status").read_text() for child in children(server.process.pid)]
    return max(int(text.partition("VmRSS:")[2].split()[0]) for text in texts) / 1024


@pytest.mark.long
def test_half_sent_requests_do_not_hold_up_others(tmp_path: Path, mongod_uri: str) -> None:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    try:
        times = times_of_others(server)
        print(f"p50 {times[20]:.3f} s, p90 {times[36]:.3f} s, longest {times[-1]:.3f} s, {memory(server):.0f} MB")
        # One that waits for a thread waits until a client goes away; that others use the machine costs a few of them.
        assert times[36] < SECOND
        assert times[-1] < 5 * SECOND
        assert memory(server) < MOST_MB
    finally:
        assert server.stop() == 0


@pytest.mark.long
def test_with_too_few_threads_others_wait(tmp_path: Path, mongod_uri: str) -> None:
    """32 threads, 50 who hold one: the default is what it is for a reason, and the test above can fail."""
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_THREADS="16", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    try:
        assert times_of_others(server, 8)[-1] > SECOND
    finally:
        assert server.stop() == 0


def test_fa_09_a_client_that_does_not_hang_up_holds_up_nobody(tmp_path: Path, mongod_uri: str) -> None:
    """gunicorn waits for it in the thread that accepts connections: five of them were ten seconds."""
    server = make_server(tmp_path, SCIMD_WORKERS="1", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    try:
        parts = urlsplit(server.url)
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                line = stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=10))
                line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert line.recv(12) == b"HTTP/1.1 200"
            assert requests.get(f"{server.url}/healthz", timeout=5).status_code == 200
    finally:
        assert server.stop() == 0


@pytest.mark.long
def test_a_body_on_a_slow_line_takes_no_time_of_the_database(tmp_path: Path, mongod_uri: str) -> None:
    server = make_server(tmp_path, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    try:
        base, token = server.create_tenant()

        def slowly() -> Iterator[bytes]:
            yield b'{"userName": "'
            for letter in b"ada":
                time.sleep(REQUEST_SECONDS / 2)
                yield bytes([letter])
            yield b'", "displayName": "Ada", "name": {"givenName": "A", "familyName": "L", "formatted": "A L"}}'

        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        answer = requests.post(f"{base}/Users", data=slowly(), headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["userName"]) == (201, "ada")
    finally:
        assert server.stop() == 0
