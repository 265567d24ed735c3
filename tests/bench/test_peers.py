"""The comparison with other servers: who answers wrongly has no rate, and the result says what was answered."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from bench import people
from bench.client import Client
from bench.peers import environment
from bench.peers.contenders import Contender
from bench.peers.operation import Answer, Sent, Wrong
from bench.peers.operations import NAMES, operations
from bench.peers.populations import Numbered, groups, population
from bench.peers.turns import compare
from bench.processes import Server

PEOPLE = population(1_000, Numbered)


class Peer:
    """A server whose answers are right, and which can be given others."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}
        self.asked = 0

    def answer(self, sent: Sent) -> tuple[int, Any]:
        self.asked += 1
        if "?filter=" in sent.path:
            return 200, self.found(unquote(sent.path).partition('"')[2].partition('"')[0])
        members = self.members.setdefault(sent.id, set())
        if sent.method == "PATCH":
            return self.add(members, {member["value"] for member in sent.body["Operations"][0]["value"]})
        return 200, {"id": sent.id, "displayName": "A", "members": [{"value": each} for each in members]}

    def found(self, name: str) -> Any:
        number = int(name[len("Person."):].partition("@")[0])
        there = [people.user(number) | {"id": PEOPLE.user_id(number)}] if number < PEOPLE.users else []
        return {"totalResults": len(there), "Resources": there}

    def add(self, members: set[str], new: set[str]) -> tuple[int, Any]:
        members |= new
        return 204, None


class FindsAnother(Peer):
    def found(self, name: str) -> Any:
        return super().found(people.user_name(7))


class FindsSomebody(Peer):
    def found(self, name: str) -> Any:
        return super().found(people.user_name(0))


class Tires(Peer):
    def found(self, name: str) -> Any:
        return super().found(name) if self.asked < 12 else {"totalResults": 0, "Resources": []}


class AddsNobody(Peer):
    def add(self, members: set[str], new: set[str]) -> tuple[int, Any]:
        return 204, None


class Refuses(Peer):
    def answer(self, sent: Sent) -> tuple[int, Any]:
        return 501, {"detail": "not implemented"}


class NoJson(Peer):
    def answer(self, sent: Sent) -> tuple[int, Any]:
        return 200, "<html>"


class AnotherForm(Peer):
    def answer(self, sent: Sent) -> tuple[int, Any]:
        return 200, {"total": 1}


class Handler(BaseHTTPRequestHandler):
    """Lets a peer answer."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.server.peer.answer(  # type: ignore[attr-defined]
            Sent(self.command, self.path, json.loads(content) if content else None)
        )
        text = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PATCH = answer

    def log_message(self, *_: object) -> None:
        return


class Process(Server):
    """This process, as a server without workers."""

    def workers(self) -> list[int]:
        return []


@contextmanager
def contender(peer: Peer, name: str = "peer") -> Iterator[Contender]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.peer = peer  # type: ignore[attr-defined]
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield Contender(name, "", Process(os.getpid(), running.server_port), operations(PEOPLE, "secret"), "secret")
        running.shutdown()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client() as running:
        yield running


def measured(client: Client, operation: str, *peers: Peer) -> dict[str, Any]:
    with contender(peers[0], "scimd") as first, contender(peers[-1]) as second:
        return compare(operation, [first, second], client, first.server, 0.05)


@pytest.mark.long
@pytest.mark.parametrize("operation", ["find", *(pytest.param(each, marks=pytest.mark.long) for each in ("find-miss", "add-member", "add-members"))])
def test_who_answers_right_has_a_rate(client: Client, operation: str) -> None:
    result = measured(client, operation, Peer(), Peer())
    assert [(side["rate"] > 0, side["answered"]) for side in result["sides"]] == [(True, "")] * 2
    assert result["sides"][0]["ratio"] is None and result["sides"][1]["ratio"] > 0


@pytest.mark.parametrize(("operation", "peer", "answered"), [
    ("find", FindsAnother, "returned Person.0000007@bench.example instead of Person.0000000@bench.example"),
    pytest.param("find", Tires, r"\d+ of \d+ answers were wrong: HTTP/1.1 200 OK {.totalResults.: 0", marks=pytest.mark.long),
    pytest.param("find", Refuses, "501: {.detail.: .not implemented.}", marks=pytest.mark.long),
    pytest.param("find", NoJson, "200 and no JSON: '<html>'", marks=pytest.mark.long),
    pytest.param("find", AnotherForm, "200 in another form .KeyError.'totalResults'..: {.total.: 1}", marks=pytest.mark.long),
    pytest.param("find-miss", FindsSomebody, "found 1 users, where there is none", marks=pytest.mark.long),
    pytest.param("add-member", AddsNobody, "answered with 204, and 0 of 1 are members", marks=pytest.mark.long),
    ("add-members", AddsNobody, "answered with 204, and 0 of 20 are members"),
])
def test_who_answers_wrongly_has_no_rate_and_the_result_says_what(
    client: Client, operation: str, peer: Callable[[], Peer], answered: str
) -> None:
    result = measured(client, operation, Peer(), peer())
    right, wrong = result["sides"]
    assert right["rate"] > 0 and not right["answered"]
    assert (wrong["rate"], wrong["ratio"], wrong["p50_ms"]) == (None, None, None)
    assert re.search(answered, wrong["answered"]), wrong["answered"]
    assert result["passed"], "a peer without a rate is none to be ahead of"


def test_scimd_itself_must_answer_right(client: Client) -> None:
    assert not measured(client, "find", FindsAnother(), Peer())["passed"]


def user(number: int, **changes: Any) -> dict[str, Any]:
    return people.user(number) | {"id": PEOPLE.user_id(number)} | changes


def checked(name: str, answer: Answer, *read: Answer) -> str:
    """Return the remark of an operation on an answer; its request is the first one."""
    operation = operations(PEOPLE, "secret")[name]
    left = list(read)
    return operation.check(Sent.read(operation.source(0, 0)), answer, lambda _: left.pop(0))


def page(*numbers: int, total: int = PEOPLE.users) -> Answer:
    return answered(200, {"totalResults": total, "Resources": [user(number) for number in numbers]})


def answered(status: int, body: Any = "") -> Answer:
    return Answer(status, json.dumps(body))


CIRCLE = next(iter(groups(PEOPLE)))
MEMBERS = [{"value": PEOPLE.user_id(number)} for number in CIRCLE.members]
CREATED = people.user(people.FRESH) | {"id": "9"}
GROUP = people.group(people.FRESH) | {"id": "9"}
WRONG = {
    "get": [(answered(200, user(3)),), (answered(200, user(0, userName=people.user_name(3))),)],
    "page": [(page(*range(99)),), (page(*[0] * 100),), (page(*range(100), total=100),)],
    "group-get": [
        (answered(200, {"id": CIRCLE.id, "members": MEMBERS[1:]}),), (answered(200, {"id": "3", "members": MEMBERS}),),
    ],
    "post": [
        (answered(200, CREATED),), (answered(201, CREATED), answered(200, CREATED | {"userName": "other"})),
        (answered(201, CREATED), answered(200, CREATED | {"active": False})),
    ],
    "disable": [(answered(200), answered(200, user(0, active=True))), (answered(200), answered(200, user(0, active="False")))],
    "delete": [(answered(200),), (answered(204), answered(200, user(0)))],
    "group-create": [(answered(200, GROUP),), (answered(201, GROUP), answered(200, GROUP | {"displayName": "B"}))],
}
RIGHT = {
    "get": (answered(200, user(0)),),
    "page": (page(*range(100)),),
    "group-get": (answered(200, {"id": CIRCLE.id, "members": MEMBERS}),),
    "post": (answered(201, CREATED), answered(200, CREATED)),
    "disable": (answered(204), answered(200, user(0, active=False))),
    "disable-text": (answered(204), answered(200, user(1, active=False))),
    "delete": (answered(204), answered(404)),
    "group-create": (answered(201, GROUP), answered(200, GROUP)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_is_right(name: str) -> None:
    assert checked(name, *RIGHT[name]) == ""


@pytest.mark.parametrize(("name", "answers"), [(name, each) for name, those in WRONG.items() for each in those])
def test_a_wrong_answer_is_wrong(name: str, answers: tuple[Answer, ...]) -> None:
    with pytest.raises(Wrong):
        checked(name, *answers)


def test_attributes_that_are_not_stored_are_remarked() -> None:
    kept = {name: CREATED[name] for name in ("id", "userName", "active", "emails", "name", "externalId")}
    remark = checked("post", answered(201, CREATED), answered(200, kept))
    assert remark == (
        "does not store addresses, displayName, phoneNumbers, preferredLanguage, the enterprise extension, title"
    )


def test_each_operation_is_looked_at_here() -> None:
    assert {*RIGHT, "find", "find-miss", "add-member", "add-members"} == set(NAMES)


def test_a_user_is_disabled_once_and_then_enabled() -> None:
    found = operations(PEOPLE, "secret")
    seen: dict[str, list[Any]] = {}
    for turn in range(PEOPLE.users // 8):
        for connection in range(8):
            for name in ("disable", "disable-text"):
                sent = Sent.read(found[name].source(connection, turn))
                seen.setdefault(sent.id, []).append(sent.body["Operations"][0]["value"])
    assert {tuple(values) for values in seen.values()} == {(False, True, False, True), ("False", "True", "False", "True")}
    assert len(seen) == len(PEOPLE.alone)


@pytest.mark.long
def test_without_a_package_index_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0",
        "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(environment.NotInstalled, match="^The peers cannot be installed, because no package index [^.]*[.]$"):
        environment.install(Path(sys.executable), ["scimd-has-no-such-peer == 1"])


def test_other_requirements_have_another_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert environment.folder(["a == 1"]) == environment.folder(["a == 1"]) != environment.folder(["a == 2"])
    assert environment.folder().is_relative_to(tmp_path)
