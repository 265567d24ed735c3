"""What operators see first: which customers need attention, and the figures of many customers at once.

Nothing is counted and no log is read; a page of fifty customers takes six commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.advice.facts import Facts
from app.advice.state import State, attention, state_of
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.activity import DAYS
from app.store.accounts.tenants import Tenant
from app.store.directory.totals import all_together, some_tenants
from app.store.log.event import NOTHING_MORE
from app.store.mongo.database import Database
from app.store.operators.facts import CustomerFacts

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
SPANS = 28
"""Parts of the time of a traffic."""
_FIELDS = {"tenant": 1, "day": 1} | {f"hours.{hour:02}.{kind}": 1 for hour in range(24) for kind in ("done", "refused")}


@dataclass(frozen=True)
class Traffic:
    """What came from a customer in some time, in spans of equal length, the newest last."""

    changes: tuple[int, ...]
    """Changes, refused ones included."""
    refused: tuple[int, ...]
    since: datetime
    """When the first span begins."""
    length: timedelta

    @property
    def most(self) -> tuple[int, datetime]:
        """The changes of the span with the most, of several the newest, and when it begins."""
        number, place = max((number, place) for place, number in enumerate(self.changes))
        return number, self.since + place * self.length


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

    def sums(self) -> tuple[int, int]:
        """Return how many users and groups all tenants together have."""
        found = all_together(self._database, self._sources)
        users, groups = (found.get(each.name, NOTHING_MORE).number for each in (USER_TYPE, GROUP_TYPE))
        return users, groups

    def page(self, tenants: Sequence[Tenant], now: datetime) -> tuple[list[tuple[Facts, State]], list[Customer]]:
        """Return the twenty customers that need attention most, and some tenants with their figures of seven days."""
        facts = self._facts.of(self._facts.candidates(now).union(tenant.name for tenant in tenants), now)
        return attention(facts.values(), now), self._customers(tenants, facts, now, 7)

    def customers(self, tenants: Sequence[Tenant], now: datetime, days: int = 7) -> list[Customer]:
        """Return some tenants with their figures, in their order; the traffic is that of so many days."""
        return self._customers(tenants, self._facts.of((tenant.name for tenant in tenants), now), now, days)

    def _customers(
        self, tenants: Sequence[Tenant], facts: Mapping[str, Facts], now: datetime, days: int
    ) -> list[Customer]:
        names = [tenant.name for tenant in tenants if tenant.name in facts]
        totals, traffic = some_tenants(self._database, self._sources, names), self._traffic(names, now, days)
        return [
            Customer(
                facts[name], state_of(facts[name], now), totals.get((name, USER_TYPE.name), NOTHING_MORE).number,
                totals.get((name, GROUP_TYPE.name), NOTHING_MORE).number, traffic[name],
            )
            for name in names
        ]

    def _traffic(self, names: Sequence[str], now: datetime, days: int) -> dict[str, Traffic]:
        length = timedelta(days=days) / SPANS
        begun = now.replace(minute=0, second=0, microsecond=0)
        end = begun.replace(hour=0) + _DAY if length == _DAY else begun + _HOUR
        since = end - length * SPANS
        hours = {f"{since + number * _HOUR:%Y-%m-%d %H}": number * _HOUR // length for number in range(days * 24)}
        changes, refused = ({name: [0] * SPANS for name in names} for _ in range(2))
        query: dict[str, Any] = {"tenant": {"$in": list(names)}, "day": {"$gte": f"{since:%Y-%m-%d}"}}
        most = len(names) * (days + 2)
        for row in self._database.db[DAYS.name].find(query, _FIELDS, batch_size=most):
            for hour, numbers in row.get("hours", {}).items():
                span = hours.get(f"{row['day']} {hour}")
                if span is not None:
                    changes[row["tenant"]][span] += numbers.get("done", 0) + numbers.get("refused", 0)
                    refused[row["tenant"]][span] += numbers.get("refused", 0)
        return {name: Traffic(tuple(changes[name]), tuple(refused[name]), since, length) for name in names}
