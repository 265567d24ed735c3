"""The conversion between resources and documents; they are the same apart from what is listed here.

`_id` is the id and `tenant` comes second; an extension lives under its short name, since a URN has dots; dates are BSON
dates and the version is an integer; a secret is a salted hash. `_folded` has the comparable values (see `columns`), and
`_unique` the keys that the unique indexes are on. What other documents know (`$ref`, `display`, `meta.location`) is not
kept at all.

Kept here: a write keeps the fields that no schema describes (`unknown_fields` says why); responses do not have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from functools import lru_cache
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.comparison import comparison_key
from app.schemas.custom import BUILT_IN
from app.schemas.meta import timestamp, version_number
from app.schemas.moments import read_moment
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.storage.collection import OUTBOX, ROLES
from app.schemas.storage.columns import FOLDED, is_folded
from app.store.directory.secrets import Hashed, hashed
from app.store.mongo.unknown_fields import Partial, fits, known_only, unread, with_unknown

Document = dict[str, Any]
Resource = dict[str, Any]
UNIQUE = "_unique"
HIDDEN = {FOLDED: 0, UNIQUE: 0, "tenant": 0, OUTBOX: 0, ROLES: 0}
"""The projection that leaves out what belongs to no resource."""
_BUILT_IN = frozenset(schema.id for resource_type in BUILT_IN for schema in resource_type.schemas)


def encode(resource: Mapping[str, Any], resource_type: ResourceType, *, tenant: str) -> Document:
    """Return the document for a resource."""
    return _codec(resource_type).encode(resource, tenant)


def decode(document: Document, resource_type: ResourceType, keys: frozenset[str] | None = None) -> Resource:
    """Return the resource in a document, which it modifies.

    `keys` are the top-level attributes that were read, None means all. An attribute with a default has it where the
    document lacks the attribute.
    """
    resource = _codec(resource_type).decode(document)
    for name, default in resource_type.defaults.items():
        if name not in resource and (keys is None or name in keys):
            resource[name] = default
    return resource


def without_hidden(document: Document) -> Document:
    """Return a document without the fields that belong to no resource, which it loses."""
    for field in HIDDEN:
        document.pop(field, None)
    return document


def keep_unknown(before: Document, after: Document, resource_type: ResourceType) -> None:
    """Copy the fields that no schema of the type knows from the old document of a resource to the new one."""
    _codec(resource_type).keep_unknown(before, after)


def stored_keys(keys: Iterable[str], resource_type: ResourceType) -> list[str]:
    """Return the names of top-level attributes in documents; attributes that are not stored have none."""
    names = _codec(resource_type).names
    return [names[key] for key in keys if key in names]


@lru_cache(maxsize=1_000)
def _codec(resource_type: ResourceType) -> _Codec:
    return _Codec(resource_type)


class _Codec:
    """The conversion of one resource type, computed once."""

    def __init__(self, resource_type: ResourceType) -> None:
        self._urns = frozenset(schema.id for schema in resource_type.schemas)
        self._core = _Rows(resource_type.schema)
        self._extensions = [(schema.id, schema.stored_as, _Rows(schema)) for schema in resource_type.extensions]
        self._may_have_more = any(rows.subs for rows in (self._core, *(rows for _, _, rows in self._extensions)))
        self.names = {row.name: row.name for row in resource_type.schema.attributes if row.stored_in == "document"}
        self.names |= {urn: short for urn, short, _ in self._extensions}

    def encode(self, resource: Mapping[str, Any], tenant: str) -> Document:
        meta = resource["meta"]
        document: Document = {"_id": resource["id"], "tenant": tenant}
        folded: Document = {}
        unique: Document = {}
        document["schemas"] = list(resource["schemas"])
        self._core.put(resource, document, folded, unique)
        for urn, short, rows in self._extensions:
            if resource.get(urn):
                inside: tuple[Document, Document, Document] = ({}, {}, {})
                rows.put(resource[urn], *inside)
                for part, whole in zip(inside, (document, folded, unique), strict=True):
                    if part:
                        whole[short] = part
        document["meta"] = {
            "resourceType": meta["resourceType"],
            "created": read_moment(meta["created"]),
            "lastModified": read_moment(meta["lastModified"]),
            "version": version_number(meta["version"]),
        }
        document[FOLDED] = folded
        if unique:
            document[UNIQUE] = unique
        return document

    def decode(self, document: Document) -> Resource:
        urns = [urn for urn in document["schemas"] if urn in self._urns]
        resource: Resource = {"schemas": urns, "id": document["_id"]}
        self._core.take(document, resource)
        meta = document.get("meta")
        more = len(document) - len(resource) - (meta is not None)
        for urn, short, rows in self._extensions:
            if short in document:
                values: Resource = {}
                rows.take(document[short], values)
                if values:
                    resource[urn] = values
                more += len(document[short]) - len(values) - 1
        if meta is not None:
            resource["meta"] = {
                "resourceType": meta["resourceType"],
                "created": timestamp(meta["created"]),
                "lastModified": timestamp(meta["lastModified"]),
                "version": f'W/"{meta["version"]}"',
            }
        return Partial(resource) if more or self._may_have_more else resource

    def keep_unknown(self, before: Document, after: Document) -> None:
        ours = self._core.known(before, after) | {"_id", "tenant", "schemas", "meta", FOLDED, UNIQUE}
        known = {short: rows.known(before.get(short, {}), after.get(short, {})) for _, short, rows in self._extensions}
        gone = {urn for urn, short, _ in self._extensions if before.get(short, {}).keys() <= known[short]}
        after["schemas"] += [urn for urn in before["schemas"] if urn not in gone.union(after["schemas"])]
        for name in (None, FOLDED, UNIQUE):
            old, new = (before, after) if name is None else (before.get(name, {}), after.get(name, {}))
            self._core.keep_unknown(old, new, ours.union(known))
            for _, short, rows in self._extensions:
                inside = new.get(short, {})
                rows.keep_unknown(old.get(short, {}), inside, known[short])
                if inside:
                    new[short] = inside
            if name and new:
                after[name] = new


class _Rows:
    """The attributes of one schema."""

    def __init__(self, schema: Schema) -> None:
        rows = [row for row in schema.attributes if row.stored_in == "document"]
        self._writers = {row.name: _writer(row) for row in rows}
        self._folders = {row.name: _folder(row) for row in rows if is_folded(row)}
        self._keys = {row.name: comparison_key(row) for row in rows if row.uniqueness != "none"}
        self._readers = {row.name: _reader(row) for row in rows}
        self._from_file = {row.name: row for row in rows if schema.id not in _BUILT_IN}
        self.subs: dict[str, frozenset[str]] = {}
        """The sub-attributes of each complex attribute of a schema from a file."""
        for row in (each for each in self._from_file.values() if each.type == "complex"):
            self.subs[row.name] = frozenset(sub.name for sub in row.sub_attributes if sub.stored_in == "document")
            self._readers[row.name] = known_only(row, self.subs[row.name], self._readers[row.name])

    def put(self, values: Mapping[str, Any], document: Document, folded: Document, unique: Document) -> None:
        for name, write in self._writers.items():
            if name in values:
                value = values[name]
                document[name] = write(value) if write else value
                if name in self._folders:
                    folded[name] = self._folders[name](value)
                if name in self._keys:
                    unique[name] = self._keys[name](value)

    def take(self, document: Document, resource: Resource) -> None:
        """Put the values of a document that the schema knows into a resource."""
        readers = self._readers
        left = unread(self._from_file, document) if self._from_file else ()
        for name, value in document.items():
            if name in readers and name not in left:
                read = readers[name]
                resource[name] = read(value) if read else value

    def known(self, old: Document, new: Document) -> set[str]:
        """Return the attributes that the schema knows, without those whose old value `take` leaves out."""
        return self._readers.keys() - unread(self._from_file, old, new)

    def keep_unknown(self, old: Document, new: Document, known: Set[str]) -> None:
        new |= {name: value for name, value in old.items() if name not in known}
        for name, subs in self.subs.items():
            if name in old and name in new and fits(self._from_file[name], old[name]):
                new[name] = with_unknown(old[name], new[name], subs)


def _writer(row: Attribute) -> Callable[[Any], Any] | None:
    """Return the function from a value to its stored form, or None if they are the same."""
    return _each(row, _one_writer(row))


def _one_writer(row: Attribute) -> Callable[[Any], Any] | None:
    if row.stored_as == "hash":
        return hashed
    if row.type == "dateTime":
        return read_moment
    if row.type == "complex":
        writers = {sub.name: _writer(sub) for sub in row.sub_attributes if sub.stored_in == "document"}
        if len(writers) == len(row.sub_attributes) and not any(writers.values()):
            return None
        return lambda element: {
            name: write(element[name]) if write else element[name]
            for name, write in writers.items()
            if name in element
        }
    return None


def _reader(row: Attribute) -> Callable[[Any], Any] | None:
    """Return the function from a stored value to the API's form, or None if they are the same."""
    if row.stored_as == "hash":
        return Hashed
    if row.type == "dateTime":
        return _each(row, timestamp)
    readers = {sub.name: reader for sub in row.sub_attributes if (reader := _reader(sub))}
    if readers:
        return _each(row, lambda one: one | {name: get(one[name]) for name, get in readers.items() if name in one})
    return None


def _folder(row: Attribute) -> Callable[[Any], Any]:
    """Return the function from a value to its form for comparison; times are cut to milliseconds, as stored."""
    simple = read_moment if row.type == "dateTime" else comparison_key(row)
    folder = _each(row, _element_folder(row) if row.type == "complex" else simple)
    assert folder is not None
    return folder


def _element_folder(row: Attribute) -> Callable[[Any], Any]:
    keys = {sub.name: _folder(sub) for sub in row.sub_attributes if sub.stored_in == "document"}
    return lambda element: {name: key(element[name]) for name, key in keys.items() if name in element}


def _each(row: Attribute, one: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    if one is None or not row.multi_valued:
        return one
    return lambda values: [one(value) for value in values]
