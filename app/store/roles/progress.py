"""How far the role maps have been carried out, for the workers that do so.

A worker claims a tenant's map for some seconds, by MongoDB's clock, only so that others do not do the same work. What
keeps two of them from spoiling each other's is `steps`: everything that is written belongs to a step, and a step is
done only if nobody has done another one since the state was read that it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.store.log.event import new_id
from app.store.mongo.database import Database, Session
from app.store.roles.role_maps import SPEC, RoleMap, Task, map_of

CLAIM_SECONDS = 10
_UNTIL = {"$add": ["$$NOW", CLAIM_SECONDS * 1_000]}
_FREE: dict[str, Any] = {"$expr": {"$lte": [{"$ifNull": ["$until", "$$NOW"]}, "$$NOW"]}}


class Deposed(Exception):
    """Another worker, or a command, has changed the map's document since it was read."""


@dataclass(frozen=True)
class Progress:
    """A map, and how far it has been carried out."""

    tenant: str
    steps: int
    place: int
    """The number of the last event that was followed."""
    tasks: tuple[Task, ...]
    map: RoleMap

    @property
    def is_done_for(self) -> bool:
        """Whether the map is empty, and nobody has a role of it any more."""
        return self.map.is_empty and not self.tasks


class ProgressOfMaps:
    """The progress of all maps, as one worker sees and advances it."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name]
        self._me = new_id()

    def places(self) -> dict[str, tuple[int, bool]]:
        """Return place, and whether there are tasks, of each tenant that has a map."""
        rows = self._collection.find({}, {"place": 1, "tasks": {"$slice": 1}})
        return {row["_id"]: (row["place"], bool(row["tasks"])) for row in rows}

    def claim(self, tenant: str) -> bool:
        """Claim a tenant's map; return False if another worker has claimed it."""
        change = [{"$set": {"owner": self._me, "until": _UNTIL}}]
        return bool(self._collection.update_one({"_id": tenant, **_FREE}, change).matched_count)

    def release(self, tenant: str) -> None:
        """Let another worker claim the map at once."""
        self._collection.update_one({"_id": tenant, "owner": self._me}, {"$unset": {"owner": "", "until": ""}})

    def get(self, tenant: str) -> Progress | None:
        """Return the progress of a map that this worker has claimed; None if another one has it by now."""
        row = self._collection.find_one({"_id": tenant, "owner": self._me})
        return _progress(row) if row else None

    def advance(
        self, progress: Progress, *, place: int | None = None, tasks: Iterable[Task] | None = None,
        session: Session = None,
    ) -> Progress:
        """Store a new place and new tasks, and return the progress since; raises Deposed.

        It is written even if nothing changes, so that it conflicts with what others write.
        """
        after = replace(
            progress, steps=progress.steps + 1, place=progress.place if place is None else place,
            tasks=progress.tasks if tasks is None else tuple(tasks),
        )
        change = {
            "steps": after.steps, "place": after.place, "until": _UNTIL,
            "tasks": {"$literal": [each.row() for each in after.tasks]},
        }
        query = {"_id": progress.tenant, "steps": progress.steps, "owner": self._me}
        if not self._collection.update_one(query, [{"$set": change}], session=session).matched_count:
            raise Deposed
        return after

    def remove(self, progress: Progress) -> None:
        """Remove a map that is empty, and has been carried out; raises Deposed."""
        query = {"_id": progress.tenant, "steps": progress.steps, "owner": self._me}
        if not self._collection.delete_one(query).deleted_count:
            raise Deposed


def _progress(row: Mapping[str, Any]) -> Progress:
    tasks = tuple(Task(**each) for each in row["tasks"])
    return Progress(row["_id"], row["steps"], row["place"], tasks, map_of(row))
