"""The audit log: one entry for each act of an operator, kept for 400 days even if its tenant is deleted.

The entry is written with the outcome `begun` before the act and gets its final outcome afterwards, so that no act goes
unrecorded. An act that is one transaction records its outcome in it; its entry says `begun` only if it did not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from app.advice.explain import title_of
from app.errors import ScimError, Unavailable
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.schemas.validation.secrets import NOT_KEPT, OURS
from app.store.log.event import new_id
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

T = TypeVar("T")
KEPT = timedelta(days=400)
_MOST_AT_ONCE = 1_000
_LONGEST = 200
"""Characters of an object, which may be what a form has sent, and of a reason."""
BEGUN, DONE, FAILED = "begun", "done", "failed"
_TEXTS = ("who", "role", "how", "address", "tenant", "act", "object", "request")
SPEC = CollectionSpec(
    name="acts",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "time", *_TEXTS, "outcome"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                "time": {"bsonType": "date"},
                **{field: {"bsonType": "string"} for field in _TEXTS},
                "outcome": {"enum": [BEGUN, DONE, FAILED]},
                "reason": {"bsonType": "string"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("time", 1),), name="time", expire_after_seconds=int(KEPT.total_seconds())),
        IndexSpec(keys=(("tenant", 1), ("time", 1)), name="tenant_time"),
        IndexSpec(keys=(("act", 1), ("time", 1), ("tenant", 1)), name="act_time"),
    ),
)
COLLECTIONS = (SPEC,)


@dataclass(frozen=True)
class Operator:
    """Who acts, and from where; unknown parts are ""."""

    who: str
    how: str
    """`command line`; `console` or `setup` for an act on a web page."""
    role: str = "operator"
    address: str = ""
    request: str = ""

    def __str__(self) -> str:
        """Return the operator as the credential in a tenant's log, e.g. `command line: alice`."""
        return f"{self.how}: {self.who}"


class AuditEntry:
    """The entry of an act that has begun; `tenant` and `object` may be set during the act."""

    def __init__(self, database: Database, entry_id: str, tenant: str, object_: str) -> None:
        self._database = database
        self._id = entry_id
        self.tenant = tenant
        self.object = object_

    def commit(self, work: Callable[[Session], T]) -> T:
        """Do `work` and record the outcome in one transaction, and return the result; raises Unavailable."""

        def recorded(session: Session) -> T:
            result = work(session)
            self.record(DONE, session)
            return result

        return self._database.transaction(recorded)

    def record(self, outcome: str, session: Session = None, *, reason: str = "") -> None:
        """Record the outcome of the act and, if it has failed, the reason, unless that has been done."""
        end = {"outcome": outcome, "tenant": self.tenant, "object": _kept(self.object)}
        end |= {"reason": _kept(reason)} if reason else {}
        self._database.db[SPEC.name].update_one({"_id": self._id, "outcome": BEGUN}, {"$set": end}, session=session)


class AuditLog:
    """The entries for the acts of all operators."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database.db[SPEC.name]

    @contextmanager
    def begin(self, operator: Operator, act: str, *, tenant: str = "", object_: str = "") -> Iterator[AuditEntry]:
        """Record that an act begins, and its outcome when the block ends."""
        entry = AuditEntry(self._database, new_id(), tenant, _kept(object_))
        self._collection.insert_one({
            "_id": entry._id, "time": now(), "who": operator.who, "role": operator.role, "how": operator.how,
            "address": operator.address, "tenant": tenant, "act": act, "object": entry.object, "outcome": BEGUN,
            "request": operator.request,
        })
        try:
            yield entry
        except BaseException as error:
            with suppress(PyMongoError, Unavailable):  # the entry then says `begun`, as after a kill
                entry.record(FAILED, reason=_reason(error))
            raise
        entry.record(DONE)

    def find(
        self, *, tenant: str | None = None, since: datetime | None = None, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """Return the newest `limit` entries, for one tenant or all, oldest first."""
        query: dict[str, Any] = {} if tenant is None else {"tenant": tenant}
        if since:
            query["time"] = {"$gte": since}
        return _newest_first(self._collection.find(query, sort=[("time", -1)], limit=limit))[::-1]

    def page(self, tenant: str, before: datetime | None, limit: int) -> tuple[list[dict[str, Any]], datetime | None]:
        """Return the entries before a moment, newest first, and where the next page begins, None at the end.

        `tenant` "" means all. A page has at least `limit` entries if there are as many; those of one moment are not
        divided between two.
        """
        query: dict[str, Any] = ({"tenant": tenant} if tenant else {}) | ({"time": {"$lt": before}} if before else {})
        found = _newest_first(self._collection.find(query, sort=[("time", -1)], limit=limit + 1))
        if len(found) <= limit:
            return found, None
        last = found[limit - 1]["time"]
        same = {key: each for key, each in query.items() if key != "time"} | {"time": last}
        rest = _newest_first(self._collection.find(same, limit=_MOST_AT_ONCE))
        return [each for each in found if each["time"] > last] + rest, aware(last)


def _kept(text: str) -> str:
    """Return what may be kept of an object or a reason: people paste a secret where its id belongs."""
    return OURS.sub(NOT_KEPT, text)[:_LONGEST]


def _newest_first(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries without their ids, which those of one millisecond are sorted by (D-590)."""
    found = sorted(entries, key=lambda entry: (entry["time"], entry["_id"]), reverse=True)
    return [{key: value for key, value in entry.items() if key != "_id"} for entry in found]


def _reason(error: BaseException) -> str:
    """Return why an act has failed, without what a resource has: its entry outlives the tenant (D-570)."""
    if not isinstance(error, ScimError):
        return type(error).__name__
    return title_of(error.cause, error.attribute) if error.problems else error.detail
