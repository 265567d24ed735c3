"""What an event touches: two events that touch the same resource are never sent at once, nor in another order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.store.log.events import NO_TENANT


@dataclass(frozen=True)
class Touched:
    """The resources that an event is about, or names as members or groups."""

    tenant: str
    ids: frozenset[str] = frozenset()
    """Their ids; none means all resources of the tenant."""


def touched_by(document: Mapping[str, Any]) -> Touched:
    """Return what an event touches, as the log has it.

    An event about a tenant touches all of it, and so does one that does not name all members or groups.
    """
    resource, members = document["resource"], document.get("members", {})
    if document["tenant"] == NO_TENANT:
        return Touched(resource["id"])
    groups = document.get("groups", ())
    if members.get("truncated") or document.get("groupsCount", 0) > len(groups):
        return Touched(document["tenant"])
    named = (*members.get("added", ()), *members.get("removed", ()), *groups)
    return Touched(document["tenant"], frozenset((resource["id"], *named)))


class Passed:
    """What the events touch that come before another one."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._tenants: set[str] = set()
        self._whole: set[str] = set()

    def add(self, touched: Touched) -> None:
        """Add what one more event touches."""
        self._tenants.add(touched.tenant)
        self._ids |= touched.ids
        if not touched.ids:
            self._whole.add(touched.tenant)

    def meets(self, touched: Touched) -> bool:
        """Return whether any of them touches what this event touches."""
        if touched.tenant in self._whole:
            return True
        return touched.tenant in self._tenants if not touched.ids else not self._ids.isdisjoint(touched.ids)
