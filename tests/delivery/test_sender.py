"""The sender: what arrives, in which order, and what is written meanwhile."""

from __future__ import annotations

from app.delivery.sending.sender import Sender
from tests.delivery.target import Target
from tests.delivery.world import World, run_until


def test_ev_95_events_arrive_in_the_order_of_their_resource(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    events = sending.change("u1", "u2", "u1", "u3", "u1")
    run_until(sender, lambda: len(target.ids) == 5)
    assert set(target.ids) == set(events)
    assert [each.event["data"]["id"] for each in target.accepted].count("u1") == 3
    assert [each for each in target.ids if each in (events[0], events[2], events[4])] == [events[0], events[2], events[4]]
    run_until(sender, lambda: sending.caught_up(endpoint))
