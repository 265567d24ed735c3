"""Many endpoints that do not answer, beside one that does."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from app.delivery.message import Outcome
from app.delivery.sending import attempt
from app.delivery.sending.sender import UNPROVEN
from app.store.delivery.endpoint import Endpoint
from tests.delivery.target import Target
from tests.delivery.world import Background, World
from tests.processes import until

NUMBER = 50


class Silent:
    """An endpoint that accepts connections and never answers."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._accepted: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"

    def accept(self, number: int) -> None:
        """Wait for as many connections."""
        self._listening.settimeout(60)
        self._accepted += [self._listening.accept()[0] for _ in range(number)]

    def close(self) -> None:
        """End the attempts that are under way."""
        for each in (self._listening, *self._accepted):
            each.close()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Silent]:
    monkeypatch.setattr(attempt, "SECONDS", 600.0)  # no attempt there ends before the test does
    silent = Silent()
    yield silent
    silent.close()


@pytest.mark.parametrize("kind", ["silent", pytest.param("refused", marks=pytest.mark.long)])
def test_ev_139_fifty_dead_endpoints_do_not_hold_up_a_live_one(
    sending: World, target: Target, silent: Silent, kind: str
) -> None:
    live = sending.endpoint(target)
    [first] = sending.change("u0")
    with Background(sending.sender()):
        until(lambda: first in target.ids)
        dead = [sending.endpoint(target, url=silent.url if kind == "silent" else "http://127.0.0.1:9/") for _ in range(NUMBER)]
        sending.change(*[f"u{number}" for number in range(20)])
        if kind == "silent":
            silent.accept(UNPROVEN)
        until(lambda: sending.database.db.endpoints.count_documents({"turn": {"$gt": 0}}) == 1 + NUMBER, 60)
        for number in range(5):
            [event] = sending.change(f"live-{number}")
            until(lambda: event in target.ids, 60, pause=0.005)  # noqa: B023
        until(lambda: sending.caught_up(live), 60)
        assert sending.put_aside(live) == []
        silent.close()
    assert len({*target.ids}) == 26
    assert {sending.read(each).delivered for each in dead} == {0}


def test_ev_139_a_dead_endpoint_keeps_nothing_in_memory_and_few_documents(sending: World, target: Target) -> None:
    def refused(endpoint: Endpoint, *_: object) -> Outcome:
        return Outcome(500, "answered 500")

    sender = sending.sender(attempt=refused)
    dead = [sending.endpoint(target) for _ in range(10)]
    sending.change(*[f"u{number}" for number in range(120)])
    with Background(sender):
        until(lambda: {sending.read(each).state for each in dead} == {"standing still"}, 60)
        until(lambda: not list(sender._turns), 60)
    assert {len(sending.put_aside(each)) for each in dead} == {5}
