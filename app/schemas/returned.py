"""What a response shows: `returned` of the table, `attributes` and `excludedAttributes` of the request.

RFC 7643 section 7, RFC 7644 section 3.9. What an answer leaves out need not be read: `top_level` names what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.errors import InvalidValue
from app.schemas.attribute import Attribute
from app.schemas.common import COMMON
from app.schemas.resource_type import ResourceType, Schema

MAX_CACHED = 1_000
"""Characters of attribute names in a request up to which its projection is kept for the next one like it."""

Tree = dict[str, "Tree | None"]
"""Attributes by name; None stands for the whole attribute, a tree for some of its sub-attributes."""


@dataclass(frozen=True)
class View:
    """Which members of an object are shown: those in `keep`, if it is given, without those in `hide`."""

    keep: frozenset[str] | None = None
    hide: frozenset[str] = frozenset()
    inner: Mapping[str, View] = field(default_factory=dict)
    """The views of those members that are not shown whole."""

    def of(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is shown of an object."""
        keep, hide = self.keep, self.hide
        if keep is None:
            shown = dict(value)
            for name in hide:
                shown.pop(name, None)
        else:
            shown = {name: item for name, item in value.items() if name in keep and name not in hide}
        for name, view in self.inner.items():
            if name in shown:
                shown[name] = view.of_all(shown[name])
                if not shown[name]:
                    del shown[name]
        return shown

    def of_all(self, value: Any) -> Any:
        """Give what is shown of an object, of an array of objects, or of an array that is still being read."""
        if isinstance(value, Mapping):
            return self.of(value)
        shown: Iterator[dict[str, Any]] = (part for part in map(self.of, value) if part)
        return list(shown) if isinstance(value, list | tuple) else shown


@dataclass(frozen=True)
class Projection:
    """What one request wants to see of the resources of one type."""

    resource_type: ResourceType
    view: View
    attributes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @staticmethod
    def parse(
        resource_type: ResourceType, attributes: Iterable[str] | None = None, excluded: Iterable[str] | None = None
    ) -> Projection:
        """Give the projection for the two parameters; names that are unknown are ignored, no name at all is no wish.

        Raises InvalidValue where both are given: RFC 7644 section 3.9 lets them exclude each other.
        """
        if not attributes and not excluded:
            return _projection(resource_type, (), (), frozenset())
        wanted, unwanted = _names(attributes or ()), _names(excluded or ())
        if wanted and unwanted:
            raise InvalidValue("attributes and excludedAttributes cannot be used together.")
        make = _projection if sum(map(len, wanted + unwanted)) <= MAX_CACHED else _projection.__wrapped__
        return make(resource_type, wanted, unwanted, frozenset())

    def apply(self, resource: Mapping[str, Any], requested: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Give what the answer shows of a resource; `requested` are the paths that `requested_by` gives for a write."""
        if not requested or self.attributes:
            return self.view.of(resource)
        return _projection(self.resource_type, (), self.excluded, requested).view.of(resource)

    def wants(self, name: str) -> bool:
        """Say whether anything of a top-level attribute, or of an extension by its URN, is shown."""
        names = self.top_level()
        return names is None or name in names

    def top_level(self) -> frozenset[str] | None:
        """Give the top-level attributes and the extensions' URNs that the answer shows, or None for all of them."""
        if self.attributes:
            return self.view.keep
        if self.excluded:
            return frozenset(row.name for row in _rows(self.resource_type)) - self.view.hide
        return None


def requested_by(
    resource_type: ResourceType, sent: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> frozenset[str]:
    """Give the paths of those attributes with `returned: request` that a client sent: a write shows them again.

    With `before`, those that are not what they were there: a PATCH sends only what it changes.
    """
    rows = _shown_on_request(resource_type)
    if not rows:
        return frozenset()
    return frozenset(_requested(rows, sent if before is None else _changed(before, sent), ""))


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Give the part of `after` that differs from `before`."""
    found = {}
    for name, value in after.items():
        old = before.get(name)
        if old != value:
            found[name] = _changed(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


@lru_cache(maxsize=4_096)
def _shown_on_request(resource_type: ResourceType) -> tuple[Attribute, ...]:
    return _on_request(_rows(resource_type))


def _requested(rows: tuple[Attribute, ...], value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _requested(rows, item, prefix)
    elif isinstance(value, Mapping):
        for row in rows:
            if row.name in value:
                if row.returned == "request":
                    yield prefix + row.name
                yield from _requested(_on_request(row.sub_attributes), value[row.name], f"{prefix}{row.name}.")


@lru_cache(maxsize=4_096)
def _on_request(rows: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    return tuple(row for row in rows if row.returned == "request" or _on_request(row.sub_attributes))


@lru_cache(maxsize=1_024)
def _projection(
    resource_type: ResourceType, attributes: tuple[str, ...], excluded: tuple[str, ...], requested: frozenset[str]
) -> Projection:
    rows = _rows(resource_type)
    tree: Tree = {}
    if attributes:
        for schema in resource_type.extensions:
            for row in schema.attributes:
                if row.returned == "always":
                    _plant(tree, (schema.id, row.name))
    for name in attributes or excluded:
        target = resource_type.resolve(name)
        if target is not None and target.attribute is None and target.schema is not None and excluded:
            for row in _without_always(target.schema):
                _plant(tree, (target.schema.id, row.name))
        elif target is not None and target.keys:
            _plant(tree, target.keys)
    view = _selected(rows, tree) if attributes else _pruned(rows, tree, requested, "")
    return Projection(resource_type, view, attributes, excluded)


@lru_cache(maxsize=4_096)
def _rows(resource_type: ResourceType) -> tuple[Attribute, ...]:
    """Give the members of a resource as rows: its attributes, the common ones, and each extension as a complex one."""
    own = resource_type.schema
    common = tuple(row for name, row in COMMON.items() if name not in own.by_name)
    extensions = (Attribute(name=s.id, type="complex", sub_attributes=s.attributes) for s in resource_type.extensions)
    return (*common, *own.attributes, *extensions)


def _without_always(schema: Schema) -> Iterator[Attribute]:
    return (row for row in schema.attributes if row.returned != "always")


def _selected(rows: Sequence[Attribute], tree: Tree) -> View:
    """Give the view of the named attributes and of those that are always returned."""
    keep, inner = set(), {}
    for row in rows:
        if row.returned == "always" or (row.name in tree and row.returned != "never"):
            keep.add(row.name)
            branch = tree.get(row.name)
            subs = row.sub_attributes
            part = _pruned(subs, {}, frozenset(), "") if branch is None else _selected(subs, branch)
            if part != View():
                inner[row.name] = part
    return View(frozenset(keep), inner=inner)


def _pruned(rows: Sequence[Attribute], tree: Tree, requested: frozenset[str], prefix: str) -> View:
    """Give the view of the attributes that are returned by default, without the named ones."""
    hide, inner = set(), {}
    for row in rows:
        path = prefix + row.name
        on_request = row.returned == "request" and path not in requested
        excluded = row.name in tree and tree[row.name] is None and row.returned != "always"
        if row.returned == "never" or on_request or excluded:
            hide.add(row.name)
            continue
        part = _pruned(row.sub_attributes, tree.get(row.name) or {}, requested, f"{path}.")
        if part != View():
            inner[row.name] = part
    return View(None, frozenset(hide), inner)


def _plant(tree: Tree, keys: Sequence[str]) -> None:
    """Add a path to the tree; a whole attribute swallows its sub-attributes."""
    *branches, leaf = keys
    for key in branches:
        branch = tree.setdefault(key, {})
        if branch is None:
            return
        tree = branch
    tree[leaf] = None


def _names(given: Iterable[str]) -> tuple[str, ...]:
    """Give the names without blanks around them, and without the value filters that Microsoft's tests put there."""
    names = []
    for name in given:
        head, bracket, rest = name.strip().partition("[")
        names.append(head + rest.rpartition("]")[2] if bracket else head)
    return tuple(name for name in names if name)
