"""The connections of tenants to their identity providers: two at most for each, and at most one of them is on.

So a customer moves from one identity provider to another without a gap: the new one is made and tested while the old
one is on. Two unique indexes keep both rules. Nothing is looked up across tenants: two of them may have the same
identity provider.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError, PyMongoError

from app.errors import Conflict, NotFound
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.expiries import CONNECTIONS
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now
from app.store.sign_on.connection import KINDS, OFF, OIDC, ON, SAML, Connection, connection_of, provider_of, settings_of
from app.store.sign_on.links import take_over

_TEXTS = ("tenant", "label", "subject", "group", "app", "fault", "baseUrl")
_DATES = ("created", "fetched", "attempted", "tested", "lastSignIn", "expires", "saved")
MOST = 2
"""Connections of a tenant."""
SPEC = CollectionSpec(
    name=CONNECTIONS,
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "place", "kind", "state", "match", "created"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                "kind": {"enum": list(KINDS)},
                "state": {"enum": [ON, OFF]},
                "place": {"bsonType": "int", "minimum": 1, "maximum": MOST},
                "warned": {"bsonType": "int"},
                **{each: {"bsonType": "object"} for each in ("match", SAML, OIDC)},
                **{each: {"bsonType": "bool"} for each in ("signRequests", "requireMfa", "fetching")},
                **{each: {"bsonType": "string"} for each in _TEXTS},
                **{each: {"bsonType": "date"} for each in _DATES},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("place", 1)), name="tenant_place", unique=True),
        IndexSpec(keys=(("tenant", 1),), name="tenant_on", unique=True, partial={"state": ON}),
    ),
)
COLLECTIONS = (SPEC,)

NOTED_EVERY = timedelta(minutes=1)
"""How often a good sign-in is noted, at most."""


class Connections:
    """The connections of all tenants; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def on(self, tenant: str) -> Connection | None:
        """Return the connection of a tenant that is on, or None."""
        document = self._collection.find_one({"tenant": tenant, "state": ON})
        return connection_of(document) if document else None

    def of_tenant(self, tenant: str, session: Session = None) -> list[Connection]:
        """Return the connections of a tenant, oldest first."""
        rows = self._collection.find({"tenant": tenant}, sort=[("created", 1), ("place", 1)], session=session)
        return [connection_of(row) for row in rows]

    def get(self, tenant: str, connection_id: str, session: Session = None) -> Connection | None:
        """Return this connection of a tenant, or None."""
        document = self._collection.find_one({"_id": connection_id, "tenant": tenant}, session=session)
        return connection_of(document) if document else None

    def save(self, connection: Connection, session: Session = None) -> Connection:
        """Store a connection that is off, and return it; one without `id` is new.

        What was known of earlier settings is forgotten, the last test included. Raises Conflict if the connection is
        on, or the tenant has two already, and NotFound.
        """
        document = settings_of(connection) | {"state": OFF, "saved": self._clock(), "fetched": self._clock()}
        if not connection.id:
            return self._add(connection.tenant, document, session)
        own = {"_id": connection.id, "tenant": connection.tenant}
        before = self._collection.find_one(own, session=session)
        if before is None:
            raise _missing(connection.tenant, connection.id)
        kept = {name: before[name] for name in ("place", "created")}
        found = self._collection.replace_one({**own, "state": OFF}, own | kept | document, session=session)
        if not found.matched_count:
            raise Conflict(f"The connection {connection.id} is on; only one that is off can be changed.")
        return connection_of(own | kept | document)

    def turn_on(self, tenant: str, connection_id: str, session: Session) -> Connection:
        """Turn a connection on, and the other one off; return it. Raises NotFound. Needs a transaction.

        From the other one it takes over which person is which user, if both are the same registration (D-731).
        """
        others = [each for each in self.of_tenant(tenant, session) if each.on and each.id != connection_id]
        for other in others:
            self.turn_off(tenant, other.id, session)
        connection = self._changed(tenant, connection_id, {"$set": {"state": ON}}, session)
        for other in others:
            if other.registration == connection.registration:
                take_over(self._database, tenant, other.id, connection.id, session)
        return connection

    def turn_off(self, tenant: str, connection_id: str, session: Session = None) -> Connection:
        """Turn a connection off and return it; raises NotFound."""
        return self._changed(tenant, connection_id, {"$set": {"state": OFF}}, session)

    def delete(self, tenant: str, connection_id: str, session: Session = None) -> Connection:
        """Delete a connection and return it; raises NotFound."""
        own = {"_id": connection_id, "tenant": tenant}
        document = self._collection.find_one_and_delete(own, session=session)
        if document is None:
            raise _missing(tenant, connection_id)
        return connection_of(document)

    def record_test(self, connection: Connection) -> None:
        """Record that a test was passed, unless an operator has changed the connection since it was read."""
        same = _own(connection) | {"saved": connection.saved}
        self._collection.update_one(same, {"$set": {"tested": self._clock()}})

    def record_sign_in(self, connection: Connection, base_url: str) -> None:
        """Record a good sign-in and our URL at the time, at most once a minute; a failure to do so is ignored."""
        moment, last = self._clock(), connection.last_sign_in
        if last and moment - last < NOTED_EVERY and connection.base_url == base_url:
            return
        change = {"$set": {"lastSignIn": moment, "baseUrl": base_url}}
        with suppress(PyMongoError):
            self._collection.update_one(_own(connection), change)

    def _add(self, tenant: str, document: dict[str, Any], session: Session) -> Connection:
        taken = {row["place"] for row in self._collection.find({"tenant": tenant}, {"place": 1}, session=session)}
        free = [place for place in range(1, MOST + 1) if place not in taken]
        own = {"_id": f"sso_{secrets.token_hex(8)}", "tenant": tenant, "created": self._clock()}
        try:
            if not free:
                raise Conflict(f"The tenant {tenant} has two connections already; delete one first.")
            self._collection.insert_one(own | {"place": free[0]} | document, session=session)
        except DuplicateKeyError:
            raise Conflict(f"Another connection of {tenant} has just been made; look again.") from None
        return connection_of(own | document)

    def _changed(self, tenant: str, connection_id: str, change: dict[str, Any], session: Session) -> Connection:
        own = {"_id": connection_id, "tenant": tenant}
        document = self._collection.find_one_and_update(own, change, return_document=True, session=session)
        if document is None:
            raise _missing(tenant, connection_id)
        return connection_of(document)


class Readings:
    """The readings of what identity providers publish: one worker at a time, and seldom; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def old(self, age: timedelta) -> list[Connection]:
        """Return the connections whose metadata has a URL, and was last read longer ago than `age`.

        Those that were tried longest ago come first, so that many that do not answer keep no other from being read.
        """
        urls = [{OIDC: {"$exists": True}}, {f"{SAML}.metadataUrl": {"$exists": True}}]
        query = {"fetched": {"$lte": self._clock() - age}, "$or": urls}
        return [connection_of(row) for row in self._collection.find(query, sort=[("attempted", 1)])]

    def claim(self, connection: Connection, pause: timedelta) -> bool:
        """Claim the next reading of the metadata, and return whether this caller got it.

        Of all workers one gets it in each `pause`, and none if it was read since `connection` was.
        """
        moment = self._clock()
        due = [{"attempted": {"$exists": False}}, {"attempted": {"$lte": moment - pause}}]
        query = _own(connection) | {"fetched": connection.fetched, "$or": due}
        change = {"$set": {"attempted": moment, "fetching": True}}
        return bool(self._collection.update_one(query, change).matched_count)

    def store(self, before: Connection, after: Connection) -> bool:
        """Store what was read of the identity provider, in place of what was known; return whether it was.

        `before` is the connection as it was when reading began; nothing is stored if an operator has changed it since.
        Warnings of an expiry begin anew if the date changes.
        """
        fields = provider_of(after)
        change: dict[str, Any] = {
            "$set": {**fields, "fetched": self._clock(), "fetching": False}, "$unset": {"fault": ""}
        }
        if before.expires != fields.get("expires"):
            change["$unset"]["warned"] = ""
        query = _own(before) | {"saved": before.saved}
        return bool(self._collection.update_one(query, change).matched_count)

    def record_fault(self, connection: Connection, fault: str) -> None:
        """Record why the metadata could not be read; what is known stays."""
        self._collection.update_one(_own(connection), {"$set": {"fault": fault, "fetching": False}})


def _own(connection: Connection) -> dict[str, Any]:
    return {"_id": connection.id, "tenant": connection.tenant}


def _missing(tenant: str, connection_id: str) -> NotFound:
    return NotFound(f"{tenant} has no connection {connection_id!r}.")


def certificate_expiries(database: Database) -> dict[str, datetime]:
    """Return when the last certificate of each tenant's identity provider expires, while its connection is on."""
    rows = database.db[SPEC.name].find({"state": ON, "expires": {"$exists": True}}, {"tenant": 1, "expires": 1})
    return {row["tenant"]: aware(row["expires"]) for row in rows}
