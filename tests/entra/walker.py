"""Replays recorded exchanges: JSON files, each in every profile that it names, on a tenant of its own.

A file says what it `shows`, and its `source`. `given` are requests that prepare the tenant; the response to one is
saved under its `as`. `exchanges` are the requests in question: `method`, `path` (after the Tenant URL), `headers`,
`body` (text is sent as it is); the expected response: `status` (one, or any in a list), `answer` (see `comparison`),
`absent` (members or JSON pointers that must not exist), `answer_headers`; and `save`, names for parts of the response.
`{{name}}` stands for something saved; `{"$each": 3, "of": {"value": "{{n}}"}}` in a list for three elements;
`"times": 3` repeats a request. Saved from the start: `base` and `token`; if a recording names them, `foreign_token`, and
of an OAuth 2.0 client `client_id`, `client_secret`, `basic` (both, encoded) and `token_endpoint`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entra.client import Answer, Client
from tests.entra.comparison import ABSENT, at, differences, shown
from tests.entra.laws import broken_laws, broken_token_laws
from tests.entra.tenancy import new_client, new_tenant

PLACEHOLDER = re.compile(r"\{\{([\w.-]+)\}\}")
NOWHERE = re.compile(r"\bquirk|\bentra\.md|\bentra-2026|\bstandards\b|\bN-\d")
"""What a source must not cite: notes that are not in this repository."""


def read_recordings(folder: Path, pattern: str = "*.json") -> dict[str, Any]:
    """Return the recordings of a folder by their names."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): json.loads(path.read_text())
        for path in sorted(folder.glob(pattern))
    }


def check_form(name: str, recording: dict[str, Any]) -> None:
    """Check that a recording has all members that it needs, and none that the walker would ignore."""
    assert recording.keys() <= {"shows", "source", "profile", "given", "exchanges"}, name
    assert recording["shows"].endswith("."), name
    assert recording["source"] and not NOWHERE.search(recording["source"]), name
    assert set(recording["profile"]) <= {"gallery", "interop", "entra", "rfc"}, name
    assert recording["exchanges"], name
    for exchange in recording["exchanges"]:
        known = {"method", "path", "headers", "body", "times", "status", "answer", "absent", "answer_headers", "save"}
        assert exchange.keys() <= known, name
        assert exchange.keys() >= {"method", "path", "status"}, name


def each_case(recordings: dict[str, Any]) -> pytest.MarkDecorator:
    """Return the mark that runs a test for each recording, in each profile that it names.

    `gallery` is `interop`, and so `entra`, with more required attributes. Of what is recorded for it too, `make test`
    sends the first of each kind, such as `update`, in those two; `make test-long` sends all.
    """
    cases, kinds = [], set()
    for name, recording in recordings.items():
        for profile in recording["profile"]:
            same = profile in ("interop", "entra") and "gallery" in recording["profile"]
            kind = (name.partition("-")[0] if same else name, profile)
            marks = [pytest.mark.long] if kind in kinds else []
            cases.append(pytest.param(name, profile, id=f"{name}-{profile}", marks=marks))
            kinds.add(kind)
    return pytest.mark.parametrize(("name", "profile"), cases)


def walk(name: str, recording: dict[str, Any], profile: str, server: Any) -> None:
    """Send a recording's requests to a new tenant of `server`; fails if a response is not the expected one."""
    base_url, token = new_tenant(server, profile)
    saved: dict[str, Any] = {"base": base_url, "token": token}
    text = json.dumps(recording)
    if "{{foreign_token}}" in text:
        saved["foreign_token"] = new_tenant(server, profile)[1]
    if "{{token_endpoint}}" in text:
        saved |= oauth_client(server, base_url)
    client = Client(base_url, token)
    try:
        for step in recording.get("given", []):
            for answer in play(client, {"status": [200, 201, 204]} | step, saved, f"{name}, given"):
                if "as" in step:
                    saved[step["as"]] = answer.json
        for number, exchange in enumerate(recording["exchanges"], 1):
            for _ in play(client, exchange, saved, f"{name}, exchange {number}"):
                pass
    finally:
        client.close()


def oauth_client(server: Any, base_url: str) -> dict[str, str]:
    """Return the credentials of a new OAuth 2.0 client of the tenant, and its token endpoint."""
    client_id, secret = new_client(server, base_url)
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    endpoint = base_url.removesuffix("/scim/v2") + "/oauth/token"
    return {"client_id": client_id, "client_secret": secret, "basic": basic, "token_endpoint": endpoint}


def play(client: Client, exchange: dict[str, Any], saved: dict[str, Any], where: str) -> list[Answer]:
    """Send a request as often as the exchange says, check each response, and return them."""
    answers = []
    for n in range(1, exchange.get("times", 1) + 1):
        exchange_now = fill(exchange, saved | ({"n": str(n)} if "times" in exchange else {}))
        request = {key: exchange_now[key] for key in ("method", "path", "headers", "body") if key in exchange_now}
        answer = client.send(
            request["method"], request["path"], request.get("body"), request.get("headers")
        )
        faults = [*lawless(request, answer, saved), *unexpected(exchange_now, answer)]
        if faults:
            lines = [f"{where}: {request['method']} {request['path']}", f"  sent: {shown(request.get('body'))}"]
            lines += [f"  came: {answer.status} {answer.text[:1500]}", *(f"  WRONG {fault}" for fault in faults)]
            pytest.fail("\n".join(lines), pytrace=False)
        for key, pointer in exchange.get("save", {}).items():
            saved[key] = at(pointer, answer.json)
            assert saved[key] is not ABSENT, f"{where}: nothing at {pointer} in {answer.text[:600]}"
        answers.append(answer)
    return answers


def lawless(request: dict[str, Any], answer: Answer, saved: dict[str, Any]) -> Iterator[str]:
    """Return a line for each law that the response to this request breaks."""
    if request["path"] == saved.get("token_endpoint"):
        return broken_token_laws(answer)
    plain = request.get("headers", {}).get("Accept") == "application/json" and answer.status < 400
    return broken_laws(answer, "application/json") if plain else broken_laws(answer)


def unexpected(exchange: dict[str, Any], answer: Answer) -> list[str]:
    """Return a line for each difference from what the exchange expects."""
    allowed = exchange["status"] if isinstance(exchange["status"], list) else [exchange["status"]]
    faults = [] if answer.status in allowed else [f"status: expected {exchange['status']}, got {answer.status}"]
    if "answer" in exchange and not (answer.status == 204 and 204 in allowed):
        faults += differences(exchange["answer"], answer.json)
    faults += [
        f"{pointer}: expected nothing, got {shown(at(pointer, answer.json))}"
        for pointer in exchange.get("absent", [])
        if at(pointer, answer.json) is not ABSENT
    ]
    for header, value in exchange.get("answer_headers", {}).items():
        faults += differences(value, answer.headers.get(header, ABSENT), f"header {header}")
    return faults


def fill(value: Any, saved: dict[str, Any]) -> Any:
    """Return a value with each placeholder replaced by what was saved under its name."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: str(look_up(match[1], saved)), value)
    if isinstance(value, list):
        return [filled for item in value for filled in fill_element(item, saved)]
    if isinstance(value, dict):
        return {fill(key, saved): fill(inner, saved) for key, inner in value.items()}
    return value


def fill_element(item: Any, saved: dict[str, Any]) -> list[Any]:
    """Return the elements that an element of a list stands for: one, or as many as `$each` says."""
    if isinstance(item, dict) and "$each" in item:
        return [fill(item["of"], saved | {"n": str(n)}) for n in range(1, item["$each"] + 1)]
    return [fill(item, saved)]


def look_up(name: str, saved: dict[str, Any]) -> Any:
    """Return what was saved under a name such as `user`, or a part of it, such as `user.meta.location`."""
    first, *rest = name.split(".")
    value: Any = saved[first] if first in saved else "{{" + name + "}}"
    for part in rest:
        value = value[part]
    return value
