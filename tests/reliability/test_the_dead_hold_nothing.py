"""SIGKILL of a worker and of an import in the middle of a transaction: nobody else waits longer than 20 s (SC-03).

MongoDB keeps the locks of a transaction whose client is gone until the transaction's lifetime is over.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo.errors import OperationFailure

from tests.blueprints.conftest import GROUP_URN, PATCH_URN
from tests.conftest import SCIMD, Server, end_with_parent, make_server, new_database
from tests.processes import children, until

LONGEST = 20.0
"""Seconds that a dead process may delay others."""
MEMBERS = 20_000
LINES = 30_000
WRITE_CONFLICT = 112


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    server.stop()


@pytest.mark.long
def test_sc_03_a_killed_worker(server: Server) -> None:
    url, token = server.create_tenant("acme", "entra")
    headers = {"Authorization": f"Bearer {token}"}
    body = {"schemas": [GROUP_URN], "displayName": "All"}
    group = f"{url}/Groups/{requests.post(f'{url}/Groups', json=body, headers=headers, timeout=30).json()['id']}"
    with reading(server, "other") as times:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
        connection.request("PATCH", group, json.dumps(adding(MEMBERS)), headers | {"Content-Type": "application/scim+json"})
        until(lambda: is_locked(server, "groups", {"_id": group.rpartition("/")[2]}), 30, pause=0.01)
        os.kill(worker_of(server, connection.sock.getsockname()[1]), signal.SIGKILL)
        with pytest.raises(OSError):
            connection.getresponse()
        waited = seconds_of(lambda: patch(group, token))
    assert waited < LONGEST
    assert server.database.db.memberships.count_documents({}) == 1
    show("a worker", waited, times)


@pytest.mark.long
def test_sc_03_a_killed_import(server: Server, tmp_path: Path) -> None:
    server.create_tenant("acme", "entra")
    lines = [json.dumps({"type": "User", "resource": {"id": f"u-{n}", "userName": f"u-{n}"}}) for n in range(LINES)]
    everybody, first = tmp_path / "everybody.jsonl", tmp_path / "first.jsonl"
    everybody.write_text("\n".join(lines))
    first.write_text("\n".join(lines[:1_000]))
    with reading(server, "other") as times:
        doomed = subprocess.Popen([SCIMD, "import", "acme", str(everybody)], env=server.environ, preexec_fn=end_with_parent)
        until(lambda: is_locked(server, "counts", {"tenant": "acme"}), 30, pause=0.01)
        doomed.kill()
        doomed.wait()
        waited = seconds_of(lambda: server.command("import", "acme", str(first)))
    assert waited < LONGEST
    # Batches that were committed before the kill stay, as many as they are.
    ids = [f"u-{n}" for n in range(1_000)]
    assert server.database.db.users.count_documents({"tenant": "acme", "_id": {"$in": ids}}) == 1_000
    show("an import", waited, times)


def adding(number: int) -> dict[str, Any]:
    value = [{"value": uuid.uuid4().hex} for _ in range(number)]
    return {"schemas": [PATCH_URN], "Operations": [{"op": "Add", "path": "members", "value": value}]}


def patch(group: str, token: str) -> None:
    """Add one member as Entra does: what is refused with 503 is sent again."""
    headers, body = {"Authorization": f"Bearer {token}"}, adding(1)
    while (answer := requests.patch(group, json=body, headers=headers, timeout=30)).status_code == 503:
        time.sleep(0.5)
    assert answer.status_code == 204, answer.text


def is_locked(server: Server, collection: str, query: dict[str, Any]) -> bool:
    """Return whether an open transaction has written the document that matches."""
    with server.database.client.start_session() as session, session.start_transaction():
        try:
            server.database.db[collection].delete_one(query, session=session)
        except OperationFailure as error:
            return error.code == WRITE_CONFLICT
        finally:
            session.abort_transaction()
    return False


def worker_of(server: Server, port: int) -> int:
    """Return the worker that a client is connected to with its local `port`."""
    assert server.process
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    [inode] = [row[9] for row in rows if int(row[2].partition(":")[2], 16) == port]
    for worker in children(server.process.pid):
        if f"socket:[{inode}]" in {os.readlink(link) for link in Path(f"/proc/{worker}/fd").iterdir() if link.is_symlink()}:
            return worker
    raise AssertionError("no worker has the connection")


def seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


@contextmanager
def reading(server: Server, tenant: str) -> Iterator[list[float]]:
    """Let another tenant read all the while, and give the seconds that each answer took."""
    url, token = server.create_tenant(tenant, "entra")
    done, times = threading.Event(), list[float]()

    def read() -> None:
        while not done.wait(0.1):
            with suppress(requests.ConnectionError):  # the one that the killed worker had
                answer = requests.get(f"{url}/Users?count=1", headers={"Authorization": f"Bearer {token}"}, timeout=60)
                times.append(answer.elapsed.total_seconds() if answer.status_code == 200 else 60)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        yield times
    finally:
        done.set()
        for reader in readers:
            reader.join()


def show(what: str, waited: float, times: list[float]) -> None:
    ordered = sorted(times)
    p50, p99 = (ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
    print(f"{what} is killed: the next one waits {waited:.1f} s; {len(times)} GETs of another tenant meanwhile, "
          f"p50 {p50:.3f} s, p99 {p99:.3f} s")
