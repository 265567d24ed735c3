"""Deletes the memberships that no longer count because their group was cleared; see `memberships`.

They are invisible, so it can be done at any time and in any number of steps, and a killed process does no harm.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from app.store.directory.memberships import BATCH, HINT, LEASE, SPEC
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import by_ids


def sweep(database: Database, now: datetime) -> int:
    """Delete the memberships of all tenants that no longer count, and return how many there were."""
    collection, swept = database.db[SPEC.name], 0
    while clearance := collection.find_one({"due": {"$lte": now}}):
        if not collection.update_one(clearance, {"$set": {"due": datetime.now(UTC) + LEASE}}).modified_count:
            continue  # another worker has taken it
        number = _sweep(database, _key(clearance)) if "since" in clearance else 0  # only announced
        if not number:
            collection.delete_one(_key(clearance))
        swept += number
    return swept


def _sweep(database: Database, clearance: dict[str, Any]) -> int:
    """Go through the group once and return how many memberships were deleted."""
    collection, swept, after = database.db[SPEC.name], 0, ""
    while found := database.transaction(partial(_sweep_batch, database, clearance, after)):
        after, number = found
        swept += number
        now = datetime.now(UTC)
        collection.update_one(clearance | {"due": {"$lt": now + LEASE / 2}}, {"$set": {"due": now + LEASE}})
    return swept


def _sweep_batch(
    database: Database, clearance: dict[str, Any], after: str, session: Session
) -> tuple[str, int] | None:
    """Delete what no longer counts among the next members; return the last member and the number of deletions.

    Returns None at the end, and if the group has been cleared again.
    """
    collection = database.db[SPEC.name]
    if collection.find_one(clearance, {"_id": 1}, session=session) is None:
        return None
    query = {"tenant": clearance["tenant"], "group": clearance["member"], "member": {"$gt": after}}
    found = collection.find(query, {"member": 1, "since": 1}, hint=HINT, session=session)
    rows = list(found.sort("member").limit(BATCH))
    ended = [row["_id"] for row in rows if row.get("since") != clearance["since"]]
    if ended:
        which = {"tenant": clearance["tenant"], "_id": {"$in": ended}}
        collection.delete_many(which, session=session, **by_ids(collection))
    return (rows[-1]["member"], len(ended)) if rows else None


def _key(clearance: dict[str, Any]) -> dict[str, Any]:
    """Return the query that finds a clearance until the group is cleared again."""
    return {key: clearance.get(key) for key in ("_id", "tenant", "group", "member", "since")}
