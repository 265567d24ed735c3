"""How numbered events are deleted when their time is over, without a reader missing one unawares.

First the horizon in the lease is moved past what is to be deleted: a reader that has not come so far is refused. Only
then is it deleted. With a TTL index readers would not know, and after a change of the retention a later event may be
deleted before an earlier one.
"""

from __future__ import annotations

from datetime import datetime

from app.store.log.events import BY_UNTIL
from app.store.log.events import SPEC as EVENTS
from app.store.log.outbox import LEASES, RELAY
from app.store.mongo.database import Database
from app.store.mongo.indexes import by_ids, by_index

BATCH = 1_000


def delete_expired(database: Database, moment: datetime) -> int:
    """Delete the numbered events whose time is over at `moment`, and return how many there were; raises Unavailable.

    Several workers may do this at once.
    """
    events, deleted = database.db[EVENTS.name], 0
    while rows := by_index(events, BY_UNTIL, lambda **named: list(
        events.find({"until": {"$lte": moment}}, {"seq": 1}, sort=[("until", 1)], limit=BATCH, **named)
    )):
        if not _move_horizon(database, max(row["seq"] for row in rows)):
            break
        deleted += events.delete_many({"_id": {"$in": [row["_id"] for row in rows]}}, **by_ids(events)).deleted_count
    return deleted


def _move_horizon(database: Database, horizon: int) -> bool:
    """Note that events up to `horizon` may be gone, and forget breaks below it; return False if there is no lease."""
    change = {"$max": {"horizon": horizon}, "$pull": {"breaks": {"to": {"$lte": horizon}}}}
    return bool(database.db[LEASES.name].update_one({"_id": RELAY}, change).matched_count)
