"""The provisioning log: what was changed, by whom, and what was refused, and why.

The event of a change is written into the outbox of the changed document, and the relay moves it to the log (`outbox`,
`relay`). What was refused, and what operators did, is written to the log directly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from app.schemas.comparison import fold
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.log.event import MEMBER, Actor, Event, document_of, filled
from app.store.log.outbox import Outboxes, Pending
from app.store.log.reading.page import LogFilter, LogPage, Window, read_page
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import Index, by_index

UNCOUNTED = {"uncounted.number": {"$in": [-1, 0, 1]}}
"""The condition on lines whose change is not in `counts` yet; those do not expire."""
_BY_TIME: Index = (("tenant", 1), ("time", -1))
BY_NAME: Index = (("tenant", 1), ("keys", 1), ("time", -1))
_BY_FAILURE: Index = (("tenant", 1), ("failed", 1), ("time", -1))
BY_REFUSED_NAME: Index = (("tenant", 1), ("failed", 1), ("keys", 1), ("time", -1))
_BY_CAUSE: Index = (("tenant", 1), ("cause", 1), ("time", -1))
BY_UNCOUNTED: Index = (("uncounted.number", 1), ("tenant", 1), ("resource.type", 1))
BY_SEQUENCE: Index = (("seq", 1),)
BY_TENANT_SEQUENCE: Index = (("tenant", 1), ("seq", 1))
BY_UNTIL: Index = (("until", 1),)
SPEC = CollectionSpec(
    name="events",
    validator=None,
    indexes=(
        IndexSpec(keys=_BY_TIME, name="tenant_time"),
        IndexSpec(keys=BY_NAME, name="tenant_keys_time"),
        IndexSpec(keys=_BY_FAILURE, name="tenant_failed_time", partial={"failed": True}),
        IndexSpec(keys=BY_REFUSED_NAME, name="tenant_failed_keys_time", partial={"failed": True}),
        IndexSpec(keys=_BY_CAUSE, name="tenant_cause_time", partial={"cause": {"$exists": True}}),
        IndexSpec(
            keys=(("expires", 1),), name="expires", expire_after_seconds=0, partial={"expires": {"$exists": True}}
        ),
        IndexSpec(keys=BY_UNCOUNTED, name="uncounted", partial={"uncounted.number": {"$gte": -1}}),
        # Events that the relay has numbered; they have `until` in place of `expires`.
        IndexSpec(keys=BY_TENANT_SEQUENCE, name="tenant_seq", partial={"seq": {"$exists": True}}),
        IndexSpec(keys=BY_SEQUENCE, name="seq", partial={"seq": {"$exists": True}}),
        IndexSpec(keys=BY_UNTIL, name="until", partial={"until": {"$exists": True}}),
    ),
)
COLLECTIONS = (SPEC,)

NO_TENANT = "-"
"""The tenant of lines about requests to a tenant that does not exist; no tenant can have this name."""
_INTERNAL = frozenset({"expires", "until", "uncounted", "more", "seq"})
FIRST_PAGE = Window()
MOST_NAMED = 20
"""Resources with one name, or lines with it, that a page looks for other lines by."""
MOST_LINES = 200
"""The newest lines about a resource that are read for its names."""
MOST_IDS = 100
"""Resources with one name whose lines are found."""


@dataclass(frozen=True)
class LogSettings:
    """The settings of one tenant's log."""

    days: int
    """How long a line is kept."""
    values: bool = True
    """Whether the log has the old and new values of attributes."""
    tenant_id: str = ""
    """What tells the tenant from an earlier one with its name."""


class NameLookup(Protocol):
    """Finds the resources with a name that no line of the log has any more."""

    def ids(self, name: str, limit: int) -> list[str]:
        """Return the ids of the resources that have the name, or had it when they were deleted."""

    def deleted_groups(self, ids: Iterable[str]) -> set[str]:
        """Return the deleted groups that the resources were in, as long as those can be restored."""


class Events:
    """The provisioning log of one tenant.

    `names` finds resources whose name the log does not have; `sources` are the collections whose documents may have
    events that are not in the log yet.
    """

    def __init__(
        self, database: Database, tenant: str, settings: LogSettings, *, names: NameLookup | None = None,
        sources: Iterable[str] = (),
    ) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._settings = settings
        self._names = names
        self._outboxes = Outboxes(database, {} if tenant == NO_TENANT else {"tenant": tenant}, sources)

    def append(self, event: Event, actor: Actor, session: Session = None) -> None:
        """Write a line about what is no change: a refused request, or an act of an operator."""
        document = document_of(event, self._tenant, actor, values=self._settings.values)
        document["expires"] = document["time"] + timedelta(days=self._settings.days)
        self._collection.insert_one(document, session=session)

    def pending(self, event: Event, actor: Actor) -> Pending:
        """Return the event of a change as it is written into the outbox of the changed document."""
        document = document_of(event, self._tenant, actor, values=self._settings.values)
        return document | filled({
            "until": document["time"] + timedelta(days=self._settings.days),
            "type": event.type,
            "tenantId": self._settings.tenant_id,
            "version": event.version,
            "more": event.more._asdict() if any(event.more) else None,
            **event.groups,
        })

    def find(
        self, *, name: str | None = None, failed: bool = False, reference: str | None = None,
        since: datetime | None = None, limit: int = 1_000,
    ) -> list[dict[str, Any]]:
        """Return the newest `limit` lines, 0 for all, in the order of their time.

        `name` is a name, id or externalId that a resource has or had, in any case: the lines under its other names are
        found, too, and those of the groups that it joined or left. `reference` is the id of a request that was refused,
        as its response or page shows it.
        """
        failed = failed or reference is not None
        query: dict[str, Any] = {"tenant": self._tenant}
        index = _BY_FAILURE if failed else _BY_TIME
        if name is not None:
            query |= self._about(name)
            index = BY_NAME
        if failed:
            query["failed"] = True
        if reference is not None:
            query["request"] = reference
        if since:
            query["time"] = {"$gte": since}
        # First what is pending: what the relay moves in between is then found twice, and not missed.
        pending = [] if failed else self._outboxes.read(query)
        find = partial(self._collection.find, query, sort=[("time", -1)], limit=limit)
        logged = by_index(self._collection, index, lambda **named: list(find(**named)))
        found = list({event["_id"]: _shown(event) for event in (*logged, *pending)}.values())
        return sorted(found, key=_turn)[-limit:]

    def page(self, wanted: LogFilter, window: Window = FIRST_PAGE) -> LogPage:
        """Return a page of the lines that the relay has moved here, newest first; what is pending is not in it."""
        query: dict[str, Any] = {"tenant": self._tenant}
        bounds = {"$gte": wanted.since, "$lt": wanted.until}
        if times := {bound: time for bound, time in bounds.items() if time}:
            query["time"] = times
        rest = {"cause": wanted.cause, "failed": wanted.failed and not wanted.cause, "attribute": wanted.attribute,
                "operation": wanted.operation, "credential": wanted.credential}
        index = _BY_TIME
        if wanted.name or wanted.keys:
            index = BY_NAME
            query["keys"] = {"$in": self._keys(wanted)}
        elif wanted.cause:
            index = _BY_CAUSE
            query |= {"cause": rest.pop("cause")}
        elif wanted.failed:
            index, query["failed"] = _BY_FAILURE, rest.pop("failed")
        page = read_page(self._collection, query, index, filled(rest), window)
        return replace(page, events=[_shown(event) for event in sorted(page.events, key=_turn, reverse=True)])

    def names_of(self, resource_id: str) -> set[str]:
        """Return the names that a resource has or had, in lower case, by its newest lines."""
        match = {"tenant": self._tenant, "keys": fold(resource_id)}
        fields, order = {"keys": 1, "failed": 1}, [("time", -1)]
        find = partial(self._collection.find, match, fields, sort=order, limit=MOST_LINES)
        rows = by_index(self._collection, BY_NAME, lambda **named: list(find(**named)))
        # A name that was refused is that of somebody else.
        keys = {key for row in rows if not row.get("failed") for key in row["keys"]}
        return {key for key in keys if not key.startswith(MEMBER)}

    def one(self, event_id: str) -> dict[str, Any] | None:
        """Return the line with an id, or None."""
        document = self._collection.find_one({"_id": event_id, "tenant": self._tenant})
        return _shown(document) if document else None

    def contains(self, event_id: str, source: str, document_id: str) -> bool:
        """Return whether a change is stored, by its event, which was written to a document of the collection `source`.

        The document is looked at first and the log last, as the event is moved: in the other order it could be moved
        between the two looks.
        """
        if self._outboxes.contains(event_id, source, document_id):
            return True
        return self._collection.find_one({"_id": event_id, "tenant": self._tenant}, {"_id": 1}) is not None

    def _keys(self, wanted: LogFilter) -> list[str]:
        """Return the keys of the lines about what has or had a name, by its newest lines and by the directory."""
        ids = set(wanted.keys)
        if wanted.name:
            match = {"tenant": self._tenant, "keys": fold(wanted.name)}
            find = partial(self._collection.find, match, {"resource.id": 1}, sort=[("time", -1)], limit=MOST_NAMED)
            rows = by_index(self._collection, BY_NAME, lambda **named: list(find(**named)))
            ids |= {wanted.name, *(row["resource"]["id"] for row in rows if row["resource"].get("id"))}
            ids |= set(self._names.ids(wanted.name, MOST_NAMED)) if self._names else set()
        return sorted({key for each in ids for key in (fold(each), MEMBER + fold(each))})

    def _about(self, name: str) -> dict[str, Any]:
        """Return the condition that selects the lines about all resources that have or had the name."""
        ids = {name, fold(name), *self._ids(name)}
        own = {fold(each) for each in ids}
        keys = own | {MEMBER + key for key in own}
        # The line of a group's deletion does not have its members, of whom there may be a million.
        groups = {fold(group) for group in self._names.deleted_groups(ids)} if self._names else set()
        about = {"keys": {"$in": sorted(keys | groups)}}  # one condition on all keys, which an index answers
        if not groups:
            return about
        deletion = {"keys": {"$in": sorted(groups)}, "operation": "delete", "failed": {"$ne": True}}
        return about | {"$or": [{"keys": {"$in": sorted(keys)}}, deletion]}

    def _ids(self, name: str) -> list[str]:
        """Return the ids of the resources that have or had the name; a refused request for it does not count."""
        match = {"tenant": self._tenant, "keys": fold(name), "failed": {"$ne": True}}
        pending = {event["resource"]["id"] for event in self._outboxes.read(match)}
        pipeline = [{"$match": match}, {"$group": {"_id": "$resource.id"}}, {"$limit": MOST_IDS}]
        find = partial(self._collection.aggregate, pipeline)
        found = by_index(self._collection, BY_NAME, lambda **named: list(find(**named)))
        logged = [row["_id"] for row in found if row["_id"]]
        stored = self._names.ids(name, MOST_IDS) if self._names else []
        return [*pending, *logged, *stored]


def _turn(document: dict[str, Any]) -> tuple[datetime, str]:
    """Return what lines are sorted by: those of one millisecond by their ids, which have the order of writing."""
    return document["time"], document["_id"]


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """Return a line without what only scimd needs."""
    return {key: value for key, value in document.items() if key not in _INTERNAL}
