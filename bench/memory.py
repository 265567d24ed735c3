"""What the workers keep in memory: after many requests, and while a huge group is read."""

from __future__ import annotations

from typing import Any

from bench import requests as ask
from bench.processes import forget_highest, memory
from bench.rounds import Course
from bench.scenarios import ACME, LARGE, Side, Token

REQUESTS = 10_000
MOST_MB = 120.0
"""Of a worker after so many requests."""
MOST_GROWTH_MB = 50.0
"""While a group of 100,000 is read."""


def after_many(course: Course, token: Token) -> dict[str, Any]:
    """Send 10,000 requests of all kinds and give the memory of the largest worker."""
    course.drive(Side("scimd", "scimd", ask.Cycle(ACME, token(ACME))), REQUESTS, 0)
    largest = max(memory(pid) for pid in course.workers("scimd"))
    return _result("memory", f"< {MOST_MB:.0f} MB", largest, largest < MOST_MB, {"requests": REQUESTS})


def huge_group(course: Course, token: Token) -> dict[str, Any]:
    """Read a group of 100,000 members several times and give by how much the largest worker grew at most."""
    side = Side("scimd", "scimd", ask.Get(LARGE, token(LARGE)))
    course.drive(side, 200, 0)
    workers = course.workers("scimd")
    before = {pid: memory(pid) for pid in workers}
    for pid in workers:
        forget_highest(pid)
    group = Side("scimd", "scimd", ask.GetGroup(LARGE, token(LARGE), LARGE.group_id("crowd", 1)))
    outcome = course.drive(group, 6, 0, connections=2)
    growth = max(memory(pid, "VmHWM") - before[pid] for pid in workers)
    details = {"requests": len(outcome.times), "seconds": [round(seconds, 2) for seconds in outcome.times]}
    return _result("memory-huge-group", f"< {MOST_GROWTH_MB:.0f} MB", growth, growth < MOST_GROWTH_MB, details)


def _result(name: str, goal: str, megabytes: float, good: bool, details: dict[str, Any]) -> dict[str, Any]:
    return {"scenario": name, "goal": goal, "megabytes": round(megabytes, 1), "passed": good, **details}
