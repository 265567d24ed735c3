"""An import: the lines of an export, batch by batch, into a tenant.

It can be started again: what exists is left as it is. A line that is refused is reported with its number, and the
others are imported.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from app.errors import ScimError, Unavailable
from app.export_import.batch import Batch, Member, read_batch
from app.export_import.lines import Numbered, deleted_reason
from app.export_import.unchanged import check_is_same
from app.schemas.resource_type import ResourceType
from app.store.accounts.tenants import Tenants
from app.store.directory.deleted import kept_for
from app.store.directory.directory import Directory
from app.store.directory.identities import Identity, all_names, holders
from app.store.directory.memberships import Memberships
from app.store.directory.resources import Resource, Resources
from app.store.log.changes import Change, Kind, Request, line_of
from app.store.log.event import MOST_MEMBERS, Actor, new_id
from app.store.log.outbox import Pending
from app.store.mongo.database import Session
from app.store.mongo.failures import REFUSED_WRITES, reason

T = TypeVar("T")
Row = tuple[str, str, str | None]
"""A membership: the group's id, the member's, and the member's resource type, None where it does not exist."""
PATIENCE = 90.0
"""Seconds that an import waits for the locks of one that was killed: MongoDB's own setting is 60, and half as much."""
MOST_TOLD = 20
"""Refused lines of which each is reported while no line could be imported: the file may be no export at all."""


@dataclass
class Report:
    """What an import has done so far."""

    imported: int = 0
    present: int = 0
    """Lines whose resource or membership was there already."""
    refused: int = 0


class Importer:
    """Brings lines of an export into a tenant; `strict` refuses attributes and members that are not known.

    `all_types` are those of all tenants: an id is unique among them (RFC 7643 section 3.1). `refused` is called with
    the number of each line that is refused, and the reason; at most `MOST_TOLD` times as long as none was imported.
    """

    def __init__(
        self, directory: Directory, *, all_types: Iterable[ResourceType], strict: bool, actor: Actor,
        refused: Callable[[int, str], None],
    ) -> None:
        self.report = Report()
        self._directory = directory
        self._database, self._tenant = directory.database, directory.tenant
        self._tenants = Tenants(self._database)
        self._begun = self._tenants.require(self._tenant)
        self._collections = sorted({each.collection for each in all_types})
        self._strict = strict
        self._request = Request("import", actor)
        self._tell = refused
        self._memberships = Memberships(self._database, self._tenant)
        self._with_members = [each for each in directory.catalogue.types if each.members]
        self._refused: list[tuple[int, str]] = []

    def run(self, lines: Iterable[Numbered]) -> None:
        """Read and write some lines."""
        self.write(read_batch(lines, self._directory.catalogue, strict=self._strict))

    def write(self, batch: Batch) -> None:
        """Import what was read, resources before memberships, and report the lines that are refused."""
        self._refused = batch.refused
        self.report.present += batch.repeated
        types = {each.name: each for each in self._directory.catalogue.types}
        for name, resources in batch.resources.items():
            self._resources(types[name], resources)
        self._members(batch.members)
        done = self.report
        told = None if done.imported or done.present else max(0, MOST_TOLD - done.refused)
        for number, why in sorted(self._refused)[:told]:
            self._tell(number, why)
        self.report.refused += len(self._refused)

    def _resources(self, resource_type: ResourceType, read: dict[str, tuple[int, Resource]]) -> None:
        ours, ids = (self._tenant, resource_type.name), list(read)
        for taken, (tenant, kind) in holders(self._database, self._collections, read).items():
            number, _ = read.pop(taken)
            if (tenant, kind) == ours:
                self.report.present += 1
            else:
                why = f"the id is that of a resource of the type {kind} in the tenant {tenant}"
                self._refused.append((number, why))
        for deleted, kept in kept_for(self._database, read).items():
            self._refused.append((read.pop(deleted)[0], deleted_reason(deleted, kept, ours)))
        self._insert_all(self._directory.resources(resource_type), list(read.values()))
        # What was there, too: an import that was interrupted may have left this to do.
        self._commit(partial(self._directory.newcomers.arrive, ids))

    def _insert_all(self, store: Resources, new: list[tuple[int, Resource]]) -> None:
        """Insert all at once, or one by one where one of them is refused.

        Resources that have come into being in the meantime are from another import of the same file, or from an
        attempt of this one.
        """
        try:
            self._insert(store, [resource for _, resource in new])
        except Unavailable:
            raise
        except (ScimError, *REFUSED_WRITES) as error:
            there = self._directory.identities.of((resource["id"] for _, resource in new), [store.type.name])
            self.report.present += len(there)
            left = [each for each in new if each[1]["id"] not in there]
            if len(new) > 1:
                for each in left:
                    self._insert_all(store, [each])
            elif left:
                self._refused.append((new[0][0], error.detail if isinstance(error, ScimError) else reason(error)))

    def _insert(self, store: Resources, resources: list[Resource]) -> None:
        if not resources:
            return

        def work(session: Session) -> None:
            events = (self._event(Change(Kind.IMPORTED, store.type, after=each)) for each in resources)
            new = list(zip(resources, events, strict=True))
            if len(new) == 1:
                store.insert(*new[0], session)
            else:
                store.insert_all(new, session)

        self._commit(work)
        self.report.imported += len(resources)

    def _event(self, change: Change) -> Pending:
        return self._directory.events.pending(line_of(change, self._request, new_id()), self._request.actor)

    def _commit(self, work: Callable[[Session], T]) -> T:
        """Run a transaction, and again for a while where the database does not let it through.

        A failure means that the outcome is unknown: the next attempt finds what was stored all the same. Raises
        NotFound where the tenant has been deleted; an attempt takes less time than `tenants.GRACE`.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self._database.budget():
                    check_is_same(self._tenants, self._begun)
                done = self._database.transaction(work)
                self._database.wake()
                return done
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _members(self, read: list[Member]) -> None:
        identities = self._directory.identities
        with_members = [each.name for each in self._with_members]
        groups = identities.of((group for _, group, _ in read), with_members, names=all_names)
        members = identities.of(member for _, _, member in read)
        rows: list[Row] = []
        for number, group, member in read:
            if group not in groups:
                self._refused.append((number, f"there is no group {group}"))
                continue
            attribute = groups[group].resource_type.members
            kind = members[member].resource_type.name if member in members else None
            if not (attribute and kind in attribute.references):
                kind = None  # a client may be allowed to name members before it creates them
            if kind is None and self._strict:
                self._refused.append((number, f"there is no resource {member} that could be a member"))
            else:
                rows.append((group, member, kind))
        new = self._commit(lambda session: self._put(rows, groups, session)) if rows else 0
        self.report.imported += new
        self.report.present += len(rows) - new
        if unknown := [member for _, member, kind in rows if kind is None]:  # others may create them now
            self._commit(partial(self._directory.newcomers.arrive, unknown))

    def _put(self, rows: list[Row], groups: Mapping[str, Identity], session: Session) -> int:
        """Add memberships and return how many are new; their groups get a new version, and keep their dates."""
        new = self._memberships.put(rows, session)
        added = defaultdict[str, list[str]](list)
        for group, member in new:
            added[group].append(member)
        changes = [each for group, members in added.items() for each in _members_added(group, groups[group], members)]
        for resource_type in self._with_members:
            ours = (each for each in changes if each.resource_type is resource_type)
            events = [(each.resource["id"], self._event(each)) for each in ours]
            if events:
                self._directory.resources(resource_type).touch_each(events, session)
        return len(new)


def _members_added(group: str, identity: Identity, members: list[str]) -> Iterator[Change]:
    """Yield changes of so few members each that the log has a line about every one of them."""
    after = {"id": group, **identity.names}
    members.sort()
    for start in range(0, len(members), MOST_MEMBERS):
        added = members[start : start + MOST_MEMBERS]
        yield Change(Kind.MEMBERS_CHANGED, identity.resource_type, after=after, added=added)
