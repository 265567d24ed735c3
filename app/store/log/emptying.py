"""Removes what has been moved to the log from the outboxes, also from those that have been moved with their resource.

It is repeated until nothing of a batch is left anywhere; only then may the next batch be chosen. So an event is either
not numbered, or numbered and known to belong to the last batch: none is moved twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pymongo import DeleteOne, UpdateMany, UpdateOne
from pymongo.client_session import ClientSession

from app.store.log.lease import Moved
from app.store.log.outbox import OUTBOX, SPEC, TIME
from app.store.mongo.database import Database
from app.store.mongo.indexes import IDS, by_ids

_ID = f"{OUTBOX}._id"


class Emptying:
    """Empties outboxes; `collections` are those whose documents may have one."""

    def __init__(self, database: Database, collections: Sequence[str]) -> None:
        self._database = database
        self._collections = collections

    def remove(self, moved: Iterable[tuple[Moved, bool]]) -> None:
        """Remove events; each comes with whether it was everything in its outbox when that was read."""
        together: defaultdict[str, list[tuple[Moved, bool]]] = defaultdict(list)
        for each, whole in moved:
            together[each["collection"]].append((each, whole))
        missed: list[Moved] = []
        for name, those in together.items():
            if not self._remove(name, those):
                missed += [each for each, _ in those]
        self.remove_wherever(missed)

    def remove_wherever(self, moved: Iterable[Moved]) -> None:
        """Remove events from wherever they are: a deletion or a restore takes an outbox to another collection."""
        left = list(moved)
        while left:
            left = self._find(left)
            for name in {each["collection"] for each in left}:
                self._remove(name, [(each, False) for each in left if each["collection"] == name])

    def _remove(self, name: str, moved: Sequence[tuple[Moved, bool]]) -> bool:
        """Remove events from the documents of a collection, and return whether all of them were found."""
        alone: defaultdict[str | None, list[Moved]] = defaultdict(list)
        commands: list[UpdateOne | UpdateMany | DeleteOne] = []
        for one, whole in moved:
            if whole and len(one["events"]) == 1 and name != SPEC.name:
                alone[one.get("tenant")].append(one)
            else:
                commands += _removal(one, whole)
        commands += [_removal_of_all(those) for those in alone.values()]
        result = self._database.db[name].bulk_write(commands, ordered=False)
        return result.matched_count + result.deleted_count == len(moved)

    def _find(self, moved: Sequence[Moved]) -> list[Moved]:
        """Return where events are now, in one snapshot: else one that is moved during the search could be missed."""
        documents = [each["document"] for each in moved]
        ids = {event for each in moved for event in each["events"]}
        found: list[Moved] = []
        with self._database.snapshot_session() as session:
            for name in self._collections:
                for row in self._holding(name, documents, ids, session):
                    one = Moved(
                        collection=name, document=row["_id"],
                        events=[event["_id"] for event in row[OUTBOX] if event["_id"] in ids],
                    )
                    found.append(one | {"tenant": row["tenant"]} if "tenant" in row else one)
        return found

    def _holding(self, name: str, documents: list[Any], ids: set[str], session: ClientSession) -> Iterable[Any]:
        """Yield the documents of a collection that have one of the events."""
        collection, fields = self._database.db[name], {"tenant": 1, _ID: 1}
        query: dict[str, Any] = {_ID: {"$in": list(ids)}}
        if name == SPEC.name:  # what a deleted tenant has left is there under another id
            return collection.find({TIME: {"$exists": True}} | query, fields, session=session)
        return collection.find({"_id": {"$in": documents}} | query, fields, session=session, **by_ids(collection))


def _removal_of_all(moved: Sequence[Moved]) -> UpdateMany:
    """Return the command that empties outboxes of one tenant, of which each had one event when it was read (D-668)."""
    documents = _of_tenant(moved[0]) | {"_id": {"$in": [each["document"] for each in moved]}}
    unchanged = {f"{OUTBOX}.0._id": {"$in": [each["events"][0] for each in moved]}, OUTBOX: {"$size": 1}}
    return UpdateMany(documents | unchanged, {"$unset": {OUTBOX: ""}}, hint=dict(IDS))


def _of_tenant(moved: Moved) -> dict[str, Any]:
    return {"tenant": moved["tenant"]} if "tenant" in moved else {}


def _removal(moved: Moved, whole: bool) -> list[UpdateOne | DeleteOne]:
    """Return the commands that remove events from one outbox, of which one matches.

    A document that exists for its events goes with the last of them.
    """
    ids, hint = moved["events"], dict(IDS)
    document = {"_id": moved["document"]} | _of_tenant(moved)
    pull = {"$pull": {OUTBOX: {"_id": {"$in": ids}}}}
    if moved["collection"] == SPEC.name:
        has_others = {"$elemMatch": {"_id": {"$nin": ids}}}
        return [
            DeleteOne(document | {_ID: {"$in": ids}, OUTBOX: {"$not": has_others}}, hint=hint),
            UpdateOne(document | {_ID: {"$in": ids}, OUTBOX: has_others}, pull, hint=hint),
        ]
    if whole:
        # The number alone would not do: after a pause, other events may have come in place of those that were moved.
        unchanged = {f"{OUTBOX}.0._id": ids[0], OUTBOX: {"$size": len(ids)}}
        return [UpdateOne(document | unchanged, {"$unset": {OUTBOX: ""}}, hint=hint)]
    return [UpdateOne(document | {_ID: {"$in": ids}}, pull, hint=hint)]
