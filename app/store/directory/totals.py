"""How many resources a tenant has of each type, and how many of those are disabled, without counting them.

If every write added to one number, writes would wait for each other and conflict. So the line of a change in the log
says what is still to be counted, and the janitor adds many of them to the number at a time. A total is the number and
what is still to be counted, both read at one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.log.events import BY_UNCOUNTED, UNCOUNTED, More
from app.store.log.events import SPEC as EVENTS
from app.store.mongo.database import PREPARE_SECONDS, Database, Session
from app.store.mongo.indexes import by_index

SPEC = CollectionSpec(
    name="counts",
    validator=None,
    indexes=(IndexSpec(keys=(("tenant", 1), ("type", 1)), name="tenant_type"),),
)
COLLECTIONS = (SPEC,)
BATCH = 1_000
"""Lines of the log that are counted in one transaction."""
Kind = tuple[str, str]
"""Tenant and resource type."""


class Totals:
    """The numbers of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def add(self, resource_type: str, more: More, session: Session = None) -> None:
        """Add to the numbers of resources of a type, or subtract."""
        _add(self._database, (self._tenant, resource_type), more, session)

    def of(self, resource_type: str) -> More:
        """Return how many resources of a type there are."""
        numbers = _numbers(
            self._database, {"tenant": self._tenant, "type": resource_type},
            {"tenant": self._tenant, "resource.type": resource_type},
        )
        return numbers[self._tenant, resource_type]


def every_tenant(database: Database, tenant: str | None = None) -> dict[Kind, More]:
    """Return the numbers of resources of each tenant, or one, and type."""
    mine = {"tenant": tenant} if tenant else {}
    return dict(_numbers(database, mine, mine))


def settle(database: Database) -> int:
    """Count what is still to be counted and return the number of lines; raises Unavailable.

    Several workers may do this at once: of two that take the same line, one starts again.
    """
    settled = 0
    while _uncounted(database, 1) and (done := database.transaction(lambda session: _settle(database, session))):
        settled += done
    return settled


def count_disabled(database: Database, types: Iterable[ResourceType]) -> None:
    """Count the disabled resources once, where the numbers are from a version that did not count them."""
    known = {each.name: each for each in types}
    with database.budget(PREPARE_SECONDS):
        for row in list(database.db[SPEC.name].find({"disabled": {"$exists": False}}, {"tenant": 1, "type": 1})):
            if row["type"] in known:
                database.transaction(partial(_count, database, row, known[row["type"]]))


def _count(database: Database, row: dict[str, Any], resource_type: ResourceType, session: Session) -> None:
    disabled = 0
    if resource_type.switch:
        query = {"tenant": row["tenant"], resource_type.switch: False}
        disabled = database.db[resource_type.collection].count_documents(query, session=session)
        pending = UNCOUNTED | {"tenant": row["tenant"], "resource.type": row["type"]}
        for event in database.db[EVENTS.name].find(pending, {"uncounted": 1}, session=session):
            disabled -= event["uncounted"].get("disabled", 0)
    query = {"_id": row["_id"], "disabled": {"$exists": False}}
    database.db[SPEC.name].update_one(query, {"$set": {"disabled": disabled}}, session=session)


def _settle(database: Database, session: Session) -> int:
    rows = _uncounted(database, BATCH, session)
    numbers: defaultdict[Kind, More] = defaultdict(More)
    for row in rows:
        kind = row["tenant"], row["resource"]["type"]
        numbers[kind] = _sum(numbers[kind], row["uncounted"])
    database.db[EVENTS.name].update_many(
        {"_id": {"$in": [row["_id"] for row in rows]}},
        [{"$set": {"expires": "$uncounted.expires"}}, {"$unset": "uncounted"}],
        session=session,
    )
    for kind, more in sorted(numbers.items()):
        _add(database, kind, more, session)
    return len(rows)


def _uncounted(database: Database, limit: int, session: Session = None) -> list[dict[str, Any]]:
    fields = {"tenant": 1, "resource.type": 1, "uncounted": 1}
    events = database.db[EVENTS.name]
    return list(events.find(UNCOUNTED, fields, limit=limit, session=session))


def _add(database: Database, kind: Kind, more: More, session: Session) -> None:
    query = dict(zip(("tenant", "type"), kind, strict=True))
    database.db[SPEC.name].update_one(query, {"$inc": more._asdict()}, upsert=True, session=session)


def _sum(one: More, other: dict[str, Any]) -> More:
    return More(one.number + other["number"], one.disabled + other.get("disabled", 0))


def _numbers(database: Database, counted: dict[str, Any], uncounted: dict[str, Any]) -> defaultdict[Kind, More]:
    numbers: defaultdict[Kind, More] = defaultdict(More)
    for row in _rows(database, counted, uncounted):
        kind = row["tenant"], row["type"]
        numbers[kind] = _sum(numbers[kind], row)
    return numbers


def _rows(database: Database, counted: dict[str, Any], uncounted: dict[str, Any]) -> Iterable[dict[str, Any]]:
    kind = {"tenant": "$tenant", "type": "$resource.type"}
    sums = {"number": {"$sum": "$uncounted.number"}, "disabled": {"$sum": "$uncounted.disabled"}}
    # `events` comes first, because a hint is only for the first collection of a pipeline.
    steps = [
        {"$match": UNCOUNTED | uncounted},
        {"$group": {"_id": kind, **sums}},
        {"$project": {"_id": 0, "tenant": "$_id.tenant", "type": "$_id.type", "number": 1, "disabled": 1}},
        {"$unionWith": {"coll": SPEC.name, "pipeline": [{"$match": counted}]}},
    ]
    events = database.snapshot(EVENTS.name)
    return by_index(events, BY_UNCOUNTED, lambda **named: list(events.aggregate(steps, **named)))
