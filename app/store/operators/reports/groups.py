"""In which groups a resource is, and through which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.store.directory.directory import Directory
from app.store.directory.identities import the_label
from app.store.directory.membership_reader import Parents
from app.store.directory.memberships import GROUP
from app.store.directory.reader import Member

MOST = 100
"""Groups that a page shows."""


@dataclass(frozen=True)
class InGroup:
    """A group that a resource is in."""

    id: str
    type: str
    name: str
    through: tuple[str, ...]
    """The names of the groups that lead to it; () for a direct member."""


def groups_of(directory: Directory, member: str, parents: Parents) -> list[InGroup]:
    """Return the groups that a resource is in, the direct ones first; `parents` are all above it.

    A deleted group keeps its memberships for a while; they do not count.
    """
    types = [each.name for each in directory.catalogue.types if each.members]
    every = {group for groups in parents.values() for group in groups}
    known = directory.identities.of(every, types, names=the_label) if every else {}
    names = {key: identity.label or key for key, identity in known.items()}
    above = _above(member, parents, names.keys())
    found = [
        InGroup(group, known[group].resource_type.name, names[group], _through(group, member, parents, names, above))
        for group in above - {member}
    ]
    return sorted(found, key=lambda each: (bool(each.through), each.name, each.id))


def ways(directory: Directory, group: str, types: Mapping[str, str]) -> dict[str, InGroup | None]:
    """Return how each of some resources is in a group, None if it is not; `types` maps their ids to their types."""
    found: dict[str, InGroup | None] = {}
    for each in directory.catalogue.types:
        ids = [key for key, name in types.items() if name == each.name]
        parents = directory.find_with_groups(each, {"_id": {"$in": ids}}, frozenset(), len(ids))[1] if ids else {}
        for member in ids:
            above = groups_of(directory, member, parents)
            found[member] = next((way for way in above if way.id == group), None)
    return found


def groups_in(directory: Directory, group: str) -> list[Member]:
    """Return up to `MOST` groups that are members of a group."""
    ids = directory.memberships.ids("member", {"group": group, "type": GROUP}, MOST)
    found = directory.identities.of(ids, [GROUP], names=the_label)
    return [Member(key, each.resource_type.name, each.label, each.label) for key, each in found.items()]


def _above(member: str, parents: Parents, existing: Iterable[str]) -> set[str]:
    existing, found, left = set(existing), set[str](), {member}
    while left:
        left = {group for each in left for group in parents.get(each, ())} & existing - found
        found |= left
    return found


def _through(
    group: str, member: str, parents: Parents, names: Mapping[str, str], above: set[str]
) -> tuple[str, ...]:
    if group in parents.get(member, ()):
        return ()
    return tuple(sorted(names[each] for each in above if group in parents.get(each, ())))[:MOST]
