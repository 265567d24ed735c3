"""One tenant's directory: its resources, memberships and provisioning log, changed together or not at all.

A directory is made *for* a tenant; no query can be asked without one. Each method that writes is one transaction: the
document, its memberships and its line in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from app.errors import InvalidValue, NotFound, TooMany, Unavailable
from app.schemas.membership import MemberChange
from app.schemas.meta import next_meta, now
from app.schemas.resource_type import Catalogue, ResourceType
from app.store.directory.deleted import Deleted
from app.store.directory.membership_plan import Members, Plan, Request
from app.store.directory.membership_reader import MembershipReader, Parents
from app.store.directory.memberships import Memberships
from app.store.directory.name_lookup import Names
from app.store.directory.references import References
from app.store.directory.resources import Resource, Resources
from app.store.directory.totals import Totals
from app.store.log.events import NOTHING_MORE, Actor, Event, Events, More, difference, members_changed
from app.store.mongo.database import Database, Session

T = TypeVar("T")


class VersionMoved(Exception):
    """Somebody else wrote between the reading and the writing."""


@dataclass(frozen=True)
class Retention:
    """How long things are kept, in days, and whether the log keeps values."""

    log_days: int = 90
    deleted_days: int = 30
    log_values: bool = True


class Directory:
    """The resources of one tenant."""

    def __init__(
        self, database: Database, tenant: str, catalogue: Catalogue, *, base_url: str, retention: Retention,
        dangling: bool,
    ) -> None:
        self.database = database
        self.base_url = base_url
        self._tenant = tenant
        self._dangling = dangling
        self.catalogue = catalogue
        self._resources = {t.name: Resources(database, tenant, t) for t in catalogue.types}
        self._memberships = Memberships(database, tenant)
        self.memberships = reader = MembershipReader(database, tenant)
        self.deleted = Deleted(database, tenant, days=retention.deleted_days)
        names = Names(self._resources.values(), self.deleted, reader)
        self.events = Events(database, tenant, days=retention.log_days, values=retention.log_values, names=names)
        self._counts = Totals(database, tenant)
        self.references = References(catalogue, self._resources, reader, base_url)
        self._members = Members(self._memberships, self.references, self._resources, dangling=dangling)

    # Reading

    def get(self, resource_type: ResourceType, resource_id: str, keys: frozenset[str] | None = None) -> Resource | None:
        """Give a resource as it is stored, or None; `keys` are the top-level attributes that are needed."""
        return self._resources[resource_type.name].get(resource_id, keys)

    def get_with_groups(
        self, resource_type: ResourceType, resource_id: str, keys: frozenset[str] | None = None
    ) -> tuple[Resource, Parents] | None:
        """Give a resource as it is stored, and the groups that it is in, or None."""
        found, groups = self.find_with_groups(resource_type, {"_id": resource_id}, keys, 1)
        return (found[0], groups) if found else None

    def find_with_groups(
        self, resource_type: ResourceType, query: dict[str, Any], keys: frozenset[str] | None, limit: int
    ) -> tuple[list[Resource], Parents]:
        """Give the resources that match, and the groups that they are in; meant for one or two of them."""
        found = self._resources[resource_type.name].find_with(query, keys, self.memberships.lookup, limit)
        resources = [resource for resource, _ in found]
        rows = (row for _, rows in found for row in rows)
        return resources, self.memberships.parents([resource["id"] for resource in resources], rows)

    def fill(
        self, resources: list[Resource], resource_type: ResourceType, keys: frozenset[str] | None,
        groups: Parents | None = None,
    ) -> None:
        """Add to the resources what an answer shows and their documents do not hold; `groups` where they are known."""
        self.references.fill(resources, resource_type, keys, groups)

    def location(self, resource_type: ResourceType, resource_id: str) -> str:
        """Give the URI of a resource."""
        return self.references.location(resource_type, resource_id)

    def count(self, resource_type: ResourceType) -> int:
        """Tell how many resources of a type there are; nothing is counted for it."""
        return self._counts.of(resource_type.name).number

    def resources(self, resource_type: ResourceType) -> Resources:
        """Give the resources of one type."""
        return self._resources[resource_type.name]

    # Writing

    def create(
        self, resource_type: ResourceType, resource: Resource, changes: Iterable[MemberChange], event: Event,
        actor: Actor,
    ) -> Resource:
        """Store a new resource with its members; raises Uniqueness, InvalidValue for a reference to nothing."""
        store = self._resources[resource_type.name]

        def work(session: Session) -> Resource:
            steps = self._members.plan(resource_type, resource["id"], Request(tuple(changes)), session, fresh=True)
            self._check_links(resource_type, resource, session)
            store.insert(resource, session)
            self._members.apply(resource["id"], steps, session)
            event.changes = difference({}, resource, resource_type.secrets)
            self._log(event, steps, actor, session, More(1, int(resource_type.is_disabled(resource))))
            return resource

        return self._commit(work, event, lambda: resource)

    def update(
        self, resource_type: ResourceType, before: Resource, after: Resource, changes: Iterable[MemberChange],
        event: Event, actor: Actor, *, exact: bool,
    ) -> Resource:
        """Store `after` in place of `before`, and change the members; give the resource as it is then.

        Where nothing would change nothing is written, but for an event with warnings. `exact` asks that the stored
        version is still that of `before` even where only members change; they commute, so that it is not needed for
        their sake. Raises VersionMoved, Uniqueness, InvalidValue for a reference to nothing.
        """
        store = self._resources[resource_type.name]
        changes = tuple(changes)
        if _content(before) == _content(after):
            if not changes:
                if event.warnings:
                    self.events.append(event, actor)
                return before
            version = before["meta"]["version"] if exact else None
            return self.change_members(
                resource_type, before["id"], changes, event, actor, version=version, keys=None
            )
        time = now()
        request = self._members.prepare(resource_type, before["id"], changes)

        def work(session: Session) -> Resource:
            steps = self._members.plan(resource_type, before["id"], request, session)
            self._check_links(resource_type, after, session, before)
            result = after | {"meta": next_meta(before["meta"], time)}
            if not store.replace(result, before, session):
                raise VersionMoved
            event.changes = difference(before, result, resource_type.secrets)
            self._members.apply(before["id"], steps, session)
            disabled = resource_type.is_disabled(result) - resource_type.is_disabled(before)
            self._log(event, steps, actor, session, More(0, disabled))
            return result

        return self._commit(work, event, lambda: self._stored(resource_type, before["id"]), before["id"])

    def change_members(
        self, resource_type: ResourceType, resource_id: str, changes: Iterable[MemberChange], event: Event,
        actor: Actor, *, version: str | None = None, keys: frozenset[str] | None = frozenset(),
    ) -> Resource:
        """Change the members of a resource and nothing else of it; give its `id` and `meta` as they are then.

        It need not have been read: changes of members commute. Where `version` is given it must be the stored one.
        `keys` are the other top-level attributes that are needed, None means all; they are those of the new version,
        with what others have changed meanwhile. Raises VersionMoved, NotFound, InvalidValue for a reference to nothing.
        """
        store = self._resources[resource_type.name]
        time = now()
        try:
            request = self._members.prepare(resource_type, resource_id, changes)
        except TooMany:
            self._stored(resource_type, resource_id, frozenset())  # that the group is missing is told first
            raise

        def work(session: Session) -> Resource:
            try:
                steps = self._members.plan(resource_type, resource_id, request, session, sure=version is not None)
            except InvalidValue:
                self._stored(resource_type, resource_id, frozenset())  # that the group is missing is told first
                raise
            if not (steps and self._members.add_unseen(resource_id, steps, session)):
                return self._stored(resource_type, resource_id, keys)
            touched = store.touch(resource_id, time, version, session, keys)
            if touched is None and version is not None:
                raise VersionMoved
            if touched is None:
                raise missing(resource_type, resource_id)
            event.name = str(touched.get(resource_type.identifier, ""))
            event.know(resource_type, touched)
            self._members.apply(resource_id, steps, session)
            self._log(event, steps, actor, session)
            return touched

        return self._commit(work, event, lambda: self._stored(resource_type, resource_id, keys), resource_id)

    def delete(
        self, resource_type: ResourceType, resource_id: str, version: str | None, event: Event, actor: Actor
    ) -> None:
        """Delete a resource and take it out of all groups; it is kept apart for a while.

        A group's own memberships stay where they are, seen by nobody, until `Deleted` clears them: the answer does not
        wait for a million of them. Where `version` is given it must be the stored one. Raises NotFound, VersionMoved.
        """
        store = self._resources[resource_type.name]

        def work(session: Session) -> None:
            document = store.remove(resource_id, version, session)
            if document is None and version is not None:
                raise VersionMoved
            if document is None:
                raise missing(resource_type, resource_id)
            memberships = self._memberships.of_member(resource_id, session)
            if memberships:
                self._memberships.remove_member(resource_id, session)
                groups = [row["group"] for row in memberships]
                for other in self.catalogue.types:
                    if other.members:
                        self._resources[other.name].touch_all(groups, now(), session)
            self.deleted.keep(resource_type, document, memberships, session)
            event.name = str(document.get(resource_type.identifier, ""))
            event.know(resource_type, document)
            self._log(event, None, actor, session, More(-1, -resource_type.is_disabled(document)))

        self._commit(work, event, lambda: None, resource_id)

    def restore(self, resource_id: str, event: Event, actor: Actor) -> str:
        """Bring a deleted resource back with its memberships and give its name; raises NotFound, Uniqueness.

        It has a new version, as have the groups that it comes back to: who was its member may have changed meanwhile.
        """
        time = now()

        def work(session: Session) -> str:
            row = self.deleted.claim(resource_id, session)
            resource_type = self.catalogue.named(row["type"]) if row else None
            if row is None:
                raise NotFound(f"Nothing with the id {resource_id} can be restored.")
            if resource_type is None:
                raise NotFound(f"{resource_id} is of the type {row['type']}, which no schema file here describes.")
            event.resource_type, event.resource_id, event.name = resource_type.name, resource_id, row["name"]
            event.know(resource_type, row["document"])
            self._resources[resource_type.name].insert_document(row["document"], session)
            self._resources[resource_type.name].touch_all([resource_id], time, session)
            self._rejoin(resource_type, resource_id, {each["group"] for each in row["memberships"]}, time, session)
            self.deleted.forget(resource_id, session)
            self._log(event, None, actor, session, More(1, int(resource_type.is_disabled(row["document"]))))
            return event.name

        return self._commit(work, event, lambda: event.name)

    # Parts

    def _rejoin(
        self, resource_type: ResourceType, resource_id: str, groups: set[str], time: datetime, session: Session
    ) -> None:
        """Make a restored resource a member again, of deleted groups too, but of none that is gone for good."""
        there = self.deleted.kept(groups, session)
        for other in self.catalogue.types:
            if other.members:
                there |= self._resources[other.name].existing(groups, session)
        changed = self._memberships.rejoin(resource_id, resource_type.name, there, session)
        for other in self.catalogue.types:
            if changed and other.members:
                self._resources[other.name].touch_all(changed, time, session)

    def _check_links(
        self, resource_type: ResourceType, resource: Resource, session: Session, before: Resource | None = None
    ) -> None:
        """Raise InvalidValue for a reference to nothing, but for one that was there `before`: that may be deleted."""
        if self._dangling:
            return
        links = self.references.links
        known = {(target.name, value) for target, value in links(before, resource_type)} if before else set()
        for target, value in links(resource, resource_type):
            if (target.name, value) in known:
                continue
            if not self._members.kinds([value], target.references, session):
                raise InvalidValue(f"{target.name}: no such resource: {value}.")

    def _log(
        self, event: Event, steps: Plan | None, actor: Actor, session: Session, more: More = NOTHING_MORE
    ) -> None:
        """Write the event of a change, by which there are so many resources `more`."""
        if steps:
            event.members = members_changed(sorted(steps.add), steps.remove, steps.removed_count)
        self.events.append(event, actor, session, more=more)

    def _stored(
        self, resource_type: ResourceType, resource_id: str, keys: frozenset[str] | None = None
    ) -> Resource:
        resource = self.get(resource_type, resource_id, keys)
        if resource is None:
            raise missing(resource_type, resource_id)
        return resource

    def _commit(
        self, work: Callable[[Session], T], event: Event, stored: Callable[[], T], resource_id: str = ""
    ) -> T:
        """Run the transaction, in turn with others of the resource; where its outcome is unknown, look for its event.

        All 16 writes that ended in a network error in the failover measurement were in fact stored: an error is
        "unknown", not "no".
        """
        try:
            return self.database.transaction(work, turn=(self._tenant, resource_id) if resource_id else None)
        except Unavailable:
            if not self.events.contains(event.id):
                raise
            return stored()


def missing(resource_type: ResourceType, resource_id: str) -> NotFound:
    """Give the error that says that there is no such resource."""
    return NotFound(f"There is no {resource_type.name} with the id {resource_id}.")


def _content(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key not in ("meta", "schemas")}
