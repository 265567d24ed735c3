"""From the membership changes that a request asks for to what has to be written: only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.columns import element_columns
from app.schemas.membership import MemberChange
from app.store.database import Session
from app.store.events import MOST_MEMBERS
from app.store.memberships import Memberships
from app.store.references import References
from scim_filter import Filter, matches


@dataclass
class Plan:
    """What has to be written so that the group's members are what the changes say."""

    replace: bool = False
    keep: frozenset[str] = frozenset()
    """With `replace`: everybody else leaves."""
    add: dict[str, str | None] = field(default_factory=dict)
    """Id -> resource type, None where there is no such resource."""
    unseen: bool = False
    """Whether what is to be added is there already has not been looked up: adding it tells."""
    remove: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    """For the log: who leaves, the first of them where they are many."""
    removed_count: int = 0

    def __bool__(self) -> bool:
        return bool(self.add or self.remove or self.removed)


def plan(
    changes: Iterable[MemberChange], group: str, memberships: Memberships, references: References, attribute: Attribute,
    session: Session, *, fresh: bool = False, sure: bool = True,
) -> Plan:
    """Fold the changes, in their order, into one plan against what is stored.

    `fresh`: nothing is stored yet. Where it need not be `sure`, a single new member is not looked up beforehand.
    """
    replace, add, remove = fresh, dict[str, None](), set[str]()
    for change in changes:
        if change.where is not None:
            stored = None if replace else group
            named: Iterable[str] = _matching(change.where, attribute, add, stored, memberships, references)
        else:
            named = change.members
        if change.kind == "replace":
            replace, add, remove = True, dict.fromkeys(named), set()
        elif change.kind == "add":
            add |= dict.fromkeys(named)
            remove -= set(named)
        else:
            for member in named:
                add.pop(member, None)
                remove.add(member)
    if fresh:
        return Plan(add=dict.fromkeys(add))
    if not sure and len(add) == 1 and not remove and not replace:
        return Plan(add=dict.fromkeys(add), unseen=True)
    present = memberships.present(group, {*add, *remove}, session)
    missing: dict[str, str | None] = dict.fromkeys(member for member in add if member not in present)
    if replace:
        removed = memberships.others(group, add, MOST_MEMBERS + 1, session)
        count = len(removed) if len(removed) <= MOST_MEMBERS else memberships.count_others(group, add, session)
        return Plan(bool(removed), frozenset(add), missing, removed=removed, removed_count=count)
    gone = sorted(remove & present)
    return Plan(add=missing, remove=gone, removed=gone, removed_count=len(gone))


def _matching(
    where: Filter, attribute: Attribute, added: Mapping[str, Any], group: str | None, memberships: Memberships,
    references: References,
) -> list[str]:
    """Give the members, stored and just added, for which the filter holds; reads the group's members in batches."""
    resolve = element_columns(attribute)
    found = [member for member in added if matches(where, {"value": member}, resolve)]
    for batch in memberships.members(group) if group else ():
        shown = references.members(batch, attribute)
        found.extend(element["value"] for element in shown if matches(where, element, resolve))
    return found
