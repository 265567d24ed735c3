"""What operators see first: which customers need attention, and the figures of many customers at once.

Nothing is counted and no log is read; a page of fifty customers takes five commands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.advice.facts import Facts
from app.advice.state import State, attention, state_of
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.activity import DAYS
from app.store.accounts.tenants import Tenant
from app.store.directory.totals import every_tenant
from app.store.log.event import NOTHING_MORE, More
from app.store.mongo.database import Database
from app.store.operators.facts import CustomerFacts

_HOUR = timedelta(hours=1)
Totals = dict[tuple[str, str], More]


@dataclass(frozen=True)
class Traffic:
    """What came from a customer in some time, in spans of equal length, the newest last."""

    changes: tuple[int, ...]
    """Changes, refused ones included."""
    refused: tuple[int, ...]


@dataclass(frozen=True)
class Customer:
    """A customer with its figures."""

    facts: Facts
    state: State
    users: int
    groups: int
    traffic: Traffic


class Overview:
    """The figures; `sources` are the collections with outboxes."""

    def __init__(self, database: Database, sources: Iterable[str]) -> None:
        self._database = database
        self._sources = tuple(sources)
        self._facts = CustomerFacts(database)

    def attention(self, now: datetime) -> list[tuple[Facts, State]]:
        """Return the customers that need attention with their states, the worst first, at most twenty."""
        return attention(self._facts.of(self._facts.candidates(now), now).values(), now)

    def totals(self) -> Totals:
        """Return the numbers of resources of all tenants, by tenant and type."""
        return every_tenant(self._database, self._sources)

    def customers(self, tenants: Sequence[Tenant], totals: Totals, now: datetime, days: int = 7) -> list[Customer]:
        """Return some tenants with their figures, in their order; the traffic is that of so many days."""
        names = [tenant.name for tenant in tenants]
        facts, traffic = self._facts.of(names, now), self._traffic(names, now, days)
        return [
            Customer(
                facts[name], state_of(facts[name], now), totals.get((name, USER_TYPE.name), NOTHING_MORE).number,
                totals.get((name, GROUP_TYPE.name), NOTHING_MORE).number, traffic[name],
            )
            for name in names if name in facts
        ]

    def _traffic(self, names: Sequence[str], now: datetime, days: int, spans: int = 28) -> dict[str, Traffic]:
        length = timedelta(days=days) / spans
        since = now.replace(minute=0, second=0, microsecond=0) + _HOUR - length * spans
        query: dict[str, Any] = {"tenant": {"$in": list(names)}, "day": {"$gte": f"{since:%Y-%m-%d}"}}
        numbers = Counter[tuple[str, str, int]]()
        for row in self._database.db[DAYS.name].find(query, {"tenant": 1, "day": 1, "hours": 1}):
            for hour, counts in row.get("hours", {}).items():
                time = datetime.fromisoformat(f"{row['day']}T{hour}:00").replace(tzinfo=UTC)
                for kind, number in counts.items():
                    numbers[row["tenant"], kind, (time - since) // length] += number
        return {
            name: Traffic(
                tuple(numbers[name, "done", span] + numbers[name, "refused", span] for span in range(spans)),
                tuple(numbers[name, "refused", span] for span in range(spans)),
            )
            for name in names
        }
