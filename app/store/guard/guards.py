"""What the guard of a tenant is set to, and what it has found: a part of the tenant's document.

That it has found something is written once an hour, with the event for consumers and the line of the tenant's log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.schemas.storage.collection import OUTBOX
from app.store.accounts.tenants import GUARD, KIND, NOT_DELETED, SPEC, Tenant, TenantEvents, no_tenant
from app.store.guard.deactivations import WATCHED, Deactivations
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

log = logging.getLogger("scimd")
SHARE = 20
"""The share of a tenant's users, in per cent, above which it is unusual that they are disabled or deleted."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Guard:
    """The guard of a tenant."""

    share: int = SHARE
    stop: bool = False
    """Whether further deactivations are refused once they are unusual."""
    warned: datetime | None = None
    """When it last found something unusual."""
    stopped: datetime | None = None
    """Since when deactivations are refused, None if they are not."""
    number: int = 0
    """How many people had been disabled or deleted when it last found something unusual."""
    users: int = 0
    """How many users there were an hour before that, and since."""

    def is_unusual(self, number: int, users: int) -> bool:
        """Return whether it is unusual that `number` of `users` are disabled or deleted within an hour."""
        return number >= WATCHED and number * 100 > self.share * users

    @property
    def sentence(self) -> str:
        """What it has found, in words; "" for nothing."""
        if self.warned is None:
            return ""
        return f"{self.number} of {self.users} users were disabled or deleted within an hour"


class Guards:
    """The guards of all tenants; `days` is how long the log and events are kept."""

    def __init__(self, database: Database, days: int = 90) -> None:
        self._database = database
        self._tenants = database.db[SPEC.name]
        self._events = TenantEvents(database, days=days)
        self._days = days

    def get(self, tenant: str, session: Session = None) -> Guard:
        """Return the guard of a tenant; raises NotFound."""
        row = self._tenants.find_one({"_id": tenant, **NOT_DELETED}, {GUARD: 1}, session=session)
        if row is None:
            raise no_tenant(tenant)
        return _guard(row.get(GUARD, {}))

    def found(self) -> dict[str, Guard]:
        """Return the guards that have found something within the last hour, or refuse deactivations."""
        query = {"$or": [{f"{GUARD}.warned": {"$gt": now() - HOUR}}, {f"{GUARD}.stopped": {"$exists": True}}]}
        rows = self._tenants.find({**query, **NOT_DELETED}, {GUARD: 1})
        return {row["_id"]: _guard(row[GUARD]) for row in rows}

    def set(self, tenant: str, share: int | None, stop: bool | None, session: Session) -> None:
        """Set the share, and whether deactivations are refused; None leaves what is set. Raises NotFound."""
        fields = {name: value for name, value in (("share", share), ("stop", stop)) if value is not None}
        change: dict[str, Any] = {"$set": {f"{GUARD}.{name}": value for name, value in fields.items()}}
        if stop is False:
            change["$unset"] = {f"{GUARD}.stopped": ""}
        self._update(tenant, change, session)

    def allow(self, tenant: str, session: Session) -> None:
        """Let deactivations through again, and count from now on; raises NotFound."""
        self._update(tenant, {"$unset": {f"{GUARD}.{name}": "" for name in ("warned", "stopped")}}, session)
        Deactivations(self._database).begin_anew(tenant, session)

    def find(self, tenant: Tenant, number: int, users: int) -> bool:
        """Note how many people were disabled or deleted, if that is unusual; return whether it has warned of it.

        `users` is how many users there are, with those who were deleted within the hour. It warns once an hour, and
        stops deactivations if it is set to.
        """
        guard = self.get(tenant.name)
        if not guard.is_unusual(number, users):
            return False
        new = self._database.transaction(lambda session: self._warn(tenant, guard, number, users, session))
        self._database.wake()
        if new:
            log.warning("unusual in the tenant %s: %s of %s users were disabled or deleted within an hour", tenant.name,
                        number, users)
        if guard.stop:
            query = {"_id": tenant.name, f"{GUARD}.stop": True, f"{GUARD}.stopped": {"$exists": False}}
            self._tenants.update_one(query, {"$set": {f"{GUARD}.stopped": now()}})
        return new

    def _warn(self, tenant: Tenant, guard: Guard, number: int, users: int, session: Session) -> bool:
        moment = now()
        said = {"number": number, "users": users}
        event = self._events.of(tenant, GUARD) | {GUARD: {**said, "share": guard.share, "stops": guard.stop}}
        change = {
            "$set": {f"{GUARD}.warned": moment, **{f"{GUARD}.{name}": value for name, value in said.items()}},
            "$push": {OUTBOX: event},
        }
        lately = {f"{GUARD}.warned": {"$gt": moment - HOUR}}
        query = {"_id": tenant.name, **NOT_DELETED, "$nor": [lately]}
        if not self._tenants.update_one(query, change, session=session).matched_count:
            return False
        detail = Guard(warned=moment, number=number, users=users).sentence
        line = Event(GUARD, KIND, tenant.name, tenant.name, detail=detail)
        Events(self._database, tenant.name, LogSettings(self._days)).append(line, Actor(), session)
        return True

    def _update(self, tenant: str, change: dict[str, Any], session: Session) -> None:
        if not self._tenants.update_one({"_id": tenant, **NOT_DELETED}, change, session=session).matched_count:
            raise no_tenant(tenant)


def _guard(row: Mapping[str, Any]) -> Guard:
    moments = {name: aware(row[name]) for name in ("warned", "stopped") if name in row}
    return Guard(**{**row, **moments})
