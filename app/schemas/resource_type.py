"""Resource types, their schemas, and what a path means (RFC 7643 sections 6 and 7, RFC 7644 section 3.10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.tables.common import COMMON, EXTERNAL_ID

LONGEST_CACHED = 256
"""Characters of a path up to which its meaning is cached; clients may send longer ones."""


@dataclass(frozen=True, eq=False)
class Schema:
    """A schema: its URN, name and description, and its attribute table."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]
    stored_as: str = ""
    """The field of a document that has an extension's values; "" for the schema of the resource type itself."""

    @cached_property
    def by_name(self) -> dict[str, Attribute]:
        """The attributes by their names in lower case."""
        return {attribute.name.lower(): attribute for attribute in self.attributes}

    def for_profile(self, profile: str) -> Schema:
        """Return this schema as tenants with `profile` see it."""
        attributes = tuple(attribute.for_profile(profile) for attribute in self.attributes)
        return Schema(self.id, self.name, self.description, attributes, self.stored_as)


@dataclass(frozen=True)
class Target:
    """What a path names: an attribute, one of its sub-attributes, or a whole extension."""

    schema: Schema | None
    """None for the common attributes of RFC 7643 section 3.1."""
    attribute: Attribute | None
    """None if the path is the URN of a schema."""
    sub: Attribute | None = None

    @property
    def leaf(self) -> Attribute | None:
        """The sub-attribute if the path has one, otherwise the attribute."""
        return self.sub or self.attribute

    @property
    def is_extension(self) -> bool:
        """Whether the value is under an extension's URN."""
        return self.schema is not None and bool(self.schema.stored_as)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys in SCIM JSON, e.g. ("urn:...:User", "manager", "value")."""
        prefix = (self.schema.id,) if self.schema is not None and self.is_extension else ()
        names = tuple(part.name for part in (self.attribute, self.sub) if part is not None)
        return prefix + names

    @property
    def path(self) -> str:
        """Its canonical path, e.g. `emails.value` or `urn:...:User:manager.value`."""
        names = ".".join(part.name for part in (self.attribute, self.sub) if part is not None)
        if self.schema is not None and self.is_extension:
            return f"{self.schema.id}:{names}" if names else self.schema.id
        return names


@dataclass(frozen=True, eq=False)
class ResourceType:
    """A resource type (RFC 7643 section 6): an endpoint, its schema and its extensions."""

    name: str
    endpoint: str
    """With its slash, e.g. `/Users`."""
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()
    required_extensions: frozenset[str] = frozenset()

    @property
    def collection(self) -> str:
        """The name of the MongoDB collection: the endpoint in lower case, e.g. `users`."""
        return self.endpoint.strip("/").lower()

    @property
    def schemas(self) -> tuple[Schema, ...]:
        """The type's own schema, then its extensions."""
        return (self.schema, *self.extensions)

    @cached_property
    def label(self) -> str:
        """The attribute whose value is the `display` of references to such a resource."""
        return "displayName" if "displayname" in self.schema.by_name else self.identifier

    @cached_property
    def identifier(self) -> str:
        """The attribute by which people know such a resource: the first required string."""
        rows = (row for row in self.schema.attributes if row.returned != "never")
        strings = [row.name for row in rows if row.type == "string" and row.required]
        return strings[0] if strings else "id"

    def name_in(self, payload: Mapping[str, Any]) -> str:
        """Return the resource's name from a payload, whose keys are case-insensitive (RFC 7643 section 2.1), or ""."""
        wanted = self.identifier.lower()
        return next((text for key, text in payload.items() if key.lower() == wanted and isinstance(text, str)), "")

    @cached_property
    def names(self) -> frozenset[str]:
        """The attributes by which an operator may look for such a resource."""
        return frozenset({self.identifier, self.label, EXTERNAL_ID.name}) - self.secrets

    @cached_property
    def lower_names(self) -> frozenset[str]:
        """The `names` in lower case, to compare with what clients send."""
        return frozenset(name.lower() for name in self.names)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The attributes with values, or parts of values, that are never returned."""
        return frozenset(
            row.name for schema in self.schemas for row in schema.attributes
            if any(each.returned == "never" for each in (row, *row.sub_attributes))
        )

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The attributes that every resource has, with their defaults."""
        return {row.name: row.default for row in self.schema.attributes if row.default is not None}

    @cached_property
    def switch(self) -> str | None:
        """The attribute that disables such a resource when it is false (a user's `active`), or None."""
        return next((a.name for a in self.schema.attributes if a.type == "boolean" and a.default is True), None)

    def is_disabled(self, resource: Mapping[str, Any]) -> bool:
        """Return whether a resource, or the document of one, is disabled."""
        return self.switch is not None and resource.get(self.switch) is False

    @cached_property
    def members(self) -> Attribute | None:
        """The attribute with the members of such a resource (a group's `members`), or None."""
        return next((a for a in self._memberships if a.mutability != "readOnly"), None)

    @cached_property
    def groups(self) -> Attribute | None:
        """The attribute with the groups of such a resource (a user's `groups`), or None."""
        return next((a for a in self._memberships if a.mutability == "readOnly"), None)

    @cached_property
    def links(self) -> tuple[tuple[Attribute, tuple[str, ...]], ...]:
        """The stored attributes that refer to other resources by `value` and `$ref`, with their keys in SCIM JSON."""
        return tuple(
            (row, (schema.id, row.name) if schema.stored_as else (row.name,))
            for schema in self.schemas
            for row in schema.attributes
            if row.stored_in == "document" and row.is_link
        )

    @property
    def _memberships(self) -> list[Attribute]:
        return [row for row in self.schema.attributes if row.stored_in == "memberships"]

    @cached_property
    def _schemas_by_urn(self) -> list[tuple[str, Schema]]:
        # Longest first: a URN may be a prefix of another one (D-126).
        return sorted(((s.id.lower(), s) for s in self.schemas), key=lambda pair: -len(pair[0]))

    def extension(self, urn: str) -> Schema | None:
        """Return the extension with a URN, case-insensitively, or None."""
        lowered = urn.lower()
        return next((schema for schema in self.extensions if schema.id.lower() == lowered), None)

    def for_profile(self, profile: str) -> ResourceType:
        """Return this resource type as tenants with `profile` see it."""
        extensions = tuple(extension.for_profile(profile) for extension in self.extensions)
        return ResourceType(
            self.name, self.endpoint, self.description, self.schema.for_profile(profile), extensions,
            self.required_extensions,
        )

    def resolve(self, path: str) -> Target | None:
        """Return what a path names, case-insensitively and with or without a URN, or None if it names nothing.

        The longest known URN is split off first, since a URN has dots and colons of its own (D-126).
        """
        return self._resolve_cached(path) if len(path) <= LONGEST_CACHED else self._resolve(path)

    @lru_cache(maxsize=8_192)  # noqa: B019 - resource types live as long as the process
    def _resolve_cached(self, path: str) -> Target | None:  # spares a POST with its 22 paths 30 us, 3 % of it
        return self._resolve(path)

    def _resolve(self, path: str) -> Target | None:
        lowered = path.lower()
        for urn, schema in self._schemas_by_urn:
            if lowered == urn:
                return Target(schema, None)
            if lowered.startswith(urn + ":"):
                return self._in_schema(schema, path[len(urn) + 1 :])
        return self._in_schema(self.schema, path)

    def _in_schema(self, schema: Schema, path: str) -> Target | None:
        name, dot, sub_name = path.partition(".")
        attribute = schema.by_name.get(name.lower())
        owner: Schema | None = schema
        if attribute is None and not schema.stored_as:
            attribute, owner = COMMON.get(name.lower()), None
        if attribute is None:
            return None
        if not dot:
            return Target(owner, attribute)
        sub = attribute.sub(sub_name)
        return Target(owner, attribute, sub) if sub else None


class Catalogue:
    """The resource types of a tenant, as its profile sees them."""

    def __init__(self, types: Iterable[ResourceType], more_schemas: Iterable[Schema] = ()) -> None:
        self.types = tuple(types)
        self._more_schemas = tuple(more_schemas)
        self._by_endpoint = {t.endpoint.strip("/").lower(): t for t in self.types}
        self._by_name = {t.name.lower(): t for t in self.types}

    def at(self, endpoint: str) -> ResourceType | None:
        """Return the type served at an endpoint, with or without slashes and case-insensitively, or None."""
        return self._by_endpoint.get(endpoint.strip("/").lower())

    def named(self, name: str) -> ResourceType | None:
        """Return the type with a name, case-insensitively, or None."""
        return self._by_name.get(name.lower())

    @cached_property
    def schemas(self) -> tuple[Schema, ...]:
        """The schemas of all types, each once, in the order of the types."""
        return tuple({schema.id: schema for t in self.types for schema in t.schemas}.values())

    @cached_property
    def listed_schemas(self) -> tuple[Schema, ...]:
        """The schemas that `/Schemas` lists: those of the types, and those of discovery itself."""
        return self.schemas + self._more_schemas
