"""The sequence: the numbered events of all tenants, for readers that come back.

A place is the number of the last event that a reader has read; the reader goes on behind it. What follows a place never
changes: the relay numbers events in one transaction with the number that it has reached, and a reader sees both in one
snapshot, so no event can appear before a place that was given out (D-270).

A place is lost, and its reader has to begin anew, if events behind it are no longer kept, or if the database was
restored and has forgotten numbers that it had given out (D-271).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pymongo.read_concern import ReadConcern

from app.errors import Gone, Unavailable
from app.store.log.events import BY_SEQUENCE, BY_TENANT_SEQUENCE, SPEC
from app.store.log.outbox import LEASES
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import Index, by_index

T = TypeVar("T")
Document = dict[str, Any]

BATCH = 101
"""Events that are read at a time: a page of the usual size with the one that shows that there are more."""
MOST_EXAMINED = 10_000
"""Events that one reading goes through at most, looking for those of certain types."""
MOST_NEWS = 1_000
_HIDDEN = {"keys": 0, "until": 0, "more": 0, "status": 0, "warnings": 0}
_RELAY = {"_id": "relay"}
_BOUNDS = {"published": 1, "horizon": 1, "breaks": 1}
"""What is read of the relay's lease: without the batch of up to 500 events that it is moving."""
AGAIN = "take a snapshot, and continue with the cursor in it"
"""What a reader does whose place is lost."""


@dataclass(frozen=True)
class Scope:
    """The events of one tenant, which its id tells from an earlier one with its name."""

    tenant: str
    tenant_id: str


@dataclass(frozen=True)
class Bounds:
    """How far the sequence goes."""

    published: int = 0
    """The last number that was given out."""
    horizon: int = 0
    """The last number whose event may have been deleted."""
    breaks: tuple[tuple[int, int], ...] = ()
    """Pairs: the last number before a break, and the place of readers after it."""

    def check(self, place: int) -> None:
        """Check that nothing behind the place is missing; raises Gone."""
        if place > self.published:
            raise Gone(f"The cursor is of events that this database does not have; {AGAIN}.")
        if place < self.horizon:
            raise Gone(f"Events after this cursor are no longer kept; {AGAIN}.")
        if any(before < place < after for before, after in self.breaks):
            raise Gone(f"The cursor is of events that were lost when the database was restored; {AGAIN}.")

    def nearest(self, place: int) -> int:
        """Return the place from which a reader goes on whose own is lost, without what is gone."""
        if place > self.published:
            return self.published
        if place < self.horizon:
            return self.horizon
        return next((after for before, after in self.breaks if before < place < after), place)


@dataclass(frozen=True)
class News:
    """Which tenants have new events."""

    published: int
    tenants: Mapping[str, int] | None
    """Name -> number of the last event; None means any, as when there are too many new events to say."""


class EventSequence:
    """The numbered events of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases = database.db[LEASES.name]
        self._events = database.db[SPEC.name]

    @contextmanager
    def reading(self, at_least: int = 0) -> Iterator[Reading]:
        """Yield the sequence as of one moment, at which the number `at_least` had been given out.

        Raises Unavailable if the primary has just changed and does not know that yet (D-272).
        """
        with self._database.snapshot_session() as session:
            bounds = _bounds(self._leases.find_one(_RELAY, _BOUNDS, session=session))
            if bounds.published < at_least:
                raise Unavailable("The database has just got another primary; try again.", retry_after=1)
            yield Reading(self._database, bounds, session)

    def latest(self) -> int:
        """Return the last number that anybody can have seen; takes up to a tenth of a second."""
        return _bounds(_linearizable(self._leases).find_one(_RELAY, _BOUNDS)).published

    def news(self, place: int | None) -> News:
        """Return which tenants have events behind a place; None means that any may have some."""
        published = _bounds(self._leases.find_one(_RELAY, {"published": 1})).published
        if place is None:
            return News(published, None)
        if published <= place:
            return News(published, {})
        query = {"seq": {"$gt": place, "$lte": published}}
        find = partial(self._events.find, query, {"_id": 0, "tenant": 1, "seq": 1}, sort=[("seq", 1)], limit=MOST_NEWS)
        rows = by_index(self._events, BY_SEQUENCE, lambda **named: list(find(**named)))
        tenants = {row["tenant"]: row["seq"] for row in rows}
        return News(published, tenants if len(rows) < MOST_NEWS else None)

    def event(self, tenant: str, event_id: str) -> Document | None:
        """Return one event, None if it is no longer kept."""
        document: Document | None = self._events.find_one({"_id": event_id, "tenant": tenant}, _HIDDEN)
        return document


class Reading:
    """The sequence as of one moment; what else is read in its `session` is of the same moment."""

    def __init__(self, database: Database, bounds: Bounds, session: Session) -> None:
        self.bounds = bounds
        self._leases = database.db[LEASES.name]
        self._collection = database.db[SPEC.name]
        self.session = session

    def start(self, place: int | None) -> int:
        """Return the place to read from; None means the oldest event that is kept. Raises Gone for a lost place."""
        if place is None:
            return self.bounds.horizon
        if place > self.bounds.published:
            # A new primary may not know yet what the one before had acknowledged (D-272).
            _bounds(_linearizable(self._leases).find_one(_RELAY, _BOUNDS)).check(place)
        else:
            self.bounds.check(place)
        return place

    def reach(self, place: int, scope: Scope | None) -> int:
        """Return the number of the last event to examine, so that there are at most `MOST_EXAMINED` after the place."""
        query = {**_of(scope), "seq": {"$gt": place, "$lte": self.bounds.published}}  # what the index has
        fields = {"_id": 0, "seq": 1}
        find = partial(
            self._collection.find, query, fields, sort=[("seq", 1)], skip=MOST_EXAMINED - 1, limit=1,
            session=self.session,
        )
        found = by_index(self._collection, _index(scope), lambda **named: list(find(**named)))
        return int(found[0]["seq"]) if found else self.bounds.published

    def read(
        self, place: int, reach: int, scope: Scope | None, types: Sequence[str], take: Callable[[Iterable[Document]], T]
    ) -> T:
        """Return what `take` makes of the events behind `place`, up to `reach`, in their order.

        `scope` None means all tenants. Of `types`, a `*` at the end stands for any end; none means all types. `take`
        reads as many events as it needs.
        """
        if place >= reach:
            return take(())
        own = {"tenantId": scope.tenant_id} if scope else {}
        query = {**_of(scope), "seq": {"$gt": place, "$lte": reach}, **own, **_of_types(types)}
        find = partial(
            self._collection.find, query, _HIDDEN, sort=[("seq", 1)], batch_size=BATCH, session=self.session
        )
        return by_index(self._collection, _index(scope), lambda **named: _taken(find(**named), take))


def _linearizable(collection: Any) -> Any:
    """Return the collection as it is read with the strictest read concern, which waits for a majority."""
    return collection.with_options(read_concern=ReadConcern("linearizable"))


def _taken(cursor: Any, take: Callable[[Iterable[Document]], T]) -> T:
    with cursor:
        return take(cursor)


def _bounds(lease: Mapping[str, Any] | None) -> Bounds:
    lease = lease or {}
    breaks = tuple((each["from"], each["to"]) for each in lease.get("breaks", ()))
    return Bounds(lease.get("published", 0), lease.get("horizon", 0), breaks)


def _of(scope: Scope | None) -> Document:
    return {} if scope is None else {"tenant": scope.tenant}


def _index(scope: Scope | None) -> Index:
    return BY_SEQUENCE if scope is None else BY_TENANT_SEQUENCE


def _of_types(types: Sequence[str]) -> Document:
    if not types:
        return {}
    starts = [re.compile("^" + re.escape(each.removesuffix("*"))) for each in types if each.endswith("*")]
    return {"type": {"$in": [*starts, *(each for each in types if not each.endswith("*"))]}}
