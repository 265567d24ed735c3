"""What a filter has to know about an attribute that it names; the caller's `resolve(path)` gives it.

This is the only thing that the package and its caller share: the package knows no schema and no database layout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

Query = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Column:
    """One attribute or sub-attribute as the two readers of a filter see it."""

    path: str
    """Its canonical path, for messages: `emails.value`."""
    type: str
    """string, boolean, decimal, integer, dateTime, binary, reference or complex."""
    keys: tuple[str, ...]
    """Where SCIM JSON keeps it: ("emails", "value"); ("urn:...:User", "manager", "value")."""
    field: str
    """Where a MongoDB document keeps its comparable value: `_folded.emails.value`, `meta.lastModified`, `_id`."""
    key: Callable[[Any], Any]
    """Value of the right JSON type, from a filter or from SCIM JSON -> what is compared (folded string, UTC datetime,
    integer of a version, ...). Raises ValueError, with what was expected, for a literal that cannot be one."""
    multi_valued: bool = False
    case_exact: bool = False
    subs: tuple[Column, ...] = ()
    """The sub-attributes of a complex attribute, the attributes of an extension."""
    parent: Column | None = None
    """The complex attribute that a sub-attribute belongs to."""
    operators: frozenset[str] | None = None
    """The operators that this attribute takes, in lower case; None: those of its type."""
    absent: Any = None
    """What a missing value counts as; None: as nothing. A missing `primary` is false (RFC 7643 section 2.4)."""
    always: bool = False
    """Every resource has a value: a missing one is read as `absent`."""
    join: Callable[[Query], Query] | None = None
    """For a multi-valued attribute whose elements are documents of their own (memberships): query on one element, with
    the sub-attributes' names as fields -> query on the resource. None for all others."""

    @cached_property
    def name(self) -> str:
        """The field's name as seen from inside its element."""
        return self.keys[-1]

    @cached_property
    def value(self) -> Column | None:
        """The sub-attribute `value`, which a complex attribute stands for when it is compared itself."""
        return self.sub("value")

    @cached_property
    def sub(self) -> Resolve:
        """The function from the name of a sub-attribute, in any letter case, to its column."""
        named = {sub.path[len(self.path) + 1 :].lower(): sub for sub in self.subs}
        return lambda name: named.get(name.lower())

    @cached_property
    def inside(self) -> Resolve:
        """The same as seen from inside an element; one that is no object is its own `value`."""
        if self.type != "complex":
            value = replace(self, keys=("value",), field="value", parent=None, multi_valued=False)
            return lambda name: value if name.lower() == "value" else None
        named = {
            sub.path[len(self.path) + 1 :].lower(): replace(sub, keys=(sub.name,), field=sub.name, parent=None)
            for sub in self.subs
        }
        return lambda name: named.get(name.lower())


Resolve = Callable[[str], "Column | None"]
"""Path as written, in any letter case, with or without its URN -> Column, or None where there is no such attribute."""
