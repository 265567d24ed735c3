"""What an operator does to an endpoint while an event is on its way there, and what the sender then writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.delivery.sending import turns
from app.delivery.sending.sender import Sender
from app.store.delivery.endpoint import OFF
from tests.delivery.conftest import OFTEN
from tests.delivery.target import Reply, Target
from tests.delivery.world import World, run_for, run_until
from tests.tenants import delete_for_good

STATUSES = pytest.mark.parametrize("status", [204, 410, 500])
NOTICED = pytest.mark.parametrize("noticed", [True, False], indirect=True)
"""Whether the sender, which looks from time to time, has noticed what the operator did when the answer comes."""


@pytest.fixture
def noticed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether the sender is to notice it; otherwise let it look again only after what it writes is refused."""
    if not request.param:
        monkeypatch.setattr(turns, "REFRESH_SECONDS", 60)
    return bool(request.param)


@pytest.fixture
def hold(target: Target) -> Iterator[Callable[[int], threading.Event]]:
    """Return a function that lets the target answer with a status only once the event that it returns is set."""
    release = threading.Event()

    def hold(status: int) -> threading.Event:
        def reply(_: object) -> Reply:
            release.wait(30)
            return Reply(status)

        target.reply = reply
        return release

    yield hold
    release.set()


@NOTICED
@STATUSES
def test_ev_96_an_endpoint_that_is_deleted_meanwhile_leaves_nothing(
    sending: World, sender: Sender, target: Target, hold: Callable[[int], threading.Event], status: int, noticed: bool
) -> None:
    release = hold(status)
    endpoint = sending.endpoint(target)
    sending.change("u1", "u1")
    run_until(sender, lambda: target.arrived)
    sending.endpoints.delete(endpoint.id)
    run_until(sender, lambda: not noticed or all(run.is_over for run in sender._turns))
    release.set()
    run_until(sender, lambda: target.arrived[0].ended and not list(sender._turns))
    assert sending.endpoints.get(endpoint.id) is None
    assert sending.put_aside(endpoint) == []
    assert not noticed or len(target.arrived) == 1


@NOTICED
@STATUSES
def test_ev_96_an_endpoint_that_is_turned_off_meanwhile_stays_off_and_goes_on_where_it_was(
    sending: World, sender: Sender, target: Target, hold: Callable[[int], threading.Event], status: int, noticed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = hold(status)
    endpoint = sending.endpoint(target)
    events = sending.change("u1", "u1")
    run_until(sender, lambda: target.arrived)
    off = sending.endpoints.disable(endpoint.id, "by hand")
    run_until(sender, lambda: not noticed or all(run.is_over for run in sender._turns))
    release.set()
    run_until(sender, lambda: target.arrived[0].ended and not list(sender._turns))
    monkeypatch.setattr(turns, "REFRESH_SECONDS", OFTEN)
    run_for(sender, 0.3)
    assert sending.read(endpoint) == off
    assert (off.state, off.reason, off.place) == (OFF, "by hand", endpoint.place)
    assert sending.put_aside(endpoint) == []
    assert not noticed or len(target.arrived) == 1
    target.reply = lambda _: Reply()
    sending.endpoints.enable(endpoint.id)
    run_until(sender, lambda: sending.caught_up(endpoint))
    assert target.ids[-2:] == events


@STATUSES
def test_ev_101_a_place_that_is_set_meanwhile_stays(
    sending: World, sender: Sender, target: Target, hold: Callable[[int], threading.Event], status: int
) -> None:
    endpoint = sending.endpoint(target)
    first = sending.change("u1", "u2")
    run_until(sender, lambda: sending.caught_up(endpoint))
    release = hold(status)
    [later] = sending.change("u3")
    run_until(sender, lambda: len(target.arrived) == 3)
    sending.endpoints.set_place(endpoint.id, endpoint.place)
    target.reply = lambda _: Reply()
    release.set()
    run_until(sender, lambda: sending.has_all(endpoint))
    assert {*first, later} <= {*target.ids[2:]}


@STATUSES
def test_ev_138_a_tenant_that_is_deleted_meanwhile_leaves_nothing(
    sending: World, sender: Sender, target: Target, hold: Callable[[int], threading.Event], status: int
) -> None:
    release = hold(status)
    sending.tenant("fabrikam")
    endpoint = sending.endpoint(target, "fabrikam")
    sending.change("u1", tenant="fabrikam")
    run_until(sender, lambda: target.arrived)
    delete_for_good(sending.database, "fabrikam")
    release.set()
    run_until(sender, lambda: target.arrived[0].ended and not list(sender._turns))
    assert sending.endpoints.get(endpoint.id) is None
    assert sending.put_aside(endpoint) == []


def test_ev_96_what_fails_is_written_in_the_session_that_the_next_sender_ends(
    sending: World, sender: Sender, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Any] = []
    transaction = sending.database.transaction

    def watched(work: Callable[..., Any], **named: Any) -> Any:
        sessions.append(named.get("session"))
        return transaction(work, **named)

    target.reply = lambda _: Reply(500)
    endpoint = sending.endpoint(target)
    sending.change("u1")
    monkeypatch.setattr(sending.database, "transaction", watched)
    run_until(sender, lambda: sending.put_aside(endpoint))
    stored = sending.database.db.leases.find_one({"_id": "deliveries"})
    assert stored
    assert [session.session_id for session in sessions] == [stored["session"]]
