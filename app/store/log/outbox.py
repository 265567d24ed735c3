"""The outbox: the events of a document that are not in the log yet.

A change is written together with its event: the event is appended to the array `_outbox` of the changed document, by
the same command. The relay moves events from there to `events`, oldest first, and numbers them. Writers only append,
and the relay only removes from the front.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.schemas.storage.collection import OUTBOX, PENDING, CollectionSpec

__all__ = ["LEASES", "OUTBOX", "PENDING", "SPEC", "TIME", "pending_collections"]

TIME = f"{OUTBOX}.time"
SPEC = CollectionSpec(name="outbox", indexes=(PENDING,))
"""The collection for events that have no document of their own, such as the deletion of a tenant."""
LEASES = CollectionSpec(name="leases")
"""The collection with the relay's lease."""
COLLECTIONS = (SPEC, LEASES)


def pending_collections(specs: Iterable[CollectionSpec]) -> list[str]:
    """Return the names of the collections whose documents may have an outbox."""
    return [spec.name for spec in specs if PENDING in spec.indexes]
