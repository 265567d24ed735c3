"""The tenants: each customer has a name, which is part of its SCIM URL, and a profile.

The name of a deleted tenant is taken until its deletion is finished (`tenant_deletion`). Names and credentials have
modules of their own.

What consumers of all tenants are told of a tenant is written into the outbox of its document, with the change itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pymongo.errors import DuplicateKeyError

from app.errors import Conflict, InvalidValue, NotFound
from app.schemas.storage.collection import OUTBOX, PENDING, CollectionSpec, IndexSpec
from app.store.accounts.names import check_name
from app.store.log.event import Actor, Event
from app.store.log.events import NO_TENANT, Events, LogSettings
from app.store.log.outbox import LEASES, Pending
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

GUARD = "guard"
"""The field with what `store.guard` is set to, and has found."""
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
                "deletion": {"bsonType": "object"},
                **{field: {"bsonType": ["int", "long"]} for field in ("batches", "acts")},
                "rate_limit": {"bsonType": "int"},
                "provider": {"bsonType": "string"},
                "domains": {"bsonType": "array", "items": {"bsonType": "string"}},
                GUARD: {"bsonType": "object"},
                OUTBOX: {"bsonType": "array"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("deleted_at", 1),), name="deleted_at", partial={"deleted_at": {"$exists": True}}), PENDING,
    ),
)
COLLECTIONS = (SPEC,)

PROFILES = ("gallery", "interop", "rfc")
"""The names of the profiles that a tenant may have; `protocol/profile.py` says what they mean."""
SYNONYMS = {"entra": "interop"}
"""Older names of profiles: still accepted, and stored with tenants of earlier versions (D-80)."""

KIND = "Tenant"
"""The type of a tenant in events, like that of a resource."""
ALL_TENANTS = "*"
"""The tenant of what belongs to all of them, such as a token for the events of all; no tenant can have this name."""
GRACE = timedelta(seconds=60)
"""How long the name of a deleted tenant stays taken, at least.

Workers remember credentials for 4 seconds, and a request or a batch of an import takes 20 at most; the rest allows for
clocks that differ.
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CREATED = {"_id": "tenants"}
"""The document in `leases` with the time of the last tenant that was created."""
NOT_DELETED: dict[str, Any] = {"deleted_at": {"$exists": False}}


@dataclass(frozen=True)
class Tenant:
    """A customer."""

    name: str
    profile: str
    created: datetime
    suspended: bool = False
    rate_limit: int | None = None
    """Requests per second; None means the server's own limit."""
    provider: str = ""
    """The identity provider (`app.advice.guides`), "" as long as nobody has chosen one."""
    stops: bool = False
    """Whether its guard may refuse deactivations."""

    @property
    def tenant_id(self) -> str:
        """What tells the tenant from all others, also from an earlier or later one with its name."""
        return tenant_id(self.created)


class TenantEvents:
    """Makes the events about tenants; `actor` is who changes them, and `days` how long the events are kept."""

    _TYPES: ClassVar = {"create": "created", "suspend": "suspended", "resume": "resumed", "delete": "deleted",
                       GUARD: "unusual_deactivations"}

    def __init__(self, database: Database, actor: Actor | None = None, *, days: int = 90) -> None:
        self._log = Events(database, NO_TENANT, LogSettings(days))
        self._actor = actor or Actor()

    def of(self, tenant: Tenant, operation: str) -> Pending:
        """Return the event for an outbox; its tenant is none, so that it outlives the one that it is about."""
        event = Event(operation, KIND, tenant.name, tenant.name, type=f"scimd.tenant.{self._TYPES[operation]}")
        return self._log.pending(event, self._actor) | {"tenantId": tenant.tenant_id}


class BeingDeleted(Conflict):
    """The name belongs to a tenant whose deletion is not finished; `until` is when it can be, at the earliest."""

    def __init__(self, name: str, until: datetime) -> None:
        super().__init__(f"What had the name {name!r} was deleted a moment ago; it is free at {until:%H:%M:%S} UTC.")
        self.until = until


class Tenants:
    """All tenants of this server; `events` makes the events of what is changed."""

    def __init__(self, database: Database, events: TenantEvents | None = None) -> None:
        self._collection = database.db[SPEC.name]
        self._leases = database.db[LEASES.name]
        self._events = events or TenantEvents(database)

    def create(
        self, name: str, profile: str, session: Session = None, *, rate_limit: int | None = None
    ) -> Tenant:
        """Create a tenant and return it.

        Raises InvalidValue for a name or profile that is not allowed, Conflict for a taken name, and BeingDeleted for
        the name of a tenant whose deletion is not finished.
        """
        check_name(name)
        profile = SYNONYMS.get(profile, profile)
        if profile not in PROFILES:
            raise InvalidValue(f"There is no profile {profile!r}; the profiles are {', '.join(PROFILES)}.")
        created = _unused_moment(self._leases, session)
        document: dict[str, Any] = {"_id": name, "profile": profile, "created": created, "suspended": False}
        if rate_limit is not None:
            document["rate_limit"] = rate_limit
        tenant = _tenant(document)
        try:
            self._collection.insert_one(document | {OUTBOX: [self._events.of(tenant, "create")]}, session=session)
        except DuplicateKeyError:
            holder = self._collection.find_one({"_id": name}) or {}
            if "deleted_at" in holder:
                raise BeingDeleted(name, aware(holder["deleted_at"]) + GRACE) from None
            raise Conflict(f"The name {name!r} is taken.") from None
        return tenant

    def get(self, name: str, session: Session = None) -> Tenant | None:
        """Return the tenant with this name, or None."""
        document = self._collection.find_one({"_id": name, **NOT_DELETED}, session=session)
        return _tenant(document) if document else None

    def require(self, name: str, session: Session = None) -> Tenant:
        """Return the tenant with this name; raises NotFound."""
        tenant = self.get(name, session)
        if tenant is None:
            raise no_tenant(name)
        return tenant

    def list(self) -> list[Tenant]:
        """Return all tenants, sorted by name."""
        return [_tenant(document) for document in self._collection.find(NOT_DELETED, sort=[("_id", 1)])]

    def named(self, names: Iterable[str], session: Session = None) -> dict[str, Tenant]:
        """Return the tenants with these names by their names, as far as they exist."""
        found = self._collection.find({"_id": {"$in": list(names)}, **NOT_DELETED}, session=session)
        return {document["_id"]: _tenant(document) for document in found}

    def page(self, name: str, limit: int, *, before: bool = False, session: Session = None) -> Sequence[Tenant]:
        """Return the tenants behind a name, or before it, in the order of names; "" begins with the first one."""
        place, order = ({"$lt": name}, -1) if before else ({"$gt": name}, 1)
        query = {"_id": place, **NOT_DELETED}
        found = self._collection.find(query, sort=[("_id", order)], limit=limit, session=session)
        return sorted(map(_tenant, found), key=lambda tenant: tenant.name)

    def suspend(self, name: str, session: Session = None) -> None:
        """Refuse the tenant's requests from now on and keep its data; raises NotFound."""
        self._suspend(name, "suspend", session, suspended=True)

    def resume(self, name: str, session: Session = None) -> None:
        """Accept the tenant's requests again; raises NotFound."""
        self._suspend(name, "resume", session, suspended=False)

    def limit(self, name: str, rate_limit: int | None, session: Session = None) -> None:
        """Set the tenant's own limit in requests per second, or remove it for None; raises NotFound."""
        change = {"$unset": {"rate_limit": ""}} if rate_limit is None else {"$set": {"rate_limit": rate_limit}}
        _update(self._collection, name, change, session)

    def choose_provider(self, name: str, provider: str, session: Session = None) -> None:
        """Store which identity provider the tenant provisions from; raises NotFound."""
        _update(self._collection, name, {"$set": {"provider": provider}}, session)

    def _suspend(self, name: str, operation: str, session: Session, *, suspended: bool) -> None:
        """Suspend or resume a tenant; one that is already gets no event."""
        tenant = self.require(name, session)
        change = {"$set": {"suspended": suspended}, "$push": {OUTBOX: self._events.of(tenant, operation)}}
        query = {"_id": name, "suspended": not suspended, **NOT_DELETED}
        if not self._collection.update_one(query, change, session=session).matched_count:
            self.require(name, session)


def _unused_moment(leases: Any, session: Session) -> datetime:
    """Return the current time, or the first millisecond after it at which no tenant was created (D-591)."""
    moment = now()
    while True:
        row = leases.find_one_and_update(_CREATED, {"$max": {"last": moment}}, upsert=True, session=session)
        last = aware(row["last"]) if row else _EPOCH
        if last < moment:
            return moment
        moment = last + _MILLISECOND


def tenant_id(created: datetime) -> str:
    """Return the id of the tenant that was created at that moment: the milliseconds since 1970, in hexadecimal."""
    return f"{(created - _EPOCH) // _MILLISECOND:x}"


def log_of(owner: str) -> str:
    """Return the tenant whose log has what is done to credentials of `owner`, a tenant or `ALL_TENANTS`."""
    return NO_TENANT if owner == ALL_TENANTS else owner


def _update(collection: Any, name: str, change: dict[str, Any], session: Session) -> None:
    if not collection.update_one({"_id": name, **NOT_DELETED}, change, session=session).matched_count:
        raise no_tenant(name)


def no_tenant(name: str) -> NotFound:
    """Return the error about a name that no tenant has."""
    return NotFound(f"There is no tenant {name!r}; scimd tenant list shows those that there are.")


def _tenant(document: dict[str, Any]) -> Tenant:
    profile = SYNONYMS.get(document["profile"], document["profile"])
    created, rate_limit = aware(document["created"]), document.get("rate_limit")
    provider, stops = document.get("provider", ""), document.get(GUARD, {}).get("stop", False)
    return Tenant(document["_id"], profile, created, document["suspended"], rate_limit, provider, stops)
