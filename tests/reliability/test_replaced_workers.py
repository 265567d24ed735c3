"""A worker that cannot begin does not end the others: what is wrong is told, and it is tried again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.blueprints.conftest import USER_URN
from tests.conftest import Server, make_server, new_database
from tests.processes import until
from tests.reliability.test_drain import workers


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    assert server.stop() == 0


@pytest.mark.long
def test_an_index_that_was_dropped_and_cannot_be_built_again(server: Server) -> None:
    url, token = server.create_tenant(profile="rfc")
    headers = {"Authorization": f"Bearer {token}"}
    user = {"schemas": [USER_URN], "userName": "jane"}
    assert requests.post(f"{url}/Users", json=user, headers=headers, timeout=30).status_code == 201
    users = server.database.db.users
    users.drop_index("unique_userName")
    users.insert_one(users.find_one() | {"_id": "twin"})
    until(lambda: len(workers(server)) == 2)
    before = workers(server)
    os.kill(min(before), signal.SIGKILL)
    told = "The unique index unique_userName of users cannot be built"
    until(lambda: server.log.read_text().count(f"{told}, since more than one document has") >= 2)

    def read() -> bool:
        return "totalResults" in requests.get(f"{url}/Users", headers=headers, timeout=30).json()

    until(lambda: all(read() for _ in range(10)))  # both workers, once each has tried to build it
    assert max(before) in workers(server)
    users.delete_one({"_id": "twin"})
    until(lambda: "unique_userName" in users.index_information())
    until(lambda: requests.get(f"{server.url}/readyz", timeout=30).status_code == 200)
    assert server.process.poll() is None
