"""The parts of a resource that are computed when it is read: `$ref`, `display`, `type`, `meta.location`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from app.errors import InvalidValue, Problem
from app.schemas.attribute import DISPLAY, REF, TYPE, VALUE, Attribute
from app.schemas.resource_type import Catalogue, ResourceType
from app.store.directory.identities import Identities, the_label
from app.store.directory.membership_reader import MembershipReader, Parents
from app.store.directory.memberships import BATCH
from app.store.directory.resources import Resource


class References:
    """Adds to resources what other documents say about them."""

    def __init__(
        self, catalogue: Catalogue, identities: Identities, memberships: MembershipReader, base_url: str
    ) -> None:
        self._catalogue = catalogue
        self._identities = identities
        self._memberships = memberships
        self._base_url = base_url

    def location(self, resource_type: ResourceType, resource_id: str) -> str:
        """Return the URI of a resource."""
        return f"{self._base_url}{resource_type.endpoint}/{resource_id}"

    def links(self, resource: Resource, resource_type: ResourceType) -> Iterator[tuple[Attribute, str]]:
        """Return each reference to another resource that the resource holds: the attribute and the id."""
        for attribute, path in resource_type.links:
            for _, value in _values([resource], path, attribute):
                yield attribute, value

    def fill(
        self, resources: Sequence[Resource], resource_type: ResourceType, keys: frozenset[str] | None,
        groups: Parents | None = None, *, has_members: bool = True,
    ) -> None:
        """Add to each resource what the response shows and its document does not hold.

        `keys` are the top-level attributes in the response, None means all but those returned only on request; nothing
        is read for the others. `groups` are the groups that the resources are in, directly or not, if they have been
        read already; `has_members` is false if none of the resources can have a member.
        """
        for resource in resources:
            if "meta" in resource:
                resource["meta"]["location"] = self.location(resource_type, resource["id"])
        if resource_type.groups and _wanted(resource_type.groups, keys):
            self._fill_groups(resources, resource_type.groups, groups)
        if has_members and resource_type.members and _wanted(resource_type.members, keys):
            self._fill_members(resources, resource_type.members)
        self._fill_links(resources, resource_type)

    def _fill_groups(self, resources: Sequence[Resource], attribute: Attribute, groups: Parents | None) -> None:
        if groups is None:
            groups = self._memberships.above([resource["id"] for resource in resources])
        ids = {group for above in groups.values() for group in above}
        if not ids:
            return
        # A deleted group keeps its memberships for a while; they do not count, not even for nested groups.
        names = self._names(ids, attribute.references)
        for resource in resources:
            rendered = [
                _filled({VALUE: group, REF: names[group][0], DISPLAY: names[group][1], TYPE: kind})
                for group, kind in _kinds(resource["id"], groups, names.keys()).items()
            ]
            if rendered:
                resource[attribute.name] = rendered

    def _fill_members(self, resources: Sequence[Resource], attribute: Attribute) -> None:
        """Add the members: those of many groups with one query, those of a large one while the response is written."""
        by_id = {resource["id"]: resource for resource in resources}
        left = sorted(by_id)
        while left:
            rows, unfinished = self._memberships.first_of(left, BATCH)
            for group, elements in groupby(self._rendered(rows, attribute), itemgetter(0)):
                by_id[group][attribute.name] = [element for _, element in elements]
            if unfinished:
                by_id[unfinished][attribute.name] = self.all_members(unfinished, attribute)
            left = [group for group in left if unfinished and group > unfinished]

    def all_members(self, group: str, attribute: Attribute) -> Iterator[dict[str, Any]]:
        """Return the members of a group of any size; they are read while the result is iterated."""
        return chain.from_iterable(self.members(batch, attribute) for batch in self._memberships.members(group))

    def members(self, rows: Sequence[dict[str, Any]], attribute: Attribute) -> list[dict[str, Any]]:
        """Return memberships as the elements of `members`."""
        return [element for _, element in self._rendered(rows, attribute)]

    def _rendered(
        self, rows: Sequence[dict[str, Any]], attribute: Attribute
    ) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Return for each membership its group, if the row has it, and the element of `members`."""
        kinds = {row["type"] for row in rows if "type" in row}
        types = [name for name in attribute.references if name in kinds]
        names = self._names({row["member"] for row in rows if "type" in row}, types)
        for row in rows:
            kind, (uri, name) = row.get("type", ""), names.get(row["member"], ("", ""))
            if kind and self._catalogue.named(kind) is None:
                kind = ""  # its schema file is missing; if a GET left the member out, a PUT of that would remove it
            if uri or not kind:  # a member deleted at the moment at which it was added is left out
                yield row.get("group"), _filled({VALUE: row["member"], REF: uri, DISPLAY: name, TYPE: kind})

    def _fill_links(self, resources: Sequence[Resource], resource_type: ResourceType) -> None:
        for attribute, path in resource_type.links:
            links = list(_values(resources, path, attribute))
            names = self._names({value for _, value in links}, attribute.references) if links else {}
            subs = [sub for sub in attribute.sub_attributes if sub.stored_in == "derived"]
            labels = [sub.name for sub in subs if sub.type == "string"]
            for holder, value in links:
                if value in names:
                    uri, name = names[value]
                    holder |= {REF: uri, **(dict.fromkeys(labels, name) if name else {})}

    def _names(self, ids: Iterable[str], types: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return the URI and the name of each id that is a resource of one of these types."""
        found = self._identities.of(ids, types, names=the_label)
        return {key: (self.location(identity.resource_type, key), identity.label) for key, identity in found.items()}


def _kinds(member: str, groups: Parents, existing: Set[str]) -> dict[str, str]:
    """Return the groups of a member: id -> `direct`, or `indirect` through a nested group."""
    kinds: dict[str, str] = {}
    to_visit, kind = [member], "direct"
    while to_visit:
        for group in sorted(groups.get(to_visit.pop(), set()) & existing):
            if group not in kinds and group != member:
                kinds[group] = kind
                to_visit.append(group)
        kind = "indirect"
    return kinds


def no_such_resource(attribute: Attribute, ids: Sequence[str], *, cause: str) -> InvalidValue:
    """Return the error for references to resources that do not exist."""
    problems = (Problem(attribute.name, "the id of a resource", each) for each in ids)
    return InvalidValue(f"{attribute.name}: no such resource: {', '.join(ids)}.", *problems, cause=cause)


def _wanted(attribute: Attribute, keys: frozenset[str] | None) -> bool:
    return attribute.returned != "request" if keys is None else attribute.name in keys


def _values(
    resources: Iterable[Resource], path: tuple[str, ...], attribute: Attribute
) -> Iterator[tuple[dict[str, Any], str]]:
    for resource in resources:
        holder: Any = resource
        for key in path:
            holder = holder.get(key) or {}
        for element in holder if attribute.multi_valued else [holder]:
            if isinstance(element.get(VALUE), str):
                yield element, element[VALUE]


def _filled(element: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in element.items() if value}
