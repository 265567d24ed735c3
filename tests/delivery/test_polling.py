"""Streams by poll (RFC 8936), over HTTP, with a receiver that verifies each token against the published keys."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.delivery import polling
from app.delivery.poll_request import PollRequest
from app.errors import BadRequest
from app.store.accounts.tokens import Tokens
from app.store.delivery.acknowledging import acknowledge
from app.store.delivery.endpoint import POLL, SET, Endpoint
from app.store.delivery.endpoints import Endpoints
from tests.delivery.receiver import checked
from tests.examples import examples
from tests.feed.conftest import World, world  # noqa: F401 - a fixture
from tests.processes import until

AUDIENCE = "https://receiver.example.com"
ISSUER = "http://127.0.0.1:8000/acme"


class Receiver:
    """The receiver of one stream; it shares no code with scimd."""

    def __init__(self, world: World, tenant: str = "acme", place: int = 0) -> None:  # noqa: F811
        self.world = world
        self.tenant = world.tenant(tenant)
        self.endpoints = Endpoints(world.database)
        self.id = self.endpoints.create(tenant, POLL, place=place, audience=AUDIENCE).id
        self.path = f"/{tenant}/streams/{self.id}/poll"

    @property
    def stream(self) -> Endpoint:
        """The stream as it is stored."""
        stream = self.endpoints.get(self.id)
        assert stream is not None
        return stream

    def send(self, body: Any, token: str | None = None) -> Any:
        """Send a poll, and return the response."""
        token = token or self.world.tokens[self.tenant.name]
        return self.world.http.post(self.path, json=body, headers={"Authorization": f"Bearer {token}"})

    def poll(self, *ack: str, **members: Any) -> dict[str, Any]:
        """Return the body of the response to a poll that is not held back."""
        answer = self.send({"returnImmediately": True, "ack": list(ack)} | members)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert answer.content_type == "application/json"
        body = answer.get_json()
        assert body.keys() == {"sets", "moreAvailable"}
        return dict(body)

    def events(self, body: dict[str, Any]) -> dict[str, str]:
        """Return the id of the event of each token in a response, by its jti, in their order; each is verified."""
        jwks = self.world.http.get("/jwks").get_json()
        found = {}
        for jti, token in body["sets"].items():
            claims = checked(token, jwks, ISSUER, AUDIENCE)
            assert claims["jti"] == jti
            found[jti] = claims["txn"]
        return found


@pytest.fixture
def receiver(world: World) -> Iterator[Receiver]:  # noqa: F811
    return Receiver(world)


def some(receiver: Receiver, number: int, what: str = "user.updated") -> list[str]:
    """Let things happen, and return the ids of the events."""
    changes = [{"attribute": "title", "new": "x"}]
    events = [receiver.world.event(receiver.tenant, what, changes=changes) for _ in range(number)]
    receiver.world.number(*events)
    return [event["_id"] for event in events]


def test_ev_114_and_141_each_event_comes_until_it_is_acknowledged(receiver: Receiver) -> None:
    ids = some(receiver, 5)
    first = receiver.poll()
    told = receiver.events(first)
    assert [*told.values()] == ids
    assert first["moreAvailable"] is False
    assert receiver.poll() == first, "what is not acknowledged comes again, and is the same token"
    tokens = [*told]
    rest = receiver.poll(tokens[0], tokens[1], tokens[3])
    assert [*receiver.events(rest).values()] == [ids[2], ids[4]]
    assert (receiver.stream.place, receiver.stream.done) == (2, (4,))
    assert receiver.poll(*tokens) == {"sets": {}, "moreAvailable": False}
    assert (receiver.stream.place, receiver.stream.done, receiver.stream.delivered) == (5, (), 5)
    (later,) = some(receiver, 1)
    assert [*receiver.events(receiver.poll()).values()] == [later]


def test_ev_114_as_many_as_are_asked_for_and_whether_there_are_more(receiver: Receiver) -> None:
    ids = some(receiver, 205)
    seen: list[str] = []
    ack: list[str] = []
    for most, expected in ((3, 3), (None, 200), (1_000, 2)):
        body = receiver.poll(*ack, **({} if most is None else {"maxEvents": most}))
        told = receiver.events(body)
        assert len(told) == expected
        assert body["moreAvailable"] is (len(seen) + expected < 205)
        seen += told.values()
        ack = [*told]
    assert seen == ids


def test_ev_114_an_acknowledgement_alone_gets_no_token_and_is_not_held_back(receiver: Receiver) -> None:
    some(receiver, 2)
    tokens = [*receiver.poll()["sets"]]
    started = time.monotonic()
    answer = receiver.send({"maxEvents": 0, "ack": tokens[:1]})
    assert answer.get_json() == {"sets": {}, "moreAvailable": True}
    assert receiver.send({"maxEvents": 0, "ack": tokens}).get_json() == {"sets": {}, "moreAvailable": False}
    assert time.monotonic() - started < polling.LONGEST_WAIT
    assert receiver.stream.place == 2


def test_ev_114_a_refused_token_is_logged_and_counts_as_acknowledged(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    ids = some(receiver, 3)
    tokens = [*receiver.poll()["sets"]]
    errors = {
        tokens[0]: {"err": "invalid_key", "description": "planted text"}, tokens[1]: {"err": "planted text"},
        "unknown": {"err": "access_denied"},
    }
    with caplog.at_level(logging.WARNING, "scimd"):
        body = receiver.poll(setErrs=errors)
    assert [*receiver.events(body).values()] == ids[2:]
    logged = [record.getMessage() for record in caplog.records]
    assert [ids[0] in logged[0], "invalid_key" in logged[0], ids[1] in logged[1], len(logged)] == [True, True, True, 2]
    assert "planted" not in caplog.text
    stream = receiver.stream
    assert [(each["event"], each["status"], each["reason"]) for each in stream.attempts] == [
        (ids[0], 400, "invalid_key"), (ids[1], 400, "another error"),
    ]
    assert (stream.place, stream.failed, stream.delivered) == (2, 2, 0)


def test_what_was_not_handed_out_cannot_be_acknowledged(receiver: Receiver) -> None:
    other = Receiver(receiver.world, "globex")
    ids = some(receiver, 2)
    some(other, 2)
    foreign = [*other.world.http.post(
        other.path, json={"returnImmediately": True}, headers={"Authorization": f"Bearer {other.world.tokens['globex']}"}
    ).get_json()["sets"]]
    body = receiver.poll(*foreign, "", "x" * 10_000, *ids)
    assert [*receiver.events(body).values()] == ids
    assert receiver.stream.place == 0


def test_ev_110_events_without_a_token_hold_nothing_up(receiver: Receiver) -> None:
    some(receiver, 3, "user.roles_changed")
    (first,) = some(receiver, 1)
    some(receiver, 2, "user.roles_changed")
    (second,) = some(receiver, 1)
    body = receiver.poll()
    told = receiver.events(body)
    assert [*told.values()] == [first, second]
    assert receiver.stream.place == 3
    receiver.poll([*told][1])
    assert receiver.stream.done == (7,)
    assert receiver.poll(*told)["sets"] == {}
    assert receiver.stream.place == 7


def test_many_events_without_a_token_are_gone_through_a_part_at_a_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "MOST_EXAMINED", 4)
    some(receiver, 9, "user.roles_changed")
    (event,) = some(receiver, 1)
    for place in (4, 8):
        assert receiver.poll() == {"sets": {}, "moreAvailable": True}
        assert receiver.stream.place == place
    assert [*receiver.events(receiver.poll()).values()] == [event]


def test_an_event_that_is_never_acknowledged_holds_later_ones_up_from_some_number_on(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "WINDOW", 4)
    ids = some(receiver, 6)
    told = receiver.events(receiver.poll())
    assert [*told.values()] == ids[:4]
    rest = receiver.poll(*[*told][1:])
    assert [*receiver.events(rest).values()] == ids[:1]
    assert receiver.stream.done == (2, 3, 4)
    assert [*receiver.events(receiver.poll([*told][0])).values()] == ids[4:]
    assert (receiver.stream.place, receiver.stream.done) == (4, ())


def test_ev_114_an_empty_poll_is_held_until_something_comes(receiver: Receiver) -> None:
    other = Receiver(receiver.world, "globex")
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(receiver.send({})))
    asking.start()
    until(lambda: receiver.world.app.feed.waiters._waiting == 1)
    some(other, 1)
    assert answers == []
    (event,) = some(receiver, 1)
    asking.join(polling.LONGEST_WAIT + 5)
    assert [*receiver.events(answers[0].get_json()).values()] == [event]


def test_ev_114_a_poll_is_answered_empty_when_its_time_is_over_or_the_process_stops(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "LONGEST_WAIT", 0.1)
    assert receiver.send({}).get_json() == {"sets": {}, "moreAvailable": False}
    receiver.world.app.feed.stop_waiting()
    monkeypatch.setattr(polling, "LONGEST_WAIT", 600)
    assert receiver.send({}).get_json() == {"sets": {}, "moreAvailable": False}


def test_a_stream_that_is_asked_follows_the_events_of_others(receiver: Receiver) -> None:
    """Otherwise a quiet tenant's stream would be told after 90 days that events are no longer kept."""
    some(Receiver(receiver.world, "globex"), 3)
    receiver.poll()
    assert receiver.stream.place == 3
    receiver.world.lease(horizon=3)
    assert receiver.poll()["sets"] == {}


def test_events_that_are_no_longer_kept(receiver: Receiver) -> None:
    some(receiver, 3)
    receiver.world.lease(horizon=2)
    answer = receiver.send({"returnImmediately": True})
    assert answer.status_code == 410
    assert answer.headers["Link"] == '</acme/snapshot>; rel="snapshot"'
    receiver.endpoints.set_place(receiver.id, 2)
    assert len(receiver.poll()["sets"]) == 1


def test_a_stream_that_an_operator_sets_back_begins_anew(receiver: Receiver) -> None:
    ids = some(receiver, 2)
    told = receiver.events(receiver.poll())
    stream = receiver.stream
    receiver.poll(*told)
    receiver.endpoints.set_place(receiver.id, 0)
    assert not acknowledge(receiver.world.database, stream, 2, []), "a poll that was under way"
    assert [*receiver.events(receiver.poll()).values()] == ids


def test_two_polls_at_the_same_time_lose_no_acknowledgement(receiver: Receiver) -> None:
    some(receiver, 30)
    tokens = [*receiver.poll()["sets"]]
    bodies = [{"maxEvents": 0, "ack": [token]} for token in tokens]
    random.shuffle(bodies)
    statuses: list[int] = []

    def acknowledge_all(mine: list[dict[str, Any]]) -> None:
        for body in mine:
            while (status := receiver.send(body).status_code) == 503:
                statuses.append(status)
            statuses.append(status)

    threads = [threading.Thread(target=acknowledge_all, args=(bodies[number::3],)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {*statuses} <= {200, 503}
    assert (receiver.stream.place, receiver.stream.done, receiver.stream.delivered) == (30, (), 30)


@pytest.mark.parametrize("form", [SET, "webhook"])
def test_only_a_stream_by_poll_can_be_polled(receiver: Receiver, form: str) -> None:
    pushed = receiver.endpoints.create("acme", form, place=0, url="https://x.example.com/")
    receiver.path = f"/acme/streams/{pushed.id}/poll"
    assert receiver.send({}).status_code == 404


def test_a_stream_of_another_tenant_is_none(receiver: Receiver) -> None:
    other = Receiver(receiver.world, "globex")
    some(receiver, 1)
    other.path = f"/globex/streams/{receiver.id}/poll"
    for token in (None, receiver.world.everyone):
        assert other.send({"returnImmediately": True}, token).status_code == 404
    receiver.path = f"/acme/streams/{receiver.id}/poll"
    assert receiver.send({"returnImmediately": True}, receiver.world.tokens["globex"]).status_code == 401
    assert len(receiver.send({"returnImmediately": True}, receiver.world.everyone).get_json()["sets"]) == 1


def test_ev_114_the_scope_is_events_read(receiver: Receiver) -> None:
    entra = Tokens(receiver.world.database).issue("acme")[0]
    answer = receiver.send({}, entra)
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="events.read"'
    assert receiver.world.http.post(receiver.path, json={}).status_code == 401


def test_a_stream_that_is_turned_off(receiver: Receiver) -> None:
    receiver.endpoints.disable(receiver.id, "by an operator")
    assert receiver.send({}).status_code == 403
    receiver.endpoints.enable(receiver.id)
    assert receiver.send({"returnImmediately": True}).status_code == 200


def test_events_of_an_earlier_tenant_with_the_name_are_not_told(receiver: Receiver) -> None:
    receiver.world.number(receiver.world.event(receiver.tenant) | {"tenantId": "1"})
    assert receiver.poll()["sets"] == {}


def test_other_methods(receiver: Receiver) -> None:
    headers = {"Authorization": f"Bearer {receiver.world.tokens['acme']}"}
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = receiver.world.http.open(receiver.path, method=method, headers=headers)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "OPTIONS, POST"
    for path in ("/acme/streams", f"/acme/streams/{receiver.id}", "/streams", "/acme/jwks"):
        assert receiver.world.http.get(path, headers=headers).status_code == 404


NO_POLLS: list[Any] = [
    {"maxEvents": -1}, {"maxEvents": True}, {"maxEvents": 1.5}, {"maxEvents": "3"}, {"maxEvents": None},
    {"returnImmediately": 1}, {"returnImmediately": None}, {"ack": "x"}, {"ack": [1]}, {"ack": {}}, {"ack": None},
    {"setErrs": []}, {"setErrs": {"x": "invalid_key"}}, {"setErrs": None}, [], "x", None, 3,
]


def test_a_body_that_is_no_poll_changes_nothing(receiver: Receiver) -> None:
    some(receiver, 1)
    for body in NO_POLLS:
        answer = receiver.send(body)
        assert answer.status_code == 400, body
        assert answer.get_json()["detail"], body
        assert receiver.stream.place == 0, body


def test_members_that_are_not_known_are_ignored(receiver: Receiver) -> None:
    (event,) = some(receiver, 1)
    assert [*receiver.events(receiver.poll(more={"x": 1})).values()] == [event]


@given(st.dictionaries(
    st.sampled_from(["maxEvents", "returnImmediately", "ack", "setErrs", "x"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)
                 | st.dictionaries(st.text(max_size=3) | st.just("err"), inner, max_size=3)),
))
@settings(max_examples=examples(60), deadline=None)
def test_any_body_is_a_poll_or_refused(body: dict[str, Any]) -> None:
    try:
        request = PollRequest.from_body(body)
    except BadRequest:
        return
    assert 0 <= request.most <= 200
    assert not request.accepted & request.refused.keys()


def test_ev_112_the_keys_are_public(world: World) -> None:  # noqa: F811
    answer = world.http.get("/jwks")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert (answer.headers["Cache-Control"], answer.headers["Access-Control-Allow-Origin"]) == ("public, max-age=3600", "*")
    (key,) = answer.get_json()["keys"]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    assert world.http.post("/jwks").status_code == 405


def test_ev_112_other_keys_of_the_server_are_not_among_them(world: World) -> None:  # noqa: F811
    world.tenant("acme")
    of_apps = {key["kid"] for key in world.http.get("/acme/oauth/jwks").get_json()["keys"]}
    assert not of_apps & {key["kid"] for key in world.http.get("/jwks").get_json()["keys"]}


BYTES = [
    (b"", "application/json", 400), (b"{", "application/json", 400), (b"\xff", "application/json", 400),
    (b'{"ack": ["\\ud800"]}', "application/json", 400), (b'{"ack": ["\\u0000"]}', "application/json", 400),
    (b'{"maxEvents": 1, "maxEvents": 2}', "application/json", 400), (b'{"maxEvents": NaN}', "application/json", 400),
    (b'{"maxEvents": ' + b"9" * 2_000 + b"}", "application/json", 400), (b'{"x": ' + b"[" * 100 + b"]" * 100 + b"}", "application/json", 400),
    (b"ack=x", "application/x-www-form-urlencoded", 415), (b"{}", "text/plain", 415),
    (b'{"ack": ["' + b"x" * 5_000_000 + b'"]}', "application/json", 413),
    (b'{"maxEvents": 0, "ack": [' + b",".join(b'"%d"' % number for number in range(200_000)) + b"]}", "application/json", 200),
]
"""Bodies, their media types, and the status of the answer."""


def test_any_bytes_get_an_answer_and_change_nothing(receiver: Receiver) -> None:
    some(receiver, 1)
    for data, kind, status in BYTES:
        headers = {"Authorization": f"Bearer {receiver.world.tokens['acme']}", "Content-Type": kind}
        answer = receiver.world.http.post(receiver.path, data=data, headers=headers)
        assert answer.status_code == status, (data[:80], answer.get_data(as_text=True))
        assert receiver.stream.place == 0, data[:80]


def test_any_id_of_a_stream_that_there_is_not(receiver: Receiver) -> None:
    headers = {"Authorization": f"Bearer {receiver.world.tokens['acme']}"}
    for stream in ("%00", "%FF", "a" * 3_000, "..", "%2e%2e", "*", "ep_%0a", "é", "$ne"):
        answer = receiver.world.http.post(f"/acme/streams/{stream}/poll", json={"maxEvents": 0}, headers=headers)
        assert answer.status_code in (401, 404), stream
