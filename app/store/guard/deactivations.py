"""The people who were disabled or deleted within an hour, of each tenant.

Each of them has a document in `deactivations`, so that nobody is counted twice; `guards` has the numbers of each
minute. Both change in one transaction, so that each person gets a number of their own, whichever process counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import DeleteOne, UpdateOne

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

WINDOW = 60
"""Minutes that are counted besides the present one, which has only begun."""
WATCHED = 50
"""People from which on a tenant is looked at."""
_FORGET = timedelta(hours=2)
_FORGETTING = (IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),)
PEOPLE = CollectionSpec(name="deactivations", indexes=_FORGETTING)
SPEC = CollectionSpec(name="guards", indexes=_FORGETTING)
COLLECTIONS = (PEOPLE, SPEC)


@dataclass(frozen=True)
class Seen:
    """That a person was disabled or deleted, or is back."""

    user: str
    moment: datetime
    deleted: bool = False
    back: bool = False


@dataclass(frozen=True)
class Counted:
    """How many people were disabled or deleted within an hour."""

    number: int
    deleted: int
    """How many of them are deleted."""
    new: bool = False
    """Whether somebody was added."""
    users: int = 0
    """How many users there were at the least within that hour, those counted as deleted included; 0 if not known."""


class Deactivations:
    """Counts the people of all tenants."""

    def __init__(self, database: Database) -> None:
        self._people = database.db[PEOPLE.name]
        self._guards = database.db[SPEC.name]

    def count(self, tenant: str, seen: Iterable[Seen], session: Session, users: int | None = None) -> Counted:
        """Count people, each once, and return how many there are by then; call it in a transaction.

        `users` is how many users there were shortly before, if that is known.
        """
        seen, moment = list(seen), now()
        row = self._guards.find_one({"_id": tenant}, session=session) or {}
        tally = _Tally(row, moment)
        if users is not None:
            tally.note(users)
        ids = [_id(tenant, each.user) for each in seen]
        tally.known(self._people.find({"_id": {"$in": ids}}, session=session))
        changes = [each for each in (tally.take(tenant, one) for one in seen) if each is not None]
        if changes:
            self._people.bulk_write(changes, session=session)
            change = {"$set": {"tenant": tenant, **tally.fields(), "forget": moment + _FORGET}, "$inc": {"steps": 1}}
            self._guards.update_one({"_id": tenant}, change, upsert=True, session=session)
        return tally.counted()

    def watched(self) -> dict[str, tuple[Counted, int]]:
        """Return the tenants with many people, of which some are new: the numbers, and what `looked_at` needs."""
        rows = list(self._guards.find({"watched": True}))
        return {row["tenant"]: (_Tally(row, now()).counted(), row["steps"]) for row in rows}

    def looked_at(self, tenant: str, steps: int) -> None:
        """Note that a tenant was looked at, unless there are more people since."""
        self._guards.update_one({"_id": tenant, "steps": steps}, {"$unset": {"watched": ""}})

    def begin_anew(self, tenant: str, session: Session) -> None:
        """Count from now on, as if nobody had been disabled or deleted before."""
        moment = now()
        fresh = {"tenant": tenant, "minutes": [], "users": [], "since": moment, "forget": moment + _FORGET}
        change = {"$set": fresh, "$unset": {"watched": ""}, "$inc": {"steps": 1}}
        self._guards.update_one({"_id": tenant}, change, upsert=True, session=session)


class _Tally:
    """The numbers of one tenant, while people are added and taken away."""

    def __init__(self, row: dict[str, Any], moment: datetime) -> None:
        self._first = _minute(moment) - WINDOW
        self._since = aware(row["since"]) if "since" in row else None
        self._moment = moment
        self._minutes: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        self._minutes |= {each[0]: each[1:] for each in row.get("minutes", ()) if each[0] >= self._first}
        self._users = {minute: number for minute, number in row.get("users", ()) if minute >= self._first}
        self._people: dict[str, dict[str, Any]] = {}
        self._new = False

    def known(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take note of people who may have been counted."""
        self._people = {row["user"]: row for row in rows if self._counts(aware(row["moment"]))}

    def note(self, users: int) -> None:
        """Take note of how many users there are.

        Those who are counted as deleted are added. Some of them may still be there, since they are counted before they
        are deleted; so the least number of an hour is the true one.
        """
        minute, known = _minute(self._moment), users + self.counted().deleted
        self._users[minute] = min(self._users.get(minute, known), known)

    def take(self, tenant: str, seen: Seen) -> UpdateOne | DeleteOne | None:
        """Count a person, or no longer; return what is to be stored for that, None for nothing."""
        known, key = self._people.get(seen.user), {"_id": _id(tenant, seen.user)}
        if seen.back:
            if known is None or seen.moment < aware(known["moment"]):
                return None
            del self._people[seen.user]
            self._add(aware(known["moment"]), -1, -known["deleted"])
            return DeleteOne(key)
        if not self._counts(seen.moment) or (known and (known["deleted"] or not seen.deleted)):
            return None
        self._new = self._new or known is None
        moment = aware(known["moment"]) if known else seen.moment
        row = {"tenant": tenant, "user": seen.user, "moment": moment, "deleted": seen.deleted}
        self._people[seen.user] = row
        self._add(moment, known is None, seen.deleted)
        return UpdateOne(key, {"$set": row | {"forget": self._moment + _FORGET}}, upsert=True)

    def counted(self) -> Counted:
        """Return the numbers."""
        number, deleted = (sum(each[part] for each in self._minutes.values()) for part in (0, 1))
        return Counted(number, deleted, self._new, min(self._users.values(), default=0))

    def fields(self) -> dict[str, Any]:
        """Return the numbers as they are stored."""
        minutes = [[minute, *numbers] for minute, numbers in sorted(self._minutes.items())]
        fields = {"minutes": minutes, "users": [[minute, number] for minute, number in sorted(self._users.items())]}
        return fields | ({"watched": True} if self._new and self.counted().number >= WATCHED else {})

    def _counts(self, moment: datetime) -> bool:
        return _minute(moment) >= self._first and (self._since is None or moment > self._since)

    def _add(self, moment: datetime, number: int, deleted: int) -> None:
        numbers = self._minutes[_minute(moment)]
        numbers[0] += number
        numbers[1] += deleted


def _id(tenant: str, user: str) -> str:
    return f"{tenant} {user}"


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60
