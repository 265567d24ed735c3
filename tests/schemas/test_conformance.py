"""The public conformance tester, scim2-tester, against a real server and a tenant of profile `rfc`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.conftest import Server, make_server, new_database

if TYPE_CHECKING:
    from scim2_tester import CheckResult

FEWEST = {None: 30, "User": 90, "Group": 15, "Device": 40}
DEVICES = Path(__file__).parent.parent / "samples" / "schemas" / "devices"


def relay(server: str) -> Callable[..., Iterable[bytes]]:
    """Return an application that forwards each request to a server, for a client that needs one."""
    session = requests.Session()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        names = {"CONTENT_TYPE": "Content-Type"} | {
            key: key.removeprefix("HTTP_").replace("_", "-") for key in environ if key.startswith("HTTP_")
        }
        headers = {name: environ[key] for key, name in names.items() if key in environ and key != "HTTP_HOST"}
        answer = session.request(
            environ["REQUEST_METHOD"], server + environ["PATH_INFO"], params=environ["QUERY_STRING"],
            headers=headers, data=environ["wsgi.input"].read(), allow_redirects=False, timeout=30,
        )
        dropped = ("transfer-encoding", "content-length")
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in dropped]
        start_response(f"{answer.status_code} {answer.reason}", kept)
        return [known_to_the_tester(environ["PATH_INFO"], answer)]

    return application


def known_to_the_tester(path: str, answer: requests.Response) -> bytes:
    """Return a body without what RFC 9967 adds to ServiceProviderConfig, which the tester refuses (D-425)."""
    if not path.endswith("/ServiceProviderConfig") or answer.status_code != 200:
        return answer.content
    body = answer.json()
    assert body.pop("securityEvents")
    return json.dumps(body).encode()


def is_fit_for_the_tester(row: dict[str, Any]) -> bool:
    """Leave out what it cannot do itself.

    It fills a decimal and a dateTime with a word that it then cannot read, compares base64 with bytes, wants a GET to
    return what is returned on request only or never, and `add` to replace an array where an extension must have one.
    """
    known = row["type"] not in ("decimal", "dateTime", "binary") and row.get("returned", "default") == "default"
    return known and (not row["multiValued"] or row["name"] == "groups")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    """Return a server with Devices besides Users and Groups, from JSON files alone."""
    folder = tmp_path_factory.mktemp("conformance")
    for file in DEVICES.glob("*.json"):
        content = json.loads(file.read_text())
        rows = [row for row in content.get("attributes", []) if is_fit_for_the_tester(row)]
        (folder / file.name).write_text(json.dumps(content | ({"attributes": rows} if rows else {})))
    server = make_server(tmp_path_factory.mktemp("server"), SCIMD_SCHEMAS_DIR=str(folder), SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture(scope="module", params=["Group", pytest.param("User Group Device", marks=pytest.mark.long)])
def checked(request: pytest.FixtureRequest) -> list[str]:
    """Return the resource types that are checked: all of them take a minute."""
    return request.param.split()


@pytest.fixture(scope="module")
def results(server: Server, checked: list[str]) -> list[CheckResult]:
    """Return what the tester reports about a tenant with profile `rfc`."""
    # Importing them takes a third of the time in which all tests are collected, and one process of three needs them.
    from scim2_client.engines.wsgi import WSGISCIMClient
    from scim2_tester import check_server

    url, token = server.create_tenant(profile="rfc")
    client = WSGISCIMClient(relay(server.url), url, headers={"Authorization": f"Bearer {token}"})
    return check_server(client, resource_types=checked)


def test_no_check_fails(results: list[CheckResult]) -> None:
    good = ("SUCCESS", "COMPLIANT", "ACCEPTABLE", "SKIPPED")
    bad = [result for result in results if result.status.name not in good]
    assert not bad, "\n".join(f"{result.status.name} {result.title}: {result.reason} {result.data}" for result in bad)


def test_there_was_something_to_check(checked: list[str], results: list[CheckResult]) -> None:
    done = [result.resource_type for result in results if result.status.name == "SUCCESS"]
    for name in (None, *checked):
        assert done.count(name) >= FEWEST[name], name
