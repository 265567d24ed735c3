"""An operation on all servers by turns, and which of them is ahead."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from bench.client import Client
from bench.peers.contenders import STORES_ON_DISK, Contender
from bench.peers.side import Side
from bench.processes import Server

TURN, WARM_UP = 0.25, 0.2
"""Seconds of a turn, and of the requests before the first one."""
TWICE = ("page", "group-get", "group-create", "add-member", "add-members")
"""The operations in which scimd is to have twice the rate of those that store on disk."""
MANY = 100_000
"""Users from which on it is to have that in each operation."""


def compare(
    name: str, contenders: Sequence[Contender], client: Client, mongod: Server, seconds: float
) -> dict[str, Any]:
    """Drive an operation on each server for some seconds in all and return the figures of each; scimd comes first."""
    sides = [Side(each, each.operations[name]) for each in contenders if name in each.operations]
    for side in sides:
        side.check()
        if not side.is_over:
            side.warm_up(client, mongod, WARM_UP)
    order = sides
    while waiting := [side for side in order if not side.is_over and side.seconds < seconds]:
        for side in waiting:
            side.drive(client, mongod, min(TURN, seconds))
        order = order[::-1]  # A B C, C B A: none is always the one that comes after
    for side in sides:
        side.check()
    return _result(sides[0].operation.title, name, sides)


def _result(title: str, name: str, sides: Sequence[Side]) -> dict[str, Any]:
    """Return the figures of all sides, and whether the first one is as far ahead as it is to be."""
    first, *others = sides
    figures = [side.figures() | {"ratio": ratio(first, side)} for side in sides]
    least = 2.0 if name in TWICE or first.operation.of.users >= MANY else 1.0
    ratios = [
        each["ratio"] for each, side in zip(figures, sides, strict=True)
        if side.contender.name in STORES_ON_DISK and each["ratio"] is not None
    ]
    return {
        "scenario": name, "title": title, "users": first.operation.of.users, "least": least,
        "passed": not first.answered and all(each >= least for each in ratios), "sides": figures,
    }


def ratio(first: Side, other: Side) -> float | None:
    """Return how many times the rate of another side the first one has, turn by turn; None where one has no rate."""
    if first.answered or other.answered or first is other:
        return None
    return round(statistics.median(first.tally.rates) / statistics.median(other.tally.rates), 3)
