"""Order and loss: of each resource exactly its versions, ascending, and nothing ever appears behind a cursor."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from app.store.accounts.tenants import ALL_TENANTS
from app.store.accounts.tokens import EVENTS_READ, Tokens
from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.conftest import Server, make_server, new_database
from tests.feed.copies import settled
from tests.processes import until

Row = dict[str, Any]


@pytest.fixture
def two_servers(tmp_path: Path, mongod_uri: str, workers: int) -> Iterator[tuple[Server, Server]]:
    """Yield two servers of one or two workers each on one database."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    same = {
        "SCIMD_WORKERS": str(workers), "SCIMD_PUBLIC_URL": "https://scim.example.com", "SCIMD_MONGODB_URI": new_database(mongod_uri),
    }
    one = make_server(folders[0], **same)
    one.start()
    two = make_server(folders[1], **same)
    two.start()
    yield one, two
    assert two.stop() == 0
    assert one.stop() == 0


class Reader:
    """Reads a feed without pause, from its beginning, from one server or the other."""

    def __init__(self, servers: tuple[Server, Server], path: str, token: str) -> None:
        self._urls = [f"{server.url}{path}" for server in servers]
        self._headers = {"Authorization": f"Bearer {token}"}
        self.events: list[Row] = []
        self.cursor: str | None = None

    def read(self, limit: int) -> bool:
        """Read a page; return whether another one is ready."""
        asked: Row = {"limit": limit} | ({"after": self.cursor} if self.cursor else {})
        answer = requests.get(random.choice(self._urls), params=asked, headers=self._headers, timeout=30)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        self.events += page["events"]
        self.cursor = page["cursor"]
        return bool(page["more"])

    def read_on(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.read(random.randint(1, 20))
        while self.read(1_000):
            continue


def write(server: Server, token: str, paths: list[str], changes: int) -> dict[str, set[int]]:
    """Change resources at random; return the versions that were acknowledged, by path."""
    versions: dict[str, set[int]] = {path: set() for path in paths}
    headers = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
    for number in range(changes):
        path = random.choice(paths)
        attribute = "title" if path.startswith("/Users") else "externalId"
        operation = {"op": "replace", "path": attribute, "value": f"{threading.get_ident()}-{number}"}
        answer = requests.patch(
            f"{server.url}/acme/scim/v2{path}", json={"schemas": [PATCH_URN], "Operations": [operation]}, headers=headers,
            timeout=30,
        )
        if answer.status_code == 200:
            versions[path].add(int(answer.headers["ETag"][3:-1]))
        else:
            assert answer.status_code in (409, 412, 503), answer.text
    return versions


@pytest.mark.parametrize(("workers", "writers", "changes"), [(1, 4, 8), pytest.param(2, 8, 40, marks=pytest.mark.long)])
def test_ev_131_and_74_order_and_loss(two_servers: tuple[Server, Server], writers: int, changes: int) -> None:
    url, token = two_servers[0].create_tenant("acme", "interop")
    database, headers = two_servers[0].database, {"Authorization": f"Bearer {token}"}
    consumer = Tokens(database).issue("acme", scopes=[EVENTS_READ])[0]
    everyone = Tokens(database).issue(ALL_TENANTS, scopes=[EVENTS_READ])[0]
    bodies = [("/Users", {"schemas": [USER_URN], "userName": f"u{number}"}) for number in range(3)]
    bodies.append(("/Groups", {"schemas": [GROUP_URN], "displayName": "G"}))
    made = [(path, requests.post(url + path, json=body, headers=headers, timeout=30).json()["id"]) for path, body in bodies]
    paths = [f"{path}/{each}" for path, each in made]
    readers = [Reader(two_servers, *feed) for feed in (("/acme/changes", consumer), ("/changes", everyone)) * 2]
    stop = threading.Event()
    with ThreadPoolExecutor(writers + len(readers)) as pool:
        reading = [pool.submit(reader.read_on, stop) for reader in readers]
        writing = [pool.submit(write, two_servers[number % 2], token, paths, changes) for number in range(writers)]
        acknowledged = [each.result() for each in writing]
        until(lambda: settled(database), 30)
        stop.set()
        for each in reading:
            each.result()
    for number, feed in enumerate((("/acme/changes", consumer), ("/changes", everyone))):
        again = Reader(two_servers, *feed)
        while again.read(1_000):
            continue
        # Two readers see the same sequence, which is the one that is there at the end: nothing came behind a cursor.
        assert readers[number].events == readers[number + 2].events == again.events
        for (_, resource_id), address in zip(made, paths, strict=True):
            told = [int(event["data"]["version"][3:-1]) for event in again.events if event["data"]["id"] == resource_id]
            last = requests.get(url + address, headers=headers, timeout=30).headers["ETag"]
            assert told == list(range(1, int(last[3:-1]) + 1))
            assert set().union(*(versions[address] for versions in acknowledged)) <= set(told)
