"""The profiles of tenants: named tolerances as data. How attributes differ between profiles is in their rows.

`rfc` follows the RFCs to the letter; `interop` accepts what identity providers and Microsoft's validators really send;
`gallery` is `interop` with the required attributes of the gallery app's own table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The tolerances for one kind of client; every default is what RFC 7643 and RFC 7644 say."""

    name: str
    ignore_unknown: bool = False
    """Unknown attributes and schema URNs in a body are dropped instead of being refused with `invalidSyntax`.

    A URI may be any text, a whole number is accepted as text, and text that spells a number as that number.
    """
    any_message_schemas: bool = False
    """The `schemas` of a PATCH message are not checked: they may be missing, or contain anything."""
    ignore_unknown_paths: bool = False
    """A PATCH operation whose path makes no sense is skipped, with a warning in the log, instead of being refused.

    The attribute is unknown, or has a single value and a filter, or the filter does not fit its values.
    """
    dangling_references: bool = False
    """Members and managers that do not exist are stored instead of being refused with `invalidValue`."""
    bare_words: bool = False
    """Filters may contain unquoted words and timestamps as values."""
    create_missing_elements: bool = False
    """PATCH of `emails[type eq "work"].value` creates a missing element instead of answering `noTarget`.

    In return, an element is removed once it has nothing but `type` and `primary`.
    """
    several_primaries: bool = False
    """One PATCH operation may make several values `primary`: the last one wins, and none is refused."""
    required_at_end: bool = False
    """A required attribute may be unassigned between the operations of a PATCH, if it has a value at the end."""
    keep_defaults: bool = False
    """A PATCH that would unassign an attribute with a default leaves its value instead of being refused."""
    empty_operations: bool = False
    """A PATCH without operations changes nothing instead of being refused with `invalidSyntax`."""
    loose_bulk: bool = False
    """A POST in a Bulk request may lack its `bulkId`, and the data of a PATCH may be its operations alone (D-689)."""
    dialect: bool = False
    """The rewrites of `entra_dialect` are applied to requests."""
    open_discovery: bool = True
    """`/Schemas` and `/ResourceTypes` answer without a credential, as `/ServiceProviderConfig` always does."""
    group_patch_body: bool = True
    """PATCH of a group answers 200 with the group; otherwise 204, as Entra advises (a group may be huge)."""


_INTEROP = Profile(
    name="interop", ignore_unknown=True, any_message_schemas=True, ignore_unknown_paths=True, dangling_references=True,
    bare_words=True, create_missing_elements=True, several_primaries=True, required_at_end=True, keep_defaults=True,
    empty_operations=True, loose_bulk=True, dialect=True, open_discovery=False, group_patch_body=False,
)

PROFILES: dict[str, Profile] = {
    "gallery": Profile(**{**vars(_INTEROP), "name": "gallery"}),
    "interop": _INTEROP,
    "rfc": Profile(name="rfc"),
}
DEFAULT_PROFILE = "gallery"
