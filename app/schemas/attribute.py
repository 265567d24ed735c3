"""What an attribute is: RFC 7643 section 2.2 as a dataclass, with columns of our own beside the RFC's.

An attribute's row is the only place that knows its name, type, case, mutability, visibility and uniqueness.
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

    # Our own columns.
    indexed: bool = False
    """Whether filters by this attribute can use an index."""
    stored_in: str = "document"
    """`document`, `memberships` (members, groups), or `derived` (computed for each response and never stored)."""
    stored_as: str = "value"
    """`value`, or `hash` for a secret."""
    listed: bool = True
    """Whether `/Schemas` lists it."""
    default: Any = None
    """The value of a new resource that is sent without one, and of a stored resource that has none.

    Only for single values in a resource type's own schema (checked by a test)."""
    claim: str = ""
    """The claim by which apps learn the value, "" for none; that of a sub-attribute is a member of its parent's claim,
    or a claim by itself if the parent has none. The last of several rows with one claim that has a value decides."""
    scope: str = ""
    """The scope that lets an app have the claims of the row and its sub-attributes; only on a row of a schema."""
    claim_values: tuple[str, ...] = ()
    """Which value of a multi-valued attribute is the claim: the first that is `primary`, of one of these types, or any
    (`*`), in this order; () for an array of all of them."""
    signs_in: bool = False
    """Whether the user who signs in may be found by it, or by its `value`; it must have an index (D-310)."""
    in_profile: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False)
    """Profile name -> columns that differ in that profile."""

    def __hash__(self) -> int:
        return hash((self.name, self.type))  # rows are keys of caches, and hashing their whole tables would be slow

    def for_profile(self, profile: str) -> Attribute:
        """Return this row as tenants with `profile` see it."""
        subs = tuple(sub.for_profile(profile) for sub in self.sub_attributes)
        return replace(self, sub_attributes=subs, **self.in_profile.get(profile, {}))

    @cached_property
    def is_link(self) -> bool:
        """Whether the value refers to another resource: `value` is its id, and `$ref` is derived from that."""
        return any(sub.name == REF and sub.stored_in == "derived" for sub in self.sub_attributes)

    def sub(self, name: str) -> Attribute | None:
        """Return the sub-attribute with a name, case-insensitively, or None."""
        return self._subs.get(name.lower())

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The names of the resource types that a complex attribute with a `$ref` may refer to."""
        reference = self.sub(REF)
        return reference.reference_types if reference else ()

    @cached_property
    def _subs(self) -> dict[str, Attribute]:
        return {sub.name.lower(): sub for sub in self.sub_attributes}
