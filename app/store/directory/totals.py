"""How many resources a tenant has of each type, and how many of those are disabled, without counting them.

If every write added to one number, writes would wait for each other and conflict. So the event of a change says what is
to be counted, and the relay adds it to the number when it moves the event to the log. A total is the number and what is
still pending, both read at one moment.

The version before left the counting to the janitor: its events have `uncounted` until a start has added that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.log.event import More
from app.store.log.events import SPEC as EVENTS
from app.store.log.events import UNCOUNTED
from app.store.log.outbox import BY_PENDING, DELETED, LEASES, OUTBOX, RELAY, TIME
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
Row = dict[str, Any]
_BY_KIND: Row = {"tenant": "$tenant", "type": "$type"}
_IN_LISTS: Row = {"$group": {
    "_id": "$type", "tenants": {"$push": "$tenant"}, "numbers": {"$push": "$number"},
    "disabled": {"$push": {"$ifNull": ["$disabled", 0]}},
}}
AT_ONCE = 100_000
"""Numbers that are read in one document."""


class Totals:
    """The numbers of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def of(self, resource_type: ResourceType) -> More:
        """Return how many resources of a type there are."""
        sources, mine = (resource_type.collection, DELETED), {"tenant": self._tenant}
        return _numbers(self._database, sources, mine, resource_type.name)[self._tenant, resource_type.name]


def every_tenant(database: Database, sources: Iterable[str], tenant: str | None = None) -> dict[Kind, More]:
    """Return the numbers of resources of each tenant, or one, and type; `sources` are the collections with outboxes."""
    return dict(_numbers(database, sources, {"tenant": tenant} if tenant else {}))


def some_tenants(database: Database, sources: Iterable[str], tenants: Iterable[str]) -> dict[Kind, More]:
    """Return the numbers of resources of some tenants, by tenant and type."""
    return dict(_numbers(database, sources, {"tenant": {"$in": list(tenants)}}))


def largest_tenants(database: Database, sources: Sequence[str], most: int, others: str) -> dict[Kind, More]:
    """Return the numbers of so many tenants, those with the most resources of a type, and of all others as `others`.

    All numbers are read as they are stored and added up here, which costs a quarter of what MongoDB takes (D-670).
    """
    numbers = _stored(database, sources)
    largest: dict[str, int] = {}
    for mine in numbers.values():
        for tenant, more in mine.items():
            if more[0] >= largest.get(tenant, 0):
                largest[tenant] = more[0]
    named = sorted(largest, key=largest.__getitem__, reverse=True)[:most]
    found: dict[Kind, More] = {}
    for kind, mine in numbers.items():
        found |= {(tenant, kind): More(*mine.pop(tenant)) for tenant in named if tenant in mine}
        rest = More(sum(more[0] for more in mine.values()), sum(more[1] for more in mine.values()))
        if any(rest):
            found[others, kind] = rest
    return found


def all_together(database: Database, sources: Iterable[str]) -> dict[str, More]:
    """Return how many resources of each type there are in all tenants together."""
    found = _numbers(database, sources, {}, key={"type": "$type"})
    return {kind: more for (_, kind), more in found.items()}


def settle(database: Database) -> int:
    """Count what the version before has not counted yet, and return the number of lines; raises Unavailable.

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
        for source in (resource_type.collection, DELETED):
            steps = _pending({"tenant": row["tenant"]}, {"type": row["type"]})
            disabled -= sum(each.get("disabled", 0) for each in database.db[source].aggregate(steps, session=session))
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


def _numbers(
    database: Database, sources: Iterable[str], mine: Row, resource_type: str | None = None, key: Row = _BY_KIND
) -> defaultdict[Kind, More]:
    """Return the numbers of the tenants that match `mine` by `key`, or of one type, all read at one moment."""
    numbers: defaultdict[Kind, More] = defaultdict(More)
    source, *others = sources
    first, kind = database.snapshot(source), {"type": resource_type} if resource_type else {}
    # A hint is only for the first collection of a pipeline; of the others, MongoDB tries the indexes.
    steps = [
        *_pending(mine, kind, others),
        {"$unionWith": {"coll": SPEC.name, "pipeline": [{"$match": mine | kind}]}},
        {"$group": {"_id": key, **_sums("$number", "$disabled")}},
    ]
    for row in by_index(first, BY_PENDING, lambda **named: list(first.aggregate(steps, **named))):
        numbers[row["_id"].get("tenant", ""), row["_id"]["type"]] = More(row["number"], row["disabled"])
    return numbers


def _stored(database: Database, sources: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return the numbers and those of the disabled, by type and tenant, all read at one moment."""
    source, *others = sources
    first, numbers = database.db[source], database.db[SPEC.name]
    steps = _pending({}, {}, others)
    found: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    with database.snapshot_session() as session:
        waiting = by_index(first, BY_PENDING, lambda **named: list(first.aggregate(steps, session=session, **named)))
        # All numbers of a type are one document with three lists, of so many numbers that it stays below 16 MB.
        ends = [
            row["tenant"] for skip in range(AT_ONCE, numbers.estimated_document_count(), AT_ONCE)
            for row in numbers.find({}, {"tenant": 1}, sort=[("tenant", 1)], skip=skip, limit=1, session=session)
        ]
        for begin, end in pairwise(("", *ends, None)):
            among = {"tenant": {"$gte": begin} | ({"$lt": end} if end else {})} if ends else {}
            for row in numbers.aggregate([{"$match": among}, _IN_LISTS], session=session):
                found[row["_id"]] |= zip(row["tenants"], zip(row["numbers"], row["disabled"], strict=True), strict=True)
    for row in waiting:
        number, disabled = found[row["type"]].get(row["tenant"], (0, 0))
        found[row["type"]][row["tenant"]] = number + row["number"], disabled + row.get("disabled", 0)
    return found


def _pending(mine: Row, kind: dict[str, str], others: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return the steps that read what pending events add to the numbers, but not what the relay has added already.

    Its lease names the events that it has added and that may still be pending. The events of the collections `others`
    are read as well.
    """
    event, waiting = f"${OUTBOX}", {"$match": {TIME: {"$exists": True}, **mine}}
    moved = [
        {"$match": {"_id": RELAY}}, {"$unwind": "$moving"}, {"$unwind": "$moving.events"},
        {"$group": {"_id": None, "ids": {"$push": "$moving.events"}}},
    ]
    return [
        waiting,
        *({"$unionWith": {"coll": other, "pipeline": [waiting]}} for other in others),
        {"$unwind": event},
        {"$match": {f"{OUTBOX}.more": {"$exists": True}} | {f"{OUTBOX}.resource.{key}": kind[key] for key in kind}},
        {"$lookup": {"from": LEASES.name, "pipeline": moved, "as": "moved"}},
        {"$match": {"$expr": {"$not": {"$in": [f"{event}._id", {"$ifNull": [{"$first": "$moved.ids"}, []]}]}}}},
        {"$project": {
            "_id": 0, "tenant": f"{event}.tenant", "type": f"{event}.resource.type",
            "number": f"{event}.more.number", "disabled": f"{event}.more.disabled",
        }},
    ]


def _sums(number: str, disabled: str) -> dict[str, Any]:
    return {"number": {"$sum": number}, "disabled": {"$sum": disabled}}
