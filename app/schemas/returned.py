"""What a response contains: `returned` in the table, `attributes` and `excludedAttributes` in the request.

RFC 7643 section 7, RFC 7644 section 3.9. What a response omits is not read from the database: see `top_level`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.errors import InvalidValue
from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema

MAX_CACHED = 1_000
"""Characters of attribute names in a request up to which its projection is cached."""

Tree = dict[str, "Tree | None"]
"""Attributes by name: None for the whole attribute, a tree for some of its sub-attributes."""


@dataclass(frozen=True)
class View:
    """Which keys of an object a response contains: those in `keep` (None for all), without those in `hide`."""

    keep: frozenset[str] | None = None
    hide: frozenset[str] = frozenset()
    inner: Mapping[str, View] = field(default_factory=dict)
    """The views of keys whose values are returned in part."""

    def of(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of an object that this view selects."""
        keep, hide = self.keep, self.hide
        if keep is None:
            rendered = dict(value)
            for name in hide:
                rendered.pop(name, None)
        else:
            rendered = {name: item for name, item in value.items() if name in keep and name not in hide}
        for name, view in self.inner.items():
            if name in rendered:
                rendered[name] = view.of_all(rendered[name])
                if not rendered[name]:
                    del rendered[name]
        return rendered

    def of_all(self, value: Any) -> Any:
        """Return the selected part of an object or of an array of objects, which may be an iterator."""
        if isinstance(value, Mapping):
            return self.of(value)
        rendered: Iterator[dict[str, Any]] = (part for part in map(self.of, value) if part)
        return list(rendered) if isinstance(value, list | tuple) else rendered


@dataclass(frozen=True)
class Projection:
    """What the response to one request contains of resources of one type."""

    resource_type: ResourceType
    view: View
    attributes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @staticmethod
    def parse(
        resource_type: ResourceType, attributes: Iterable[str] | None = None, excluded: Iterable[str] | None = None
    ) -> Projection:
        """Return the projection for the two parameters; unknown names are ignored, an empty list means none is given.

        Raises InvalidValue if both are given: RFC 7644 section 3.9 makes them mutually exclusive.
        """
        if not attributes and not excluded:
            return _projection(resource_type, (), (), frozenset())
        wanted, unwanted = _names(attributes or ()), _names(excluded or ())
        if wanted and unwanted:
            raise InvalidValue("attributes and excludedAttributes cannot be used together.")
        make = _projection if sum(map(len, wanted + unwanted)) <= MAX_CACHED else _projection.__wrapped__
        return make(resource_type, wanted, unwanted, frozenset())

    def apply(self, resource: Mapping[str, Any], requested: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return what the response contains of a resource; `requested` is what `requested_by` returns for a write."""
        if not requested or self.attributes:
            return self.view.of(resource)
        return _projection(self.resource_type, (), self.excluded, requested).view.of(resource)

    def wants(self, name: str) -> bool:
        """Return whether the response contains any of a top-level attribute, or of an extension by its URN."""
        names = self.top_level()
        return name not in self.view.hide if names is None else name in names

    def top_level(self) -> frozenset[str] | None:
        """Return the top-level attributes and the extensions' URNs in the response, or None for all of them."""
        if self.attributes:
            return self.view.keep
        if self.excluded:
            return frozenset(row.name for row in _rows(self.resource_type)) - self.view.hide
        return None


def requested_by(
    resource_type: ResourceType, sent: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> frozenset[str]:
    """Return the paths of those attributes with `returned: request` that a client sent; the response contains them.

    With `before`, only those that differ from it: a PATCH sends only what it changes.
    """
    rows = _rows_on_request(resource_type)
    if not rows:
        return frozenset()
    return frozenset(_requested(rows, sent if before is None else _changed(before, sent), ""))


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `after` that differs from `before`."""
    found = {}
    for name, value in after.items():
        old = before.get(name)
        if old != value:
            found[name] = _changed(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


@lru_cache(maxsize=4_096)
def _rows_on_request(resource_type: ResourceType) -> tuple[Attribute, ...]:
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


@lru_cache(maxsize=1_024)
def without_secrets(resource_type: ResourceType) -> View:
    """Return the view of everything but what is never returned, for readers that keep a copy."""
    return _without_secrets(_rows(resource_type))


def _without_secrets(rows: Sequence[Attribute]) -> View:
    hide = frozenset(row.name for row in rows if row.returned == "never")
    inner = {row.name: _without_secrets(row.sub_attributes) for row in rows if row.name not in hide}
    return View(None, hide, {name: view for name, view in inner.items() if view != View()})


@lru_cache(maxsize=4_096)
def _rows(resource_type: ResourceType) -> tuple[Attribute, ...]:
    """Return a resource's keys as rows: its attributes, the common ones, and each extension as a complex attribute."""
    extensions = (Attribute(name=s.id, type="complex", sub_attributes=s.attributes) for s in resource_type.extensions)
    return (*resource_type.common, *resource_type.schema.attributes, *extensions)


def _without_always(schema: Schema) -> Iterator[Attribute]:
    return (row for row in schema.attributes if row.returned != "always")


def _selected(rows: Sequence[Attribute], tree: Tree) -> View:
    """Return the view of the named attributes and of those that are always returned."""
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
    """Return the view of the attributes that are returned by default, without the named ones."""
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
    """Add a path to the tree; a whole attribute includes its sub-attributes."""
    *branches, leaf = keys
    for key in branches:
        branch = tree.setdefault(key, {})
        if branch is None:
            return
        tree = branch
    tree[leaf] = None


def _names(given: Iterable[str]) -> tuple[str, ...]:
    """Return the names without surrounding blanks, and without the value filters that Microsoft's tests add."""
    names = []
    for name in given:
        head, bracket, rest = name.strip().partition("[")
        names.append(head + rest.rpartition("]")[2] if bracket else head)
    return tuple(name for name in names if name)
