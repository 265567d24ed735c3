"""What an attribute is: RFC 7643 section 2.2 as one dataclass, with our own columns beside the RFC's.

A row of these is the only place that knows an attribute's name, type, case, mutability, visibility and uniqueness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

VALUE, DISPLAY, TYPE, REF = "value", "display", "type", "$ref"
"""The names of sub-attributes that mean the same in every multi-valued attribute (RFC 7643 section 2.4)."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One row of an attribute table; the defaults are those of RFC 7643 section 2.2."""

    name: str
    type: str = "string"
    """string, boolean, decimal, integer, dateTime, binary, reference or complex (RFC 7643 section 2.3)."""
    multi_valued: bool = False
    description: str = ""
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple[Attribute, ...] = ()

    # Ours.
    indexed: bool = False
    """Filters by this attribute are answered from an index."""
    stored_in: str = "document"
    """`document`; `memberships` (members, groups); `derived` (made on the way out, stored nowhere)."""
    stored_as: str = "value"
    """`value`, or `hash` for a secret."""
    listed: bool = True
    """`/Schemas` shows it."""
    default: Any = None
    """What a resource gets that is created without a value, and what one that was stored without it is read as.

    Only for single values of a resource type's own schema (a test looks)."""
    in_profile: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False)
    """Profile name -> columns that differ in that profile."""

    def __hash__(self) -> int:
        return hash((self.name, self.type))  # rows are keys of caches: the whole table below is too much to hash

    def for_profile(self, profile: str) -> Attribute:
        """Give this row as the tenants of `profile` see it."""
        subs = tuple(sub.for_profile(profile) for sub in self.sub_attributes)
        return replace(self, sub_attributes=subs, **self.in_profile.get(profile, {}))

    @cached_property
    def is_link(self) -> bool:
        """Whether the value names another resource: by its id in `value`, from which `$ref` is made."""
        return any(sub.name == REF and sub.stored_in == "derived" for sub in self.sub_attributes)

    def sub(self, name: str) -> Attribute | None:
        """Give the sub-attribute of that name, in any letter case, or None."""
        return self._subs.get(name.lower())

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The resource types that a complex attribute with a `$ref` may refer to."""
        reference = self.sub(REF)
        return reference.reference_types if reference else ()

    @cached_property
    def _subs(self) -> dict[str, Attribute]:
        return {sub.name.lower(): sub for sub in self.sub_attributes}
