"""What is measured of scimd alone: memory, a steady load, and a flood by another tenant."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bench import console, dead_endpoints, mixes, people, relay, requests, sign_on, tenants, webhooks
from bench.client import Client, Outcome, Round
from bench.console_data import Sizes
from bench.loading import Credentials
from bench.people import Population
from bench.processes import forget_highest, memory
from bench.rounds import Course, percentiles
from bench.scenarios import ACME, FRESH_APART, LARGE, Side

NOISY = Population("noisy", users=20_000)
QUIET = Population("quiet", users=1_000)
SOAKED = tuple(Population(f"soak-{number}", users=2_000) for number in range(10))
LOOKUPS = 25.0
"""Requests per second of the quiet tenant, as of one provisioning job."""
FLOOD_GOAL_MS = 250.0
"""Of the quiet tenant's 99th percentile."""
SOAK_GOAL_MS = 100.0
"""Of the 99th percentile."""
SOAK_GROWTH = 0.05
"""Of a worker's memory, from the second quarter of a soak to the last one."""
KEPT_BESIDE = 0.9
"""Of their rates when alone, by provisioning and sign-on together."""
LOOK = 1.0
"""Seconds between two looks at the memory."""
MOST_LOOKS = 120
"""How many of them are kept for a chart."""


@dataclass(frozen=True)
class Options:
    """What the command line says about a measurement."""

    seconds: float
    rate: float


Measure = Callable[[Course, Credentials, Options], dict[str, Any]]


def after_many(course: Course, credentials: Credentials, _: Options) -> dict[str, Any]:
    """Send 10,000 requests of all kinds and return the memory of the largest worker."""
    course.drive(Side("scimd", "scimd", mixes.Mix(ACME, credentials[ACME.name])), 10_000)
    return _megabytes("memory", max(memory(pid) for pid in course.servers["scimd"].workers()), 120)


def huge_group(course: Course, credentials: Credentials, _: Options) -> dict[str, Any]:
    """Read a group of 100,000 members several times and return by how much the largest worker grew at most."""
    token = credentials[LARGE.name]
    course.drive(Side("scimd", "scimd", requests.Get(LARGE, token)), 200)
    before = {pid: memory(pid) for pid in course.servers["scimd"].workers()}
    for pid in before:
        forget_highest(pid)
    group = requests.GetGroup(LARGE, token, LARGE.group_id("crowd", 1))
    course.drive(Side("scimd", "scimd", group), 6, connections=2)
    return _megabytes("memory-huge-group", max(memory(pid, "VmHWM") - before[pid] for pid in before), 50)


def soak(course: Course, credentials: Credentials, options: Options) -> dict[str, Any]:
    """Send Entra's mix to ten tenants at a steady rate, and watch the memory and the processor time of every process.

    No request may fail, no worker grow, and 99 of 100 answers come within 100 ms.
    """
    server = course.servers["scimd"]
    pids = {f"worker {number}": pid for number, pid in enumerate(server.workers(), 1)}
    pids |= {"master": server.pid, "mongod": course.mongod.pid}
    seen: dict[str, list[float]] = {name: [] for name in pids}
    source = mixes.InTurn(tuple(mixes.Mix(each, credentials[each.name]) for each in SOAKED))
    work = Round(server.port, source, seconds=options.seconds, most=10**9, rate=options.rate)
    before = server.cpu_seconds() + course.mongod.cpu_seconds()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(course.client.run, work)
        while not running.done() or not seen["master"]:
            for name, pid in pids.items():
                seen[name].append(memory(pid))
            time.sleep(LOOK)
        outcome = running.result()
    grown = {name: growth(values) for name, values in seen.items()}
    # mongod keeps what is stored in a cache of its own, and more is stored all the time.
    flat = all(grown[name] <= max(1.0, SOAK_GROWTH * seen[name][-1]) for name in pids if name != "mongod")
    most = max(grown[name] for name in pids if name.startswith("worker"))
    times = percentiles(outcome.times)
    good = flat and not outcome.failures and times["p99_ms"] <= SOAK_GOAL_MS
    busy = (server.cpu_seconds() + course.mongod.cpu_seconds() - before) / options.seconds
    return {
        "scenario": "soak", "goal": f"flat, no error, p99 <= {SOAK_GOAL_MS:.0f} ms", "passed": good,
        "figure": f"{most:+.1f} MB, {outcome.failures} errors", **times, **_responses(outcome),
        "tenants": len(SOAKED), "rate": options.rate, "busy_cores": round(busy, 2),
        "memory_mb": {name: round(values[-1], 1) for name, values in seen.items()},
        "series": thinned(seen),
        "growth_mb": {name: round(value, 2) for name, value in grown.items()},
    }


def thinned(seen: Mapping[str, list[float]]) -> dict[str, Any]:
    """Return at most 120 of the looks at each process, evenly apart, and the seconds between them."""
    every = -(-len(next(iter(seen.values()))) // MOST_LOOKS)
    kept = {name: [round(value, 1) for value in values[::every]] for name, values in seen.items()}
    return {"seconds_apart": every * LOOK, "memory_mb": kept}


def growth(values: list[float]) -> float:
    """Return the difference between the medians of the last and of the second quarter."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-quarter:]) - statistics.median(values[quarter:2 * quarter] or values)


def flood(course: Course, credentials: Credentials, options: Options) -> dict[str, Any]:
    """Flood a server that has limits, and return how another tenant's lookups are answered meanwhile."""
    return flooded(course.servers["limited"].port, credentials, options.seconds)


def flooded(port: int, credentials: Credentials, seconds: float) -> dict[str, Any]:
    """The same for a server on a port."""
    noise = Round(port, mixes.Flood(NOISY, credentials[NOISY.name]), 0, mixes.Flood.CONNECTIONS, seconds)
    lookups = Round(port, requests.Find(QUIET, credentials[QUIET.name]), seconds=seconds, rate=LOOKUPS)
    with Client() as noisy, Client() as quiet, ThreadPoolExecutor(1) as pool:
        flooding = pool.submit(noisy.run, noise)
        outcome = quiet.run(lookups)
        times = percentiles(outcome.times)
        return {
            "scenario": "flood", "goal": f"< {FLOOD_GOAL_MS:.0f} ms", "figure": f"{times['p99_ms']:.1f} ms", **times,
            "passed": times["p99_ms"] < FLOOD_GOAL_MS and not outcome.failures, **_responses(outcome),
            "flood": dict(flooding.result().statuses),
        }


def sign_on_beside(course: Course, credentials: Credentials, options: Options) -> dict[str, Any]:
    """Exchange codes beside a provisioning load, and return the sum of what each keeps of its rate when alone.

    Two loads that only share the processor keep 1 together, as each gets its share.
    """
    of, server, parts = sign_on.PEOPLE, course.servers["scimd"], 2 * max(2, round(options.seconds))
    workers = tuple(server.workers())
    exchange = sign_on.Exchange(of, credentials[of.name], credentials["app"], credentials["app-secret"])
    create = requests.Post(of, credentials[of.name], people.FRESH + 10 * FRESH_APART)
    kept: list[float] = []
    with Client() as provisioning, ThreadPoolExecutor(1) as pool:
        for number in range(parts // 2):
            seconds = options.seconds / parts
            codes = Round(server.port, exchange, seconds=seconds, workers=workers)
            creates = [
                Round(server.port, create, (2 * number + turn) * 1_000, seconds=seconds, workers=workers)
                for turn in range(2)
            ]
            alone = course.client.run(codes), provisioning.run(creates[0])
            running = pool.submit(provisioning.run, creates[1])
            together = course.client.run(codes), running.result()
            kept.append(sum(beside.rate / single.rate for beside, single in zip(together, alone, strict=True)))
            if failure := next((each.failure for each in (*alone, *together) if each.failure), ""):
                return {"scenario": "sign-on-beside", "goal": "", "figure": "", "passed": False, "failure": failure}
    sum_kept = statistics.median(kept)
    return {
        "scenario": "sign-on-beside", "goal": f">= {KEPT_BESIDE}", "figure": f"{sum_kept:.2f} of 1",
        "passed": sum_kept >= KEPT_BESIDE, "kept": [round(each, 3) for each in kept],
    }


def beside_dead_endpoints(course: Course, credentials: Credentials, options: Options) -> dict[str, Any]:
    """Send Entra's mix at a steady rate with fifty dead endpoints and without, and compare the 99th percentiles."""
    return dead_endpoints.compare(course, ACME, credentials[ACME.name], options.seconds)


def _relay_cost(size: int) -> Measure:
    return lambda course, _, __: relay.cost(course.mongod.uri, course.mongod.pid, size)


def _relay_delay(rate: int) -> Measure:
    return lambda course, _, options: relay.delay(course.mongod.uri, rate, options.seconds)


def _responses(outcome: Outcome) -> dict[str, Any]:
    return {"requests": len(outcome.times), "errors": outcome.failures, "failure": outcome.failure}


def _megabytes(name: str, megabytes: float, most: int) -> dict[str, Any]:
    return {
        "scenario": name, "goal": f"< {most} MB", "figure": f"{megabytes:.1f} MB", "passed": megabytes < most,
        "megabytes": round(megabytes, 1),
    }


MEASUREMENTS: dict[str, tuple[Measure, tuple[Population, ...]]] = {
    "memory": (after_many, (ACME,)),
    "memory-huge-group": (huge_group, (LARGE,)),
    "flood": (flood, (NOISY, QUIET)),
    "relay-cost-500": (_relay_cost(500), ()),
    "relay-cost-100": (_relay_cost(100), ()),
    "relay-rest": (_relay_delay(0), ()),
    "relay-25": (_relay_delay(25), ()),
    "relay-1000": (_relay_delay(1_000), ()),
    "webhooks": (lambda course, _, __: webhooks.deliver(course.mongod.uri, course.mongod.pid), ()),
    "sign-on-beside": (sign_on_beside, (sign_on.PEOPLE,)),
    "webhooks-dead": (beside_dead_endpoints, (ACME,)),
    "soak": (soak, SOAKED),
    "tenants": (tenants.match_in_turn, tenants.MANY),
    "console": (lambda _, __, ___: console.one_figure(Sizes(), seconds=60), ()),
}
"""Name -> what measures it, and whom it needs."""
LONG = ("soak", "tenants", "webhooks-dead", "console")
"""Measured only if they are named."""
