"""Whatever several relays do at once, no event is lost, none comes twice or out of order, and totals are exact.

Two versions of the protocol that look right are not: each test of the checker shows it one of them.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient, UpdateMany

from app.store.log import emptying
from app.store.log.lease import Lease, Moved
from app.store.log.outbox import OUTBOX, RELAY
from app.store.mongo.database import Database, Session
from tests.examples import examples
from tests.store.log.protocol import SPECS, Gate, World, Wrong, no_lease_lasts

RELAYS = 3
DOCUMENTS = ("a", "b")
Act = tuple[str, int]
KINDS = ("step",) * 8 + ("write",) * 3 + ("remove", "leave", "kill", "look")


@pytest.fixture(scope="module")
def new_world(mongod: Database, mongod_uri: str) -> Iterator[Callable[[], World]]:
    """Yield a function that makes a world, in the same database each time."""
    database = Database(mongod.client, f"protocol-{uuid.uuid4().hex}")
    database.prepare(SPECS)
    gates = [Gate() for _ in range(RELAYS)]
    clients = [MongoClient(mongod_uri, tz_aware=True, w="majority", readConcernLevel="majority", event_listeners=[gate]) for gate in gates]
    with no_lease_lasts():
        yield lambda: World(database, list(zip(clients, gates, strict=True)))
    for client in clients:
        client.close()
    mongod.client.drop_database(database.db.name)


def act(world: World, kind: str, number: int) -> None:
    """Do one thing; the number says with which relay or document, and how many commands it sends."""
    if kind == "step":
        for _ in range(1 + number // RELAYS):
            world.owners[number % RELAYS].step()
    elif kind == "kill":
        world.kill(number % RELAYS)
    elif kind == "look":
        world.look()
    else:
        getattr(world, kind)(DOCUMENTS[number % len(DOCUMENTS)])


def play(world: World, acts: list[Act]) -> None:
    """Do one thing after the other, and look at what has come of it."""
    try:
        for kind, number in acts:
            act(world, kind, number)
        world.look()
        world.finish()
    finally:
        world.close()


ACTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 29)), min_size=20, max_size=60)


@settings(max_examples=examples(5), deadline=None)
@given(ACTS)
def test_ev_132_whatever_the_relays_do_at_once(new_world: Callable[[], World], acts: list[Act]) -> None:
    play(new_world(), acts)


@pytest.mark.long
@settings(max_examples=1_000, deadline=None)
@given(ACTS)
def test_ev_132_whatever_the_relays_do_at_once_for_long(new_world: Callable[[], World], acts: list[Act]) -> None:
    play(new_world(), acts)


def emptied_after_something_came(world: World) -> None:
    """Stop a relay between its commit and the emptying; a second one empties, and another event comes."""
    first, second, _ = world.owners
    world.write("a")
    first.step_to("update users")
    second.step_to("update users")
    second.step()
    world.write("a")
    first.step()
    world.finish()


def moved_after_it_was_deposed(world: World) -> None:
    """Stop a relay before its transaction; a second one moves the same event and the next one."""
    first, second, _ = world.owners
    world.write("a")
    first.step_to("insert events")
    for _ in range(2):
        second.step_to("update users")
        second.step()
        world.write("a")
    world.look()
    for _ in range(20):
        first.step()
    world.finish()


def by_size_alone(moved: Sequence[Moved]) -> UpdateMany:
    """Return what empties outboxes as long as they have as many events as were moved."""
    documents = {"_id": {"$in": [each["document"] for each in moved]}, OUTBOX: {"$size": 1}}
    return UpdateMany(documents, {"$unset": {OUTBOX: ""}})


def without_the_fence(self: Lease, change: dict[str, Any], session: Session = None) -> None:
    """Write to the lease, whoever has it."""
    self._leases.update_one({"_id": RELAY}, [{"$set": change}], session=session)


SCHEDULES = (emptied_after_something_came, moved_after_it_was_deposed)
WRONG = {
    "by size alone": lambda: patch.object(emptying, "_removal_of_all", by_size_alone),
    "without the fence": lambda: patch.object(Lease, "_change", without_the_fence),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ev_132_a_relay_that_was_stopped_does_no_harm(new_world: Callable[[], World], schedule: Callable[[World], None]) -> None:
    world = new_world()
    try:
        schedule(world)
    finally:
        world.close()


@pytest.mark.parametrize("steps", range(10))
def test_ev_29_a_relay_that_is_killed_while_it_empties_leaves_nothing(new_world: Callable[[], World], steps: int) -> None:
    """A second relay is killed, too, while it removes what the first one has moved."""
    world = new_world()
    first, second, _ = world.owners
    try:
        world.write("a")
        world.write("b")
        world.leave("a")
        first.step_to("commitTransaction 1")
        first.step()
        world.kill(0)
        second.step_to("findAndModify leases")
        for _ in range(steps):
            second.step()
        world.kill(1)
        world.finish()
    finally:
        world.close()


@pytest.mark.parametrize(("wrong", "schedule"), [*zip(WRONG, SCHEDULES, strict=True)])
def test_ev_132_the_checker_sees_what_is_wrong(new_world: Callable[[], World], wrong: str, schedule: Callable[[World], None]) -> None:
    world = new_world()
    with WRONG[wrong]():
        try:
            with pytest.raises(Wrong):
                schedule(world)
        finally:
            world.close()


@pytest.mark.parametrize("wrong", [pytest.param("by size alone", marks=pytest.mark.long), "without the fence"])
def test_ev_132_chance_finds_what_is_wrong(new_world: Callable[[], World], wrong: str) -> None:
    chance = random.Random(1)
    with WRONG[wrong]():
        for _ in range(200):
            acts = [(chance.choice(("step", "step", "write")), 2 * chance.randrange(15)) for _ in range(60)]
            try:
                play(new_world(), acts)
            except Wrong:
                return
    raise AssertionError("200 runs, and nothing is wrong")
