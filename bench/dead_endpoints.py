"""Whether dead endpoints cost SCIM anything: the same load with fifty of them and without, in turn, in one run.

Half of them accept connections and never answer, the others refuse them. A live endpoint beside them gets every event.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import statistics
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from app.delivery.signing import new_key, sealed
from app.store.accounts.sealing import Sealer
from app.store.delivery.delivery_lease import sender
from app.store.delivery.endpoint import ED25519, OFF, SigningKey
from app.store.delivery.endpoints import SPEC, Endpoints
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database, connect
from app.store.mongo.moments import now
from bench.client import Outcome, Round
from bench.mixes import Mix
from bench.people import Population
from bench.processes import memory
from bench.rounds import Course, Tally, by_processor, percentiles
from bench.webhooks import receiver

NUMBER = 50
RATE = 100.0
"""Requests a second: four times what Entra sends, of which the live endpoint gets 35 as events."""
ROUND, SETTLE = 2.0, 2.0
"""Seconds of a turn, and those before it in which the sender learns which endpoints there are."""
FIRST_TURN = 200_000
"""So that the users that are created are not those of other measurements."""
MOST_RATIO, MOST_DELAY, MOST_MEGABYTES = 1.10, 2.0, 10.0
"""Of SCIM's 99th percentile; seconds from a change to the live endpoint; what the worker that sends needs more."""
PATIENCE = 30.0
WITH, WITHOUT = f"{NUMBER} dead endpoints", "none"


@dataclass
class Side:
    """What was seen in the turns of one side."""

    tally: Tally
    megabytes: list[float] = field(default_factory=list)
    """Of the worker that sends, at the end of each turn."""
    delays: list[float] = field(default_factory=list)
    """Seconds from each change to the live endpoint."""
    turns: list[tuple[float, float]] = field(default_factory=list)
    """When they began and ended, in seconds since 1970."""
    late: list[float] = field(default_factory=list)
    """The 99th percentile of the requests of each turn, in milliseconds."""


def compare(course: Course, population: Population, token: str, seconds: float) -> dict[str, Any]:
    """Send the same load to scimd with dead endpoints and without, for `seconds` each, and return the result."""
    arrivals = multiprocessing.get_context("fork").SimpleQueue()

    def note(body: bytes) -> None:
        begun = datetime.fromisoformat(orjson.loads(body)["time"])
        arrivals.put((begun.timestamp(), datetime.now(UTC).timestamp()))

    collected: list[tuple[float, float]] = []
    # While it goes on: a pipe takes some 1,800 of them, and then the live endpoint would wait for us.
    collecting = threading.Thread(target=lambda: collected.extend(iter(arrivals.get, None)), daemon=True)
    collecting.start()
    sides = {name: Side(Tally(name)) for name in (WITH, WITHOUT)}
    with contextlib.closing(connect(course.mongod.uri, threads=4)) as database, receiver(note) as live, _Dead() as dead:
        endpoints = _Endpoints(database, population.name, live, dead)
        run = _Run(course, Mix(population, token), endpoints, sides)
        run.turn(WITHOUT, warm_up=True)
        for number in range(max(2, round(seconds / ROUND))):
            for name in (WITH, WITHOUT) if number % 2 == 0 else (WITHOUT, WITH):
                run.turn(name)
        endpoints.delete()
        time.sleep(SETTLE)
        arrivals.put(None)
        collecting.join()
    for arrival in collected:
        _sort_in(arrival, sides)
    return _result(sides[WITH], sides[WITHOUT])


class _Dead:
    """The two ports of the dead endpoints: one accepts connections and keeps them, nobody listens on the other."""

    def __enter__(self) -> _Dead:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=2 * NUMBER)
        self._refusing = socket.socket()
        self._refusing.bind(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.urls = [f"http://127.0.0.1:{each.getsockname()[1]}/" for each in (self._listening, self._refusing)]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        for each in (self._listening, self._refusing):
            each.close()

    def hang_up(self) -> None:
        """End what the sender waits for."""
        while self._held:
            self._held.pop().close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                self._held.append(self._listening.accept()[0])


class _Endpoints:
    """The live endpoint of a tenant and the dead ones, which can be taken away and given back as they were."""

    def __init__(self, database: Database, tenant: str, live: str, dead: _Dead) -> None:
        self._database = database
        self._endpoints = Endpoints(database)
        self._dead = dead
        place = EventSequence(database).latest()
        urls = [dead.urls[number % 2] for number in range(NUMBER)]
        self._live, *self._ids = [
            self._endpoints.create(tenant, place=place, url=url, keys=[_key(database)]).id for url in (live, *urls)
        ]
        self._states: dict[str, str] = {}
        """Of the dead ones, while they are away: not turned on afresh, they go on failing where they were."""

    def turn(self, *, on: bool) -> None:
        """Give the dead endpoints back, or take them away."""
        if on:
            for each, state in self._states.items():
                self._set(each, state)
            self._states = {}
        elif not self._states:
            self._states = {each.id: each.state for each in self._endpoints.all() if each.id in self._ids}
            for each in self._ids:
                self._set(each, OFF)
            self._dead.hang_up()

    def _set(self, endpoint: str, state: str) -> None:
        change = {"$set": {"state": state}, "$inc": {"turn": 1}}
        self._database.db[SPEC.name].update_one({"_id": endpoint}, change)

    def delete(self) -> None:
        """Delete all of them."""
        self._dead.hang_up()
        for each in (self._live, *self._ids):
            self._endpoints.delete(each)

    def sender(self) -> int:
        """Return the process that sends; raises RuntimeError if none does."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if owner := sender(self._database):
                return int(owner.split()[1])
            time.sleep(0.1)
        raise RuntimeError("no worker sends events")


def _key(database: Database) -> SigningKey:
    key, text = new_key(ED25519)
    return sealed(key, text, Sealer(database), now())


class _Run:
    """The turns."""

    def __init__(self, course: Course, source: Mix, endpoints: _Endpoints, sides: dict[str, Side]) -> None:
        self._course = course
        self._source = source
        self._endpoints = endpoints
        self._sides = sides
        self._next = FIRST_TURN

    def turn(self, name: str, *, warm_up: bool = False) -> None:
        """Give the dead endpoints back or take them away, let the sender notice, and send the load."""
        self._endpoints.turn(on=name == WITH)
        time.sleep(SETTLE)
        server, mongod = self._course.servers["scimd"], self._course.mongod
        before, begun = (server.cpu_seconds(), mongod.cpu_seconds()), time.time()
        outcome = self._drive(server.port, tuple(server.workers()))
        if warm_up:
            return
        side = self._sides[name]
        side.tally.add(outcome, server.cpu_seconds() - before[0], mongod.cpu_seconds() - before[1])
        side.turns.append((begun, time.time()))
        side.late.append(percentiles(outcome.times)["p99_ms"])
        side.megabytes.append(memory(self._endpoints.sender()))

    def _drive(self, port: int, workers: tuple[int, ...]) -> Outcome:
        work = Round(port, self._source, self._next, seconds=ROUND, workers=workers, rate=RATE)
        outcome = self._course.client.run(work)
        self._next += outcome.turns
        return outcome


def _sort_in(arrival: tuple[float, float], sides: dict[str, Side]) -> None:
    """Note an event, by when the change was made and when it arrived, of the side in whose turn the change was made."""
    changed, arrived = arrival
    for side in sides.values():
        if any(begun <= changed <= ended for begun, ended in side.turns):
            side.delays.append(arrived - changed)


def _result(first: Side, second: Side) -> dict[str, Any]:
    delay = max(first.delays, default=PATIENCE)
    more = statistics.median(first.megabytes) - statistics.median(second.megabytes)
    figures, others = first.tally.figures(), second.tally.figures()
    faults = [figures["failure"] or others["failure"]]
    faults += [f"the live endpoint was up to {delay:.1f} s late"] if delay >= MOST_DELAY else []
    faults += [f"the worker that sends needed {more:.1f} MB more"] if more >= MOST_MEGABYTES else []
    failure = "; ".join(filter(None, faults))
    # The median of the turns, since other work of the machine makes a few of them slow, of one side or the other.
    ratio = statistics.median(first.late) / statistics.median(second.late)
    return {
        "scenario": "webhooks-dead", "goal": f"p99 <= {MOST_RATIO:.2f}x", "ratio": round(ratio, 3),
        "ratios": [round(one / other, 3) for one, other in zip(first.late, second.late, strict=True)],
        **by_processor(figures, others),
        "passed": ratio <= MOST_RATIO and not failure,
        "live_delay_s": {"most": round(delay, 3), "median": round(statistics.median(first.delays or [delay]), 3)},
        "events": len(first.delays), "memory_mb": round(more, 1), "sides": [figures | {"failure": failure}, others],
    }
