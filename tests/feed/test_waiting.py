"""Requests that wait for events: until there are some, until their time is over, and never too many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from app.feed.feed import Feed
from app.feed.parameters import ChangesRequest
from app.feed.waiting import MOST_WAITING, Waiters
from app.store.accounts.tenants import Tenant
from app.store.log.sequence import EventSequence
from app.store.mongo.budget import current_deadline
from app.store.mongo.database import Database
from tests.feed.conftest import World
from tests.processes import until

LONG = 60
"""Seconds that a request waits here, and that a test waits for it."""


class Asides:
    """Counts the requests that are aside, as the door does with their threads."""

    def __init__(self) -> None:
        self.now = 0
        self.entered = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.now += 1
        self.entered += 1
        yield
        self.now -= 1


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MOST_WAITING + 4) as pool:
        yield pool


@pytest.fixture
def waiting() -> list[int]:
    """Return how many requests wait, as the metric is told."""
    return [0]


@pytest.fixture
def feed(world: World, waiting: list[int]) -> Iterator[Feed]:
    def count(number: int) -> None:
        waiting[0] += number

    feed = Feed(world.database, lambda tenant: f"http://x/{tenant}", lambda profile, tenant: None, count)  # type: ignore[arg-type,return-value]
    yield feed
    feed.stop_waiting()
    until(lambda: not looking())


@pytest.fixture
def ask(feed: Feed, pool: ThreadPoolExecutor) -> Callable[..., Future[dict[str, Any]]]:
    def ask(tenant: Tenant | None, **given: Any) -> Future[dict[str, Any]]:
        aside = given.pop("aside", None) or Asides()
        return pool.submit(feed.changes, tenant, ChangesRequest(**{"wait": LONG} | given), aside)

    return ask


def looking() -> int:
    """Return how many threads look for events."""
    return [thread.name for thread in threading.enumerate()].count("waiting for events")


def about(world: World, tenant: Tenant) -> Any:
    return world.event(tenant, "tenant.created", tenant.name)


def test_ev_75_an_empty_page_is_held_until_something_comes(world: World, ask: Any, waiting: list[int]) -> None:
    acme, globex = world.tenant("acme"), world.tenant("globex")
    asked = [ask(acme), ask(None), ask(acme, after="now")]
    until(lambda: waiting == [3])
    world.number(about(world, globex))
    assert len(asked[1].result(LONG)["events"]) == 1
    world.number(about(world, acme))
    for each in (asked[0], asked[2]):
        page = each.result(LONG)
        assert [event["tenant"] for event in page["events"]] == ["acme"]
    until(lambda: waiting == [0])


def test_ev_75_events_of_others_do_not_answer(world: World, ask: Any, waiting: list[int], feed: Feed) -> None:
    acme, globex = world.tenant("acme"), world.tenant("globex")
    asked = ask(acme)
    until(lambda: waiting == [1])
    for _ in range(3):
        world.number(about(world, globex))
        time.sleep(0.3)
    assert not asked.done()
    feed.stop_waiting()
    page = asked.result(LONG)
    assert (page["events"], page["more"]) == ([], False)


def test_ev_75_an_empty_page_after_the_time_is_over(world: World, ask: Any) -> None:
    acme = world.tenant("acme")
    world.number(about(world, acme))
    page = ask(acme, after=f"1.{acme.tenant_id}", wait=1).result(LONG)
    assert page == {"events": [], "cursor": f"1.{acme.tenant_id}", "more": False}


def test_ev_75_types_that_do_not_match_move_the_cursor_on(world: World, ask: Any, waiting: list[int]) -> None:
    acme = world.tenant("acme")
    asked = ask(acme, types=("scimd.group.*",))
    until(lambda: waiting == [1])
    world.number(about(world, acme))
    time.sleep(0.3)
    assert not asked.done()
    world.number(about(world, acme) | {"type": "scimd.group.created"})
    page = asked.result(LONG)
    assert page["cursor"] == f"2.{acme.tenant_id}"
    assert len(page["events"]) == 1


def test_ev_75_at_most_16_wait_and_further_ones_are_answered_at_once(world: World, ask: Any, feed: Feed, waiting: list[int]) -> None:
    acme = world.tenant("acme")
    asked = [ask(acme) for _ in range(MOST_WAITING)]
    until(lambda: waiting == [MOST_WAITING])
    assert ask(acme).result(LONG / 2)["events"] == []
    assert ask(None).result(LONG / 2)["events"] == []
    assert not any(each.done() for each in asked)
    feed.stop_waiting()
    assert [each.result(LONG / 2)["events"] for each in asked] == [[]] * MOST_WAITING
    assert waiting == [0]


def test_ev_75_a_process_that_stops_lets_nobody_wait(world: World, ask: Any, feed: Feed) -> None:
    feed.stop_waiting()
    assert ask(world.tenant("acme")).result(LONG / 2)["events"] == []


def test_ev_75_the_reading_after_the_waiting_has_a_budget_of_its_own(
    world: World, feed: Feed, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request whose budget is used up by the waiting still gets the event that it waited for."""
    acme = world.tenant("acme")
    seen: list[float] = []
    reading = EventSequence.reading

    def noting(self: EventSequence) -> Any:
        deadline = current_deadline()
        assert deadline is not None
        seen.append(deadline - time.monotonic())
        return reading(self)

    monkeypatch.setattr(EventSequence, "reading", noting)

    def request() -> dict[str, Any]:
        with world.database.budget(1.0):
            return feed.changes(acme, ChangesRequest(wait=LONG), Asides())

    with ThreadPoolExecutor(1) as one:
        asked = one.submit(request)
        until(lambda: waiting == [1])
        time.sleep(1.2)
        world.number(about(world, acme))
        assert len(asked.result(LONG)["events"]) == 1
    assert seen[0] <= 1.0
    assert seen[-1] > 15


def test_ev_75_who_waits_holds_no_thread(world: World, ask: Any, waiting: list[int]) -> None:
    acme, asides = world.tenant("acme"), Asides()
    asked = ask(acme, aside=asides)
    until(lambda: waiting == [1])
    assert asides.now == 1
    world.number(about(world, acme))
    asked.result(LONG)
    assert (asides.now, asides.entered) == (0, 1)
    assert ask(acme, aside=asides).result(LONG / 2)["events"]
    assert asides.entered == 1  # an answer that is ready is given at once


def test_ev_33_the_relay_of_the_process_is_heard_at_once(world: World, ask: Any, waiting: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.feed.waiting.PAUSE", 60)
    acme = world.tenant("acme")
    asked = ask(acme)
    until(lambda: waiting == [1])
    time.sleep(0.3)
    world.number(about(world, acme))
    time.sleep(0.3)
    assert not asked.done()

    def wake() -> None:
        with world.database.moved:
            world.database.moved.notify_all()

    wake()
    assert len(asked.result(LONG)["events"]) == 1
    until(lambda: wake() or not looking())  # it may have begun another pause of a minute


def test_ev_33_one_thread_looks_and_only_while_somebody_waits(world: World, ask: Any, feed: Feed, waiting: list[int]) -> None:
    acme = world.tenant("acme")
    asked = [ask(acme) for _ in range(5)]
    until(lambda: waiting == [5])
    assert looking() == 1
    world.number(about(world, acme))
    assert all(each.result(LONG)["events"] for each in asked)
    until(lambda: looking() == 0)


def test_a_look_that_the_database_does_not_answer_is_repeated(reused_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.errors import Unavailable

    sequence, looks = EventSequence(reused_database), []

    def news(place: int | None) -> Any:
        looks.append(place)
        if len(looks) < 3:
            raise Unavailable("not now")
        return EventSequence.news(sequence, place)

    monkeypatch.setattr(sequence, "news", news)
    reused_database.db.leases.insert_one({"_id": "relay", "published": 5})
    waiters = Waiters(reused_database, sequence, lambda _: None)
    assert waiters.wait(None, 4, LONG) is True
    assert len(looks) >= 3
