"""Resource types, and what their attributes are for (RFC 7643 section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.schemas.attribute import VALUE, Attribute
from app.schemas.paths import Paths, Target
from app.schemas.schema import Schema
from app.schemas.tables.common import COMMON, EXTERNAL_ID

Resource = dict[str, Any]
"""A resource as SCIM JSON, with the names as its schemas spell them."""


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
    def common(self) -> tuple[Attribute, ...]:
        """The common attributes (RFC 7643 section 3.1) that the type's own schema does not list."""
        return tuple(row for name, row in COMMON.items() if name not in self.schema.by_name)

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
    def signs_in(self) -> dict[str, str]:
        """The attributes by which the user who signs in may be found, each with the path of its comparable value."""
        return {
            row.name: "".join((
                f"{schema.id}:" if schema.stored_as else "", row.name, f".{VALUE}" if row.type == "complex" else "",
            ))
            for schema in self.schemas for row in schema.attributes if row.signs_in
        }

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

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The paths of the attributes that each resource must be sent with; of a complex one, those of its parts."""
        rows = [row for row in self.schema.attributes if not row.multi_valued and row.default is None]
        own = [row.name for row in rows if row.required and not row.sub_attributes]
        return (*own, *(f"{row.name}.{sub.name}" for row in rows for sub in row.sub_attributes if sub.required))

    @cached_property
    def resolve(self) -> Callable[[str], Target | None]:
        """The function that returns what a path names: `Paths.resolve`."""
        return Paths(self.schema, self.extensions).resolve


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
