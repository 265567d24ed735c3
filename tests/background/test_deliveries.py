"""The sender's thread: it goes on after a fault of the database and after losing its lease, and gives that back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from app.background import deliveries as module
from app.background.deliveries import DeliveryThread
from app.store.delivery import delivery_lease
from app.store.delivery.delivery_lease import DELIVERIES, sender
from tests.conftest import Fault
from tests.delivery.conftest import often, sending, target  # noqa: F401 - fixtures
from tests.delivery.target import Target
from tests.delivery.world import World
from tests.processes import until


@pytest.fixture
def thread(sending: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryThread]:  # noqa: F811
    """Yield a thread that sends events; it is stopped afterwards."""
    monkeypatch.setattr(module, "CANDIDATE_SECONDS", 0.1)
    monkeypatch.setattr(delivery_lease, "PROLONG_SECONDS", 0.1)
    one = DeliveryThread(sending.database, sending.sender())
    one.start()
    until(lambda: sender(sending.database))
    yield one
    one.stop()


def test_a_thread_sends_until_it_is_stopped_and_gives_the_lease_back(
    sending: World, target: Target, thread: DeliveryThread  # noqa: F811
) -> None:
    endpoint = sending.endpoint(target)
    [event] = sending.change("u1")
    until(lambda: target.ids == [event])
    thread.stop()
    assert sender(sending.database) is None
    assert sending.caught_up(endpoint)
    sending.change("u2")
    time.sleep(0.5)
    assert target.ids == [event]


def test_a_thread_that_was_never_started_can_be_stopped(sending: World) -> None:  # noqa: F811
    DeliveryThread(sending.database, sending.sender()).stop()


def test_a_thread_goes_on_after_a_fault_of_the_database(
    sending: World, target: Target, thread: DeliveryThread, fault: Fault, caplog: pytest.LogCaptureFixture  # noqa: F811
) -> None:
    sending.endpoint(target)
    with fault(["find", "update", "findAndModify"], 2, errorCode=13):
        until(lambda: "events were not sent to endpoints" in caplog.text)
    [event] = sending.change("u1")
    until(lambda: target.ids == [event])


def test_a_thread_that_loses_its_lease_takes_it_again(
    sending: World, target: Target, thread: DeliveryThread, caplog: pytest.LogCaptureFixture  # noqa: F811
) -> None:
    sending.endpoint(target)
    sending.database.db.leases.update_one({"_id": DELIVERIES}, [{"$set": {"epoch": {"$add": ["$epoch", 1]}, "until": "$$NOW"}}])
    until(lambda: "has lost its lease" in caplog.text)
    [event] = sending.change("u1")
    until(lambda: target.ids == [event])


def test_a_thread_goes_on_after_a_fault_of_ours(
    sending: World, target: Target, thread: DeliveryThread, caplog: pytest.LogCaptureFixture  # noqa: F811
) -> None:
    sending.endpoint(target)
    # The relay's lease cannot be read any more: the number is no number.
    sending.change("u0")
    until(lambda: len(target.ids) == 1)
    row = sending.database.db.leases.find_one({"_id": "relay"})
    sending.database.db.leases.update_one({"_id": "relay"}, {"$set": {"published": "none"}})
    until(lambda: "the sender failed" in caplog.text)
    sending.database.db.leases.replace_one({"_id": "relay"}, row)
    sending.database.db.leases.update_one({"_id": DELIVERIES}, [{"$set": {"until": "$$NOW"}}])  # else ten seconds later
    [event] = sending.change("u1")
    until(lambda: target.ids[-1] == event)
