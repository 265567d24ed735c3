"""What the sender writes about an endpoint: how far it has come, how it fares, and what it puts aside.

The sender keeps an endpoint in memory and writes now and then. It begins by claiming the endpoint, which gives that a
new `turn`, and each write is made under the condition that the turn is still the same: so nothing can be written by a
sender that another process has replaced, nor by one that does not know that an operator has set the place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pymongo import DeleteOne, ReplaceOne

from app.store.delivery.endpoint import MOST_ATTEMPTS, OFF, POLL, Attempt, Endpoint, endpoint_of
from app.store.delivery.endpoints import SPEC
from app.store.delivery.put_aside import GIVEN_UP, PutAside, row_of
from app.store.delivery.put_aside import SPEC as PUT_ASIDE
from app.store.mongo.database import Database, Session


class Marks(NamedTuple):
    """By which a sender notices that an endpoint has changed."""

    turn: int
    revision: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """What has happened with an endpoint since the last write."""

    fields: Mapping[str, Any]
    """Fields of its document; None removes one."""
    attempts: Sequence[Attempt] = ()
    delivered: int = 0
    failed: int = 0
    put: Sequence[PutAside] = ()
    """What is put aside, or was and has changed."""
    gone: Sequence[str] = ()
    """The `_id` of rows of what is put aside no longer."""


def _any_session() -> Session:
    """Return None, where no other process has to end what this one has begun."""
    return None


class Progress:
    """The endpoints, as the sender knows them; `session` returns the session for its transactions."""

    def __init__(self, database: Database, session: Callable[[], Session] = _any_session) -> None:
        self._database = database
        self._session = session
        self._endpoints = database.db[SPEC.name]
        self._put_aside = database.db[PUT_ASIDE.name]

    def live(self) -> dict[str, Marks]:
        """Return the ids of the endpoints that are sent to, with their marks."""
        query = {"state": {"$ne": OFF}, "form": {"$ne": POLL}}
        rows = self._endpoints.find(query, {"turn": 1, "revision": 1})
        return {row["_id"]: Marks(row["turn"], row["revision"]) for row in rows}

    def claim(self, endpoint_id: str) -> Endpoint | None:
        """Begin a new turn of an endpoint, and return it; None if it is off or gone."""
        query = {"_id": endpoint_id, "state": {"$ne": OFF}}
        row = self._endpoints.find_one_and_update(query, {"$inc": {"turn": 1}}, return_document=True)
        return endpoint_of(row) if row else None

    def write(self, endpoint: Endpoint, step: Step) -> bool:
        """Write what has happened in this turn of the endpoint; return False, and write nothing, if it is over."""
        update: dict[str, Any] = {"$inc": {"delivered": step.delivered, "failed": step.failed}}
        if step.attempts:
            update["$push"] = {"attempts": {"$each": list(step.attempts), "$slice": -MOST_ATTEMPTS}}
        if removed := [name for name, value in step.fields.items() if value is None]:
            update["$unset"] = dict.fromkeys(removed, "")
        if kept := {name: value for name, value in step.fields.items() if value is not None}:
            update["$set"] = kept
        # What is given up has a row, unless its tenant was deleted meanwhile, of which nothing may be left.
        rows: list[Any] = [
            ReplaceOne({"_id": each.id}, row_of(each), upsert=each.state != GIVEN_UP) for each in step.put
        ]
        rows += [DeleteOne({"_id": each}) for each in step.gone]
        if not rows:
            return self._update(endpoint, update, None)
        return self._database.transaction(partial(self._write_all, endpoint, update, rows), session=self._session())

    def _write_all(self, endpoint: Endpoint, update: Mapping[str, Any], rows: Sequence[Any], session: Session) -> bool:
        if not self._update(endpoint, update, session):
            return False
        self._put_aside.bulk_write(rows, ordered=False, session=session)
        return True

    def _update(self, endpoint: Endpoint, update: Mapping[str, Any], session: Session) -> bool:
        own = {"_id": endpoint.id, "turn": endpoint.turn}
        return bool(self._endpoints.update_one(own, update, session=session).matched_count)
