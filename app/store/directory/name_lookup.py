"""The resources with a name, as far as they are stored: the log only has those that changed while it is kept."""

from __future__ import annotations

from collections.abc import Iterable

from app.store.directory.deleted import Deleted
from app.store.directory.membership_reader import MembershipReader
from app.store.directory.resources import Resources


class Names:
    """The names of one tenant's resources, and of its deleted ones."""

    def __init__(self, resources: Iterable[Resources], deleted: Deleted, memberships: MembershipReader) -> None:
        self._resources = tuple(resources)
        self._deleted = deleted
        self._memberships = memberships

    def ids(self, name: str, limit: int) -> list[str]:
        """Return the ids of the resources that have the name, or had it before their deletion; `limit` of each type."""
        found = [each for resources in self._resources for each in resources.named(name, limit)]
        return [*found, *self._deleted.named(name, limit)]

    def deleted_groups(self, ids: Iterable[str]) -> set[str]:
        """Return the deleted groups that the resources were in, as long as those can be restored."""
        return self._deleted.kept(self._memberships.ids("group", {"member": {"$in": sorted(ids)}}, 0))
