"""The tenant profiles: named tolerances as data. What differs between attributes by profile stands in their rows.

`rfc` is to the letter; `interop` takes what identity providers and Microsoft's validators really send; `gallery` is
`interop` with the required attributes of the gallery app's own table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The tolerances of one kind of client; every default is what RFC 7643 and RFC 7644 say."""

    name: str
    ignore_unknown: bool = False
    """Unknown attributes and schema URNs in a body are left out, and not refused with `invalidSyntax`.

    Nor is any text refused for a URI, a whole number for the text of its digits, or text for the number that it spells.
    """
    any_message_schemas: bool = False
    """The `schemas` of a PATCH message are not judged: they may be missing, or anything."""
    ignore_unknown_paths: bool = False
    """A PATCH operation whose path makes no sense is skipped, and noted in the log; it is not refused.

    Its attribute is unknown, or has one value and is filtered, or its values are not what the filter asks for.
    """
    dangling_references: bool = False
    """Members and managers that do not exist are kept, and not refused with `invalidValue`."""
    bare_words: bool = False
    """Filters may have unquoted words and timestamps as values."""
    create_missing_elements: bool = False
    """PATCH of `emails[type eq "work"].value` makes the element where there is none, and does not answer `noTarget`.

    In return an element goes when nothing but `type` and `primary` is left of it.
    """
    several_primaries: bool = False
    """One PATCH operation may make several values `primary`; the last one is it, and it is not refused."""
    required_at_end: bool = False
    """A required attribute may be unassigned between the operations of a PATCH, if it is there at the end."""
    keep_defaults: bool = False
    """A PATCH that would unassign an attribute with a default leaves its value, and is not refused."""
    empty_operations: bool = False
    """A PATCH without operations changes nothing, and is not refused with `invalidSyntax`."""
    dialect: bool = False
    """The rewrites of `entra_dialect` are applied to requests."""
    open_discovery: bool = True
    """`/Schemas` and `/ResourceTypes` answer without a credential, as `/ServiceProviderConfig` always does."""
    group_patch_body: bool = True
    """PATCH of a group answers 200 with the group; otherwise 204 (204 is what Entra advises: a group may be huge)."""


_INTEROP = Profile(
    name="interop", ignore_unknown=True, any_message_schemas=True, ignore_unknown_paths=True, dangling_references=True,
    bare_words=True, create_missing_elements=True, several_primaries=True, required_at_end=True, keep_defaults=True,
    empty_operations=True, dialect=True, open_discovery=False, group_patch_body=False,
)

PROFILES: dict[str, Profile] = {
    "gallery": Profile(**{**vars(_INTEROP), "name": "gallery"}),
    "interop": _INTEROP,
    "rfc": Profile(name="rfc"),
}
DEFAULT_PROFILE = "gallery"
