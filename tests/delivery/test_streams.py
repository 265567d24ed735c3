"""Streams on a server of two processes: everything that happens in a tenant comes to a receiver, by push and by poll."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from app.errors import NotFound
from app.store.accounts.sealing import Sealer
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.delivery.endpoint import ON, POLL, SET, STANDING_STILL
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import WAITING, PutAsides
from app.store.delivery.requests import resend
from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.conftest import Server, make_server, new_database
from tests.delivery.receiver import PROV, checked
from tests.delivery.test_push import PushReceiver, push_receiver
from tests.processes import until

AUDIENCE = "https://receiver.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    made = make_server(
        tmp_path_factory.mktemp("streams"), SCIMD_WORKERS="2", SCIMD_WEBHOOK_NETWORKS="127.0.0.0/8",
        SCIMD_MONGODB_URI=new_database(mongod_uri),
        SCIMD_LOG_VALUES="off",
    )
    made.start()
    yield made
    assert made.stop() == 0, made.log.read_text()


@pytest.fixture
def receiver() -> Iterator[PushReceiver]:
    with push_receiver() as running:
        yield running


class Directory:
    """A tenant with a stream of each kind, and a client that changes it."""

    def __init__(self, server: Server, receiver: PushReceiver) -> None:
        self.server, self.receiver = server, receiver
        self.url, token = server.create_tenant(profile="interop")
        self.name = self.url.split("/")[3]
        self.issuer = f"{server.url}/{self.name}"
        self._headers = {"Authorization": f"Bearer {token}"}
        events = Tokens(server.database).issue(self.name, scopes=[EVENTS_READ])[0]
        self._consumer = {"Authorization": f"Bearer {events}"}
        endpoints = Endpoints(server.database)
        sealed = Sealer(server.database).seal(b"Bearer receiver")
        self.pushed = endpoints.create(
            self.name, SET, place=0, url=receiver.url, audience=AUDIENCE, authorization=sealed
        )
        self.polled = endpoints.create(self.name, POLL, place=0, audience=AUDIENCE)

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(method, self.url + path, json=body, headers=self._headers, timeout=60)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def patch(self, resource: str, **operation: Any) -> None:
        self.send("PATCH", resource, {"schemas": [PATCH_URN], "Operations": [operation]})

    def poll(self, **body: Any) -> dict[str, str]:
        url = f"{self.issuer}/streams/{self.polled.id}/poll"
        answer = requests.post(url, json=body, headers=self._consumer, timeout=60)
        assert answer.status_code == 200, answer.text
        sets: dict[str, str] = answer.json()["sets"]
        return sets

    def claims(self, token: str) -> dict[str, Any]:
        return checked(token, requests.get(f"{self.server.url}/jwks", timeout=60).json(), self.issuer, AUDIENCE)

    def pushed_claims(self) -> dict[str, dict[str, Any]]:
        """Return the claims of each token that was pushed, by the id of its event, in their order."""
        found = [self.claims(each.body) for each in [*self.receiver.received]]
        return {each["txn"]: each for each in found}


@pytest.fixture
def directory(server: Server, receiver: PushReceiver) -> Directory:
    return Directory(server, receiver)


def live(directory: Directory) -> list[tuple[str, set[str]]]:
    """Let everything happen that a token tells of; return the resource and the events of each change."""
    user = directory.send("POST", "/Users", {"schemas": [USER_URN], "userName": "jane@x", "externalId": "e-1"})["id"]
    jane = f"/Users/{user}"
    group = directory.send("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": "Sales"})["id"]
    sales = f"/Groups/{group}"
    directory.patch(sales, op="add", path="members", value=[{"value": user}])
    directory.patch(jane, op="replace", path="active", value=False)
    directory.patch(jane, op="replace", path="active", value=True)
    directory.send("PUT", jane, {"schemas": [USER_URN], "userName": "jane@x", "title": "Director"})
    directory.send("DELETE", jane)
    directory.server.command("restore", directory.name, user)
    directory.send("DELETE", sales)
    return [
        (jane, {"create:notice"}), (sales, {"create:notice"}), (sales, {"patch:notice"}),
        (jane, {"patch:notice", "deactivate"}), (jane, {"patch:notice", "activate"}), (jane, {"put:notice"}),
        (jane, {"delete"}), (jane, {"create:notice"}), (sales, {"delete"}),
    ]


def told(claims: dict[str, dict[str, Any]]) -> dict[str, list[set[str]]]:
    """Return the events of each resource, in the order in which they came."""
    found: dict[str, list[set[str]]] = {}
    for each in claims.values():
        names = {uri.removeprefix(PROV) for uri in each["events"]}
        found.setdefault(each["sub_id"]["uri"], []).append(names)
    return found


def send_again(directory: Directory) -> None:
    """Let be tried again at once, by an operator, what would come again after five seconds."""
    database = directory.server.database
    for aside in PutAsides(database).of(directory.pushed.id, (WAITING,)):
        with suppress(NotFound):  # it has come meanwhile
            resend(database, directory.pushed, aside.event)


def test_ev_141_everything_comes_by_push_and_by_poll(directory: Directory) -> None:
    directory.receiver.answers = [(503, b""), (400, b'{"err": "invalid_request"}')]
    expected: dict[str, list[set[str]]] = {}
    for resource, events in live(directory):
        expected.setdefault(resource, []).append(events)
    until(lambda: told(directory.pushed_claims()) == expected or send_again(directory), seconds=60)
    assert {each.headers["Authorization"] for each in directory.receiver.received} == {"Bearer receiver"}
    tokens: dict[str, str] = {}
    deadline = time.monotonic() + 30
    while len(tokens) < 9:
        assert time.monotonic() < deadline
        tokens |= directory.poll(maxEvents=4, ack=[*tokens])
    polled = {each["txn"]: each for each in map(directory.claims, tokens.values())}
    assert told(polled) == expected
    pushed = directory.pushed_claims()
    for event, claims in polled.items():
        assert pushed[event]["jti"] != claims["jti"], "each stream has tokens of its own"
        assert {**pushed[event], "jti": ""} == {**claims, "jti": ""}
    assert directory.poll(ack=[*tokens], returnImmediately=True) == {}


@pytest.mark.long
def test_ev_113_a_receiver_that_refuses_the_issuer_stands_still_and_goes_on_when_it_does_not(directory: Directory) -> None:
    refusal = (400, b'{"err": "invalid_issuer", "description": "planted"}')
    directory.receiver.answers = [refusal]
    endpoints = Endpoints(directory.server.database)
    for number in range(3):
        directory.send("POST", "/Users", {"schemas": [USER_URN], "userName": f"u{number}@x"})
    until(lambda: endpoints.get(directory.pushed.id).state == STANDING_STILL)  # type: ignore[union-attr]
    stored = endpoints.get(directory.pushed.id)
    assert stored is not None
    assert {each["reason"] for each in stored.attempts if each["reason"]} == {"answered 400: invalid_issuer"}
    assert "planted" not in str(directory.server.database.db.endpoints.find_one({"_id": stored.id}))
    until(lambda: len(directory.pushed_claims()) == 3 and endpoints.get(directory.pushed.id).state == ON, seconds=60)  # type: ignore[union-attr]


def test_a_stream_goes_with_its_tenant(directory: Directory, tmp_path: Path) -> None:
    directory.server.command("tenant", "delete", directory.name, "--yes")
    assert Endpoints(directory.server.database).of(directory.name) == []
