"""The ends of sessions: on request, and as a consequence of what has happened to users and tenants.

A change of a user is one write, and nothing here is part of it. A worker reads the numbered events and ends the
sessions of users who were disabled or deleted, and of tenants that were suspended, so that their apps are told soon.
Safety does not depend on it: each use of a session reads the user (`people`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from app.errors import Gone
from app.schemas.tables.user import USER_TYPE
from app.sign_on.people import user_type
from app.store.accounts.tenants import KIND, Tenant, Tenants
from app.store.directory.directory import Directory
from app.store.log.event import Actor
from app.store.log.events import NO_TENANT, Events, LogSettings
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database
from app.store.mongo.moments import aware
from app.store.sign_on.logouts import DELETED, DISABLED, End, Place, anybody_signed_in, end_sessions, signed_in

SUSPENDED = "suspended"
APP, PERSON, IDP, OPERATOR = "app", "person", "idp", "operator"
"""The other reasons: signed out by an app, by the person, by the identity provider; ended by an operator."""
_DISABLES = f"scimd.{USER_TYPE.name.lower()}.deactivated"
_DELETES = f"scimd.{USER_TYPE.name.lower()}.deleted"
_SUSPENDS = f"scimd.{KIND.lower()}.suspended"
_REASONS = {_DISABLES: DISABLED, _DELETES: DELETED, _SUSPENDS: SUSPENDED}
_BATCH = 100
"""Events that are read at a time."""
_LOOKED_AT = 500
"""Users that are read at a time: one by one, a worker did not come to an end with 100,000 in the minute that it has."""


class Endings:
    """Ends sessions; `days` is how long a tenant's log is kept."""

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days

    def end(self, tenant: str, query: Mapping[str, Any], reason: str, actor: Actor | None = None) -> int:
        """End the sessions of a tenant that `query` selects, and return how many there were."""
        log = Events(self._database, tenant, LogSettings(self._days))
        return end_sessions(self._database, tenant, query, End(reason, log, actor or Actor()))


@dataclass(frozen=True)
class _Cause:
    """An event that ends sessions."""

    tenant: str
    tenant_id: str
    user: str
    """"" for all users of the tenant."""
    reason: str
    moment: datetime


class Follower:
    """Reads the events and ends sessions, as one process does; `directory` opens the directory of a tenant."""

    def __init__(self, database: Database, days: int, directory: Callable[[Tenant], Directory]) -> None:
        self._database = database
        self._endings = Endings(database, days)
        self._directory = directory
        self._tenants = Tenants(database)
        self._sequence = EventSequence(database)
        self._place = Place(database)
        self._reached: int | None = None
        self._rested = False

    def rest(self) -> None:
        """Note how far the events have come while nobody is signed in: what ends a session comes after that."""
        self._rested, self._reached = True, self._sequence.news(None).published

    def round(self) -> int:
        """Read what is new, and return how many sessions ended; raises Unavailable, and the next round goes on.

        As long as nobody is signed in, that is two lookups, and no event is read. Those who sign in after that are
        looked at once.
        """
        if not anybody_signed_in(self._database):
            self.rest()
            return 0
        if self._rested:
            ended = self._look_at_all() + self._read_on(self._reached)
            self._rested = False
            return ended
        if self._reached is not None and self._sequence.news(self._reached).published == self._reached:
            return 0
        return self._read_on(self._place.get())

    def _read_on(self, place: int | None) -> int:
        """Follow the events behind a place, and return how many sessions ended."""
        ended = 0
        while True:
            try:
                causes, reached = self._read(place)
            except Gone:
                return ended + self._begin_anew()
            ended += self._follow(causes)
            self._place.advance(reached)
            self._reached = place = reached
            if len(causes) < _BATCH:
                return ended

    def _read(self, place: int | None) -> tuple[list[_Cause], int]:
        """Return the next events behind a place, and the new place; raises Gone."""
        if place is None:
            raise Gone("Nothing has been read yet.")
        with self._sequence.reading() as reading:
            start = reading.start(place)
            reach = reading.reach(start, None)
            rows = reading.read(start, reach, None, tuple(_REASONS), lambda found: list(islice(found, _BATCH)))
        return [_cause(row) for row in rows], rows[-1]["seq"] if len(rows) == _BATCH else reach

    def _begin_anew(self) -> int:
        """Look at everybody who is signed in, since the events do not say what has happened; return how many ended."""
        with self._sequence.reading() as reading:
            published = reading.bounds.published
        ended = self._look_at_all()
        self._place.begin_anew(published)
        self._reached = published
        return ended

    def _look_at_all(self) -> int:
        """End the sessions of all who cannot be signed in now, and return how many there were."""
        ended = 0
        for tenant_name, rows in groupby(sorted(signed_in(self._database)), itemgetter(0)):
            tenant, users = self._tenants.get(tenant_name), [user for _, user in rows]
            while tenant and users:
                reasons, users = self._states(tenant, users[:_LOOKED_AT]), users[_LOOKED_AT:]
                ended += sum(self._endings.end(tenant_name, {"user": user}, reason) for user, reason in reasons.items())
        return ended

    def _follow(self, causes: Iterable[_Cause]) -> int:
        """End the sessions that some events end, and return how many there were."""
        users: dict[str, set[str]] = {}
        for cause in causes:
            users.setdefault(cause.tenant, set()).add(cause.user)
        known = signed_in(self._database, users)
        ended = 0
        for cause in causes:
            if not cause.user or (cause.tenant, cause.user) in known:
                ended += self._end(cause)
        return ended

    def _end(self, cause: _Cause) -> int:
        tenant = self._tenants.get(cause.tenant)
        if tenant is None or tenant.tenant_id != cause.tenant_id:  # a deleted tenant has no sessions
            return 0
        query: dict[str, Any] = {"user": cause.user} if cause.user else {}
        reason = self._state(tenant, cause.user)
        if not reason:  # it was taken back; who signed in after that stays
            query["created"] = {"$lte": cause.moment}
        return self._endings.end(tenant.name, query, reason or cause.reason)

    def _state(self, tenant: Tenant, user_id: str) -> str:
        """Return why a user cannot be signed in now, "" if they can; without a user, that is of all of them."""
        if tenant.suspended:
            return SUSPENDED
        if not user_id:
            return ""
        return self._states(tenant, [user_id]).get(user_id, "")

    def _states(self, tenant: Tenant, users: list[str]) -> dict[str, str]:
        """Return why some of these users cannot be signed in now."""
        if tenant.suspended:
            return dict.fromkeys(users, SUSPENDED)
        directory = self._directory(tenant)
        kind = user_type(directory)
        found = directory.resources(kind).several(users, frozenset({kind.switch or kind.identifier}))
        deleted = set(users) - {user["id"] for user in found}
        return dict.fromkeys(deleted, DELETED) | {user["id"]: DISABLED for user in found if kind.is_disabled(user)}


def _cause(row: Mapping[str, Any]) -> _Cause:
    of_tenant = row["tenant"] == NO_TENANT
    return _Cause(
        row["resource"]["id"] if of_tenant else row["tenant"], row["tenantId"],
        "" if of_tenant else row["resource"]["id"], _REASONS[row["type"]], aware(row["time"]),
    )
