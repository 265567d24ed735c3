"""The guard as a chore of every worker: counts who is disabled and deleted, and warns if these are unusually many.

It reads the numbered events. What it counts is stored in one transaction with the place that it has reached, so of two
workers that read the same events one counts them, and one that is killed leaves them counted or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from app.errors import Gone
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.guard.deactivations import Deactivations, Seen
from app.store.guard.guards import Guards
from app.store.guard.place import Place
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware

EVENTS = 100
"""Events that are counted at a time."""
_USER = f"scimd.{USER_TYPE.name.lower()}"
_DELETED = f"{_USER}.deleted"
_BACK = (f"{_USER}.reactivated", f"{_USER}.restored")
_TYPES = (f"{_USER}.deactivated", _DELETED, *_BACK)


class GuardFollower:
    """The guard as one process runs it; `users` returns how many users a tenant has."""

    def __init__(self, database: Database, days: int, users: Callable[[str], int]) -> None:
        self._database = database
        self._users = users
        self._tenants = Tenants(database)
        self._guards = Guards(database, days)
        self._deactivations = Deactivations(database)
        self._sequence = EventSequence(database)
        self._place = Place(database)
        self._reached = 0
        self._begun = False

    def round(self) -> int:
        """Count what is new, and return how many tenants were warned of; raises Unavailable."""
        while self._sequence.news(self._reached or None).published != self._reached and self._follow():
            continue
        warned = 0
        for name, (counted, steps) in self._deactivations.watched().items():
            tenant = self._tenants.get(name)
            if tenant and self._guards.find(tenant, counted.number, self._users(name) + counted.deleted):
                warned += 1
            self._deactivations.looked_at(name, steps)
        return warned

    def _follow(self) -> bool:
        """Count some events; return whether there may be more for this worker."""
        stored = self._place.claim(self._reached)
        if stored is None:  # another worker counts, or nobody has ever
            self._begin()
            return False
        with self._sequence.reading() as reading:
            published = reading.bounds.published
            try:
                start = reading.start(stored)
                reach = reading.reach(start, None)
            except Gone:  # an hour that is not known any more is not counted
                return self._count({}, stored, published)
            rows = reading.read(start, reach, None, _TYPES, lambda found: list(islice(found, EVENTS)))
        place = int(rows[-1]["seq"]) if len(rows) == EVENTS else max(start, reach)
        if not rows:
            self._reached = place
            return place < published
        return self._count(_seen(rows), stored, place)

    def _begin(self) -> None:
        if not self._begun:
            self._place.begin(self._sequence.news(None).published)
            self._begun = True

    def _count(self, seen: Mapping[str, Iterable[Seen]], stored: int, place: int) -> bool:
        def work(session: Session) -> bool:
            if not self._place.advance(stored, place, session):  # another worker has counted them
                return False
            for tenant in sorted(seen):
                self._deactivations.count(tenant, seen[tenant], session)
            return True

        if self._database.transaction(work):
            self._reached = place
        return True


def _seen(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Seen]]:
    """Return who was seen in each tenant."""
    found = defaultdict[str, list[Seen]](list)
    for row in rows:
        kind, moment = row["type"], aware(row["time"])
        one = Seen(row["resource"]["id"], moment, deleted=kind == _DELETED, back=kind in _BACK)
        found[row["tenant"]].append(one)
    return found
