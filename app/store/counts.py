"""How many resources a tenant has of each type, without counting them.

One number that every create and delete writes would make them wait for each other and fail each other. So the event of
a create or delete says that it is still to be counted, and the janitor adds many of those to the number at a time. A
total is the number and what is still to be counted, both read as they were at one moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.database import Database, Session
from app.store.events import BY_UNCOUNTED, UNCOUNTED
from app.store.events import SPEC as EVENTS
from app.store.plans import by_index

SPEC = CollectionSpec(
    name="counts",
    validator=None,
    indexes=(IndexSpec(keys=(("tenant", 1), ("type", 1)), name="tenant_type"),),
)
COLLECTIONS = (SPEC,)
BATCH = 1_000
"""Events that are counted in one transaction."""
Kind = tuple[str, str]
"""Tenant and resource type."""


class Counts:
    """The numbers of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def add(self, resource_type: str, number: int, session: Session = None) -> None:
        """Add to the number of resources of a type, or take away."""
        _add(self._database, (self._tenant, resource_type), number, session)

    def of(self, resource_type: str) -> int:
        """Tell how many resources of a type there are."""
        numbers = _numbers(
            self._database, {"tenant": self._tenant, "type": resource_type},
            {"tenant": self._tenant, "resource.type": resource_type},
        )
        return numbers[self._tenant, resource_type]


def every_tenant(database: Database) -> dict[Kind, int]:
    """Give the number of resources of each tenant and type."""
    return dict(_numbers(database, {}, {}))


def settle(database: Database) -> int:
    """Count what is still to be counted and give how many events that were; raises Unavailable.

    Several may do it at once: of two that take the same event one begins again.
    """
    settled = 0
    while _uncounted(database, 1) and (done := database.transaction(lambda session: _settle(database, session))):
        settled += done
    return settled


def _settle(database: Database, session: Session) -> int:
    rows = _uncounted(database, BATCH, session)
    numbers = Counter[Kind]()
    for row in rows:
        numbers[row["tenant"], row["resource"]["type"]] += row["uncounted"]["number"]
    database.db[EVENTS.name].update_many(
        {"_id": {"$in": [row["_id"] for row in rows]}},
        [{"$set": {"expires": "$uncounted.expires"}}, {"$unset": "uncounted"}],
        session=session,
    )
    for kind, number in sorted(numbers.items()):
        _add(database, kind, number, session)
    return len(rows)


def _uncounted(database: Database, limit: int, session: Session = None) -> list[dict[str, Any]]:
    fields = {"tenant": 1, "resource.type": 1, "uncounted.number": 1}
    events = database.db[EVENTS.name]
    return list(events.find(UNCOUNTED, fields, limit=limit, session=session))


def _add(database: Database, kind: Kind, number: int, session: Session) -> None:
    query = dict(zip(("tenant", "type"), kind, strict=True))
    database.db[SPEC.name].update_one(query, {"$inc": {"number": number}}, upsert=True, session=session)


def _numbers(database: Database, counted: dict[str, Any], uncounted: dict[str, Any]) -> Counter[Kind]:
    numbers = Counter[Kind]()
    for row in _rows(database, counted, uncounted):
        numbers[row["tenant"], row["type"]] += row["number"]
    return numbers


def _rows(database: Database, counted: dict[str, Any], uncounted: dict[str, Any]) -> Iterable[dict[str, Any]]:
    kind = {"tenant": "$tenant", "type": "$resource.type"}
    # The events come first, since only the first collection of a pipeline can have its index named.
    steps = [
        {"$match": UNCOUNTED | uncounted},
        {"$group": {"_id": kind, "number": {"$sum": "$uncounted.number"}}},
        {"$project": {"_id": 0, "tenant": "$_id.tenant", "type": "$_id.type", "number": 1}},
        {"$unionWith": {"coll": SPEC.name, "pipeline": [{"$match": counted}]}},
    ]
    events = database.snapshot(EVENTS.name)
    return by_index(events, BY_UNCOUNTED, lambda **named: list(events.aggregate(steps, **named)))
