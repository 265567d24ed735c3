"""The customers: each has a name, which is part of its SCIM URL, and a profile. Credentials are in files of their own.

Kept here: a tenant's name is fit for a URL and hides none of the server's own routes, and deleting a tenant leaves
nothing of it in any collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure

from app.errors import Conflict, InvalidValue, NotFound
from app.schemas.collection import CollectionSpec
from app.store.database import Database
from app.store.plans import by_ids

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
            },
        }
    },
    indexes=(),
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
_ON_VIEW = 166
"""MongoDB's code for a write on a view: what it shows belongs to the collection behind it."""


@dataclass(frozen=True)
class Tenant:
    """A customer."""

    name: str
    profile: str
    created: datetime
    suspended: bool = False


class Tenants:
    """All customers of this server."""

    def __init__(self, database: Database) -> None:
        self._db = database.db
        self._collection = database.db[SPEC.name]

    def create(self, name: str, profile: str) -> Tenant:
        """Create a tenant; raises InvalidValue for a name or profile that cannot be, Conflict for a taken name."""
        check_name(name)
        profile = SYNONYMS.get(profile, profile)
        if profile not in PROFILES:
            raise InvalidValue(f"There is no profile {profile!r}; there are {', '.join(PROFILES)}.")
        if self.get(name):
            raise Conflict(f"There is a tenant {name!r} already.")
        self._sweep(name)  # what a request wrote while an earlier tenant of this name was being deleted
        document = {"_id": name, "profile": profile, "created": now(), "suspended": False}
        try:
            self._collection.insert_one(document)
        except DuplicateKeyError:
            raise Conflict(f"There is a tenant {name!r} already.") from None
        return _tenant(document)

    def get(self, name: str) -> Tenant | None:
        """Give the tenant of that name, or None."""
        document = self._collection.find_one({"_id": name})
        return _tenant(document) if document else None

    def require(self, name: str) -> Tenant:
        """Give the tenant of that name; raises NotFound."""
        tenant = self.get(name)
        if tenant is None:
            raise NotFound(f"There is no tenant {name!r}.")
        return tenant

    def list(self) -> list[Tenant]:
        """Give all tenants, by name."""
        return [_tenant(document) for document in self._collection.find(sort=[("_id", 1)])]

    def existing(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that tenants have."""
        return {row["_id"] for row in self._collection.find({"_id": {"$in": list(names)}}, {"_id": 1})}

    def suspend(self, name: str) -> None:
        """Refuse the tenant's requests from now on and keep its data; raises NotFound."""
        self._set_suspended(name, True)

    def resume(self, name: str) -> None:
        """Answer the tenant's requests again; raises NotFound."""
        self._set_suspended(name, False)

    def delete(self, name: str) -> None:
        """Delete the tenant with all its data; raises NotFound.

        The tenant itself goes last, so that what was interrupted can be done again.
        """
        self._set_suspended(name, True)
        self._sweep(name)
        self._collection.delete_one({"_id": name})

    def _set_suspended(self, name: str, suspended: bool) -> None:
        if not self._collection.update_one({"_id": name}, {"$set": {"suspended": suspended}}).matched_count:
            raise NotFound(f"There is no tenant {name!r}.")

    def _sweep(self, name: str) -> None:
        for collection_name in self._db.list_collection_names():
            if collection_name.startswith("system."):
                continue
            collection = self._db[collection_name]
            try:
                # In batches: one command for a million documents would outlast the socket's time limit.
                while ids := [row["_id"] for row in collection.find({"tenant": name}, {"_id": 1}).limit(_BATCH)]:
                    # By the ids alone: by an index of the tenant's, each batch scanned on to the end of what was left.
                    collection.delete_many({"tenant": name, "_id": {"$in": ids}}, **by_ids(collection))
            except OperationFailure as failure:
                if failure.code != _ON_VIEW:
                    raise


def check_name(name: str) -> None:
    """Check that `name` can be a tenant's; raises InvalidValue."""
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} cannot be the name of a tenant: it takes 1 to 63 of the characters a-z, 0-9 and -, "
            "with no - at either end."
        )
    if name in RESERVED:
        raise InvalidValue(f"{name!r} cannot be the name of a tenant: the server keeps it for itself.")


def now() -> datetime:
    """Give the present moment as MongoDB keeps it: UTC, cut to milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def aware(moment: datetime) -> datetime:
    """Give a date from the database with its time zone, which is always UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tenant(document: dict[str, Any]) -> Tenant:
    profile = SYNONYMS.get(document["profile"], document["profile"])
    return Tenant(document["_id"], profile, aware(document["created"]), document["suspended"])
