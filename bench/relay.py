"""What the relay costs, and how late it is: in a database of its own, beside the servers that are measured."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from app.background.relay import Bell, RelayThread
from app.schemas.storage.collection import PENDING, CollectionSpec
from app.store.log import batch, events, outbox
from app.store.log.relay import Relay
from app.store.mongo.database import Database, connect
from bench.rounds import percentiles

COLLECTIONS = ("users", "groups", "deleted", "tenants", "outbox")
SPECS = (
    *(CollectionSpec(name=name, indexes=(PENDING,)) for name in COLLECTIONS[:-1]),
    outbox.SPEC, outbox.LEASES, events.SPEC, CollectionSpec(name="counts"),
)
EVENTS = 6_000
WRITERS = 4
COST_GOAL_MS = 0.33
DELAY_GOALS_MS = {25: (50, 120), 1_000: (250, 500)}
"""Events a second -> the median and the 95th percentile."""
LOAD_GOALS = {0: 0.01, 25: 0.07}
"""Events a second -> the part of a core that the relay takes."""
_TICK = os.sysconf("SC_CLK_TCK")
Result = dict[str, Any]


def document() -> dict[str, Any]:
    """Return a user of 1.5 KB with a pending event of 1.2 KB."""
    identity, moment = str(uuid.uuid4()), datetime.now(UTC)
    changes = [{"attribute": f"attribute{number}", "new": "x" * 60} for number in range(8)]
    event = {
        "_id": str(uuid.uuid4()), "tenant": "bench", "tenantId": "1a2232751c3", "time": moment,
        "until": moment + timedelta(days=30), "type": "scimd.user.created", "operation": "create",
        "resource": {"type": "User", "id": identity, "name": f"{identity}@example.com"}, "version": 1,
        "keys": [f"{identity}@example.com", identity], "credential": "abcdef012345", "request": str(uuid.uuid4()),
        "status": 201, "changes": changes, "more": {"number": 1, "disabled": 0},
    }
    return {"_id": identity, "tenant": "bench", "values": "x" * 1_500, outbox.OUTBOX: [event]}


@dataclass
class Delays:
    """An observer of a relay that keeps what it is told."""

    seconds: list[float] = field(default_factory=list)
    batches: int = 0

    def moved(self, seconds: Sequence[float]) -> None:
        """Keep how late the events of a batch were."""
        self.seconds += seconds
        self.batches += 1

    def parked(self) -> None:
        """No event of these can be refused."""
        raise RuntimeError("an event was parked")

    def taken_over(self) -> None:
        """Nothing is counted."""


def cost(uri: str, mongod: int, size: int) -> Result:
    """Move many events in batches of one size and return what one takes of the processor; `mongod` is its process."""
    limits = patch.multiple(batch, MOST_EVENTS=size, MOST_DOCUMENTS=size)
    with _database(uri) as database, limits:
        for _ in range(EVENTS // 1_000):
            database.db.users.insert_many([document() for _ in range(1_000)])
        relay = Relay(database, COLLECTIONS)
        relay.take()
        relay.round()
        before, own, begun = cpu(mongod), time.thread_time(), time.perf_counter()
        moved = sum(iter(relay.round, 0))
        seconds = time.perf_counter() - begun
        python, server = (time.thread_time() - own) * 1_000 / moved, (cpu(mongod) - before) * 1_000 / moved
    return {
        "scenario": f"relay-cost-{size}", "goal": f"< {COST_GOAL_MS} ms", "passed": python + server < COST_GOAL_MS,
        "figure": f"{python + server:.2f} ms", "python_ms": round(python, 3), "mongod_ms": round(server, 3),
        "rate": round(moved / seconds),
    }


def delay(uri: str, rate: int, seconds: float) -> Result:
    """Write at a rate from another process and return the time from a change to its number, and the relay's load."""
    with _database(uri) as database, contextlib.closing(connect(uri, threads=4, name=database.db.name)) as own:
        delays, bell = Delays(), Bell()
        thread = RelayThread(own, Relay(own, COLLECTIONS, delays))
        thread.start(bell)
        (task,) = [each.native_id for each in threading.enumerate() if each.name == "relay"]
        time.sleep(3)
        delays.seconds.clear()
        delays.batches = 0
        begun, before = time.perf_counter(), thread_cpu(task)
        if rate:
            writers = [_writer(uri, database.db.name, rate / WRITERS, seconds, bell) for _ in range(WRITERS)]
            for writer in writers:
                writer.join()
        else:
            time.sleep(seconds)
        load = (thread_cpu(task) - before) / (time.perf_counter() - begun)
        time.sleep(1)
        thread.stop()
    return _late(rate, delays, load)


def _late(rate: int, delays: Delays, load: float) -> Result:
    times = percentiles(delays.seconds)
    result: Result = {"scenario": f"relay-{rate or 'rest'}", "load": round(load, 4), "batches": delays.batches}
    goals = [(load, LOAD_GOALS[rate])] if rate in LOAD_GOALS else []
    if rate:
        median, late = DELAY_GOALS_MS[rate]
        goals += [(times["p50_ms"], median), (times["p95_ms"], late)]
        result |= times | {"events": len(delays.seconds), "goal": f"< {median} / {late} ms"}
    else:
        result["goal"] = f"< {LOAD_GOALS[0]:.0%}"
    return result | {"figure": f"{load:.1%}", "passed": all(figure < goal for figure, goal in goals)}


def _writer(uri: str, name: str, rate: float, seconds: float, bell: Bell) -> multiprocessing.Process:
    context, work = multiprocessing.get_context("fork"), (uri, name, rate, seconds, bell)
    process = context.Process(target=_write, args=work, daemon=True)
    process.start()
    return process


def _write(uri: str, name: str, rate: float, seconds: float, bell: Bell) -> None:
    """Create users at random moments, `rate` a second on average."""
    with contextlib.closing(connect(uri, name=name)) as database:
        begun = due = time.monotonic()
        while (due := due - math.log(1 - random.random()) / rate) < begun + seconds:
            time.sleep(max(due - time.monotonic(), 0))
            database.db.users.insert_one(document())
            bell.ring()


@contextlib.contextmanager
def _database(uri: str) -> Iterator[Database]:
    with contextlib.closing(connect(uri, threads=4, name=f"relay-{uuid.uuid4().hex[:8]}")) as database:
        database.prepare(SPECS)
        yield database
        database.client.drop_database(database.db.name)


def cpu(process: int) -> float:
    """Return the processor time of a process in seconds."""
    return _ticks(Path(f"/proc/{process}/stat"))


def thread_cpu(task: int | None) -> float:
    """Return the processor time of a thread of this process in seconds."""
    return _ticks(Path(f"/proc/self/task/{task}/stat"))


def _ticks(file: Path) -> float:
    fields = file.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
