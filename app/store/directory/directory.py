"""One tenant's directory: its resources, memberships and provisioning log, changed together or not at all.

A directory is made *for* a tenant; no query can be made without one. Each method that writes returns the `Change` that
it made. Its event is stored in the outbox of the document, by the same command (`store.log.outbox`). A change that
concerns memberships as well is a transaction; one of a single document needs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from app.errors import InvalidValue, NotFound, PayloadTooLarge, TooMany
from app.schemas.membership import MemberChange
from app.schemas.meta import next_meta, now
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.storage.collection import ROLES
from app.store.directory.deleted import not_kept
from app.store.directory.documents import decode
from app.store.directory.edits import Edit, MembersEdit, VersionMoved
from app.store.directory.member_groups import MemberGroups
from app.store.directory.membership_plan import Members, Plan
from app.store.directory.memberships import AlreadyMember, Memberships, number_of_members
from app.store.directory.newcomers import Newcomers
from app.store.directory.partings import part
from app.store.directory.reader import DirectoryReader, Options, missing
from app.store.directory.references import no_such_resource
from app.store.directory.resources import Resource
from app.store.directory.writes import Line, Write, Writes
from app.store.log.changes import Change, Kind, Request, line_of
from app.store.log.event import Actor, new_id
from app.store.log.outbox import OUTBOX
from app.store.mongo.database import Database, Session


class Directory(DirectoryReader):
    """The resources of one tenant, read and written."""

    def __init__(self, database: Database, tenant: str, catalogue: Catalogue, options: Options) -> None:
        super().__init__(database, tenant, catalogue, options)
        self._dangling = options.dangling
        self._groups = MemberGroups(database, tenant)
        self.newcomers = Newcomers(database, self._groups, self.identities, self._resources)
        self._writes = Writes(database, tenant, self.events, self.newcomers, options.gate)
        memberships, may_be_cleared = Memberships(database, tenant), self.memberships.may_be_cleared
        parts = (memberships, self.references, self.identities, may_be_cleared)
        self._members = Members(*parts, dangling=options.dangling)

    def create(
        self, resource_type: ResourceType, resource: Resource, members: tuple[MemberChange, ...], request: Request
    ) -> Change:
        """Store a new resource, and return the change; raises Uniqueness, InvalidValue for a reference to nothing."""
        store = self._resources[resource_type.name]

        def work(session: Session, line: Line) -> Change:
            plan = self._members.plan_new(resource_type, members, session)
            self._check_links(resource_type, resource, session)
            change = _change(Kind.CREATED, resource_type, plan, after=resource)
            store.insert(resource, line(change), session)
            self._members.apply(resource["id"], plan, session)
            return change

        return self._writes.commit(Write(work, store, resource["id"], alone=not members, is_new=True), request)

    def update(self, resource_type: ResourceType, edit: Edit, request: Request) -> Change:
        """Change the attributes and members of a resource, and return the change; if there is none, nothing is written.

        Raises VersionMoved, Uniqueness, InvalidValue for a reference to nothing.
        """
        before, after = edit.before, edit.after
        store = self._resources[resource_type.name]
        if _content(before) == _content(after):
            if edit.members:
                version = before["meta"]["version"] if edit.exact else None
                members = MembersEdit(edit.members, version, keys=None)
                return self.change_members(resource_type, before["id"], members, request)
            change = Change(Kind.UNCHANGED, resource_type, before, before)
            self._writes.log_unchanged(change, request)
            return change
        result = after | {"meta": next_meta(before["meta"], now())}
        prepared = self._members.prepare(resource_type, before["id"], edit.members)

        def work(session: Session, line: Line) -> Change:
            plan = self._members.plan(resource_type, before["id"], prepared, session) if edit.members else None
            part(self.deleted, before["id"], edit.members, plan, session)
            self._check_links(resource_type, after, session, before)
            change = _change(Kind.UPDATED, resource_type, plan, before, result)
            if not store.update(result, before, line(change), session):
                raise VersionMoved
            self._members.apply(before["id"], plan, session)
            return change

        return self._writes.commit(Write(work, store, before["id"], alone=not edit.members), request)

    def change_members(
        self, resource_type: ResourceType, resource_id: str, edit: MembersEdit, request: Request
    ) -> Change:
        """Change only the members of a resource, which need not have been read, and return the change.

        The change's `after` has `id`, `meta`, the names and `edit.keys` of the new version, with what other requests
        have changed in the meantime. Raises VersionMoved, NotFound, InvalidValue for a reference to nothing.
        """
        store, time, version = self._resources[resource_type.name], now(), edit.version
        try:
            prepared = self._members.prepare(resource_type, resource_id, edit.members)
        except (PayloadTooLarge, TooMany):
            self.require(resource_type, resource_id, frozenset())  # a missing group is the error to report first
            raise

        def work(session: Session, line: Line, sure: bool = True) -> Change:
            try:
                plan = self._members.plan(resource_type, resource_id, prepared, session, sure=sure)
            except InvalidValue:
                self.require(resource_type, resource_id, frozenset())  # a missing group is the error to report first
                raise
            part(self.deleted, resource_id, edit.members, plan, session)
            if not plan:
                stored = self.require(resource_type, resource_id, edit.keys)
                return Change(Kind.UNCHANGED, resource_type, stored, stored)
            change = _change(Kind.MEMBERS_CHANGED, resource_type, plan, after={"id": resource_id})
            touched = store.touch(resource_id, time, line(change), version, session, edit.keys)
            if touched is None and version is not None:
                raise VersionMoved
            if touched is None:
                raise missing(resource_type, resource_id)
            self._members.apply(resource_id, plan, session)
            return replace(change, after=touched)

        with suppress(AlreadyMember):  # if they were not looked up
            return self._writes.commit(Write(partial(work, sure=version is not None), store, resource_id), request)
        return self._writes.commit(Write(work, store, resource_id), request)

    def delete(
        self, resource_type: ResourceType, resource_id: str, version: str | None, request: Request
    ) -> Change:
        """Delete a resource, take it out of all groups, and return the change; it can be restored for a while.

        The memberships of a group stay where they are, invisible, until `Deleted` clears them: the response does not
        wait for a million of them. Where `version` is given it must be the stored one. Raises NotFound, VersionMoved.
        """
        store = self._resources[resource_type.name]

        def work(session: Session, line: Line) -> Change:
            document = store.remove(resource_id, version, session)
            if document is None and version is not None:
                raise VersionMoved
            if document is None:
                raise missing(resource_type, resource_id)
            memberships = self._groups.of(resource_id, session)
            groups = [row["group"] for row in memberships]
            if memberships:
                self._groups.remove(resource_id, session)
                self.newcomers.touch(groups, now(), session)
            outbox = document.pop(OUTBOX, [])
            document.pop(ROLES, None)  # a restored user is given roles anew, with an event
            change = Change(
                Kind.DELETED, resource_type, before=decode(dict(document), resource_type), groups=sorted(groups)
            )
            self.deleted.keep(resource_type, document, memberships, [*outbox, line(change)], session)
            return change

        return self._writes.commit(Write(work, store, resource_id), request)

    def restore(self, resource_id: str, request: Request) -> Change:
        """Bring a deleted resource back with its memberships; raises NotFound, Uniqueness.

        It has a new version, and so have the groups that it returns to: their members may have changed since.
        """
        row = self.deleted.find(resource_id)
        resource_type = self.catalogue.named(row["type"]) if row else None
        if row is None:
            raise not_kept(resource_id)
        if resource_type is None:
            raise NotFound(f"{resource_id} is of the type {row['type']}, which no schema file here describes.")
        store, time = self._resources[resource_type.name], now()
        members = number_of_members(self.database, self.tenant, resource_id) if resource_type.members else 0

        def work(session: Session, line: Line) -> Change:
            row = self.deleted.claim(resource_id, session)
            if row is None:
                raise not_kept(resource_id)
            document = row["document"]
            document["meta"]["version"] += 1  # the deletion was a version, too
            store.insert_document(document, row.get(OUTBOX, []), session)
            groups = self._rejoin(resource_type, resource_id, {each["group"] for each in row["memberships"]}, session)
            after = decode(dict(document), resource_type)
            change = Change(Kind.RESTORED, resource_type, after=after, groups=groups, members_count=members)
            restored = store.touch(resource_id, time, line(change), session=session, keys=None)
            self.deleted.forget(resource_id, session)
            return replace(change, after=restored)

        return self._writes.commit(Write(work, store, resource_id), request)

    def leave(self, member: str, groups: Sequence[str], session: Session) -> None:
        """Raise the version of groups, with an event, because a member that was deleted while it was added has left."""
        request = Request("delete", Actor())
        for group, identity in self.identities.of(groups, session=session).items():
            change = Change(
                Kind.MEMBERS_CHANGED, identity.resource_type, after={"id": group}, removed=[member], removed_count=1
            )
            event = self.events.pending(line_of(change, request, new_id()), request.actor)
            self._resources[identity.resource_type.name].touch_each([(group, event)], session)

    # Parts

    def _rejoin(
        self, resource_type: ResourceType, resource_id: str, groups: set[str], session: Session
    ) -> list[str]:
        """Make a restored resource a member again, of deleted groups too, but of none that is gone for good.

        Returns the groups that it is in and that are not deleted.
        """
        with_members = [each.name for each in self.catalogue.types if each.members]
        there = self.deleted.kept(groups, session) | self.identities.of(groups, with_members, session).keys()
        changed = self._groups.rejoin(resource_id, resource_type.name, there, session)
        if changed:
            self.newcomers.touch(changed, now(), session)
        return sorted(set(changed) - self.deleted.kept(changed, session))

    def _check_links(
        self, resource_type: ResourceType, resource: Resource, session: Session, before: Resource | None = None
    ) -> None:
        """Raise InvalidValue for a reference to nothing, unless it was there `before`: its target may be deleted."""
        if self._dangling:
            return
        links = self.references.links
        known = {(target.name, value) for target, value in links(before, resource_type)} if before else set()
        for target, value in links(resource, resource_type):
            if (target.name, value) in known:
                continue
            if not self.identities.of([value], target.references, session):
                raise no_such_resource(target, [value], cause="no-such-reference")


def _change(
    kind: Kind, resource_type: ResourceType, plan: Plan | None, before: Resource | None = None,
    after: Resource | None = None,
) -> Change:
    if plan is None:
        return Change(kind, resource_type, before, after)
    added, unknown = sorted(plan.add), [member for member, kind in plan.add.items() if kind is None]
    return Change(kind, resource_type, before, after, added, plan.remove, plan.removed_count, unknown=unknown)


def _content(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key not in ("meta", "schemas")}
