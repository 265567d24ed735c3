"""The copy of groups too large for one event, of a Bulk's circle, of a killed import, and of a type whose file is gone."""

from __future__ import annotations

import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.conftest import SCIMD, Server, make_server, new_database
from tests.feed.copies import compare
from tests.feed.test_copy import Consumer, finish
from tests.processes import until

SAMPLES = Path(__file__).parents[1] / "samples" / "schemas"
LARGE = 1_200
"""More members than one event names: 1,000."""
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="1", SCIMD_SCHEMAS_DIR=str(SAMPLES / "devices"), SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    server.stop()


class Tenant:
    """A client of one tenant."""

    def __init__(self, server: Server) -> None:
        self.name = "acme"
        self.url, token = server.create_tenant(self.name, "interop")
        self._headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = requests.request(method, self.url + path, json=body, headers=self._headers, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def patch(self, group: str, op: str, members: list[str]) -> None:
        """Add or remove members."""
        operation = {"op": op, "path": "members", "value": [{"value": each} for each in members]}
        self("PATCH", f"/Groups/{group}", {"schemas": [PATCH_URN], "Operations": [operation]}, 204)


def lines(users: list[str], group: str) -> str:
    """Return the lines of an import: users, and a group of all of them."""
    rows: list[dict[str, Any]] = [
        *({"type": "User", "resource": {"schemas": [USER_URN], "id": each, "userName": each}} for each in users),
        {"type": "Group", "resource": {"schemas": [GROUP_URN], "id": group, "displayName": group}},
        *({"type": "Membership", "group": group, "member": each, "kind": "User"} for each in users),
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.long
@pytest.mark.parametrize("number", [24, LARGE])
def test_ev_130_what_is_large_or_done_at_once(server: Server, tmp_path: Path, number: int) -> None:
    acme, consumer = Tenant(server), Consumer(server)
    users, group, few = [str(uuid.uuid4()) for _ in range(number)], str(uuid.uuid4()), number // 24
    file = tmp_path / "large.jsonl"
    file.write_text(lines(users, group))
    killed = subprocess.Popen([SCIMD, "import", acme.name, str(file)], env=server.environ, stdout=subprocess.DEVNULL)
    until(lambda: server.database.db.users.count_documents({}) > number / 4)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    for _ in range(2):  # what is half done is resumed, and what is done is left alone
        server.command("import", acme.name, str(file))
    acme.patch(group, "remove", users[: number - few])
    acme.patch(group, "add", users[: number - 2 * few])
    acme("POST", "/Bulk", {"schemas": [BULK], "Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "one", "data": {"schemas": [GROUP_URN], "displayName": "one", "members": [{"value": "bulkId:two"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "two", "data": {"schemas": [GROUP_URN], "displayName": "two", "members": [{"value": "bulkId:one"}]}},
        {"method": "DELETE", "path": f"/Users/{users[0]}"},
    ]})
    acme("DELETE", f"/Groups/{group}", status=204)
    server.command("restore", acme.name, group)
    finish(server, consumer)
    compare(server, consumer)
    assert consumer.query(f"SELECT COUNT(*) FROM memberships WHERE grp = '{group}'")[0][0] == number - few - 1
    consumer.kill()


@pytest.mark.long
def test_ev_60_events_of_a_type_whose_file_is_gone_are_read_all_the_same(server: Server) -> None:
    acme = Tenant(server)
    urn = json.loads((SAMPLES / "devices" / "device.json").read_text())["id"]
    device = acme("POST", "/Devices", {"schemas": [urn], "displayName": "Lamp", "active": True}, 201)["id"]
    acme("POST", "/Users", {"schemas": [USER_URN], "userName": "jane"}, 201)
    token = server.command("token", "issue", acme.name, "--scope", "events.read").strip()
    headers = {"Authorization": f"Bearer {token}"}

    def read(path: str, key: str) -> list[Any]:
        answer = requests.get(f"{server.url}/{acme.name}/{path}", headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        found: list[Any] = answer.json()[key]
        return found

    until(lambda: len(read("changes", "events")) == 2)
    assert [event["subject"] for event in read("changes", "events")][:1] == [f"Devices/{device}"]
    assert len(read("snapshot", "items")) == 2
    server.stop()
    del server.environ["SCIMD_SCHEMAS_DIR"]
    server.start()
    assert [event["data"]["id"] for event in read("changes?resource=current", "events")][:1] == [device]
    assert [item["type"] for item in read("snapshot", "items")] == ["User"]
