"""The line of a request: what stands in it, and what never does."""

from __future__ import annotations

import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import Server
from tests.processes import until

MARK = "Zyx9Marked"
"""In every value that is sent; in no name of ours."""


def lines(server: Server, request_id: str) -> list[dict[str, Any]]:
    """Return the log lines of one request."""
    rows = [json.loads(line) for line in server.log.read_text().splitlines() if request_id in line]
    return [row for row in rows if row["event"] == "request"]


def line(server: Server, answer: requests.Response) -> dict[str, Any]:
    """Return the only log line of an answer."""
    request_id = answer.headers["X-Request-Id"]
    until(lambda: lines(server, request_id))
    (row,) = lines(server, request_id)
    return row


def test_what_stands_in_the_line_of_a_request(live_server: Server) -> None:
    url, token = live_server.create_tenant()
    tenant = url.split("/")[3]
    headers = {"Authorization": f"Bearer {token}"}
    row = line(live_server, requests.get(f"{url}/Users/{MARK}?attributes=title", headers=headers, timeout=30))
    assert row.pop("ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", row.pop("timestamp"))
    assert re.fullmatch(r"[0-9a-f]{32}", row.pop("request_id"))
    route = row.pop("route")
    assert route.startswith("/")
    assert MARK not in route
    assert row == {
        "level": "info", "logger": "scimd.request", "event": "request", "tenant": tenant, "method": "GET", "status": 404,
        "credential": token.split("_")[1],
    }


def test_who_is_not_let_in_has_no_credential_in_the_line(live_server: Server) -> None:
    url, _ = live_server.create_tenant()
    row = line(live_server, requests.get(f"{url}/Users", headers={"Authorization": f"Bearer {MARK}"}, timeout=30))
    assert row["status"] == 401
    assert "credential" not in row


@pytest.mark.parametrize(("given", "kept"), [
    ("a-sane.ID_1", True), ("x" * 1000, False), ('a"b', False), ("a b", False), ("é".encode().decode("latin-1"), False), ("", False),
])
def test_a_sane_request_id_is_kept_in_answer_and_line(live_server: Server, given: str, kept: bool) -> None:
    url, token = live_server.create_tenant()
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": given}
    answer = requests.get(f"{url}/Users?count=0", headers=headers, timeout=30)
    assert (answer.headers["X-Request-Id"] == given) is kept
    assert line(live_server, answer)["status"] == 200


def test_health_is_silent_while_it_is_good(live_server: Server) -> None:
    before = live_server.log.read_text().count("/readyz")
    answer = requests.get(f"{live_server.url}/readyz", timeout=30)
    assert answer.status_code == 200
    line(live_server, requests.get(f"{live_server.url}/nothing", timeout=30))
    assert live_server.log.read_text().count("/readyz") == before


def test_no_value_of_a_life_is_in_any_line(live_server: Server) -> None:
    """Created, looked for, changed, put into a group, refused, in bulk, deleted: with good and with bad outcomes."""
    url, token = live_server.create_tenant()
    headers = {"Authorization": f"Bearer {token}", "User-Agent": MARK, "Referer": f"https://{MARK}/"}
    answers: list[requests.Response] = []

    def ask(method: str, path: str, body: Any = None) -> Any:
        answers.append(requests.request(method, url + path, json=body, headers=headers, timeout=30))
        return answers[-1].json() if answers[-1].content else {}

    person = marked_user()
    user, group = ask("POST", "/Users", person)["id"], ask("POST", "/Groups", marked_group())["id"]
    ask("POST", "/Users", person)  # it is there
    ask("POST", "/Users", person | {"emails": MARK, "userName": f"{MARK}2", "active": MARK})
    ask("POST", "/Users", {"userName": f"{MARK}3", MARK: MARK})
    for condition in (f'userName eq "{MARK}@example.com"', f'emails[value co "{MARK}"]', f'{MARK} zz "{MARK}"', f'"{MARK}'):
        ask("GET", f"/Users?filter={condition}&attributes={MARK}")
        ask("POST", "/Users/.search", search(condition))
    for operations in (changes("title"), changes(f'emails[type eq "{MARK}"].value'), changes(f"{MARK}["), changes("active")):
        ask("PATCH", f"/Users/{user}", operations)
    ask("PATCH", f"/Groups/{group}", patch({"op": "add", "path": "members", "value": [{"value": user}, {"value": MARK}]}))
    ask("POST", "/Bulk", bulk(person))
    ask("PUT", f"/Users/{user}", person | {"title": MARK})
    ask("GET", f"/Users/{MARK}")
    ask("GET", f"/{MARK}/{MARK}?{MARK}={MARK}")
    ask("DELETE", f"/Users/{user}")
    answers.append(requests.post(f"{url}/Users", data=f'{{"{MARK}', headers=headers, timeout=30))
    assert {201, 200, 409, 400, 404, 204} <= {answer.status_code for answer in answers}
    assert all(answer.status_code < 500 for answer in answers)
    for answer in answers:
        line(live_server, answer)
    assert MARK.lower() not in live_server.log.read_text().lower()


def marked_user() -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"{MARK}@example.com", "active": True,
        "externalId": MARK, "displayName": MARK, "password": MARK,
        "name": {"givenName": MARK, "familyName": MARK, "formatted": MARK},
        "emails": [{"type": "work", "value": f"{MARK}@example.com", "primary": True}],
    }


def marked_group() -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": MARK, "externalId": MARK}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


def changes(path: str) -> dict[str, Any]:
    return patch({"op": "replace", "path": path, "value": MARK})


def search(condition: str) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": condition}


def bulk(person: dict[str, Any]) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "POST", "path": "/Users", "bulkId": MARK, "data": person | {"userName": f"{MARK}4"}}],
    }


@pytest.mark.parametrize("request_", [
    f"GET /{MARK}?filter={MARK} HTTP/9.9\r\n\r\n",
    f"GET /{MARK}\x01{MARK}\r\n\r\n",
    f"GET {MARK} HTTP/1.1\r\nHost: x\r\n\r\n",
    f"G@T /{MARK} HTTP/1.1\r\nHost: x\r\n\r\n",
    f"GET / HTTP/1.1\r\nAuthorization : Bearer {MARK}\r\n\r\n",
    f"GET / HTTP/1.1\r\nAuthorization Bearer {MARK}\r\n\r\n",
    f"GET / HTTP/1.1\r\nAuthorization: Bearer {MARK}\x01\x00\r\n\r\n",
    f"GET /{'x' * 9000}{MARK} HTTP/1.1\r\nHost: x\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: x\r\nX: {'x' * 9000}{MARK}\r\n\r\n",
    f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {MARK}\r\n\r\n",
    f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {MARK}\r\n\r\n",
    f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{MARK}\r\n",
    f"GET /{MARK}/scim/v2/Users?filter={MARK} HTTP/1.1\r\nHost: {MARK}\r\nConnection: close\r\n\r\n",
])
def test_what_is_hardly_http_is_answered_and_not_repeated_in_the_log(live_server: Server, request_: str) -> None:
    parts = urlsplit(live_server.url)
    before = len(live_server.log.read_text())
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as plain:
        plain.sendall(request_.encode())
        answer = b"".join(iter(lambda: plain.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    error = json.loads(body)  # RFC 7644 section 3.12, also from gunicorn
    assert error["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert error["status"] == head.split()[1].decode() and error["detail"], error
    line(live_server, requests.get(f"{live_server.url}/nothing", timeout=30))
    written = live_server.log.read_text()[before:].lower()
    assert MARK.lower() not in written, written
