"""The time limit of a query, and the advice for a query that exceeds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.errors import TooMany, Unavailable
from app.schemas.resource_type import ResourceType
from app.store.mongo.database import Database
from app.store.mongo.failures import took_too_long
from app.store.mongo.indexes import indexed_attributes, scanned, unindexed
from app.store.search.membership_filters import has_membership_condition
from app.store.search.order import Order

SEARCH_SECONDS = 15.0
"""The database's share, for a page and its total, of a request's 20 s; the rest is for the answer, even a refusal."""


class TimeLimit:
    """The time limit of one query on one resource type."""

    def __init__(self, database: Database, resource_type: ResourceType, query: dict[str, Any]) -> None:
        self._database = database
        self._type = resource_type
        self._query = query

    @contextmanager
    def applied(self, order: Order | None = None) -> Iterator[None]:
        """Raise TooMany, with advice, if the block takes too long on a database that otherwise responds."""
        try:
            with self._database.budget(SEARCH_SECONDS):
                yield
        except Unavailable as error:
            advice = self._advice(order)
            if not (advice and took_too_long(error.__cause__) and self._database.answers()):
                raise
            raise TooMany(advice) from error

    def _advice(self, order: Order | None) -> str:
        """Return what makes the query slow and what to do about it, "" if an index covers it."""
        if has_membership_condition(self._query):
            return "The filter matches too many memberships to be evaluated in time; narrow it."
        sorted_by = order.field if order and not order.indexed else ""
        attributes = unindexed(self._query, self._type, sorted_by) or scanned(self._query, self._type)
        if not attributes:
            return ""
        return (
            f"There is no suitable index for {', '.join(attributes)}, and there are too many resources to look at each "
            f"in time. Narrow the filter with `and` and eq or sw on an attribute that has an index, or sort by one: "
            f"{', '.join(indexed_attributes(self._type))}."
        )
