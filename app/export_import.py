"""Moving a tenant: every resource and membership as one JSON object a line, ids and dates kept, in bounded memory.

An export is not one moment's picture: what changes meanwhile may be in it or not. An import can be started again: what
is there already is left as it is. A line that cannot be taken is reported with its number, and the others go in.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app.errors import InvalidValue, NotFound, ScimError, Unavailable
from app.schemas.meta import first_meta, now, timestamp
from app.schemas.moments import read_moment
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.validation import validate, with_defaults
from app.store.accounts.tenants import Tenants
from app.store.directory.deleted import kept_for
from app.store.directory.documents import as_hashed
from app.store.directory.membership_reader import MembershipReader
from app.store.directory.memberships import Memberships
from app.store.directory.resources import Resource, Resources, holders
from app.store.directory.totals import Totals
from app.store.log.events import Actor, Event, Events, More, members_changed
from app.store.mongo.database import Database, Session
from app.store.mongo.failures import REFUSED_WRITES, reason

T = TypeVar("T")
MEMBERSHIP = "Membership"
LONGEST_ID = 255
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")
"""Of a path, with nothing that has to be escaped (RFC 3986 section 3.3)."""
PATIENCE = 90.0
"""Seconds that an import waits for the locks of one that was killed: MongoDB's own setting is 60, and half as much."""
Line = dict[str, Any]
Numbered = tuple[int, Line | str]
"""The number of a line, and its object or the reason why it is none."""


def export(database: Database, tenant: str, catalogue: Catalogue) -> Iterator[Line]:
    """Give every resource of the tenant, then the memberships of those groups."""
    memberships = MembershipReader(database, tenant)
    groups: list[str] = []
    for resource_type in catalogue.types:
        for resource in Resources(database, tenant, resource_type).all():
            if resource_type.members:
                groups.append(resource["id"])
            yield {"type": resource_type.name, "resource": resource}
    for group in groups:
        for batch in memberships.members(group):
            for row in batch:
                yield {"type": MEMBERSHIP, "group": group, "member": row["member"], "kind": row.get("type")}


@dataclass
class Report:
    """What an import has done so far."""

    imported: int = 0
    present: int = 0
    """Lines whose resource or membership was there already."""
    refused: int = 0


class Importer:
    """Brings lines of an export into a tenant; `strict` takes no attribute and no member that is not known.

    `all_types` are those of all tenants: an id is one of a kind among them (RFC 7643 section 3.1).
    """

    def __init__(
        self, database: Database, tenant: str, catalogue: Catalogue, *, all_types: Iterable[ResourceType],
        strict: bool, events: Events, actor: Actor, refused: Callable[[int, str], None],
    ) -> None:
        self.report = Report()
        self._database = database
        self._tenant = tenant
        self._tenants = Tenants(database)
        self._created = self._tenants.require(tenant).created
        self._catalogue = catalogue
        self._collections = sorted({each.collection for each in all_types})
        self._strict = strict
        self._events = events
        self._actor = actor
        self._tell = refused
        self._memberships = Memberships(database, tenant)
        self._with_members = [Resources(database, tenant, each) for each in catalogue.types if each.members]
        self._made: set[str] = set()
        """What has members and was made by this import: the memberships that follow belong to its making."""
        self._refused: list[tuple[int, str]] = []

    def run(self, lines: Iterable[Numbered]) -> None:
        """Take some lines, resources before memberships, and tell of those that are refused."""
        groups = self._by_type(lines)
        memberships = groups.pop(MEMBERSHIP, [])
        for kind, group in groups.items():
            self._resources(kind, group)
        self._members(memberships)
        for number, why in sorted(self._refused):
            self._tell(number, why)
        self.report.refused += len(self._refused)
        self._refused.clear()

    def _by_type(self, lines: Iterable[Numbered]) -> dict[str, list[tuple[int, Line]]]:
        groups: dict[str, list[tuple[int, Line]]] = {}
        for number, line in lines:
            if isinstance(line, str):
                self._refuse(number, line)
            elif not isinstance(line.get("type"), str):
                self._refuse(number, "the line has no type")
            else:
                groups.setdefault(line["type"], []).append((number, line))
        return groups

    def _refuse(self, number: int, why: str) -> None:
        self._refused.append((number, why))

    def _resources(self, kind: str, lines: list[tuple[int, Line]]) -> None:
        resource_type = self._catalogue.named(kind)
        if resource_type is None:
            for number, _ in lines:
                self._refuse(number, f"there is no resource type {kind}")
            return
        store = Resources(self._database, self._tenant, resource_type)
        read: dict[str, tuple[int, Resource]] = {}
        for number, line in lines:
            try:
                resource = self._resource(resource_type, line.get("resource"))
            except ScimError as error:
                self._refuse(number, error.detail)
            else:
                self.report.present += resource["id"] in read
                read.setdefault(resource["id"], (number, resource))
        ours = (self._tenant, resource_type.name)
        for taken, (tenant, kind) in holders(self._database, self._collections, read).items():
            number, _ = read.pop(taken)
            if (tenant, kind) == ours:
                self.report.present += 1
            else:
                self._refuse(number, f"the id is that of a resource of the type {kind} in the tenant {tenant}")
        for kept, whose in kept_for(self._database, read).items():
            self._refuse(read.pop(kept)[0], _kept(kept, whose, ours))
        self._insert_all(store, list(read.values()))

    def _insert_all(self, store: Resources, new: list[tuple[int, Resource]]) -> None:
        """Insert all at once, or one by one where something is wrong with one.

        What is there meanwhile is from another import of the same file, or from an attempt of this one.
        """
        try:
            self._insert(store, [resource for _, resource in new])
        except Unavailable:
            raise
        except (ScimError, *REFUSED_WRITES) as error:
            there = store.existing(resource["id"] for _, resource in new)
            self.report.present += len(there)
            left = [each for each in new if each[1]["id"] not in there]
            if len(new) > 1:
                for each in left:
                    self._insert_all(store, [each])
            elif left:
                self._refuse(new[0][0], error.detail if isinstance(error, ScimError) else reason(error))

    def _insert(self, store: Resources, resources: list[Resource]) -> None:
        if not resources:
            return

        def work(session: Session) -> None:
            if len(resources) == 1:
                store.insert(resources[0], session)
            else:
                store.insert_all(resources, session)
            disabled = sum(map(store.type.is_disabled, resources))
            Totals(self._database, self._tenant).add(store.type.name, More(len(resources), disabled), session)
            self._events.append_all([self._event(store.type, each) for each in resources], self._actor, session)
            self._arrive(store.type.name, [each["id"] for each in resources], session)

        self._commit(work)
        self.report.imported += len(resources)
        if store.type.members:
            self._made.update(each["id"] for each in resources)

    def _commit(self, work: Callable[[Session], T]) -> T:
        """Run a transaction, again and again while the database does not let it through.

        An error is "unknown", not "no": what has been stored all the same the next attempt finds there already.
        Raises NotFound where the tenant was deleted meanwhile; an attempt takes less than `tenants.GRACE`.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self._database.budget():
                    if self._tenants.require(self._tenant).created != self._created:
                        raise NotFound(f"The tenant {self._tenant!r} was deleted, and created anew.")
                return self._database.transaction(work)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _resource(self, resource_type: ResourceType, payload: Any) -> Resource:
        if not isinstance(payload, Mapping):
            raise InvalidValue("resource: must be an object.")
        members = resource_type.members
        if members and payload.get(members.name):
            raise InvalidValue(f"{members.name}: each must be a line of its own, of the type {MEMBERSHIP}.")
        for key in payload:
            if ":" in key and resource_type.extension(key) is None:  # it is an export's, whatever clients may send
                raise InvalidValue(f"{key}: no schema file here describes it.")
        resource = with_defaults(resource_type, validate(resource_type, payload, ignore_unknown=not self._strict))
        for row in resource_type.schema.attributes:
            if row.stored_as == "hash" and row.name in resource:
                resource[row.name] = as_hashed(resource[row.name])
        return resource | {"id": _id(payload.get("id")), "meta": _meta(resource_type, payload.get("meta"))}

    def _event(self, resource_type: ResourceType, resource: Resource) -> Event:
        name = str(resource.get(resource_type.identifier, ""))
        event = Event("import", resource_type.name, resource["id"], name, status=201)
        event.know(resource_type, resource)
        return event

    def _added(self, resource_type: ResourceType, group: Resource, members: list[str]) -> Event:
        return replace(self._event(resource_type, group), status=200, members=members_changed(sorted(members), []))

    def _members(self, lines: list[tuple[int, Line]]) -> None:
        read: list[tuple[int, str, str]] = []
        for number, line in lines:
            group, member = line.get("group"), line.get("member")
            if isinstance(group, str) and isinstance(member, str) and group and member:
                read.append((number, group, member))
            else:
                self._refuse(number, "a membership has the texts group and member")
        groups = self._groups({group for _, group, _ in read})
        members = self._kinds(member for _, _, member in read)
        rows: list[tuple[str, str, str | None]] = []
        for number, group, member in read:
            if group not in groups:
                self._refuse(number, f"there is no group {group}")
                continue
            resource_type, _ = groups[group]
            kind = members.get(member)
            if not (resource_type.members and kind in resource_type.members.references):
                kind = None  # a client may be allowed to name members before it creates them
            if kind is None and self._strict:
                self._refuse(number, f"there is no resource {member} that could be a member")
            else:
                rows.append((group, member, kind))
        new = self._commit(lambda session: self._put(rows, groups, session)) if rows else 0
        self.report.imported += new
        self.report.present += len(rows) - new

    def _put(
        self, rows: list[tuple[str, str, str | None]], groups: Mapping[str, tuple[ResourceType, Resource]],
        session: Session,
    ) -> int:
        """Add memberships and give how many are new; groups that were there have a new version, and their old dates."""
        new = self._memberships.put(rows, session)
        added = defaultdict[str, list[str]](list)
        for group, member in new:
            if group not in self._made:
                added[group].append(member)
        if added:
            self._touch(added, session)
            events = [self._added(*groups[group], members) for group, members in added.items()]
            self._events.append_all(events, self._actor, session)
        return len(new)

    def _arrive(self, kind: str, ids: list[str], session: Session) -> None:
        """Let the groups that have named these before they were there show what they are."""
        if any(store.type.members and kind in store.type.members.references for store in self._with_members):
            groups = self._memberships.arrive(ids, kind, session)
            if groups:
                self._touch(groups, session)

    def _touch(self, groups: Iterable[str], session: Session) -> None:
        for store in self._with_members:
            store.touch_all(groups, None, session)

    def _groups(self, ids: Iterable[str]) -> dict[str, tuple[ResourceType, Resource]]:
        """Give for each id of something that has members its type, and what it is called."""
        groups: dict[str, tuple[ResourceType, Resource]] = {}
        for store in self._with_members:
            groups |= {group["id"]: (store.type, group) for group in store.several(list(ids), store.type.names)}
        return groups

    def _kinds(self, ids: Iterable[str]) -> dict[str, str]:
        """Give for each id that is there its resource type."""
        left = set(ids)
        kinds: dict[str, str] = {}
        for resource_type in self._catalogue.types:
            if left:
                found = Resources(self._database, self._tenant, resource_type).existing(left)
                kinds |= dict.fromkeys(found, resource_type.name)
                left -= found
        return kinds


def _kept(resource_id: str, whose: tuple[str, str], ours: tuple[str, str]) -> str:
    tenant, kind = whose
    if whose == ours:
        return f"the resource was deleted and is kept; `scimd restore {tenant} {resource_id}` brings it back"
    return (
        f"the id is that of a resource of the type {kind} that was deleted in the tenant {tenant}, "
        "where it can be restored"
    )


def _id(given: Any) -> str:
    """Give an id that can stand in a URL as it is (RFC 7643 section 3.1); raises InvalidValue."""
    if not isinstance(given, str) or not given.strip() or len(given) > LONGEST_ID:
        raise InvalidValue(f"id: must be a text of 1 to {LONGEST_ID} characters.")
    if not _SEGMENT.fullmatch(given) or given in (".", ".."):
        raise InvalidValue("id: must be one that can stand in a URL: ASCII letters, digits and -._~!$&'()*+,;=:@.")
    return given


def _meta(resource_type: ResourceType, given: Any) -> dict[str, Any]:
    meta = first_meta(resource_type.name, now())
    if isinstance(given, Mapping):
        created = _date(given, "created") or meta["created"]
        changed = _date(given, "lastModified") or created
        meta |= {"created": created, "lastModified": max(created, changed)}
    return meta


def _date(given: Mapping[str, Any], name: str) -> str | None:
    if given.get(name) is None:
        return None
    try:
        return timestamp(read_moment(str(given[name])))
    except ValueError as error:
        raise InvalidValue(f"meta.{name}: {error}.") from error
