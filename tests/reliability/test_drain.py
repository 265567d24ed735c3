"""A reload, and the new version beside the old one, under Entra's 25 requests a second: no request fails."""

from __future__ import annotations

import http.client
import itertools
import json
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import Server, make_server, new_database
from tests.processes import children, of_folder, until

RATE = 25
CONNECTIONS = 8
PATH = "/acme/scim/v2"


class Traffic:
    """Entra and the proxy before us: every other request over a fresh connection, the others over kept ones."""

    def __init__(self, server: Server, token: str) -> None:
        self.failed: list[str] = []
        self.created = 0
        self.finished = 0
        self._where = urlsplit(server.url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._pool = ThreadPoolExecutor(CONNECTIONS)

    def __enter__(self) -> Traffic:
        for _ in range(CONNECTIONS):
            self._pool.submit(self._drive)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def move(self, server: Server) -> None:
        """Send nothing to the present server any more; what it has begun, it may finish."""
        with self._lock:
            self._where = urlsplit(server.url).netloc

    def _drive(self) -> None:
        kept: dict[str, http.client.HTTPConnection] = {}
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers)
            time.sleep(max(0.0, self._start + number / RATE - time.monotonic()))
            try:
                status = self._send(number, kept)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{number}: {error!r}")
            else:
                self.finished += 1
                self.created += status == 201
                if status not in (200, 201):
                    self.failed.append(f"{number}: {status}")

    def _send(self, number: int, kept: dict[str, http.client.HTTPConnection]) -> int:
        body = json.dumps(user(number))
        arguments = ("POST", f"{PATH}/Users", body) if number % 3 else ("GET", f"{PATH}/Users?count=5")
        with self._lock:  # a request is sent before `move`, or elsewhere
            fresh = http.client.HTTPConnection(self._where, timeout=30)
            line = fresh if number % 2 else kept.setdefault(self._where, fresh)
            if closed(line):  # as every client looks before it uses a connection again
                line.close()
            line.request(*arguments, headers=self._headers | ({"Connection": "close"} if number % 2 else {}))
        answer = line.getresponse()
        answer.read()
        return answer.status


def closed(line: http.client.HTTPConnection) -> bool:
    """Return whether the other side has closed a connection."""
    return line.sock is not None and bool(select.select([line.sock], [], [], 0)[0])


def user(number: int) -> dict[str, object]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"u{number}@example.com",
        "displayName": "U", "name": {"givenName": "U", "familyName": "V", "formatted": "U V"},
    }


@pytest.fixture
def servers(tmp_path: Path, mongod_uri: str) -> Iterator[tuple[Server, Server]]:
    """Yield two servers on one database, the first of which runs."""
    uri = new_database(mongod_uri)
    pair = [make_server(tmp_path, SCIMD_WORKERS=workers, SCIMD_MONGODB_URI=uri) for workers in ("2", "1")]
    pair[0].start()
    yield pair[0], pair[1]
    for server in pair:
        if server.process and server.process.poll() is None:
            assert server.stop() == 0


def workers(server: Server) -> set[int]:
    """Return those that answer requests; the master of some servers has a database's keeper as a child, too."""
    assert server.process
    return set(children(server.process.pid)) - set(of_folder(server.folder))


def check(traffic: Traffic, server: Server, token: str, seconds: float) -> None:
    """Nothing failed, there was something to fail, and what was created is there, once each."""
    assert traffic.failed == []
    assert traffic.finished > RATE * seconds / 2
    headers = {"Authorization": f"Bearer {token}"}
    found = requests.get(f"{server.url}{PATH}/Users?count=0", headers=headers, timeout=30).json()
    assert found["totalResults"] == traffic.created > 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.long
def test_reloads_lose_no_request(servers: tuple[Server, Server]) -> None:
    server, _ = servers
    _, token = server.create_tenant("acme")
    assert server.process
    with Traffic(server, token) as traffic:
        time.sleep(1)
        for _ in range(2):
            before = workers(server)
            assert len(before) == 2
            server.process.send_signal(signal.SIGHUP)
            until(lambda before=before: len(workers(server)) == 2 and not before & workers(server), 60)
            time.sleep(0.5)
    check(traffic, server, token, 2)


@pytest.mark.long
def test_a_drain_and_sigterm_lose_no_request(servers: tuple[Server, Server]) -> None:
    old, new = servers
    _, token = old.create_tenant("acme")
    assert old.process
    body = json.dumps(user(-1)).encode()
    head = f"POST {PATH}/Users HTTP/1.1\r\nHost: x\r\nContent-Type: application/scim+json\r\n" \
           f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    parts = urlsplit(old.url)
    with Traffic(old, token) as traffic, socket.create_connection((parts.hostname, parts.port), timeout=30) as slow:
        new.start()
        slow.sendall(head.encode() + body[:20])
        time.sleep(0.5)
        traffic.move(new)
        time.sleep(0.5)
        old.process.terminate()
        time.sleep(1.5)
        assert old.process.poll() is None  # it waits for the one that it has begun
        slow.sendall(body[20:])
        answer = slow.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 201"), answer
        assert old.process.wait(20) == 0
        time.sleep(0.5)
    traffic.created += 1
    check(traffic, new, token, 4)
