"""A snapshot: everything that there is, page by page, for a consumer that begins or has to begin anew.

It is no picture of one moment. The cursor for the feed is taken before the first item is read, so that whatever changes
in the meantime is in the feed behind that cursor; what exists all the time is in the snapshot exactly once.

The items are the lines of an export, without what is never returned. In a snapshot of all tenants each item has
`tenant` and `tenantid`, and each tenant begins with an item of the type Tenant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from typing import Any

from app.errors import ExpiredCursor, Gone, InvalidCursor
from app.feed.cursors import cursor_text, read_cursor
from app.feed.items import Items, Position
from app.feed.parameters import SnapshotRequest
from app.protocol.cursor import Cursor, Cursors
from app.schemas.resource_type import Catalogue
from app.store.accounts import sealing
from app.store.accounts.tenants import Tenant
from app.store.log.sequence import EventSequence, Scope
from app.store.mongo.database import Database

SECONDS = 24 * 3_600
"""How long a page can be asked for."""


class Snapshots:
    """Reads pages of snapshots; `catalogue` returns the resource types of a profile and a tenant."""

    def __init__(
        self, database: Database, sequence: EventSequence, catalogue: Callable[[str, str], Catalogue]
    ) -> None:
        self._database = database
        self._sequence = sequence
        self._catalogue = catalogue

    def page(self, tenant: Tenant | None, request: SnapshotRequest) -> dict[str, Any]:
        """Return the body of a page; `tenant` None means all tenants.

        Raises InvalidCursor for a page that this server has not made, Gone for one that is too old, and NotFound if the
        group does not exist.
        """
        scope = Scope(tenant.name, tenant.tenant_id) if tenant else None
        identity = f"snapshot {cursor_text(0, scope)} {request.group or ''}"
        opened = self._open(request.page, identity) if request.page is not None else None
        with self._sequence.reading(self._at_least(opened, scope, request)) as reading:
            position = opened or Position(cursor_text(reading.bounds.published, scope))
            items = Items(self._database, self._catalogue, reading.session, tenant, request.limit)
            left = items.everything(position) if request.group is None else items.of_group(request.group, position)
        page = self._seal(left, identity) if left else None
        return {"items": items.found, "page": page, "changes": position.changes}

    def _at_least(self, opened: Position | None, scope: Scope | None, request: SnapshotRequest) -> int:
        """Return the number of an event that the page must not be older than; otherwise it could leave a gap (D-272).

        That is the place from which the consumer goes on; one that reads a group again has read any event.
        """
        if opened is not None:
            return read_cursor(opened.changes, scope)
        return self._sequence.latest() if request.group is not None else 0

    @cached_property
    def _cursors(self) -> Cursors:
        return Cursors(sealing.server_key(self._database), SECONDS)

    def _seal(self, position: Position, identity: str) -> str:
        return self._cursors.seal(Cursor(position.id, asdict(position), 0), identity, 0)

    def _open(self, page: str, identity: str) -> Position:
        try:
            return Position(**self._cursors.open(page, identity, 0).key)
        except ExpiredCursor as error:
            raise Gone("The page is more than a day old; begin with a new snapshot.") from error
        except InvalidCursor as error:
            raise InvalidCursor(
                "page: must be the page that the response before has given, with the same path and the same group; or "
                "begin with a new snapshot."
            ) from error
