"""Ranges of ids, for filters that match more ids than one query can hold: the filter runs once for each range.

Every resource lies in exactly one range, and each range is searched with the whole filter. So the ranges together find
what a single query would find, even through `not`, and a group may have any number of members.
"""

from __future__ import annotations

from scim_filter import Query

MOST_IDS = 20_000
"""Ids in one query: 1 MB of the 16 MB that a query may have, and 0.1 s."""
FIRST_IDS = 1_000
"""Ids in the first query of a later page; each further query holds twice as many."""


class IdRange:
    """The ids from `start` (included) to `end` (excluded); None means no bound."""

    def __init__(self, start: str | None = None, most: int | None = None) -> None:
        self.start = start
        self.end: str | None = None
        self.most = MOST_IDS if most is None else min(most, MOST_IDS)
        """How many ids a query for this range may hold."""

    def limit(self, field: str, query: Query) -> Query:
        """Return `query` limited to this range, where `field` holds the id."""
        bounds = {"$gte": self.start, "$lt": self.end}
        given = {operator: bound for operator, bound in bounds.items() if bound is not None}
        return {"$and": [query, {field: given}]} if given else query

    def cut(self, end: str | None) -> None:
        """End the range at `end` if it would end later; None changes nothing."""
        if end is not None and (self.end is None or end < self.end):
            self.end = end

    def fit(self, ids: list[str]) -> list[str]:
        """Return as many of the sorted ids as one query can hold, and end the range after them."""
        if len(ids) > self.most:
            self.cut(ids[self.most])
        return ids[: self.most]
