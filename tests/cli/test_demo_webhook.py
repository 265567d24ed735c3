"""`scimd serve --demo --demo-webhook`: a newcomer sees webhooks in the terminal, without any preparation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from app.delivery import signing
from app.store.delivery.endpoint import ED25519
from tests.conftest import Server, make_server, new_database
from tests.docs.story import USER
from tests.processes import until


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start("--demo", "--demo-webhook")
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


def printed(server: Server) -> list[dict[str, Any]]:
    """Return the events that the receiver has printed."""
    lines = [line for line in server.page.read_text().splitlines() if line.startswith("webhook ")]
    return [json.loads(line.removeprefix("webhook ")) for line in lines]


def about(server: Server, resource_id: str) -> list[tuple[str, str]]:
    """Return type and tenant of the events about a resource that the receiver has printed."""
    return [(each["type"], each["tenant"]) for each in printed(server) if each["data"].get("id") == resource_id]


def endpoints(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(server.command("webhook", "list", "--json"))
    return found


@pytest.mark.long
def test_what_changes_in_the_tenant_is_printed(server: Server) -> None:
    page = server.page.read_text()
    token, url = (re.search(rf"{name} +(\S+)", page)[1] for name in ("Secret Token", "Tenant URL"))  # type: ignore[index]
    made = requests.post(f"{url}/Users", json=USER, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
    until(lambda: about(server, made["id"]))
    assert about(server, made["id"]) == [("scimd.user.created", "demo")]
    endpoint = re.search(r"scimd webhook test (ep_\w+)", page)[1]  # type: ignore[index]
    assert "Delivered: 204" in server.command("webhook", "test", endpoint)
    assert "scimd.test" in [each["type"] for each in printed(server)]
    forged(server)
    starts_anew(server, endpoint)


def forged(server: Server) -> None:
    """Check that the receiver prints nothing that another key has signed."""
    (endpoint,) = endpoints(server)
    body = b'{"id": "e1"}'
    key, _ = signing.new_key(ED25519)
    for headers in (signing.headers([key], "e1", body, datetime.now(UTC)), {}):
        assert requests.post(endpoint["url"], data=body, headers=headers, timeout=30).status_code == 400
    assert "e1" not in [each["id"] for each in printed(server)]


def starts_anew(server: Server, before: str) -> None:
    """Check that the receiver ends with the server, and that the next start has one endpoint again."""
    (endpoint,) = endpoints(server)
    assert endpoint["id"] == before
    server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.post(endpoint["url"], timeout=30)
    server.start("--demo", "--demo-webhook")
    (after,) = endpoints(server)
    assert after["id"] != before
    assert "Delivered: 204" in server.command("webhook", "test", after["id"])


def test_it_is_for_the_demo(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.command("serve", "--demo-webhook", status=2)
