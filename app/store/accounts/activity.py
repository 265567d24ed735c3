"""The recent activity of each tenant's clients, kept in `pulses` and `days` so that nobody has to read the log for it.

Each worker adds up its requests in memory and writes the sums every two seconds. No request waits for that, and a
worker that is killed loses two seconds of it. Queries, bodies and names of people are not stored here.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pymongo import UpdateOne, WriteConcern
from pymongo.read_concern import ReadConcern

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Database

PULSES = CollectionSpec(
    name="pulses",
    indexes=(
        IndexSpec(keys=(("last", 1),), name="last", partial={"last": {"$exists": True}}),
        IndexSpec(keys=(("denied.time", 1),), name="denied", partial={"denied.time": {"$exists": True}}),
        IndexSpec(keys=(("oldest", 1), ("last", 1)), name="oldest_last", partial={"oldest": {"$exists": True}}),
    ),
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
"""After this time without a request, the next request begins a new contact."""
RECENT, CONTACTS = 20, 12
"""The newest requests and contacts that a pulse keeps."""
MOST_CAUSES = 20
"""Causes that are counted separately in a day; further ones count as `other`."""
OTHER = "other"


class AnsweredRequest(NamedTuple):
    """What is recorded of one answered request."""

    time: datetime
    method: str
    resource_type: str
    status: int
    credential: str
    kind: str
    """`reads`, `done`, `refused`, `failed` or `denied`."""
    reason: str = ""
    """Why a `denied` request was denied, in a sentence."""
    cause: str = ""
    """Of a request that was not done: its cause (`app.causes`), and after a blank the attribute, if any."""


@dataclass
class PendingActivity:
    """What one worker has counted for one tenant since it last wrote."""

    recent: deque[AnsweredRequest] = field(default_factory=lambda: deque(maxlen=RECENT))
    """The newest `RECENT` requests, in the order of the answers."""
    asked: dict[str, datetime] = field(default_factory=dict)
    """When the last resource of a type was asked for; a name that is no field's is left out."""
    hours: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(hour as 2026-11-28T09, kind) -> number."""
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(day, cause) -> number."""
    first: datetime | None = None
    """When the first request was answered."""
    let_in: datetime | None = None
    """When a client last authenticated."""
    written: datetime | None = None
    """When a client last changed something."""
    denied: int = 0
    """How many requests were denied since a client last authenticated."""
    denied_since: datetime | None = None
    """When the first of those was answered."""
    denial: AnsweredRequest | None = None
    """The last of those."""

    def add(self, answered: AnsweredRequest) -> None:
        """Count one more request."""
        self.first = self.first or answered.time
        self.recent.append(answered)
        self.hours[answered.time.isoformat()[:13], answered.kind] += 1
        if answered.cause and answered.kind in ("refused", "failed"):
            self.causes[answered.time.isoformat()[:10], answered.cause] += 1
        if answered.kind == "denied":
            self.denied += 1
            self.denied_since, self.denial = self.denied_since or answered.time, answered
        if answered.kind == "denied" or (answered.kind == "failed" and not answered.credential):
            return
        self.let_in, self.denied, self.denied_since, self.denial = answered.time, 0, None, None
        if answered.kind == "reads" and answered.status < 400 and answered.resource_type.isalnum():
            self.asked[answered.resource_type] = answered.time
        if answered.kind == "done":
            self.written = answered.time


class Activity:
    """The recorded activity of all tenants."""

    def __init__(self, database: Database, *, days: int = 90) -> None:
        # A failover loses two seconds of sums at most, so neither writes nor reads wait for a majority.
        loose: dict[str, Any] = {"write_concern": WriteConcern(w=1), "read_concern": ReadConcern("local")}
        self._tenants = Tenants(database)
        self._pulses = database.db[PULSES.name].with_options(**loose)
        self._days = database.db[DAYS.name].with_options(**loose)
        self._kept = timedelta(days=days)

    def write(self, sums: Mapping[str, PendingActivity]) -> None:
        """Add a worker's sums, by tenant name; those for tenants that do not exist are dropped."""
        names = sorted(self._tenants.named(sums))
        pulses = [_pulse(name, sums[name]) for name in names]
        days = [step for name in names for step in self._day(name, sums[name])]
        if pulses:
            self._pulses.bulk_write(pulses)
        if days:
            self._days.bulk_write(days)

    def pulse(self, tenant: str) -> dict[str, Any]:
        """Return the document of a tenant: `first`, `last`, `lastWrite`, `denied`, `recent`, `contacts`; {} if none."""
        return self._pulses.find_one({"_id": tenant}, {"_id": 0, "tenant": 0}) or {}

    def failures(self, since: datetime, tenant: str | None = None) -> Counter[str]:
        """Return how many requests were refused or failed since the hour of `since`, by tenant or for one."""
        query: dict[str, Any] = {"day": {"$gte": since.strftime("%Y-%m-%d")}}
        query |= {"tenant": tenant} if tenant else {"$or": [{"refused": {"$gt": 0}}, {"failed": {"$gt": 0}}]}
        found = Counter[str]()
        for row in self._days.find(query, {"tenant": 1, "day": 1, "hours": 1}):
            for hour, numbers in row.get("hours", {}).items():
                if f"{row['day']}T{hour}" >= since.strftime("%Y-%m-%dT%H"):
                    found[row["tenant"]] += numbers.get("refused", 0) + numbers.get("failed", 0)
        return found

    def causes(self, tenant: str, since: datetime) -> Counter[str]:
        """Return how often each cause occurred from the day of `since` on, e.g. {"required displayName": 3}."""
        found = Counter[str]()
        for row in self._days.find({"tenant": tenant, "day": {"$gte": since.strftime("%Y-%m-%d")}}, {"causes": 1}):
            found.update({readable(key): number for key, number in row.get("causes", {}).items()})
        return found

    def _day(self, tenant: str, sums: PendingActivity) -> Iterable[UpdateOne]:
        for day in sorted({hour[:10] for hour, _ in sums.hours}):
            hours = {key: number for key, number in sums.hours.items() if key[0].startswith(day)}
            total = {kind: sum(n for (_, k), n in hours.items() if k == kind) for kind in ("refused", "failed")}
            expires = datetime.fromisoformat(day).replace(tzinfo=UTC) + self._kept
            yield UpdateOne({"_id": f"{tenant} {day}"}, {
                "$setOnInsert": {"tenant": tenant, "day": day, "expires": expires},
                "$inc": {f"hours.{hour[11:]}.{kind}": number for (hour, kind), number in hours.items()} | total,
            }, upsert=True)
        for (day, cause), number in sorted(sums.causes.items()):
            key = f"causes.{_storable(cause)}"
            room = {"$lt": [{"$size": {"$objectToArray": {"$ifNull": ["$causes", {}]}}}, MOST_CAUSES]}
            known = {"$or": [{key: {"$exists": True}}, {"$expr": room}]}
            yield UpdateOne({"_id": f"{tenant} {day}", **known}, {"$inc": {key: number}})
            yield UpdateOne({"_id": f"{tenant} {day}", "$nor": [known]}, {"$inc": {f"causes.{OTHER}": number}})


def _pulse(tenant: str, sums: PendingActivity) -> UpdateOne:
    """Return the update of a tenant's document in `pulses`, a single one: a worker may write those of thousands."""
    first, rows = sums.first, [
        {"time": each.time, "method": each.method, "type": each.resource_type, "status": each.status,
         "credential": each.credential, **({"denied": True} if each.kind == "denied" else {})} for each in sums.recent
    ]
    known, begun = {"$ifNull": ["$contacts", []]}, {"began": first, "letIn": sums.let_in is not None}
    is_new = {"$lt": ["$heard", first - QUIET]}  # type: ignore[operator]
    contacts = {"$slice": [{"$concatArrays": [known, [begun]]}, -CONTACTS]}
    recent = {"$concatArrays": [{"$ifNull": ["$recent", []]}, {"$literal": rows}]}
    fields = {
        "oldest": {"$first": "$contacts.began"}, "heard": {"$max": ["$heard", sums.recent[-1].time]},
        "recent": {"$slice": [{"$sortArray": {"input": recent, "sortBy": {"time": 1}}}, -RECENT]},
    }
    steps: list[Mapping[str, Any]] = [
        {"$set": {"tenant": {"$literal": tenant}, "contacts": {"$cond": [is_new, contacts, known]}}}
    ]
    if sums.let_in:
        steps.append({"$set": {"contacts": _LET_IN}})
        fields |= {"first": {"$min": ["$first", sums.let_in]}, "last": {"$max": ["$last", sums.let_in]}}
    fields |= {f"asked.{kind}": {"$max": [f"$asked.{kind}", time]} for kind, time in sums.asked.items()}
    if sums.written:
        fields |= {"lastWrite": {"$max": ["$lastWrite", sums.written]}}
    steps.append({"$set": fields})
    if sums.let_in or sums.denial:
        steps += [*_more_denied(sums), *_DENIED_SINCE_LAST]
    return UpdateOne({"_id": tenant}, steps, upsert=True)


_LET_IN = {"$concatArrays": [
    {"$filter": {"input": "$contacts", "as": "each", "cond": {"$ne": ["$$each", {"$last": "$contacts"}]}}},
    [{"$mergeObjects": [{"$last": "$contacts"}, {"letIn": True}]}],
]}
"""The contacts, in the last of which a client was let in."""


def _more_denied(sums: PendingActivity) -> Iterable[dict[str, Any]]:
    """Yield the step that adds a worker's denials to `denied`; the last one of all says why.

    What an earlier version counted has no `since`, and is not added to.
    """
    denial, known = sums.denial, {"$ifNull": ["$denied.since", None]}
    if denial is None:
        return
    mine = {"time": denial.time, "reason": {"$literal": denial.reason}, "cause": {"$literal": denial.cause}}
    is_newer = {"$not": {"$gt": ["$denied.time", denial.time]}}
    yield {"$set": {"denied": {"$mergeObjects": [
        "$denied", {"$cond": [{"$or": [is_newer, {"$not": known}]}, mine, {}]}, {
            "since": {"$min": ["$denied.since", sums.denied_since]},
            "count": {"$add": [{"$cond": [known, "$denied.count", 0]}, sums.denied]},
        },
    ]}}}


_LATER = {"$filter": {"input": "$recent", "as": "each", "cond": {
    "$and": ["$$each.denied", {"$gt": ["$$each.time", "$last"]}],
}}}
_RECOUNTED = {"$mergeObjects": ["$denied", {
    "since": {"$min": ["$denied.time", {"$min": {"$map": {"input": _LATER, "as": "each", "in": "$$each.time"}}}]},
    "count": {"$max": [1, {"$size": _LATER}]},
}]}
_DENIED_SINCE_LAST = ({"$set": {"denied": {"$switch": {"branches": [
    {"case": {"$gt": ["$denied.since", "$last"]}, "then": "$denied"},
    {"case": {"$gt": ["$denied.time", "$last"]}, "then": _RECOUNTED},
], "default": "$$REMOVE"}}}},)
"""The step that leaves in `denied` what came after the last success.

If the first denial is older than that, the rest is counted among the newest requests (D-620).
"""


def _storable(cause: str) -> str:
    """Return a cause as the name of a field; an attribute's path has dots, which MongoDB would follow."""
    return cause.replace(".", "/").replace("$", "~")


def readable(key: str) -> str:
    """Return the cause, and after a blank the attribute, that a field of `causes` counts."""
    return key.replace("/", ".").replace("~", "$")
