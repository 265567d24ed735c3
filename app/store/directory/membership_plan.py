"""From the membership changes that a request asks for to what has to be written: only what differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bson import ObjectId

from app.errors import InvalidValue, TooMany, Unavailable
from app.schemas.attribute import VALUE, Attribute
from app.schemas.columns import element_columns
from app.schemas.membership import MemberChange
from app.schemas.resource_type import ResourceType
from app.store.directory.identities import Identities
from app.store.directory.memberships import Memberships
from app.store.directory.references import References
from app.store.mongo.database import Session
from scim_filter import Filter, matches

MOST_AT_ONCE = 10_000
"""Members that are deleted in the transaction in which they leave; more of them leave by the group's clearance."""
MOST_LOOKED_AT = 50_000
"""Members of a group who are looked at one by one for a filter: some 3 seconds."""


@dataclass(frozen=True)
class Prepared:
    """What a request asks for, and what was done for it before its transaction, since that takes its time."""

    changes: tuple[MemberChange, ...]
    """Where a change has a filter, its `members` are the stored ones for which it holds."""
    clearance: ObjectId | None = None
    """What was announced for the case that the group has to be cleared."""


@dataclass
class Plan:
    """What has to be written so that the group's members are what the changes say."""

    add: dict[str, str | None] = field(default_factory=dict)
    """Id -> resource type, None where there is no such resource."""
    unseen: bool = False
    """Whether what is to be added is there already has not been looked up: adding it tells."""
    remove: list[str] = field(default_factory=list)
    """Who leaves; only the first of them where `stay` is given."""
    removed_count: int = 0
    stay: set[str] | None = None
    """Those present who stay, where more leave than are deleted in one transaction."""
    since: ObjectId | None = None
    """The group's clearance, with `stay` the one to come."""

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


class Members:
    """The members of one tenant's resources, as requests change them; `dangling` lets them name what does not exist."""

    def __init__(
        self, memberships: Memberships, references: References, identities: Identities, *, dangling: bool
    ) -> None:
        self._memberships = memberships
        self._references = references
        self._identities = identities
        self._dangling = dangling

    def prepare(self, resource_type: ResourceType, group: str, changes: Iterable[MemberChange]) -> Prepared:
        """Do what takes too long for a transaction, or has to be done before it.

        Find the stored members for whom a filter holds, and announce that a large group may be cleared. Raises TooMany
        for a filter that would have to be held against too many members.
        """
        attribute, changes = resource_type.members, tuple(changes)
        if attribute is None:
            return Prepared(changes)
        changes = tuple(self._found(change, group, attribute) if change.where else change for change in changes)
        replaces = any(change.kind == "replace" for change in changes)
        if replaces and self._memberships.has_more(group, MOST_AT_ONCE):
            return Prepared(changes, self._memberships.announce(group))
        return Prepared(changes)

    def plan(
        self, resource_type: ResourceType, group: str, request: Prepared, session: Session, *,
        fresh: bool = False, sure: bool = True,
    ) -> Plan | None:
        """Fold the changes, in their order, into one plan against what is stored; None for a type without members.

        `fresh`: nothing is stored yet. Where it need not be `sure`, a single new member is not looked up beforehand.
        Raises InvalidValue for a member that does not exist, where that is not let pass.
        """
        attribute = resource_type.members
        if attribute is None:
            return None
        steps = self._fold(request, group, attribute, session, fresh=fresh, sure=sure)
        if steps.add:
            kinds = self._kinds(steps.add, attribute, session)
            missing = [member for member in steps.add if member not in kinds]
            if missing and not self._dangling:
                raise InvalidValue(f"{attribute.name}: no such resource: {', '.join(missing[:20])}.")
            steps.add = {member: kinds.get(member) for member in steps.add}
        return steps

    def add_unseen(self, group: str, steps: Plan, session: Session) -> bool:
        """Add the member that has not been looked up; tell whether anything has changed, or is still to be."""
        return not steps.unseen or all(
            self._memberships.add_one(group, member, kind, session) for member, kind in steps.add.items()
        )

    def apply(self, group: str, steps: Plan | None, session: Session) -> None:
        """Write what the plan says."""
        if steps is None or steps.unseen:
            return
        since = steps.since
        if steps.stay is not None:
            assert since
            self._memberships.keep_only(group, steps.stay, since, session)
        elif steps.remove:
            self._memberships.remove(group, steps.remove, session)
        if steps.add:
            self._memberships.add(group, steps.add, since, session)

    def _fold(
        self, request: Prepared, group: str, attribute: Attribute, session: Session, *, fresh: bool, sure: bool,
    ) -> Plan:
        replaces, add, remove = fresh, dict[str, None](), set[str]()
        for change in request.changes:
            named = change.members
            if change.where is not None:
                named = (*named, *self._matching(change.where, attribute, add, session))
            if change.kind == "replace":
                replaces, add, remove = True, dict.fromkeys(named), set()
            elif change.kind == "add":
                add |= dict.fromkeys(named)
                remove -= set(named)
            else:
                for member in named:
                    add.pop(member, None)
                    remove.add(member)
        if fresh:
            return Plan(dict.fromkeys(add))
        if not sure and len(add) == 1 and not remove and not replaces:
            return Plan(dict.fromkeys(add), unseen=True)
        present, since = self._memberships.present(group, {*add, *remove}, session)
        plan = Plan(dict.fromkeys(member for member in add if member not in present), since=since)
        if not replaces:
            plan.remove = sorted(remove & present)
        else:
            plan.remove = self._memberships.others(group, add, MOST_AT_ONCE + 1, since, session)
        plan.removed_count = len(plan.remove)
        if replaces and plan.removed_count > MOST_AT_ONCE:
            if request.clearance is None:
                raise Unavailable("The group has grown at the same time; try again.", retry_after=1)
            plan.stay, plan.since = present.intersection(add), request.clearance
            plan.removed_count = self._memberships.count(group, since, session) - len(plan.stay)
        return plan

    def _found(self, change: MemberChange, group: str, attribute: Attribute) -> MemberChange:
        """Return a change with a filter with the stored members for whom it holds; reads them in batches."""
        if self._memberships.has_more(group, MOST_LOOKED_AT):
            raise TooMany(
                f"{attribute.name}: such a filter can be applied to up to {MOST_LOOKED_AT} members, and the group has "
                f'more. Name those who leave, in {attribute.name}[{VALUE} eq "..."] or as the value of the operation, '
                "or replace all members."
            )
        stored = self._references.all_members(group, attribute)
        return replace(change, members=tuple(_that_match(change.where, stored, attribute)))

    def _kinds(self, ids: Iterable[str], attribute: Attribute, session: Session) -> dict[str, str]:
        """Return the resource type of each id that can be a member."""
        found = self._identities.of(ids, attribute.references, session)
        return {key: identity.resource_type.name for key, identity in found.items()}

    def _matching(self, where: Filter, attribute: Attribute, added: Iterable[str], session: Session) -> list[str]:
        """Return those just added for whom the filter holds."""
        kinds = self._kinds(added, attribute, session)
        new = [{"member": member} | ({"type": kinds[member]} if member in kinds else {}) for member in added]
        return _that_match(where, self._references.members(new, attribute), attribute)


def _that_match(where: Filter | None, shown: Iterable[dict[str, Any]], attribute: Attribute) -> list[str]:
    resolve = element_columns(attribute)
    return [element[VALUE] for element in shown if where is None or matches(where, element, resolve)]
