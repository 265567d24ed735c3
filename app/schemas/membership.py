"""A requested change of memberships, before it is compared with what is stored."""

from __future__ import annotations

from dataclasses import dataclass

from scim_filter import Filter


@dataclass(frozen=True)
class MemberChange:
    """One step: `add`, `remove` or `replace` the members with these ids, or `remove` those that match `where`."""

    kind: str
    members: tuple[str, ...] = ()
    where: Filter | None = None
