"""What operators did: one line for each act, wherever it was done; it outlives the tenant and is kept for 400 days.

A line is written as `begun` before the act and settled after it, so that nothing is done without a line. What one
transaction can do settles its line in the same transaction: then `begun` means that it was not done.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from app.errors import Unavailable
from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now

T = TypeVar("T")
KEPT = timedelta(days=400)
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
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("time", 1),), name="time", expire_after_seconds=int(KEPT.total_seconds())),
        IndexSpec(keys=(("tenant", 1), ("time", 1)), name="tenant_time"),
    ),
)
COLLECTIONS = (SPEC,)


@dataclass(frozen=True)
class Operator:
    """Who acts, and from where; "" for what is not known."""

    who: str
    how: str
    """command line; console or setup for what is done on pages."""
    role: str = "operator"
    address: str = ""
    request: str = ""

    def __str__(self) -> str:
        """Return what a tenant's log has for the credential of an operator, e.g. `command line: alice`."""
        return f"{self.how}: {self.who}"


class Act:
    """One act that has begun; `tenant` and `object` may be set while it goes on."""

    def __init__(self, database: Database, line_id: str, tenant: str, object_: str) -> None:
        self._database = database
        self._id = line_id
        self.tenant = tenant
        self.object = object_

    def commit(self, work: Callable[[Session], T]) -> T:
        """Do `work` and settle the line, in one transaction; raises Unavailable where that is not let through."""

        def whole(session: Session) -> T:
            result = work(session)
            self.settle(DONE, session)
            return result

        return self._database.transaction(whole)

    def settle(self, outcome: str, session: Session = None) -> None:
        """Write how the act has ended, unless that is written already."""
        end = {"outcome": outcome, "tenant": self.tenant, "object": self.object}
        self._database.db[SPEC.name].update_one({"_id": self._id, "outcome": BEGUN}, {"$set": end}, session=session)


class Acts:
    """The acts of all operators."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database.db[SPEC.name]

    @contextmanager
    def begin(self, operator: Operator, act: str, *, tenant: str = "", object_: str = "") -> Iterator[Act]:
        """Write that an act has begun, let it be done, and write how it has ended."""
        begun = Act(self._database, str(uuid.uuid4()), tenant, object_)
        self._collection.insert_one({
            "_id": begun._id, "time": now(), "who": operator.who, "role": operator.role, "how": operator.how,
            "address": operator.address, "tenant": tenant, "act": act, "object": object_, "outcome": BEGUN,
            "request": operator.request,
        })
        try:
            yield begun
        except BaseException:
            with suppress(PyMongoError, Unavailable):  # then the line says `begun`, as after a kill
                begun.settle(FAILED)
            raise
        begun.settle(DONE)

    def find(
        self, *, tenant: str | None = None, since: datetime | None = None, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """Return the newest acts, of one tenant or of all, the oldest of them first."""
        query: dict[str, Any] = {} if tenant is None else {"tenant": tenant}
        if since:
            query["time"] = {"$gte": since}
        return list(self._collection.find(query, {"_id": 0}, sort=[("time", -1)], limit=limit))[::-1]
