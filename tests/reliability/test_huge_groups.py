"""A group of a million members is emptied, replaced, deleted and restored, while workers are killed (FA-12).

Each request takes less than its 20 seconds, everybody sees the group before or after it, and what nobody sees any more
is gone in the end.
"""

from __future__ import annotations

import os
import random
import signal
import uuid
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests

from app.store.directory.memberships import CLEARED
from app.store.mongo.database import REQUEST_SECONDS
from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.conftest import Server, make_server, new_database
from tests.processes import children, until

SIZES = [
    pytest.param(12_000, 100, id="12 thousand"),
    pytest.param(1_000_000, 10_000, id="a million", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
]


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    server.stop()


class Group:
    """A group of a tenant of its own, with `size` members who do not exist, and one who does."""

    def __init__(self, server: Server, size: int) -> None:
        self.server, self.size = server, size
        self.url, token = server.create_tenant("acme", "interop")
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {token}"
        self.user = self.send("POST", "/Users", {"schemas": [USER_URN], "userName": "jane", "displayName": "jane"}).json()["id"]
        self.id = self.send("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": "All"}).json()["id"]
        self.memberships = server.database.db.memberships
        self.others: list[str] = []

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send a request as Entra does: again, where the answer is 503, or none since the worker was killed."""
        for _ in range(3):
            try:
                answer = self._http.request(method, self.url + path, json=body, timeout=60)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                continue
            assert answer.elapsed.total_seconds() < REQUEST_SECONDS
            if answer.status_code != 503:
                assert answer.status_code < 300, answer.text
                return answer
        raise AssertionError(f"{method} {path} is never answered")

    def fill(self) -> None:
        self.patch("add", [self.user])
        self.others = [str(uuid.uuid4()) for _ in range(self.size)]
        rows = ({"tenant": "acme", "group": self.id, "member": each} for each in self.others)
        since = self.memberships.find_one({"group": CLEARED, "since": {"$exists": True}})
        for batch in batches(rows, 20_000):
            self.memberships.insert_many([row | ({"since": since["since"]} if since else {}) for row in batch])

    def patch(self, operation: str, members: list[str] | None = None) -> requests.Response:
        value = {} if members is None else {"value": [{"value": member} for member in members]}
        body = {"schemas": [PATCH_URN], "Operations": [{"op": operation, "path": "members"} | value]}
        return self.send("PATCH", f"/Groups/{self.id}", body)

    def put(self, members: list[str]) -> requests.Response:
        body = {"schemas": [GROUP_URN], "displayName": "All", "members": [{"value": member} for member in members]}
        return self.send("PUT", f"/Groups/{self.id}?excludedAttributes=members", body)

    def check(self, count: int, has_user: bool) -> None:
        """Check what others see: the members, the user's groups, and a filter."""
        members = self.send("GET", f"/Groups/{self.id}").json().get("members", [])
        assert len(members) == count
        self.check_user(has_user)

    def check_user(self, has_user: bool) -> None:
        groups = self.send("GET", f"/Users/{self.user}").json().get("groups", [])
        assert [group["value"] for group in groups] == [self.id] * has_user
        found = self.send("GET", f'/Groups?filter=members.value eq "{self.user}"&excludedAttributes=members').json()
        assert found["totalResults"] == has_user

    def swept_to(self, count: int, kept: Collection[str] = ()) -> None:
        """Kill workers as soon as they sweep, and wait until only `count` memberships are left, `kept` among them.

        The leases of the killed are made as old as they are forty seconds later.
        """
        first = {"tenant": "acme", "group": self.id, "member": min({*self.others} - {*kept})}
        until(lambda: self.memberships.find_one(first) is None, 120)
        assert self.server.process
        for worker in children(self.server.process.pid):
            if b"mongod" not in Path(f"/proc/{worker}/cmdline").read_bytes() and random.random() < 0.7:
                os.kill(worker, signal.SIGKILL)
        self.check(count, True)
        self.memberships.update_many({"group": CLEARED, "due": {"$exists": True}}, {"$set": {"due": datetime.now(UTC)}})
        until(lambda: self.memberships.count_documents({"group": self.id}) == count, 1_200, pause=0.25)
        self.check(count, True)


def batches(rows: Iterable[Any], number: int) -> Iterator[list[Any]]:
    rows = iter(rows)
    while batch := list(islice(rows, number)):
        yield batch


def show(what: str, answer: requests.Response) -> None:
    print(f"{what}: {answer.elapsed.total_seconds():.1f} s")


@pytest.mark.long
@pytest.mark.parametrize(("size", "kept"), SIZES)
def test_fa_12_a_huge_group(server: Server, size: int, kept: int) -> None:
    group = Group(server, size)
    group.fill()
    members = [group.user, *group.others[: kept // 2], *(str(uuid.uuid4()) for _ in range(kept // 2))]
    show(f"PUT of {len(members)} in place of {size + 1}", group.put(members))
    group.check(len(members), True)
    group.swept_to(len(members), members)

    show(f"PATCH that removes {kept} by value", group.patch("remove", members[1:]))
    group.check(1, True)
    group.fill()
    show(f"PATCH that removes all of {size + 1}", group.patch("remove"))
    group.check(0, False)
    show("PATCH that adds one meanwhile", group.patch("add", [group.user]))
    group.check(1, True)
    group.swept_to(1)

    group.fill()
    show(f"DELETE of the group of {size + 1}", group.send("DELETE", f"/Groups/{group.id}"))
    assert "groups" not in group.send("GET", f"/Users/{group.user}").json()
    group.server.command("restore", "acme", group.id)
    group.check_user(True)
    assert group.memberships.count_documents({"group": group.id}) == size + 1
