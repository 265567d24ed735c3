"""The customers: each has a name, which is part of its SCIM URL, and a profile. Credentials are in files of their own.

Kept here: a tenant's name is fit for a URL and hides none of the server's own routes, and deleting a tenant leaves
nothing of it in any collection but `acts`. A deleted tenant's document stays for `GRACE`, as a tombstone: a worker may
remember its credentials for some seconds, and a request may be under way. All that the name has is deleted once at the
deletion and once after that time; each batch in a transaction with a write to the tombstone, so that nothing of a new
tenant of the same name can ever be deleted, whoever is late.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure

from app.errors import Conflict, InvalidValue, NotFound
from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import by_ids
from app.store.mongo.moments import aware, now

SPEC = CollectionSpec(
    name="tenants",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "profile", "created", "suspended"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string", "pattern": "^[a-z0-9-]{1,63}$"},
                "profile": {"bsonType": "string"},
                "created": {"bsonType": "date"},
                "suspended": {"bsonType": "bool"},
                "deleted_at": {"bsonType": "date"},
                "batches": {"bsonType": ["int", "long"]},
                "rate_limit": {"bsonType": "int"},
            },
        }
    },
    indexes=(IndexSpec(keys=(("deleted_at", 1),), name="deleted_at", partial={"deleted_at": {"$exists": True}}),),
)
COLLECTIONS = (SPEC,)

PROFILES = ("gallery", "interop", "rfc")
"""The names of the profiles that a tenant may have; what they mean stands in `protocol/profile.py`."""
SYNONYMS = {"entra": "interop"}
"""Older names of profiles: still taken, and what tenants of earlier versions are stored with (D-80)."""

RESERVED = frozenset({
    "api", "admin", "assets", "console", "docs", "events", "favicon", "health", "healthz", "live", "livez", "login",
    "logout", "metrics", "oauth", "oauth2", "openapi", "ping", "ready", "readyz", "robots", "scim", "scimd", "static",
    "status", "tenants", "token", "v1", "v2", "well-known",
})
"""Names that the server's own routes have, or may want one day."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_BATCH = 1_000
GRACE = timedelta(seconds=60)
"""How long a deleted tenant's name is kept.

Credentials are remembered for 4 seconds, a request or a batch of an import takes 20 at most; the rest is for clocks
that differ.
"""
_ON_VIEW = 166
"""MongoDB's code for a write on a view: what it shows belongs to the collection behind it."""


OUTLIVE = frozenset({"acts"})
"""The collections whose documents outlive their tenant."""
_NOT_DELETED: dict[str, Any] = {"deleted_at": {"$exists": False}}


@dataclass(frozen=True)
class Tenant:
    """A customer."""

    name: str
    profile: str
    created: datetime
    suspended: bool = False
    rate_limit: int | None = None
    """Requests a second that it may make; None stands for what the server allows every tenant."""


class BeingDeleted(Conflict):
    """The name is that of a tenant that was deleted less than GRACE ago."""

    def __init__(self, name: str, until: datetime) -> None:
        super().__init__(f"A tenant {name!r} was deleted a moment ago; its name is free at {until:%H:%M:%S} UTC.")
        self.until = until


class Tenants:
    """All customers of this server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._db = database.db
        self._collection = database.db[SPEC.name]

    def create(
        self, name: str, profile: str, session: Session = None, *, rate_limit: int | None = None
    ) -> Tenant:
        """Create a tenant.

        Raises InvalidValue for a name or profile that is not allowed, Conflict for a taken name, BeingDeleted for a
        name that `free` has to make free.
        """
        check_name(name)
        profile = SYNONYMS.get(profile, profile)
        if profile not in PROFILES:
            raise InvalidValue(f"There is no profile {profile!r}; there are {', '.join(PROFILES)}.")
        document = {"_id": name, "profile": profile, "created": now(), "suspended": False}
        if rate_limit is not None:
            document["rate_limit"] = rate_limit
        try:
            self._collection.insert_one(document, session=session)
        except DuplicateKeyError:
            tombstone = self._tombstone(name)
            if tombstone:
                raise BeingDeleted(name, _until(tombstone)) from None
            raise Conflict(f"There is a tenant {name!r} already.") from None
        return _tenant(document)

    def get(self, name: str, session: Session = None) -> Tenant | None:
        """Return the tenant of that name, or None."""
        document = self._collection.find_one({"_id": name, **_NOT_DELETED}, session=session)
        return _tenant(document) if document else None

    def require(self, name: str, session: Session = None) -> Tenant:
        """Return the tenant of that name; raises NotFound."""
        tenant = self.get(name, session)
        if tenant is None:
            raise NotFound(f"There is no tenant {name!r}.")
        return tenant

    def list(self) -> list[Tenant]:
        """Return all tenants, by name."""
        return [_tenant(document) for document in self._collection.find(_NOT_DELETED, sort=[("_id", 1)])]

    def existing(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that tenants have."""
        query = {"_id": {"$in": list(names)}, **_NOT_DELETED}
        return {row["_id"] for row in self._collection.find(query, {"_id": 1})}

    def suspend(self, name: str, session: Session = None) -> None:
        """Refuse the tenant's requests from now on and keep its data; raises NotFound."""
        self._set_suspended(name, True, session)

    def resume(self, name: str, session: Session = None) -> None:
        """Answer the tenant's requests again; raises NotFound."""
        self._set_suspended(name, False, session)

    def limit(self, name: str, rate_limit: int | None, session: Session = None) -> None:
        """Give the tenant a rate of its own, in requests a second, or None for that of the server; raises NotFound."""
        change = {"$unset": {"rate_limit": ""}} if rate_limit is None else {"$set": {"rate_limit": rate_limit}}
        self._change(name, change, session)

    def delete(self, name: str) -> None:
        """Delete the tenant with all its data, or go on with a deletion that was interrupted; raises NotFound.

        From the first write on there is no such tenant; what is still under way is deleted by `clear_deleted`.
        """
        # Suspended too: a worker of the version before does not know a tombstone.
        mark = {"$set": {"suspended": True, "deleted_at": now()}}
        marked = self._collection.update_one({"_id": name, **_NOT_DELETED}, mark).matched_count
        if not (marked or self.is_deleted(name)):
            raise NotFound(f"There is no tenant {name!r}.")
        self._sweep(name)

    def is_deleted(self, name: str) -> bool:
        """Return whether the name is that of a tenant whose deletion has begun and is not over."""
        return self._tombstone(name) is not None

    def free(self, name: str) -> None:
        """End the deletion of a tenant, if there is one, so that its name can be taken again; raises BeingDeleted."""
        tombstone = self._tombstone(name)
        if tombstone is None:
            return
        if now() < _until(tombstone):
            raise BeingDeleted(name, _until(tombstone))
        self._sweep(name)
        self._collection.delete_one({"_id": name, "deleted_at": tombstone["deleted_at"]})

    def _tombstone(self, name: str) -> dict[str, Any] | None:
        document: dict[str, Any] | None = self._collection.find_one({"_id": name, "deleted_at": {"$exists": True}})
        return document

    def _set_suspended(self, name: str, suspended: bool, session: Session) -> None:
        self._change(name, {"$set": {"suspended": suspended}}, session)

    def _change(self, name: str, change: dict[str, Any], session: Session) -> None:
        if not self._collection.update_one({"_id": name, **_NOT_DELETED}, change, session=session).matched_count:
            raise NotFound(f"There is no tenant {name!r}.")

    def _sweep(self, name: str) -> None:
        """Delete all that has the tenant's name, until a round finds nothing: totals are put back from the log."""
        while sum([self._empty(collection, name) for collection in self._db.list_collection_names()]):
            continue

    def _empty(self, collection_name: str, name: str) -> int:
        """Delete what is the tenant's in one collection; return how many documents that were."""
        if collection_name.startswith("system.") or collection_name in OUTLIVE:
            return 0
        collection, deleted = self._db[collection_name], 0
        # In batches: one command for a million documents would outlast the socket's time limit.
        while ids := [row["_id"] for row in collection.find({"tenant": name}, {"_id": 1}).limit(_BATCH)]:
            try:
                batch = self._database.transaction(partial(self._delete_batch, collection, name, ids))
            except OperationFailure as failure:
                if failure.code == _ON_VIEW:
                    break
                raise
            if not batch:  # somebody else was quicker
                break
            deleted += batch
        return deleted

    def _delete_batch(self, collection: Any, name: str, ids: Sequence[Any], session: Session) -> int:
        # A write: where the tombstone goes at the same moment, one of the two fails.
        tombstone = {"_id": name, "deleted_at": {"$exists": True}}
        if not self._collection.update_one(tombstone, {"$inc": {"batches": 1}}, session=session).matched_count:
            return 0
        # By the ids alone: by an index of the tenant's, each batch scanned on to the end of what was left.
        query = {"tenant": name, "_id": {"$in": ids}}
        count: int = collection.delete_many(query, session=session, **by_ids(collection)).deleted_count
        return count


def clear_deleted(database: Database, moment: datetime) -> int:
    """End the deletions that began more than GRACE before `moment`; return how many tenants that were."""
    names = [row["_id"] for row in database.db[SPEC.name].find({"deleted_at": {"$lte": moment - GRACE}}, {"_id": 1})]
    for name in names:
        Tenants(database).free(name)
    return len(names)


def check_name(name: str) -> None:
    """Check that `name` can be a tenant's; raises InvalidValue."""
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} cannot be the name of a tenant: it takes 1 to 63 of the characters a-z, 0-9 and -, "
            "with no - at either end."
        )
    if name in RESERVED:
        raise InvalidValue(f"{name!r} cannot be the name of a tenant: the server keeps it for itself.")


def _until(tombstone: dict[str, Any]) -> datetime:
    return aware(tombstone["deleted_at"]) + GRACE


def _tenant(document: dict[str, Any]) -> Tenant:
    profile = SYNONYMS.get(document["profile"], document["profile"])
    created, rate_limit = aware(document["created"]), document.get("rate_limit")
    return Tenant(document["_id"], profile, created, document["suspended"], rate_limit)
