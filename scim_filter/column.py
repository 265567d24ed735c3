"""What a filter needs to know about an attribute that it names; the caller's `resolve(path)` returns it.

This is all that the package and its caller share: the package knows no schema and no database layout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

Query = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Column:
    """One attribute or sub-attribute, as `to_mongo` and `matches` need it."""

    path: str
    """Its canonical path, for error messages: `emails.value`."""
    type: str
    """string, boolean, decimal, integer, dateTime, binary, reference or complex."""
    keys: tuple[str, ...]
    """Where SCIM JSON keeps it: ("emails", "value"); ("urn:...:User", "manager", "value")."""
    field: str
    """Where a MongoDB document keeps its comparable value: `_folded.emails.value`, `meta.lastModified`, `_id`."""
    key: Callable[[Any], Any]
    """A value of the right JSON type, from a filter or from SCIM JSON -> its comparison key (a folded string, a UTC
    datetime, the integer of a version, ...). Raises ValueError with what was expected for any other value."""
    multi_valued: bool = False
    case_exact: bool = False
    subs: tuple[Column, ...] = ()
    """The sub-attributes of a complex attribute, or the attributes of an extension."""
    parent: Column | None = None
    """The complex attribute that a sub-attribute belongs to."""
    operators: frozenset[str] | None = None
    """The operators that this attribute takes, in lower case; None for those of its type."""
    absent: Any = None
    """The value that a missing one counts as, or None. A missing `primary` is false (RFC 7643 section 2.4)."""
    always: bool = False
    """Whether every resource has a value; a missing one is read as `absent`."""
    join: Callable[[Query], Query] | None = None
    """For a multi-valued attribute whose elements are documents of their own (memberships): a query on one element,
    with the sub-attributes' names as fields -> the query on the resource. None for all others."""

    @cached_property
    def name(self) -> str:
        """The name of the field inside its element."""
        return self.keys[-1]

    @cached_property
    def value(self) -> Column | None:
        """The sub-attribute `value`, which is compared when a filter compares the complex attribute itself."""
        return self.sub("value")

    @cached_property
    def sub(self) -> Resolve:
        """The function from the name of a sub-attribute, case-insensitively, to its column."""
        named = {sub.path[len(self.path) + 1 :].lower(): sub for sub in self.subs}
        return lambda name: named.get(name.lower())

    @cached_property
    def inside(self) -> Resolve:
        """The same, with fields relative to the element; an element that is no object is its own `value`."""
        if self.type != "complex":
            value = replace(self, keys=("value",), field="value", parent=None, multi_valued=False)
            return lambda name: value if name.lower() == "value" else None
        named = {
            sub.path[len(self.path) + 1 :].lower(): replace(sub, keys=(sub.name,), field=sub.name, parent=None)
            for sub in self.subs
        }
        return lambda name: named.get(name.lower())


Resolve = Callable[[str], "Column | None"]
"""A path, case-insensitively, with or without its URN -> Column, or None if there is no such attribute."""
