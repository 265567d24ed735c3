"""FA-05: what is deleted stays deleted, though the workers remember its credential for some seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import Server, make_server, new_database
from tests.processes import until
from tests.tenants import as_a_minute_later

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    assert server.stop() == 0


class Writer(threading.Thread):
    """A client that creates users and deletes every other one, without a pause, until it is let in no more."""

    def __init__(self, url: str, token: str, number: int) -> None:
        super().__init__(daemon=True)
        self._url, self._headers, self._number = url, {"Authorization": f"Bearer {token}"}, number
        self.statuses: list[int] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        refused = 0
        while not self.stopped.is_set() and refused < 20:
            name = f"u{self._number}-{len(self.statuses)}"
            body = {"schemas": [USER_URN], "userName": name}
            answer = requests.post(f"{self._url}/Users", json=body, headers=self._headers, timeout=60)
            self.statuses.append(answer.status_code)
            refused += answer.status_code == 401
            if answer.status_code == 201 and len(self.statuses) % 2:
                requests.delete(f"{self._url}/Users/{answer.json()['id']}", headers=self._headers, timeout=60)


def left(server: Server, tenant: str) -> dict[str, int]:
    """Return how many documents of the tenant are in each collection that has any."""
    db = server.database.db
    names = [name for name in db.list_collection_names() if not name.startswith("system.") and name != "acts"]
    counts = {name: db[name].count_documents({"$or": [{"tenant": tenant}, {"_id": tenant}]}) for name in names}
    return {name: number for name, number in counts.items() if number}


@pytest.mark.long
def test_fa_05_nothing_is_left_of_a_tenant_that_is_deleted_while_a_client_writes(server: Server) -> None:
    url, token = server.create_tenant("acme", "rfc")
    other, _ = server.create_tenant("other", "rfc")
    writers = [Writer(url, token, number) for number in range(3)]
    for writer in writers:
        writer.start()
    until(lambda: all(writer.statuses.count(201) > 10 for writer in writers), 60)
    server.command("tenant", "delete", "acme", "--yes")
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive() and set(writer.statuses) <= {201, 401, 403}
    assert "acme" not in server.command("tenant", "list")
    as_a_minute_later(server.database, "acme")
    until(lambda: left(server, "acme") == {}, 60)
    assert left(server, "other").keys() == {"tenants", "tokens"}
    again, token = server.create_tenant("acme", "rfc")
    answer = requests.get(f"{again}/Users?count=0", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.json()["totalResults"] == 0
