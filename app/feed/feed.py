"""The feed of one server: pages of changes, held back where they are empty, and snapshots."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from app.feed.changes import Changes
from app.feed.cloud_event import CloudEvents
from app.feed.current import CurrentResources
from app.feed.parameters import ChangesRequest, SnapshotRequest
from app.feed.snapshot import Snapshots
from app.feed.waiting import Aside, Waiters
from app.schemas.resource_type import Catalogue
from app.store.accounts.tenants import Tenant
from app.store.log.sequence import EventSequence, Scope
from app.store.mongo.database import Database


def _count_nobody(_: int) -> None:
    """Do nothing, where no metrics are kept."""


class Feed:
    """What consumers read, of one tenant or, with the tenant None, of all."""

    def __init__(
        self, database: Database, scim_url: Callable[[str], str], catalogue: Callable[[str, str], Catalogue],
        count: Callable[[int], object] = _count_nobody,
    ) -> None:
        """Make the feed.

        `scim_url` returns the SCIM URL of a tenant, `catalogue` the resource types of a profile and a tenant; `count`
        is told how many more requests wait, or fewer.
        """
        sequence = EventSequence(database)
        self._changes = Changes(sequence, CloudEvents(scim_url, catalogue), CurrentResources(database, catalogue))
        self._snapshots = Snapshots(database, sequence, catalogue)
        self.waiters = Waiters(database, sequence, count)

    def changes(self, tenant: Tenant | None, request: ChangesRequest, aside: Aside) -> dict[str, Any]:
        """Return the body of a page of changes; an empty one is held back for as long as the request says.

        The waiting is done inside `aside`. Raises InvalidCursor, Gone, Unavailable.
        """
        until = time.monotonic() + request.wait
        scope = Scope(tenant.name, tenant.tenant_id) if tenant else None
        read_on = partial(self._changes.page, scope, request)
        return self.waiters.hold(read_on(), scope.tenant if scope else None, until, aside, read_on).body

    def snapshot(self, tenant: Tenant | None, request: SnapshotRequest) -> dict[str, Any]:
        """Return the body of a page of a snapshot; raises InvalidCursor, Gone, NotFound, Unavailable."""
        return self._snapshots.page(tenant, request)

    def stop_waiting(self) -> None:
        """Answer the requests that wait: the process stops."""
        self.waiters.stop()
