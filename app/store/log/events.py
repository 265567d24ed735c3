"""The provisioning log: what was changed, by whom, and what was refused, and why.

The line of a change is written in the transaction of the change. Its id is chosen before, so that after a network error
the log says whether the change took place (D-101).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol

from app.schemas.comparison import fold
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import Index, by_index

UNCOUNTED = {"uncounted.number": {"$in": [-1, 0, 1]}}
"""The condition on lines whose change is not in `counts` yet; those do not expire."""
_BY_TIME: Index = (("tenant", 1), ("time", -1))
_BY_NAME: Index = (("tenant", 1), ("keys", 1), ("time", -1))
_BY_FAILURE: Index = (("tenant", 1), ("failed", 1), ("time", -1))
BY_UNCOUNTED: Index = (("uncounted.number", 1), ("tenant", 1), ("resource.type", 1))
BY_SEQUENCE: Index = (("seq", 1),)
BY_TENANT_SEQUENCE: Index = (("tenant", 1), ("seq", 1))
BY_UNTIL: Index = (("until", 1),)
SPEC = CollectionSpec(
    name="events",
    validator=None,
    indexes=(
        IndexSpec(keys=_BY_TIME, name="tenant_time"),
        IndexSpec(keys=_BY_NAME, name="tenant_keys_time"),
        IndexSpec(keys=_BY_FAILURE, name="tenant_failed_time", partial={"failed": True}),
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
MOST_WARNINGS = 20
"""Warnings in one line."""
MOST_MEMBERS = 100
"""Members that one line names, and is found by, each way; the rest are only counted."""
MEMBER = "member:"
"""The prefix of a member's id among the keys of a line about a group; the line is not one of the member's own."""
LONGEST_NAME = 1_024
"""Characters of a name. No resource has a longer one, but a refused request may."""
LONGEST_DETAIL = 8_192
MOST_IDS = 100
"""Resources with one name whose lines are found."""


def new_id() -> str:
    """Return an id for a line; unlike a resource's id it is no secret, and need not come from the operating system."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))  # noqa: S311


class More(NamedTuple):
    """How many more resources there are since a change: 1, 0 or -1 in all, and how many more disabled ones."""

    number: int = 0
    disabled: int = 0


NOTHING_MORE = More()


class Statuses(NamedTuple):
    """The HTTP status of each outcome of a write; 0 where nothing is answered by HTTP (D-172)."""

    created: int = 0
    shown: int = 0
    """The response shows the resource."""
    not_shown: int = 0


@dataclass(frozen=True)
class Actor:
    """Who asks, in which request, and with which status they are answered."""

    credential: str = ""
    request_id: str = ""
    statuses: Statuses = Statuses()


@dataclass(frozen=True)
class Event:
    """One line of the log."""

    operation: str
    """create, replace, patch, delete, import, restore, what an operator did, or what was refused."""
    resource_type: str = ""
    resource_id: str = ""
    name: str = ""
    """The name by which people know the resource."""
    changes: Sequence[Mapping[str, Any]] = ()
    """[{attribute, old, new}]."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """{added: [...], removed: [...], addedCount, removedCount}."""
    member_ids: tuple[str, ...] = ()
    """The members by whose ids the line of a group is found."""
    checks: Sequence[Mapping[str, Any]] = ()
    """Of a refused credential: each check, with the expected and the received value."""
    status: int = 0
    """The HTTP status; 0 for what an operator did."""
    warnings: Sequence[str] = ()
    """What could not be done, where the rest was."""
    scim_type: str | None = None
    detail: str = ""
    known_by: Set[str] = frozenset()
    """Other names by which the line is found: old names, new names, names that were refused, the externalId."""
    id: str = field(default_factory=new_id)


class NameLookup(Protocol):
    """Finds the resources with a name that no line of the log has any more."""

    def ids(self, name: str, limit: int) -> list[str]:
        """Return the ids of the resources that have the name, or had it when they were deleted."""

    def deleted_groups(self, ids: Iterable[str]) -> set[str]:
        """Return the deleted groups that the resources were in, as long as those can be restored."""


class Events:
    """The provisioning log of one tenant; `names` finds resources whose name the log does not have."""

    def __init__(
        self, database: Database, tenant: str, *, days: int, values: bool = True, names: NameLookup | None = None
    ) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._days = days
        self._values = values
        self._names = names

    def append(self, event: Event, actor: Actor, session: Session = None, *, more: More = NOTHING_MORE) -> None:
        """Write one line; the janitor adds `more` to `counts` later."""
        document = self._document(event, actor)
        if more != NOTHING_MORE:
            document["uncounted"] = {**more._asdict(), "expires": document.pop("expires")}
        self._collection.insert_one(document, session=session)

    def append_all(self, events: Iterable[Event], actor: Actor, session: Session = None) -> None:
        """Write several lines."""
        self._collection.insert_many([self._document(event, actor) for event in events], session=session)

    def find(
        self, *, name: str | None = None, failed: bool = False, since: datetime | None = None, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """Return the newest `limit` lines, 0 for all, in the order of their time.

        `name` is a name, id or externalId that a resource has or had, in any case: the lines under its other names are
        found, too, and those of the groups that it joined or left.
        """
        query: dict[str, Any] = {"tenant": self._tenant}
        index = _BY_FAILURE if failed else _BY_TIME
        if name is not None:
            query |= self._about(name)
            index = _BY_NAME
        if failed:
            query["failed"] = True
        if since:
            query["time"] = {"$gte": since}
        fields = {"expires": 0, "uncounted": 0}
        find = partial(self._collection.find, query, fields, sort=[("time", -1)], limit=limit)
        found = by_index(self._collection, index, lambda **named: list(find(**named)))
        return sorted(found, key=lambda event: event["time"])  # lines of one millisecond keep the order of writing

    def contains(self, event_id: str) -> bool:
        """Return whether the line, and so the change that it belongs to, is stored."""
        return self._collection.find_one({"_id": event_id, "tenant": self._tenant}, {"_id": 1}) is not None

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
        match = {"$match": {"tenant": self._tenant, "keys": fold(name), "failed": {"$ne": True}}}
        pipeline = [match, {"$group": {"_id": "$resource.id"}}, {"$limit": MOST_IDS}]
        find = partial(self._collection.aggregate, pipeline)
        found = by_index(self._collection, _BY_NAME, lambda **named: list(find(**named)))
        logged = [row["_id"] for row in found if row["_id"]]
        stored = self._names.ids(name, MOST_IDS) if self._names else []
        return [*logged, *stored]

    def _document(self, event: Event, actor: Actor) -> dict[str, Any]:
        now, name = datetime.now(UTC), event.name[:LONGEST_NAME]
        known_by = {name, event.resource_id, *event.known_by, *(MEMBER + each for each in event.member_ids)} - {""}
        document: dict[str, Any] = {
            "_id": event.id,
            "tenant": self._tenant,
            "time": now,
            "operation": event.operation,
            "resource": filled({"type": event.resource_type, "id": event.resource_id, "name": name}),
            "keys": sorted({fold(each[:LONGEST_NAME]) for each in known_by}),
            "credential": actor.credential,
            "request": actor.request_id,
            "status": event.status,
            "expires": now + timedelta(days=self._days),
        }
        changes = event.changes if self._values else [{"attribute": each["attribute"]} for each in event.changes]
        return document | filled({
            "changes": list(changes),
            "members": event.members,
            "scimType": event.scim_type,
            "detail": event.detail[:LONGEST_DETAIL],
            "checks": list(event.checks),
            "failed": event.status >= 400,
            "warnings": list(event.warnings[:MOST_WARNINGS]),
        })


def filled(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value; None, False, 0 and what is empty are left out."""
    return {key: value for key, value in document.items() if value}
