"""How far each endpoint is behind, for operators and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.store.accounts.tenants import ALL_TENANTS, Tenant, Tenants
from app.store.delivery.endpoint import Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import BEHIND, WAITING, PutAsides
from app.store.log.sequence import EventSequence, Reading, Scope
from app.store.mongo.database import Database
from app.store.mongo.moments import aware


@dataclass(frozen=True)
class Lag:
    """How far one endpoint is behind."""

    endpoint: Endpoint
    oldest: datetime | None
    """When the oldest change took place that it has not got; None if it has all, but for those that were given up."""
    put_aside: Mapping[str, int]
    """How many events are put aside, by state."""

    def seconds(self, moment: datetime) -> float:
        """Return the age of that change, 0 if there is none."""
        return max((moment - self.oldest).total_seconds(), 0.0) if self.oldest else 0.0


def lags(database: Database) -> list[Lag]:
    """Return how far all endpoints are behind; a few queries for each."""
    endpoints, asides = Endpoints(database).all(), PutAsides(database)
    if not endpoints:
        return []
    tenants = Tenants(database).named({each.tenant for each in endpoints})
    with EventSequence(database).reading() as reading:
        return [
            Lag(each, _oldest(each, tenants, asides, reading), asides.numbers(each.id)) for each in endpoints
        ]


def _oldest(endpoint: Endpoint, tenants: Mapping[str, Tenant], asides: PutAsides, reading: Reading) -> datetime | None:
    tenant = tenants.get(endpoint.tenant)
    if tenant is None and endpoint.tenant != ALL_TENANTS:  # it is being deleted
        return None
    scope = Scope(tenant.name, tenant.tenant_id) if tenant else None
    done = frozenset(endpoint.done)

    def first(documents: Iterable[Mapping[str, Any]]) -> datetime | None:
        return next((aware(document["time"]) for document in documents if document["seq"] not in done), None)

    place = reading.bounds.nearest(endpoint.place)
    unread = reading.read(place, reading.reach(place, scope), scope, endpoint.types, first)
    waiting = [each.time for each in asides.of(endpoint.id, (WAITING, BEHIND), limit=1)]
    return min((each for each in (unread, *waiting) if each), default=None)
