"""What came lately from each tenant's clients, kept without reading the log: `pulses` and `days`.

A worker adds up what it answers in memory, and writes the sums every two seconds; no request waits for it, and a killed
worker loses two seconds of it. No query, body or person's name is in here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import UpdateOne, WriteConcern
from pymongo.read_concern import ReadConcern

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Database
from app.store.mongo.moments import aware

PULSES = CollectionSpec(
    name="pulses", indexes=(IndexSpec(keys=(("last", 1),), name="last", partial={"last": {"$exists": True}}),)
)
DAYS = CollectionSpec(
    name="days",
    indexes=(
        IndexSpec(keys=(("tenant", 1), ("day", 1)), name="tenant_day"),
        IndexSpec(keys=(("day", 1),), name="refused", partial={"refused": {"$gt": 0}}),
        IndexSpec(keys=(("day", 1),), name="failed", partial={"failed": {"$gt": 0}}),
        IndexSpec(keys=(("expires", 1),), name="expires", expire_after_seconds=0),
    ),
)
COLLECTIONS = (PULSES, DAYS)

QUIET = timedelta(minutes=10)
"""After so long without a request, the next one begins a new contact."""
RECENT, CONTACTS = 20, 12
"""The newest requests and contacts that a pulse keeps."""
MOST_CAUSES = 20
"""Causes that a day tells apart; what comes on top of them is `other`."""
OTHER = "other"


@dataclass(frozen=True)
class Answered:
    """One answered request, as far as it counts here."""

    time: datetime
    method: str
    resource_type: str
    status: int
    credential: str
    kind: str
    """`reads`, `done`, `refused`, `failed` or `denied`."""
    reason: str = ""
    """Of a denied one: why, in a sentence."""
    cause: str = ""
    """Of a refused or failed one: a word, and behind a blank the attribute."""


@dataclass
class Sums:
    """What one worker has answered to one tenant since it last wrote, in the order in which it was answered."""

    recent: list[Answered] = field(default_factory=list)
    """The newest `RECENT`."""
    hours: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(hour as 2026-11-28T09, kind) -> number."""
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(day, cause) -> number."""
    first: datetime | None = None
    """When the oldest of them was answered."""
    let_in: datetime | None = None
    """When a client was last let in."""
    written: datetime | None = None
    """When a change was last made."""
    denied: int = 0
    """How many were denied since the last one was let in."""
    denial: Answered | None = None

    def add(self, answered: Answered) -> None:
        """Count one more answer."""
        self.first = self.first or answered.time
        self.recent = [*self.recent[1 - RECENT:], answered]
        self.hours[answered.time.strftime("%Y-%m-%dT%H"), answered.kind] += 1
        if answered.cause:
            self.causes[answered.time.strftime("%Y-%m-%d"), answered.cause] += 1
        if answered.kind == "denied":
            self.denied += 1
            self.denial = answered
            return
        self.let_in, self.denied, self.denial = answered.time, 0, None
        if answered.kind == "done":
            self.written = answered.time


class Activity:
    """The pulses and days of all tenants."""

    def __init__(self, database: Database, *, days: int = 90) -> None:
        # What is lost in a failover is two seconds of sums, so that nothing waits for a majority, nor is read from one.
        loose: dict[str, Any] = {"write_concern": WriteConcern(w=1), "read_concern": ReadConcern("local")}
        self._tenants = Tenants(database)
        self._pulses = database.db[PULSES.name].with_options(**loose)
        self._days = database.db[DAYS.name].with_options(**loose)
        self._kept = timedelta(days=days)

    def write(self, sums: Mapping[str, Sums]) -> None:
        """Add the sums of a worker, tenant by tenant; those of tenants that do not exist are dropped."""
        there = self._tenants.existing(sums)
        pulses = [step for name in sorted(there) for step in _pulse(name, sums[name])]
        days = [step for name in sorted(there) for step in self._day(name, sums[name])]
        if pulses:
            self._pulses.bulk_write(pulses)
        if days:
            self._days.bulk_write(days)

    def pulse(self, tenant: str) -> dict[str, Any]:
        """Return what is known of a tenant: `first`, `last`, `lastWrite`, `denied`, `recent`, `contacts`."""
        return self._pulses.find_one({"_id": tenant}, {"_id": 0, "tenant": 0}) or {}

    def last_contacts(self, tenant: str | None = None) -> dict[str, datetime]:
        """Return for each tenant, or one, when a client was last let in."""
        query: dict[str, Any] = {"last": {"$exists": True}} | ({"_id": tenant} if tenant else {})
        rows = self._pulses.find(query, {"last": 1})
        return {row["_id"]: aware(row["last"]) for row in rows}

    def failures(self, since: datetime, tenant: str | None = None) -> Counter[str]:
        """Return for each tenant how many requests were refused or failed since the hour of `since`."""
        query: dict[str, Any] = {"day": {"$gte": since.strftime("%Y-%m-%d")}}
        query |= {"tenant": tenant} if tenant else {"$or": [{"refused": {"$gt": 0}}, {"failed": {"$gt": 0}}]}
        found = Counter[str]()
        for row in self._days.find(query, {"tenant": 1, "day": 1, "hours": 1}):
            for hour, numbers in row.get("hours", {}).items():
                if f"{row['day']}T{hour}" >= since.strftime("%Y-%m-%dT%H"):
                    found[row["tenant"]] += numbers.get("refused", 0) + numbers.get("failed", 0)
        return found

    def causes(self, tenant: str, since: datetime) -> Counter[str]:
        """Return how often each cause refused something on the days from `since` on: "required displayName" -> 3."""
        found = Counter[str]()
        for row in self._days.find({"tenant": tenant, "day": {"$gte": since.strftime("%Y-%m-%d")}}, {"causes": 1}):
            found.update({_readable(key): number for key, number in row.get("causes", {}).items()})
        return found

    def _day(self, tenant: str, sums: Sums) -> Iterable[UpdateOne]:
        for day in sorted({hour[:10] for hour, _ in sums.hours}):
            here = {key: number for key, number in sums.hours.items() if key[0].startswith(day)}
            total = {kind: sum(n for (_, k), n in here.items() if k == kind) for kind in ("refused", "failed")}
            expires = datetime.fromisoformat(day).replace(tzinfo=UTC) + self._kept
            yield UpdateOne({"_id": f"{tenant} {day}"}, {
                "$setOnInsert": {"tenant": tenant, "day": day, "expires": expires},
                "$inc": {f"hours.{hour[11:]}.{kind}": number for (hour, kind), number in here.items()} | total,
            }, upsert=True)
        for (day, cause), number in sorted(sums.causes.items()):
            key = f"causes.{_storable(cause)}"
            room = {"$lt": [{"$size": {"$objectToArray": {"$ifNull": ["$causes", {}]}}}, MOST_CAUSES]}
            known = {"$or": [{key: {"$exists": True}}, {"$expr": room}]}
            yield UpdateOne({"_id": f"{tenant} {day}", **known}, {"$inc": {key: number}})
            yield UpdateOne({"_id": f"{tenant} {day}", "$nor": [known]}, {"$inc": {f"causes.{OTHER}": number}})


def _pulse(tenant: str, sums: Sums) -> Iterable[UpdateOne]:
    """Return the steps that bring a pulse up to date; they are carried out in this order."""
    this, first, newest = {"_id": tenant}, sums.first, sums.recent[-1].time
    begun = {"began": first, "letIn": sums.let_in is not None}
    yield UpdateOne(this, {"$setOnInsert": {"tenant": tenant}}, upsert=True)
    yield UpdateOne(
        this | {"heard": {"$not": {"$gte": first - QUIET}}},  # type: ignore[operator]
        {"$push": {"contacts": {"$each": [begun], "$slice": -CONTACTS}}},
    )
    if sums.let_in:
        last = {"$mergeObjects": [{"$last": "$contacts"}, {"letIn": True}]}
        earlier = {"$filter": {"input": "$contacts", "as": "c", "cond": {"$ne": ["$$c", {"$last": "$contacts"}]}}}
        yield UpdateOne(
            this | {"$expr": {"$not": [{"$last": "$contacts.letIn"}]}},
            [{"$set": {"contacts": {"$concatArrays": [earlier, [last]]}}}],
        )
        yield UpdateOne(this, {"$min": {"first": sums.let_in}, "$max": {"last": sums.let_in}, "$unset": {"denied": ""}})
    if sums.written:
        yield UpdateOne(this, {"$max": {"lastWrite": sums.written}})
    if sums.denial:
        told = {"denied.time": sums.denial.time, "denied.reason": sums.denial.reason}
        yield UpdateOne(this, {"$set": told, "$inc": {"denied.count": sums.denied}})
    rows = [
        {"time": each.time, "method": each.method, "type": each.resource_type, "status": each.status,
         "credential": each.credential} for each in sums.recent
    ]
    yield UpdateOne(this, {
        "$max": {"heard": newest},
        "$push": {"recent": {"$each": rows, "$sort": {"time": 1}, "$slice": -RECENT}},
    })


def _storable(cause: str) -> str:
    """Return a cause as the name of a field: an attribute's path has dots, which MongoDB would follow."""
    return cause.replace(".", "/").replace("$", "~")


def _readable(key: str) -> str:
    return key.replace("/", ".").replace("~", "$")
