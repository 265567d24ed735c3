"""The process that serves `/metrics`: on `SCIMD_METRICS_BIND`, never on the public port.

It adds up what the workers have written and queries the database for each tenant's totals. It ends with its parent.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.config import Config
from app.errors import Unavailable
from app.store.accounts.expiries import earliest_expiries
from app.store.delivery.endpoint import STATES
from app.store.delivery.lag import lags
from app.store.directory.totals import largest_tenants
from app.store.guard.guards import Guards
from app.store.log.batch import oldest_pending
from app.store.log.lease import read_lease
from app.store.mongo.database import Database
from app.store.open import open_database, outboxes
from app.store.sign_on.connections import certificate_expiries
from app.telemetry.customers import Customers
from app.telemetry.labels import OTHERS, distinguish, most_tenants

PAUSE = 1.0
PATIENCE = 10
"""Failed attempts to listen before the log says so."""


class Tenants(Collector):
    """Metrics of each tenant: its resources, and when its credentials expire."""

    def __init__(self, database: Database, sources: Sequence[str]) -> None:
        self._database = database
        self._sources = sources

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Query the database; without an answer there are no samples."""
        resources = GaugeMetricFamily("scimd_resources", "Resources of a tenant.", labels=["tenant", "type", "state"])
        ends = GaugeMetricFamily(
            "scimd_credential_expiry_seconds", "Seconds until the first credential of a kind expires.",
            labels=["tenant", "kind"],
        )
        certificates = GaugeMetricFamily(
            "scimd_connection_certificate_expiry_seconds",
            "Seconds until the last certificate of a tenant's identity provider expires.", labels=["tenant"],
        )
        unusual = GaugeMetricFamily(
            "scimd_unusual_deactivations",
            "Users of a tenant that were disabled or deleted within an hour, where these were unusually many.",
            labels=["tenant"],
        )
        now = datetime.now(UTC)
        try:
            with self._database.budget(5):
                totals = largest_tenants(self._database, self._sources, most_tenants(), OTHERS)
                for (tenant, kind), total in totals.items():
                    resources.add_metric([tenant, kind, "active"], total.number - total.disabled)
                    resources.add_metric([tenant, kind, "disabled"], total.disabled)
                found = earliest_expiries(self._database, now, most=most_tenants())
                soon = sorted(found.items(), key=lambda row: row[1])
                for (tenant, kind), end in soon[:most_tenants()]:
                    ends.add_metric([tenant, kind], (end - now).total_seconds())
                last = sorted(certificate_expiries(self._database).items(), key=lambda row: row[1])
                for tenant, end in last[:most_tenants()]:
                    certificates.add_metric([tenant], (end - now).total_seconds())
                for tenant, guard in sorted(Guards(self._database).found().items())[:most_tenants()]:
                    unusual.add_metric([tenant], guard.number)
        except Unavailable as error:
            print(f"scimd metrics: {error.detail}", file=sys.stderr)
        yield from (resources, ends, certificates, unusual)


class Feed(Collector):
    """How far changes have come on their way to the log."""

    def __init__(self, database: Database, collections: Sequence[str]) -> None:
        self._database = database
        self._collections = collections

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Query the database; without an answer there are no samples."""
        oldest = GaugeMetricFamily("scimd_relay_oldest_pending_seconds", "Age of the oldest event not in the log yet.")
        published = GaugeMetricFamily("scimd_relay_published", "The number of the last event in the log.")
        try:
            with self._database.budget(5):
                pending, lease = oldest_pending(self._database, self._collections), read_lease(self._database)
            now = datetime.now(UTC)
            oldest.add_metric([], max(((now - time).total_seconds() for time in pending.values()), default=0.0))
            if lease:
                published.add_metric([], lease["published"])
        except Unavailable as error:
            print(f"scimd metrics: {error.detail}", file=sys.stderr)
        yield from (oldest, published)


class Endpoints(Collector):
    """How far the endpoints are behind that events are sent to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Query the database; without an answer there are no samples."""
        behind = GaugeMetricFamily(
            "scimd_webhook_behind_seconds", "Age of the oldest event that an endpoint has not got.",
            labels=["endpoint"],
        )
        state = GaugeMetricFamily(
            "scimd_webhook_state", "1 for the state of an endpoint.", labels=["endpoint", "state"]
        )
        put_aside = GaugeMetricFamily(
            "scimd_webhook_set_aside", "Events that an endpoint has not accepted, and those behind them.",
            labels=["endpoint", "state"],
        )
        try:
            with self._database.budget(5):
                found = lags(self._database)
            now = datetime.now(UTC)
            for lag in found:
                behind.add_metric([lag.endpoint.id], lag.seconds(now))
                for each in STATES:
                    state.add_metric([lag.endpoint.id, each], lag.endpoint.state == each)
                for each, number in lag.put_aside.items():
                    put_aside.add_metric([lag.endpoint.id, each], number)
        except Unavailable as error:
            print(f"scimd metrics: {error.detail}", file=sys.stderr)
        yield from (behind, state, put_aside)


def main() -> None:
    """Serve metrics until the parent process, whose id is the argument, has ended."""
    parent = int(sys.argv[1])
    config = Config.from_environment(os.environ)
    distinguish(config.metrics_tenants)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    database, sources = open_database(config), outboxes(config)
    registry.register(Tenants(database, sources))
    registry.register(Customers(database))
    registry.register(Feed(database, sources))
    registry.register(Endpoints(database))
    waited = 0
    while os.getppid() == parent and (fault := listen(config.metrics_bind, registry)):
        if waited == PATIENCE:
            print(f"scimd metrics: {fault}; still trying.", file=sys.stderr)
        waited += 1
        time.sleep(PAUSE)
    while os.getppid() == parent:
        time.sleep(PAUSE)


def listen(bind: str, registry: CollectorRegistry) -> str:
    """Start to serve; return "", or why the address cannot be used: the previous version may still use it."""
    host, _, port = bind.rpartition(":")
    try:
        start_http_server(int(port), host.strip("[]"), registry=registry)
    except OSError as error:
        return f"{bind} (SCIMD_METRICS_BIND) cannot be listened on: {error.strerror or error}"
    return ""


if __name__ == "__main__":
    main()
