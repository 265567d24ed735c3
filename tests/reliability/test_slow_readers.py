"""Long responses: who does not read one holds nothing for long, and one that breaks off does not look complete."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from pymongo.read_concern import ReadConcern

from app.store.directory.membership_plan import MOST_NAMED
from app.store.mongo.database import Database, connect
from tests.blueprints.conftest import GROUP_URN, PATCH_URN
from tests.conftest import APP_NAME, Fault, Server, end_with_parent, make_server
from tests.processes import until

ROOT = Path(__file__).parents[2]
IMPATIENT = f"exec(compile(open({str(ROOT / 'gunicorn.conf.py')!r}).read(), 'gunicorn.conf.py', 'exec'))\nCLIENT_SECONDS = 1\n"
"""The settings of gunicorn, but for how long it waits for a client."""


class Impatient(Server):
    """A server that waits a second for a slow client, where others wait twenty."""

    def start(self, *_: str, seconds: float = 60) -> None:
        settings = self.folder / "impatient.py"
        settings.write_text(IMPATIENT)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", str(settings), "app:create_app()"], env=self.environ,
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=end_with_parent,
            )
        until(self._ready, seconds)

    @cached_property
    def database(self) -> Database:
        """The database that the settings name."""
        return connect(self.environ["SCIMD_MONGODB_URI"])

    def _ready(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/readyz", timeout=30).status_code == 200
        return False


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    """Yield a server of one thread on the MongoDB that takes failpoints."""
    uri = mongod_uri.replace("/scimd?", f"/slow-{uuid.uuid4().hex}?") + f"&appname={APP_NAME}"
    made = make_server(tmp_path, SCIMD_WORKERS="1", SCIMD_THREADS="1", SCIMD_MONGODB_URI=uri)
    server = Impatient(made.url, made.folder, made.environ)
    server.start()
    yield server
    assert server.stop() == 0, server.log.read_text()


def crowd(server: Server, size: int) -> tuple[str, str]:
    """Create a group of members that do not exist; return its URL and a token."""
    base, token = server.create_tenant()
    headers = {"Authorization": f"Bearer {token}"}
    made = requests.post(f"{base}/Groups", json={"schemas": [GROUP_URN], "displayName": "crowd"}, headers=headers, timeout=60)
    assert made.status_code == 201, made.text[:300]
    group = f"{base}/Groups/{made.json()['id']}"
    for first in range(0, size, MOST_NAMED):
        members = [{"value": str(uuid.uuid4())} for _ in range(first, min(first + MOST_NAMED, size))]
        body = {"schemas": [PATCH_URN], "Operations": [{"op": "add", "path": "members", "value": members}]}
        added = requests.patch(group, json=body, headers=headers, timeout=60)
        assert added.status_code in (200, 204), added.text[:300]
    return group, token


def open_cursors(database: Database) -> int:
    """Return how many cursors are open in a database; other tests have some in the same MongoDB."""
    admin = database.client.get_database("admin", read_concern=ReadConcern("local"))
    found = admin.aggregate([
        {"$currentOp": {"idleCursors": True}},
        {"$match": {"type": "idleCursor", "ns": {"$regex": f"^{database.db.name}\\."}}},
    ])
    return len(list(found))


@pytest.mark.long
def test_fa_16_a_client_that_does_not_read_is_dropped_and_frees_thread_and_cursor(server: Server) -> None:
    url, token = crowd(server, 60_000)
    parts = urlsplit(url)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.connect((parts.hostname, parts.port))
        line.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 200"
        # There is one thread: this is answered when it is free again, while the other client still does not read.
        assert requests.get(f"{server.url}/healthz", timeout=60).status_code == 200
        with pytest.raises(ConnectionResetError):
            while line.recv(65_536):
                pass
    until(lambda: open_cursors(server.database) == 0)
    assert "A client was too slow" in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def read(url: str, token: str) -> tuple[int, bytes]:
    """Send a GET and give status and body; raises where the body is not whole."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.long
def test_fa_16_a_database_that_fails_before_the_first_byte_is_a_503(server: Server, fault: Fault) -> None:
    url, token = crowd(server, 5_000)
    with fault(["getMore"], "alwaysOn", errorCode=91, closeConnection=False):
        status, body = read(url, token)
    assert (status, json.loads(body)["status"]) == (503, "503")


@pytest.mark.long
def test_fa_16_a_database_that_fails_later_breaks_the_response_off_visibly(server: Server, fault: Fault) -> None:
    url, token = crowd(server, 20_000)
    broken = (http.client.IncompleteRead, ConnectionResetError)
    with fault(["getMore"], {"skip": 4}, errorCode=91, closeConnection=False), pytest.raises(broken):
        read(url, token)
    status, body = read(url, token)
    assert (status, len(json.loads(body)["members"])) == (200, 20_000)
    assert server.log.read_text().count("the response is cut off") == 1
    assert "Traceback" not in server.log.read_text()
