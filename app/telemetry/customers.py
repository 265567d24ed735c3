"""Metrics of what each tenant's clients did lately: the state of the tenant, and its last contact."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.advice.state import Key, state_of
from app.errors import Unavailable
from app.store.mongo.database import Database
from app.store.operators.facts import CustomerFacts
from app.telemetry.labels import most_tenants


class Customers(Collector):
    """The states and the last contacts of the tenants that need attention most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Query the database; without an answer there are no samples."""
        states = GaugeMetricFamily("scimd_tenant_state", "1 for the state of a tenant.", labels=["tenant", "state"])
        last = GaugeMetricFamily(
            "scimd_last_contact_timestamp_seconds", "When a client of a tenant was last let in.", labels=["tenant"]
        )
        now = datetime.now(UTC)
        try:
            with self._database.budget(5):
                facts = CustomerFacts(self._database).some(most_tenants(), now)
        except Unavailable as error:
            print(f"scimd metrics: {error.detail}", file=sys.stderr)
            facts = {}
        worst = {key: place for place, key in enumerate(Key)}
        found = sorted(((state_of(each, now), each) for each in facts.values()), key=lambda row: worst[row[0].key])
        for state, each in found[:most_tenants()]:
            states.add_metric([each.name, state.key], 1)
            if each.last:
                last.add_metric([each.name], each.last.timestamp())
        yield from (states, last)
