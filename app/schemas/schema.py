"""What a schema is: a URN, a name and an attribute table (RFC 7643 section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.schemas.attribute import Attribute


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
