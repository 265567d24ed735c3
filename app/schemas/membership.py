"""A change of memberships as a request asks for it, before it is held against what is stored."""

from __future__ import annotations

from dataclasses import dataclass

from scim_filter import Filter


@dataclass(frozen=True)
class MemberChange:
    """One step: `add`, `remove` or `replace` of the members named, or `remove` of those for which `where` holds."""

    kind: str
    members: tuple[str, ...] = ()
    where: Filter | None = None
