"""Streams by push (RFC 8935): the request that is sent, and what each answer means."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any, NamedTuple

import pytest

from app.delivery.message import Form, Outcome
from app.delivery.push import push_form
from app.delivery.security_event import SecurityEvents
from app.outgoing.http import deliver
from app.store.accounts.sealing import Sealer
from app.store.delivery.endpoint import SET, Endpoint
from app.store.mongo.database import Database
from app.store.sign_on.signing_keys import EVENT_TOKEN, SigningKeys
from tests.delivery.receiver import checked
from tests.delivery.world import Clock

AUDIENCE = "https://receiver.example.com"
EVENT: Mapping[str, Any] = {
    "id": "0b6c", "tenant": "acme", "type": "scimd.user.updated", "subject": "Users/2819c223",
    "time": "2026-11-28T17:15:09.123Z",
    "data": {"operation": "patch", "id": "2819c223", "version": 'W/"4"', "changes": [{"attribute": "title", "new": "x"}]},
}


class Received(NamedTuple):
    """A request that a receiver has got."""

    headers: dict[str, str]
    body: str


class PushReceiver:
    """Takes tokens by HTTP on loopback; answers 202, or what `answers` says first."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[tuple[int, bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(dict(self.headers), body.decode()))
                status, answer = receiver.answers.pop(0) if receiver.answers else (202, b"")
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"


@contextmanager
def push_receiver() -> Iterator[PushReceiver]:
    """Yield a receiver that runs."""
    receiver = PushReceiver()
    with receiver.server:
        thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        receiver.server.shutdown()
        thread.join()


class Pusher:
    """Sends events to one stream as the server does, without its schedule."""

    def __init__(self, database: Database, url: str) -> None:
        self.clock = Clock()
        self.seconds = 0.0
        sealer = Sealer(database)
        self.keys = SigningKeys(database, sealer, self.clock)
        tokens = SecurityEvents(self.keys, lambda tenant: f"https://scim.example.com/{tenant}")
        self.form: Form = push_form(tokens, sealer, lambda: self.seconds)
        self.stream = Endpoint(
            id="ep_1", tenant="acme", form=SET, created=datetime.now(UTC), since=datetime.now(UTC), place=0, url=url,
            audience=AUDIENCE, authorization=sealer.seal(b"Bearer planted-secret"),
        )

    def push(self, event: Mapping[str, Any] = EVENT) -> Outcome:
        """Send the token about an event, and return what became of it."""
        (message,) = self.form.messages(self.stream, event, {})
        allowed = (ip_network("127.0.0.0/8"),)
        answer = deliver(message.url, message.body, message.headers, deadline=time.monotonic() + 15, allowed=allowed)
        return self.form.judged(answer)

    def claims(self, received: Received) -> dict[str, Any]:
        """Return the claims of a token, which is verified."""
        jwks = {"keys": [key.public for key in self.keys.published(EVENT_TOKEN)]}
        return checked(received.body, jwks, "https://scim.example.com/acme", AUDIENCE)


@pytest.fixture
def receiver() -> Iterator[PushReceiver]:
    with push_receiver() as running:
        yield running


@pytest.fixture
def pusher(reused_database: Database, receiver: PushReceiver) -> Pusher:
    return Pusher(reused_database, receiver.url)


def test_ev_113_and_141_the_request(pusher: Pusher, receiver: PushReceiver) -> None:
    assert pusher.push() == Outcome(202)
    (got,) = receiver.received
    assert got.headers["Content-Type"] == "application/secevent+jwt"
    assert got.headers["Accept"] == "application/json"
    assert got.headers["Authorization"] == "Bearer planted-secret"
    claims = pusher.claims(got)
    assert claims["txn"] == "0b6c"
    assert claims["sub_id"]["uri"] == "/Users/2819c223"


def test_ev_113_no_authorization_where_none_is_given(reused_database: Database, receiver: PushReceiver) -> None:
    pusher = Pusher(reused_database, receiver.url)
    pusher.stream = Endpoint(
        id="ep_2", tenant="acme", form=SET, created=datetime.now(UTC), since=datetime.now(UTC), place=0,
        url=receiver.url, audience=AUDIENCE,
    )
    pusher.push()
    assert "Authorization" not in receiver.received[0].headers


@pytest.mark.parametrize("status", [200, 202, 204])
def test_ev_113_any_2xx_is_success(pusher: Pusher, receiver: PushReceiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    assert pusher.push().succeeded


@pytest.mark.parametrize(("code", "of_the_stream"), [
    ("invalid_request", False), ("invalid_key", True), ("invalid_issuer", True), ("invalid_audience", True),
    ("authentication_failed", True), ("access_denied", True),
])
def test_ev_113_what_a_receiver_says_is_wrong_is_kept(
    pusher: Pusher, receiver: PushReceiver, code: str, of_the_stream: bool
) -> None:
    receiver.answers = [(400, json.dumps({"err": code, "description": "planted"}).encode())]
    assert pusher.push() == Outcome(400, f"answered 400: {code}", endpoint_fails=of_the_stream)


@pytest.mark.parametrize(("status", "body", "reason"), [
    (400, b'{"err": "planted text"}', "answered 400: another error"),
    (400, b"", "answered 400"), (400, b"planted", "answered 400"), (400, b"[]", "answered 400"),
    (400, b'{"err": {"planted": 1}}', "answered 400"), (400, b'{"err"', "answered 400"), (400, b"\xff\xfe", "answered 400"),
    (400, b"[" * 60_000, "answered 400"),
    (401, b'{"err": "access_denied"}', "answered 401"), (302, b"", "answered 302"), (500, b"planted", "answered 500"),
])
def test_any_other_answer_is_a_failure_of_which_nothing_is_kept(
    pusher: Pusher, receiver: PushReceiver, status: int, body: bytes, reason: str
) -> None:
    receiver.answers = [(status, body)]
    assert pusher.push() == Outcome(status, reason)


def test_a_receiver_that_wants_nothing_more(pusher: Pusher, receiver: PushReceiver) -> None:
    receiver.answers = [(410, b"")]
    assert pusher.push().is_gone


def test_ev_110_nothing_is_sent_for_an_event_without_a_token(pusher: Pusher) -> None:
    for kind in ("user.roles_changed", "test", "tenant.deleted"):
        assert not pusher.form.messages(pusher.stream, {**EVENT, "type": f"scimd.{kind}"}, {})


def test_ev_111_the_same_token_at_each_attempt(pusher: Pusher, receiver: PushReceiver) -> None:
    receiver.answers = [(500, b""), (202, b"")]
    assert [pusher.push().succeeded, pusher.push().succeeded] == [False, True]
    first, second = receiver.received
    assert first.body == second.body


def test_ev_112_a_new_key_signs_soon_after_its_time_has_come(pusher: Pusher, receiver: PushReceiver) -> None:
    pusher.push()
    new = pusher.keys.rotate(EVENT_TOKEN, at_once=True)
    pusher.seconds = 6.0
    pusher.push()
    with pytest.raises(ValueError, match="unpack"):
        pusher.claims(receiver.received[0])  # the old key is not published any more
    assert pusher.claims(receiver.received[1])
    assert new.id == pusher.keys.current(EVENT_TOKEN).id
