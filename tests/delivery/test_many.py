"""Many endpoints that do not answer, beside one that does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.delivery.message import Outcome
from app.store.delivery.endpoint import Endpoint
from tests.delivery.target import Target
from tests.delivery.world import Background, World
from tests.processes import until

NUMBER = 50


@pytest.fixture
def silent() -> Iterator[str]:
    """Yield the URL of an endpoint that accepts connections and never answers."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def delays(sending: World, target: Target, number: int) -> list[float]:
    """Return how long each of some events took from the log to the endpoint, one after the other."""
    found = []
    for each in range(number):
        begun = time.monotonic()
        [event] = sending.change(f"live-{each}")
        until(lambda: event in target.ids, 60, pause=0.005)  # noqa: B023
        found.append(time.monotonic() - begun)
    return found


@pytest.mark.parametrize("kind", ["silent", "refused"])
def test_ev_139_fifty_dead_endpoints_do_not_hold_up_a_live_one(
    sending: World, target: Target, silent: str, kind: str
) -> None:
    live = sending.endpoint(target)
    [first] = sending.change("u0")
    with Background(sending.sender()):
        until(lambda: first in target.ids)
        dead = [sending.endpoint(target, url=silent if kind == "silent" else "http://127.0.0.1:9/") for _ in range(NUMBER)]
        sending.change(*[f"u{number}" for number in range(20)])
        until(lambda: len(target.ids) == 21, 60)
        # No attempt at a silent endpoint has ended when these have arrived, unless they had to wait for one.
        found = delays(sending, target, 5)
        print(kind, "longest delay", max(found))
        assert max(found) < 15
        until(lambda: sending.caught_up(live))
        assert sending.put_aside(live) == []
    assert {sending.read(each).delivered for each in dead} == {0}


def test_ev_139_a_dead_endpoint_keeps_nothing_in_memory_and_few_documents(sending: World, target: Target) -> None:
    def attempt(endpoint: Endpoint, *_: object) -> Outcome:
        return Outcome(500, "answered 500")

    sender = sending.sender(attempt=attempt)
    dead = [sending.endpoint(target) for _ in range(10)]
    sending.change(*[f"u{number}" for number in range(300)])
    with Background(sender):
        until(lambda: {sending.read(each).state for each in dead} == {"standing still"}, 60)
        until(lambda: not list(sender._turns), 60)
    assert {len(sending.put_aside(each)) for each in dead} == {5}
