"""What operators want to know about a tenant first: users and groups, last contact, failures, expiring credentials."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.advice.facts import Facts
from app.advice.state import State, state_of
from app.advice.wording import plural
from app.cli.connection import Connection
from app.cli.output import cell, say
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.activity import Activity
from app.store.accounts.expiries import earliest_expiries
from app.store.directory.totals import every_tenant
from app.store.log.event import NOTHING_MORE
from app.store.open import outboxes
from app.store.operators.facts import CustomerFacts

DAY = timedelta(days=1)


def overview(connection: Connection, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the state and the numbers of each tenant by its name: last contact, users, groups, refusals, expiry.

    This takes a handful of queries for any number of tenants; no log is read and nothing is counted.
    """
    now = datetime.now(UTC)
    names = list(names)
    only = names[0] if len(names) == 1 else None
    activity = Activity(connection.database)
    totals = every_tenant(connection.database, outboxes(connection.config), only)
    known = {name: Facts(name=name) for name in names} | CustomerFacts(connection.database).of(names, now)
    failures = activity.failures(now - DAY, only)
    ends = earliest_expiries(connection.database, now, only)
    return {
        name: {
            "state": state_of(known[name], now), "last_contact": known[name].last, "refused_24h": known[name].refused,
        } | _numbers(totals.get((name, USER_TYPE.name), NOTHING_MORE)) | {
            "groups": totals.get((name, GROUP_TYPE.name), NOTHING_MORE).number,
            "failures_24h": failures[name],
            "soonest_expiry": min((end for (tenant, _), end in ends.items() if tenant == name), default=None),
        }
        for name in names
    }


def _numbers(users: Any) -> dict[str, int]:
    return {"users": users.number, "active": users.number - users.disabled, "disabled": users.disabled}


def state_row(facts: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    """Return the facts with the state as JSON has it, or in a few words."""
    state: State = facts["state"]
    shown = {"key": state.key, "words": state.title, "sentence": state.sentence} if as_json else state.title
    return facts | {"state": shown}


def print_overview(facts: dict[str, Any]) -> None:
    """Print the state and the numbers of one tenant for people."""
    say("", f"{facts['state'].title}: {facts['state'].sentence}")
    say("", f"Users: {facts['users']} ({facts['active']} active, {facts['disabled']} disabled). "
            f"Groups: {facts['groups']}.")
    say(f"Refused or failed in the last 24 hours: {facts['failures_24h']}")
    end = facts["soonest_expiry"]
    if end:
        days = (end - datetime.now(UTC)) // DAY
        say(f"The first credential expires on {cell(end)}, in {plural(days, 'day') if days else 'less than a day'}.")
