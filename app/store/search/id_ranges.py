"""Stretches of ids: what more ids answer than one query can name is asked for stretch by stretch.

A resource is in one stretch, whatever a condition says about it. So any filter, with `not` or without, finds over all
of the stretches together what it would have found at once; a tenant may have any number of users in a group.
"""

from __future__ import annotations

from typing import Any

Query = dict[str, Any]

MOST_IDS = 20_000
"""Ids that one query names, which is 1 MB of the 16 that a query may have, and 0.1 s."""
FIRST_IDS = 1_000
"""Ids that the first query of a later page names; each next one names twice as many."""


class Span:
    """The ids from `start` on, up to `end`, which is not among them; None is no bound."""

    def __init__(self, start: str | None = None, most: int | None = None) -> None:
        self.start = start
        self.end: str | None = None
        self.most = MOST_IDS if most is None else min(most, MOST_IDS)
        """Ids that a query on it may name."""

    def of(self, field: str, query: Query) -> Query:
        """Give the query for what is found here, where `field` holds the id."""
        bounds = {"$gte": self.start, "$lt": self.end}
        given = {operator: bound for operator, bound in bounds.items() if bound is not None}
        return {"$and": [query, {field: given}]} if given else query

    def cut(self, end: str | None) -> None:
        """End no later than at `end`."""
        if end is not None and (self.end is None or end < self.end):
            self.end = end

    def fitting(self, ids: list[str]) -> list[str]:
        """Give those of the sorted ids that one query can name, and end behind them."""
        if len(ids) > self.most:
            self.cut(ids[self.most])
        return ids[: self.most]
