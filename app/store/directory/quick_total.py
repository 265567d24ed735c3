"""The total of a type beside other documents: in the same command, and of the same moment (D-704).

It is what the relay has counted, so there is none while an event is pending that it has yet to count; `Totals` adds up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.schemas.resource_type import ResourceType
from app.store.directory.totals import SPEC as COUNTS
from app.store.log.outbox import DELETED, OUTBOX, TIME

Steps = list[dict[str, Any]]


def beside(tenant: str, resource_type: ResourceType) -> Steps:
    """Return the steps that add to the documents of a pipeline, which must read a snapshot, what `total` reads.

    They add up to one document each, without `_id`.
    """
    event = {"tenant": tenant, "resource.type": resource_type.name, "more": {"$exists": True}}
    # Without the document's own `tenant` only one index suits, so MongoDB does not try others (D-20).
    pending = {TIME: {"$exists": True}, OUTBOX: {"$elemMatch": event}}
    return [
        _added(COUNTS.name, {"tenant": tenant, "type": resource_type.name}, {"number": 1}),
        *(_added(each, pending, {"pending": "$_id"}) for each in (resource_type.collection, DELETED)),
    ]


def total(rows: Iterable[dict[str, Any]]) -> int | None:
    """Return how many resources there are, None while events are pending."""
    found = list(rows)
    return None if any("pending" in row for row in found) else sum(row["number"] for row in found)


def _added(collection: str, query: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    steps = [{"$match": query}, {"$limit": 1}, {"$project": {"_id": 0, **fields}}]
    return {"$unionWith": {"coll": collection, "pipeline": steps}}
