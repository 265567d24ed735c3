"""From the membership changes that a request asks for to what has to be written: only what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bson import ObjectId

from app.errors import PayloadTooLarge, TooMany, Unavailable
from app.schemas.attribute import VALUE, Attribute
from app.schemas.membership import MemberChange
from app.schemas.resource_type import ResourceType
from app.schemas.storage.columns import element_columns
from app.store.directory.identities import Identities
from app.store.directory.memberships import BATCH, Memberships
from app.store.directory.references import References, no_such_resource
from app.store.mongo.database import Session
from scim_filter import Filter, predicate

MOST_AT_ONCE = 10_000
"""Members that are deleted in the transaction in which they leave; more of them leave by the group's clearance."""
MOST_NAMED = 50_000
"""Members that one request can name (D-171)."""
MOST_LOOKED_AT = 50_000
"""Members of a group that filters are held against, one by one; that takes some 3 seconds."""
MOST_FILTERS = 10
"""Filters on members that one request can have, so that its cost grows with its length alone (D-170)."""
Changes = tuple[MemberChange, ...]


@dataclass(frozen=True)
class Prepared:
    """What a request asks for, and what was done for it before its transaction, whose time is short."""

    changes: Changes
    """The `members` of a change with a filter are those stored ones that it selects."""
    clearance: ObjectId | None = None
    """The clearance that was announced, in case the group has to be cleared."""


@dataclass
class Plan:
    """What has to be written so that the group's members are what the changes say."""

    add: dict[str, str | None] = field(default_factory=dict)
    """Id -> resource type, None where there is no such resource."""
    unseen: bool = False
    """The members to add were not looked up; `apply` raises AlreadyMember if one of them is in the group."""
    remove: list[str] = field(default_factory=list)
    """The members that leave; with `stay` there are too many to list, and these are the first ones, for the log."""
    removed_count: int = 0
    stay: set[str] | None = None
    """The present members that stay, if more leave than one transaction can delete; a clearance hides the others."""
    since: ObjectId | None = None
    """The clearance that members must carry to count: the group's present one or, with `stay`, the new one."""

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


class Members:
    """The members of one tenant's resources, as requests change them; `dangling` lets them name what does not exist."""

    def __init__(
        self, memberships: Memberships, references: References, identities: Identities,
        may_be_cleared: Callable[[], bool], *, dangling: bool,
    ) -> None:
        self._memberships = memberships
        self._references = references
        self._identities = identities
        self._may_be_cleared = may_be_cleared
        self._dangling = dangling

    def prepare(self, resource_type: ResourceType, group: str, changes: Changes) -> Prepared:
        """Do what has to be done before the transaction, or takes too long for it, and return the changes for `plan`.

        Find the stored members that filters select, and announce that a large group may be cleared. Raises
        PayloadTooLarge for too many members; TooMany for too many filters, or too many members to hold them against.
        """
        attribute = resource_type.members
        if attribute is None:
            return Prepared(changes)
        _check_number(attribute, changes)
        if any(change.where for change in changes):
            changes = self._with_selected(changes, group, attribute)
        replaces = any(change.kind == "replace" for change in changes)
        if replaces and self._memberships.has_more(group, MOST_AT_ONCE):
            return Prepared(changes, self._memberships.announce(group))
        return Prepared(changes)

    def plan(
        self, resource_type: ResourceType, group: str, prepared: Prepared, session: Session, *, sure: bool = True
    ) -> Plan | None:
        """Return what the changes, in their order, make of what is stored; None for a type without members.

        Where it need not be `sure`, a few members that are only added are not looked up, unless a group may have a
        clearance. That is asked once the transaction has begun: a clearance that its snapshot has was announced too
        long ago for a "no", and with one that comes later it conflicts (D-33). Raises InvalidValue for a member that
        does not exist, unless references may dangle.
        """
        attribute = resource_type.members
        if attribute is None:
            return None
        replaces, add, remove = self._folded(prepared.changes, attribute, session)
        if not (sure or replaces or remove) and 0 < len(add) <= BATCH:
            plan = Plan(dict.fromkeys(add), unseen=True)
            self._find_types(plan, attribute, session)
            if not self._may_be_cleared():
                return plan
        plan = self._compared(group, prepared, add, session, remove=None if replaces else remove)
        self._find_types(plan, attribute, session)
        return plan

    def plan_new(self, resource_type: ResourceType, changes: Changes, session: Session) -> Plan | None:
        """Return the plan for a resource that is not stored yet, as `prepare` and `plan` do for others."""
        attribute = resource_type.members
        if attribute is None:
            return None
        _check_number(attribute, changes)
        plan = Plan({member: None for change in changes for member in change.members})
        self._find_types(plan, attribute, session)
        return plan

    def apply(self, group: str, plan: Plan | None, session: Session) -> None:
        """Write what the plan says; raises AlreadyMember for members that were not looked up and are in the group."""
        if plan is None:
            return
        if plan.stay is not None:
            assert plan.since
            self._memberships.keep_only(group, plan.stay, plan.since, session)
        elif plan.remove:
            self._memberships.remove(group, plan.remove, session)
        if plan.add:
            self._memberships.add(group, plan.add, plan.since, session)

    def _with_selected(self, changes: Changes, group: str, attribute: Attribute) -> Changes:
        """Return the changes with the stored members that their filters select; reads those in batches, once."""
        filters = {str(change.where): change.where for change in changes if change.where}
        if len(filters) > MOST_FILTERS:
            raise TooMany(
                f"{attribute.name}: a request can have up to {MOST_FILTERS} filters on members, and this one has "
                f"{len(filters)}. {_instead(attribute)}, or send the operations in several requests."
            )
        if self._memberships.has_more(group, MOST_LOOKED_AT):
            raise TooMany(
                f"{attribute.name}: such a filter can be applied to up to {MOST_LOOKED_AT} members, and the group has "
                f"more. {_instead(attribute)}, or replace all members."
            )
        selected = _selected(filters, self._references.all_members(group, attribute), attribute)
        return tuple(
            replace(change, members=tuple(selected[str(change.where)])) if change.where else change
            for change in changes
        )

    def _folded(
        self, changes: Changes, attribute: Attribute, session: Session
    ) -> tuple[bool, dict[str, int], set[str]]:
        """Fold the changes, in their order, into one: whether it replaces all members, whom it adds, whom it removes.

        Each member to add has the number of the change that adds it.
        """
        replaces, add, remove = False, dict[str, int](), set[str]()
        for number, change in enumerate(changes):
            if change.kind == "replace":
                replaces, add, remove = True, dict.fromkeys(change.members, number), set()
            elif change.kind == "add":
                add |= dict.fromkeys(change.members, number)
                remove.difference_update(change.members)
            else:
                for member in change.members:
                    add.pop(member, None)
                remove.update(change.members)
        # A filter selects those who were added before it, too. Of several equal ones the last one decides.
        last = {str(change.where): number for number, change in enumerate(changes) if change.where}
        if last and add:
            filters = {str(change.where): change.where for change in changes if change.where}
            for text, members in _selected(filters, self._rendered(add, attribute, session), attribute).items():
                gone = [member for member in members if member in add and add[member] < last[text]]
                remove.update(gone)
                for member in gone:
                    del add[member]
        return replaces, add, remove

    def _rendered(self, ids: Iterable[str], attribute: Attribute, session: Session) -> list[dict[str, Any]]:
        """Return resources that are not members yet as the elements of `members` that they would be."""
        found = self._identities.of(ids, attribute.references, session)
        rows = [
            {"member": member} | ({"type": found[member].resource_type.name} if member in found else {})
            for member in ids
        ]
        return self._references.members(rows, attribute)

    def _compared(
        self, group: str, prepared: Prepared, add: Mapping[str, int], session: Session, *, remove: set[str] | None
    ) -> Plan:
        """Return the plan that adds `add` and removes `remove`; None removes all members that are not in `add`."""
        present, since = self._memberships.present(group, {*add, *(remove or ())}, session)
        plan = Plan(dict.fromkeys(member for member in add if member not in present), since=since)
        if remove is not None:
            plan.remove = sorted(remove & present)
        else:
            plan.remove = self._memberships.others(group, add, MOST_AT_ONCE + 1, since, session)
        plan.removed_count = len(plan.remove)
        if remove is None and plan.removed_count > MOST_AT_ONCE:
            if prepared.clearance is None:
                raise Unavailable("The group has grown at the same time; try again.", retry_after=1)
            plan.stay, plan.since = present.intersection(add), prepared.clearance
            plan.removed_count = self._memberships.count(group, since, session) - len(plan.stay)
        return plan

    def _find_types(self, plan: Plan, attribute: Attribute, session: Session) -> None:
        """Look up the resource types of the members to add."""
        if not plan.add:
            return
        found = self._identities.of(plan.add, attribute.references, session)
        missing = [member for member in plan.add if member not in found][:20]
        if missing and not self._dangling:
            raise no_such_resource(attribute, missing, cause="no-such-member")
        plan.add = {member: found[member].resource_type.name if member in found else None for member in plan.add}


def _check_number(attribute: Attribute, changes: Changes) -> None:
    number = sum(len(change.members) for change in changes)
    if number > MOST_NAMED:
        raise PayloadTooLarge(
            f"{attribute.name}: {number} are more than the {MOST_NAMED} that one request can name. Send them in "
            "several PATCH requests, each of which adds or removes a part of them."
        )


def _selected(
    filters: Mapping[str, Filter | None], elements: Iterable[dict[str, Any]], attribute: Attribute
) -> dict[str, list[str]]:
    """Return the ids of the members that each filter selects; the elements are gone through once."""
    resolve = element_columns(attribute)
    holds = {text: predicate(where, resolve) for text, where in filters.items() if where}
    selected: dict[str, list[str]] = {text: [] for text in holds}
    for element in elements:
        for text, ids in selected.items():
            if holds[text](element):
                ids.append(element[VALUE])
    return selected


def _instead(attribute: Attribute) -> str:
    name = attribute.name
    return f'Name those who leave, in {name}[{VALUE} eq "..."] or as the value of the operation'
