"""The provisioning log: what was changed, by whom, and what was refused, and why.

An event of a change is written in the transaction of the change. Its id is chosen before, so that after a network
error the log tells whether the change took place (D-101).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple, Protocol

from app.schemas.collection import CollectionSpec, IndexSpec
from app.schemas.comparison import fold
from app.schemas.membership import MemberChange
from app.schemas.resource_type import ResourceType
from app.store.mongo.database import REQUEST_SECONDS, Database, Session
from app.store.mongo.indexes import Index, by_index

UNCOUNTED = {"uncounted.number": {"$in": [-1, 0, 1]}}
"""The events that `counts` has not seen yet; those do not expire."""
_BY_TIME: Index = (("tenant", 1), ("time", -1))
_BY_NAME: Index = (("tenant", 1), ("keys", 1), ("time", -1))
_BY_FAILURE: Index = (("tenant", 1), ("failed", 1), ("time", -1))
BY_UNCOUNTED: Index = (("uncounted.number", 1), ("tenant", 1), ("resource.type", 1))
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
    ),
)
COLLECTIONS = (SPEC,)

NO_TENANT = "-"
"""Whose log the refused requests to a tenant are in that there is none of; no tenant can have this name."""
MOST_WARNINGS = 20
"""In one line of the log."""
MOST_MEMBERS = 100
"""Ids that one event spells out, and is found by; beyond that it counts."""
MEMBER = "member:"
"""What stands before the id of a member among the keys of a group's event, which is not one of the member's own."""
LONGEST_NAME = 1_024
"""Characters of a name; no resource has a longer one, but what is refused may."""
LONGEST_DETAIL = 8_192
LATEST = timedelta(seconds=2 * REQUEST_SECONDS)
"""How long after its stamp an event may be committed: what a request has, and as much for clocks that differ."""
MOST_IDS = 100
"""Resources that one name is followed to."""


def new_id() -> str:
    """Give an id for an event; unlike a resource's it is no secret, and need not come from the operating system."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))  # noqa: S311


class More(NamedTuple):
    """How many more resources there are by a change: 1, 0 or -1 in all, and as many of those that are disabled."""

    number: int = 0
    disabled: int = 0


NOTHING_MORE = More()


@dataclass(frozen=True)
class Actor:
    """Who asks, and in which request."""

    credential: str = ""
    request_id: str = ""


@dataclass
class Event:
    """One line of the log, being filled in."""

    operation: str
    """create, replace, patch, delete, or what was asked for where it was refused."""
    resource_type: str = ""
    resource_id: str = ""
    name: str = ""
    """What an operator looks for: the name by which people know the resource."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """[{attribute, old, new}]."""
    members: dict[str, Any] = field(default_factory=dict)
    """{added: [...], removed: [...], addedCount, removedCount}."""
    asked: tuple[str, ...] = ()
    """Of a group: whose membership was to change, the first of them where they are many."""
    checks: list[dict[str, Any]] = field(default_factory=list)
    """Of a refused credential: each check with what it expected and received."""
    status: int = 0
    warnings: list[str] = field(default_factory=list)
    """What was asked for and could not be done, where the rest was."""
    scim_type: str | None = None
    detail: str = ""
    known_by: set[str] = field(default_factory=set)
    """Whatever else an operator may look for: names that it had, has, or was to have, and its externalId."""

    @cached_property
    def id(self) -> str:
        """What the event will be stored under."""
        return new_id()

    def know(self, resource_type: ResourceType, values: Mapping[str, Any]) -> None:
        """Let the event be found by the names in a resource or a payload."""
        wanted = {name.lower() for name in resource_type.names}
        self.known_by |= {
            value for key, value in values.items() if key.lower() in wanted and isinstance(value, str) and value
        }

    def ask(self, changes: Iterable[MemberChange]) -> None:
        """Let the event be found, where it is refused, by those whom the changes name."""
        self.asked = tuple(islice((member for change in changes for member in change.members), MOST_MEMBERS))


class NameLookup(Protocol):
    """Finds the ids behind a name where the log has forgotten it."""

    def ids(self, name: str, limit: int) -> list[str]:
        """Return the ids of the resources that have the name, or had it when they were deleted."""

    def deleted_groups(self, ids: Iterable[str]) -> set[str]:
        """Return the deleted groups that the resources were in, as long as those can be restored."""


class Events:
    """The provisioning log of one tenant; `names` tells whose a name is where the log does not."""

    def __init__(
        self, database: Database, tenant: str, *, days: int, values: bool = True, names: NameLookup | None = None
    ) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant
        self._days = days
        self._values = values
        self._names = names

    def append(self, event: Event, actor: Actor, session: Session = None, *, more: More = NOTHING_MORE) -> None:
        """Write one event; how many resources there are `more` by it is left to `counts`, which adds it up."""
        document = self._document(event, actor)
        if more != NOTHING_MORE:
            document["uncounted"] = {**more._asdict(), "expires": document.pop("expires")}
        self._collection.insert_one(document, session=session)

    def append_all(self, events: list[Event], actor: Actor, session: Session = None) -> None:
        """Write several events."""
        self._collection.insert_many([self._document(event, actor) for event in events], session=session)

    def find(
        self, *, name: str | None = None, failed: bool = False, since: datetime | None = None, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """Give the newest events, the oldest of them first; all of them where `limit` is 0.

        `name` is a name, id or externalId, now or at any time, in any letter case: what happened to the resource under
        its other names is found, too, and which groups it was put into and taken out of.
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
        return sorted(found, key=lambda event: event["time"])  # those of one millisecond stay in the order of writing

    def contains(self, event_id: str) -> bool:
        """Tell whether the event, and so the change that it belongs to, is stored."""
        return self._collection.find_one({"_id": event_id, "tenant": self._tenant}, {"_id": 1}) is not None

    def _about(self, name: str) -> dict[str, Any]:
        """Return the condition on an event that holds of all that is about those who have or had the name."""
        ids = {name, fold(name), *self._ids(name)}
        own = {fold(each) for each in ids}
        keys = own | {MEMBER + key for key in own}
        # A deletion does not look at the members of a group, of whom there may be a million.
        groups = {fold(group) for group in self._names.deleted_groups(ids)} if self._names else set()
        about = {"keys": {"$in": sorted(keys | groups)}}  # one condition on all keys, which the index answers
        if not groups:
            return about
        deletion = {"keys": {"$in": sorted(groups)}, "operation": "delete", "failed": {"$ne": True}}
        return about | {"$or": [{"keys": {"$in": sorted(keys)}}, deletion]}

    def _ids(self, name: str) -> list[str]:
        """Give the ids of those who have the name, or had it at some time; to be refused it is not enough."""
        match = {"$match": {"tenant": self._tenant, "keys": fold(name), "failed": {"$ne": True}}}
        pipeline = [match, {"$group": {"_id": "$resource.id"}}, {"$limit": MOST_IDS}]
        find = partial(self._collection.aggregate, pipeline)
        found = by_index(self._collection, _BY_NAME, lambda **named: list(find(**named)))
        logged = [row["_id"] for row in found if row["_id"]]
        stored = self._names.ids(name, MOST_IDS) if self._names else []
        return [*logged, *stored]

    def _document(self, event: Event, actor: Actor) -> dict[str, Any]:
        now, refused = datetime.now(UTC), event.status >= 400
        name = event.name[:LONGEST_NAME]
        moved = event.asked if refused else (*event.members.get("added", ()), *event.members.get("removed", ()))
        known_by = {name, event.resource_id, *event.known_by, *(MEMBER + each for each in moved)} - {""}
        document: dict[str, Any] = {
            "_id": event.id,
            "tenant": self._tenant,
            "time": now,
            "operation": event.operation,
            "resource": _filled({"type": event.resource_type, "id": event.resource_id, "name": name}),
            "keys": sorted({fold(each[:LONGEST_NAME]) for each in known_by}),
            "credential": actor.credential,
            "request": actor.request_id,
            "status": event.status,
            "expires": now + timedelta(days=self._days),
        }
        if event.changes:
            kept = event.changes if self._values else [{"attribute": c["attribute"]} for c in event.changes]
            document["changes"] = kept
        if event.members:
            document["members"] = event.members
        told = {"scimType": event.scim_type, "detail": event.detail[:LONGEST_DETAIL], "checks": event.checks}
        document |= _filled(told | {"failed": refused, "warnings": event.warnings[:MOST_WARNINGS]})
        return document


class Tail:
    """The end of a log as it grows: each event once, in whichever order they are committed.

    An event is stamped before its transaction is committed, so that a later one may be there before it: what has come
    since the newest one is not enough. Only the stamps of the workers count, not the clock of who reads.
    """

    def __init__(
        self, log: Events, *, name: str | None = None, failed: bool = False, since: datetime | None = None,
        limit: int = 1_000,
    ) -> None:
        self._log = log
        self._name, self._failed = name, failed
        self._since, self._limit = since, limit
        self.left_out = False
        """Whether there are older ones that the limit has left out."""
        self._seen: dict[str, datetime] = {}

    def read(self) -> list[dict[str, Any]]:
        """Give what is there, the newest `limit`; from the second time on what has come since."""
        one_more = self._limit and self._limit + 1
        found = self._log.find(name=self._name, failed=self._failed, since=self._since, limit=one_more)
        if self._limit and len(found) > self._limit:
            self.left_out = True
            del found[0]
        new = [event for event in found if event["_id"] not in self._seen]
        self._seen |= {event["_id"]: event["time"] for event in new}
        if self._seen:
            oldest = found[0]["time"] if self._limit and self.left_out else None
            bounds = [max(self._seen.values()) - LATEST, self._since, oldest]
            self._since = since = max(bound for bound in bounds if bound)
            self._seen = {key: time for key, time in self._seen.items() if time >= since}
        self._limit = 0
        return new


def difference(before: Mapping[str, Any], after: Mapping[str, Any], never: frozenset[str]) -> list[dict[str, Any]]:
    """Give the attributes that differ, with old and new value; for those in `never` only that they differ.

    Extensions are compared attribute by attribute; `meta` and `schemas` follow from the rest and are left out.
    """
    changes: list[dict[str, Any]] = []
    for key in sorted((before.keys() | after.keys()) - {"meta", "schemas", "id"}):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if ":" in key:
            for change in difference(old or {}, new or {}, never):
                changes.append(change | {"attribute": f"{key}:{change['attribute']}"})
        elif key in never:
            changes.append({"attribute": key})
        else:
            values = {"old": old, "new": new}
            changes.append({"attribute": key} | {name: value for name, value in values.items() if value is not None})
    return changes


def members_changed(added: list[str], removed: list[str], removed_count: int | None = None) -> dict[str, Any]:
    """Give the `members` part of an event: the ids, as many as are worth spelling out, and the numbers."""
    gone = len(removed) if removed_count is None else removed_count
    return _filled({
        "added": added[:MOST_MEMBERS], "addedCount": len(added),
        "removed": removed[:MOST_MEMBERS], "removedCount": gone,
    })


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in (None, "", [], 0)}
