"""Moving a tenant: every resource and membership as one JSON object a line, ids and dates kept, in bounded memory.

An import can be started again: what is there already is left as it is. A line that cannot be taken is reported with its
number, and the others go in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from app.errors import InvalidValue, ScimError, Uniqueness
from app.schemas.meta import first_meta, now, timestamp
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.validation import validate, with_defaults
from app.store.counts import Counts
from app.store.database import Database, Session
from app.store.documents import as_hashed
from app.store.events import Actor, Event, Events
from app.store.memberships import BATCH, Memberships
from app.store.resources import Resource, Resources

MEMBERSHIP = "Membership"
Line = dict[str, Any]


def export(database: Database, tenant: str, catalogue: Catalogue) -> Iterator[Line]:
    """Give every resource of the tenant, then every membership."""
    memberships = Memberships(database, tenant)
    for resource_type in catalogue.types:
        for resource in Resources(database, tenant, resource_type).all():
            yield {"type": resource_type.name, "resource": resource}
    for resource_type in catalogue.types:
        if resource_type.members:
            for group in Resources(database, tenant, resource_type).all_ids():
                for batch in memberships.members(group):
                    for row in batch:
                        yield {"type": MEMBERSHIP, "group": group, "member": row["member"], "kind": row.get("type")}


@dataclass
class Report:
    """What an import has done so far."""

    imported: int = 0
    present: int = 0
    """Lines whose resource or membership was there already."""
    refused: list[tuple[int, str]] = field(default_factory=list)
    """Line number and reason."""


@dataclass
class Importer:
    """Brings lines of an export into a tenant."""

    database: Database
    tenant: str
    catalogue: Catalogue
    ignore_unknown: bool
    events: Events
    actor: Actor

    def run(self, lines: Iterable[tuple[int, Line | str]], progress: Callable[[int], None]) -> Report:
        """Take numbered lines, each an object or the reason why it is none; give what became of them."""
        report = Report()
        numbered = iter(lines)
        while batch := list(islice(numbered, BATCH // 4)):
            for kind, group in _by_type(batch, report).items():
                if kind == MEMBERSHIP:
                    self._memberships(group, report)
                else:
                    self._resources(kind, group, report)
            progress(len(batch))
        return report

    def _resources(self, kind: str, lines: list[tuple[int, Line]], report: Report) -> None:
        resource_type = self.catalogue.named(kind)
        if resource_type is None:
            report.refused += [(number, f"there is no resource type {kind}") for number, _ in lines]
            return
        store = Resources(self.database, self.tenant, resource_type)
        read: list[tuple[int, Resource]] = []
        for number, line in lines:
            try:
                read.append((number, self._resource(resource_type, line.get("resource"))))
            except ScimError as error:
                report.refused.append((number, error.detail))
        there = store.existing(resource["id"] for _, resource in read)
        report.present += len(there)
        new = [(number, resource) for number, resource in read if resource["id"] not in there]
        try:
            self._insert(store, [resource for _, resource in new])
            report.imported += len(new)
        except Uniqueness:
            for number, resource in new:
                self._insert_one(store, number, resource, report)

    def _insert_one(self, store: Resources, number: int, resource: Resource, report: Report) -> None:
        try:
            self._insert(store, [resource])
            report.imported += 1
        except ScimError as error:
            report.refused.append((number, error.detail))

    def _insert(self, store: Resources, resources: list[Resource]) -> None:
        if not resources:
            return

        def work(session: Session) -> None:
            for resource in resources:
                store.insert(resource, session)
            Counts(self.database, self.tenant).add(store.type.name, len(resources), session)
            self.events.append_all([self._event(store.type, resource) for resource in resources], self.actor, session)

        self.database.transaction(work)

    def _resource(self, resource_type: ResourceType, payload: Any) -> Resource:
        if not isinstance(payload, Mapping) or not isinstance(payload.get("id"), str) or not payload["id"]:
            raise InvalidValue("resource: must be an object with an id.")
        resource = with_defaults(resource_type, validate(resource_type, payload, ignore_unknown=self.ignore_unknown))
        if resource_type.members:
            resource.pop(resource_type.members.name, None)
        for name in resource_type.secrets & payload.keys():
            resource[name] = as_hashed(str(payload[name]))
        return resource | {"id": payload["id"], "meta": _meta(resource_type, payload.get("meta"))}

    def _event(self, resource_type: ResourceType, resource: Resource) -> Event:
        name = str(resource.get(resource_type.identifier, ""))
        return Event("import", resource_type.name, resource["id"], name, status=201)

    def _memberships(self, lines: list[tuple[int, Line]], report: Report) -> None:
        memberships = Memberships(self.database, self.tenant)
        groups: dict[str, dict[str, str | None]] = {}
        for number, line in lines:
            group, member, kind = line.get("group"), line.get("member"), line.get("kind")
            if not isinstance(group, str) or not isinstance(member, str) or not isinstance(kind, str | None):
                report.refused.append((number, "a membership has the strings group, member and kind"))
            else:
                groups.setdefault(group, {})[member] = kind
        for group, members in groups.items():
            there = memberships.present(group, members)
            new = {member: kind for member, kind in members.items() if member not in there}
            report.present += len(there)
            report.imported += len(new)
            memberships.add(group, new)


def _by_type(batch: list[tuple[int, Line | str]], report: Report) -> dict[str, list[tuple[int, Line]]]:
    groups: dict[str, list[tuple[int, Line]]] = {}
    for number, line in batch:
        if isinstance(line, str):
            report.refused.append((number, line))
        elif not isinstance(line.get("type"), str):
            report.refused.append((number, "the line has no type"))
        else:
            groups.setdefault(line["type"], []).append((number, line))
    return groups


def _meta(resource_type: ResourceType, given: Any) -> dict[str, Any]:
    meta = first_meta(resource_type.name, now())
    if isinstance(given, Mapping):
        created = _date(given.get("created")) or meta["created"]
        changed = _date(given.get("lastModified")) or created
        meta |= {"created": created, "lastModified": max(created, changed)}
    return meta


def _date(text: Any) -> str | None:
    try:
        return timestamp(datetime.fromisoformat(text).astimezone(UTC)) if isinstance(text, str) else None
    except ValueError:
        return None
