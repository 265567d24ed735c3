"""The deletion of a tenant, which leaves nothing of it in any collection but `acts` and `logouts`.

A deleted tenant's document stays for `GRACE` as a tombstone, since a worker may still remember the tenant's credentials
and a request may still be running. Everything with the tenant's name is deleted twice: when the deletion begins, and
when that time is over. Each batch is deleted in a transaction that also writes to the tombstone; so a slow process can
never delete anything of a new tenant with the same name.

Consumers are told of the deletion when the tombstone goes, in the same transaction: after that nothing of the tenant
can come (D-260).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure

from app.store.accounts.tenants import (
    GRACE,
    NOT_DELETED,
    PROFILES,
    SPEC,
    BeingDeleted,
    TenantEvents,
    Tenants,
    no_tenant,
)
from app.store.log.event import new_id
from app.store.log.events import NO_TENANT
from app.store.log.outbox import OUTBOX, TIME
from app.store.log.outbox import SPEC as OUTBOXES
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import by_ids
from app.store.mongo.moments import aware, now

KEPT = frozenset({"acts", "logouts"})
"""The collections whose documents outlive their tenant: operators' acts, and what apps are still to be told (D-320)."""
_BATCH = 1_000
_RELAYING = timedelta(seconds=15)
"""How long after an event was in an outbox a relay may store it in the log; its lease lasts for 10 seconds."""
_PENDING = {TIME: {"$exists": True}}
_ON_VIEW = 166
"""MongoDB's code for a write to a view: its documents are deleted from the collection that it reads."""


class TenantDeletion:
    """Deletes tenants, and finishes deletions that were interrupted; `events` makes the event of a deletion."""

    def __init__(self, database: Database, events: TenantEvents | None = None) -> None:
        self._database = database
        self._db = database.db
        self._tenants = database.db[SPEC.name]
        self._events = events or TenantEvents(database)

    def delete(self, name: str) -> None:
        """Delete the tenant with all its data, or continue a deletion that was interrupted; raises NotFound.

        `finish` deletes what requests still write after that.
        """
        self.begin(name)
        self._delete_all(name)

    def begin(self, name: str) -> None:
        """Make the tenant unreachable, whose data `finish` deletes later, unless that is done already; raises NotFound.

        This is one write.
        """
        tenant = Tenants(self._database).get(name)
        if tenant is not None:
            # Suspended too: a worker of an older version does not know what a tombstone is.
            mark = {"suspended": True, "deleted_at": now(), "deletion": self._events.of(tenant, "delete")}
            self._tenants.update_one({"_id": name, **NOT_DELETED}, {"$set": mark})
        elif not self.is_under_way(name):
            raise no_tenant(name)

    def is_under_way(self, name: str) -> bool:
        """Return whether a tenant with this name is being deleted."""
        return self._tombstone(name) is not None

    def finish(self, name: str) -> None:
        """Finish the deletion of a tenant, if there is one, so that its name is free; raises BeingDeleted.

        What an earlier version has left of a deleted tenant is deleted as well (D-677).
        """
        tombstone = self._tombstone(name)
        if tombstone is None and self._has(name):
            moment = now()
            row = {"_id": name, "profile": PROFILES[0], "created": moment, "suspended": True}
            with suppress(DuplicateKeyError):  # it belongs to a tenant
                self._tenants.insert_one(row | {"deleted_at": moment - GRACE})
            tombstone = self._tombstone(name)
        if tombstone is None:
            return
        same = {"_id": name, "deleted_at": tombstone["deleted_at"]}
        until = aware(tombstone["deleted_at"]) + GRACE
        if now() >= until and self._has(name, _PENDING):
            # A relay that has read these events may store them after everything was deleted.
            until = now() + _RELAYING
            self._delete_all(name)
            self._tenants.update_one(same, {"$set": {"deleted_at": until - GRACE}})
        if now() < until:
            raise BeingDeleted(name, until)
        self._delete_all(name)
        self._database.transaction(partial(self._remove, same))

    def _remove(self, tombstone: dict[str, Any], session: Session) -> None:
        """Remove the tombstone, and put the event of the deletion behind what is still pending of it."""
        found = self._tenants.find_one_and_delete(tombstone, session=session)
        if found is None:  # another process was first
            return
        pending = found.get(OUTBOX, [])
        if "deletion" in found:  # else it was deleted by a version that had no consumers
            event, moment = found["deletion"], now()
            pending.append(event | {"time": moment, "until": moment + (event["until"] - event["time"])})
        if pending:
            row = {"_id": new_id(), "tenant": NO_TENANT, OUTBOX: pending}
            self._db[OUTBOXES.name].insert_one(row, session=session)

    def _has(self, name: str, condition: Mapping[str, Any] = MappingProxyType({})) -> bool:
        """Return whether there is anything with the tenant's name that meets a condition."""
        return any(self._db[each].find_one({"tenant": name, **condition}, {"_id": 1}) for each in self._collections())

    def _collections(self) -> list[str]:
        """Return the names of the collections from which the tenant is deleted."""
        names: list[str] = self._db.list_collection_names()
        return [name for name in names if not name.startswith("system.") and name not in KEPT]

    def _tombstone(self, name: str) -> dict[str, Any] | None:
        document: dict[str, Any] | None = self._tenants.find_one({"_id": name, "deleted_at": {"$exists": True}})
        return document

    def _delete_all(self, name: str) -> None:
        """Delete everything with the tenant's name until a pass finds nothing, since the log may restore totals."""
        while sum([self._delete_from(collection, name) for collection in self._collections()]):
            continue

    def _delete_from(self, collection_name: str, name: str) -> int:
        """Delete the tenant's documents from one collection; return how many were found, 0 if the tombstone is gone.

        That another process has deleted some of them says nothing of the others (D-677).
        """
        collection, found = self._db[collection_name], 0
        # In batches: a single command for a million documents would exceed the socket's time limit.
        while ids := [row["_id"] for row in collection.find({"tenant": name}, {"_id": 1}).limit(_BATCH)]:
            try:
                goes_on = self._database.transaction(partial(self._delete_batch, collection, name, ids))
            except OperationFailure as failure:
                if failure.code == _ON_VIEW:
                    break
                raise
            if not goes_on:  # another process has finished the deletion
                return 0
            found += len(ids)
        return found

    def _delete_batch(self, collection: Any, name: str, ids: Sequence[Any], session: Session) -> bool:
        """Delete some of the documents; return False, and delete nothing, if there is no tombstone any more."""
        # This write conflicts with the removal of the tombstone, so only one of the two succeeds.
        tombstone = {"_id": name, "deleted_at": {"$exists": True}}
        if not self._tenants.update_one(tombstone, {"$inc": {"batches": 1}}, session=session).matched_count:
            return False
        # By id alone: with an index of the tenant, each batch would scan on to the end of what is left.
        query = {"tenant": name, "_id": {"$in": ids}}
        collection.delete_many(query, session=session, **by_ids(collection))
        return True


def finish_deletions(database: Database, moment: datetime) -> int:
    """Finish the deletions that began more than GRACE before `moment`; return how many there were."""
    names = [row["_id"] for row in database.db[SPEC.name].find({"deleted_at": {"$lte": moment - GRACE}}, {"_id": 1})]
    finished = 0
    for name in names:
        with suppress(BeingDeleted):  # the next round goes on
            TenantDeletion(database).finish(name)
            finished += 1
    return finished
