"""A fresh `scimd serve --demo` has people, groups, changes and refusals to look at, which arrived over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import Server, make_server, new_database
from tests.console.browsing import Browser, Shown
from tests.processes import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path_factory.mktemp("demo"), SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start("--demo")
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def inside(server: Server) -> Browser:
    """A browser that has come in by the link of the page."""
    browser = Browser(server)
    path = re.search(r"Console +http://[^/]+(/console/enter/\S+)", server.page.read_text())[1]  # type: ignore[index]
    assert browser.post(path).heading == "Customers"
    return browser


def resources(server: Server, endpoint: str) -> list[dict[str, Any]]:
    url, token = (re.search(rf"{name} +(\S+)", server.page.read_text())[1] for name in ("Tenant URL", "Secret Token"))  # type: ignore[index]
    answer = requests.get(f"{url}/{endpoint}?count=200", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    found: list[dict[str, Any]] = answer.json()["Resources"]
    return found


def eventually(inside: Browser, path: str, *texts: str) -> Shown:
    """Return a page once it has all texts: sums and the log are written a moment after a request."""
    until(lambda: all(text in inside.get(path).main for text in texts))
    return inside.get(path)


def test_co_21_the_link_of_the_page_is_good_once(server: Server, inside: Browser) -> None:
    path = re.search(r"Console +http://[^/]+(/console/enter/\S+)", server.page.read_text())[1]  # type: ignore[index]
    assert inside.get("/console").status == 200
    assert Browser(server).post(path).heading == "This link is no longer valid"


def test_people_and_groups_have_arrived(server: Server) -> None:
    people = {each["userName"]: each["active"] for each in resources(server, "Users")}
    assert len(people) >= 12
    assert not people["bruno.keller@demo.example"]
    assert "jonas.weber@demo.example" not in people
    assert "edsger@demo.example" not in people  # of whom the sign-on of the demo says that they are not provisioned
    groups = {each["displayName"]: each["members"] for each in resources(server, "Groups")}
    assert set(groups) == {"Sales", "Product Engineering", "All staff"}
    assert {each["type"] for each in groups["All staff"]} == {"User", "Group"}


def test_the_overview_and_the_customer_are_not_empty(server: Server, inside: Browser) -> None:
    number = len(resources(server, "Users"))
    overview = eventually(inside, "/console", f"{number} users", "2 refused today")
    (row,) = overview.texts("//table//tr[contains(., 'demo')]")
    assert "never" not in row.lower()
    eventually(inside, "/console/customers/demo", "name.givenName is missing", "userName is taken")


def test_the_log_has_what_was_done_and_what_was_refused(server: Server, inside: Browser) -> None:
    eventually(inside, "/console/customers/demo/log", "amara.okafor@demo.example", "Product Engineering")
    refused = eventually(inside, "/console/customers/demo/log?failed=1", "svc-scanner", "Amara.Okafor")
    assert len([link for link in refused.links() if "/log/" in link]) >= 3
    failed = [json.loads(line) for line in server.command("events", "demo", "--failed", "--json").splitlines()]
    assert sorted(each["status"] for each in failed) == [400, 401, 409]


def test_people_groups_and_what_was_deleted_are_on_their_pages(inside: Browser) -> None:
    pages = {"people": "mei.lin@demo.example", "groups": "All staff", "deleted": "jonas.weber@demo.example"}
    for page, name in pages.items():
        eventually(inside, f"/console/customers/demo/{page}", name)


@pytest.mark.long
def test_it_is_done_once(server: Server) -> None:
    assert server.stop() == 0
    lines = server.log.read_text().splitlines()
    assert [line for line in lines if not line.startswith("{")] == []
    server.start("--demo")
    again = server.log.read_text().splitlines()[len(lines):]
    assert [line for line in again if '"scimd.request"' in line and '"tenant":"demo"' in line] == []
    assert len(resources(server, "Users")) >= 12
    assert server.stop() == 0
