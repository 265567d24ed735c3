"""What operators want to know about a tenant first: users and groups, last contact, failures, expiring credentials."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.cli.connection import Connection
from app.cli.output import cell, say
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.activity import Activity
from app.store.accounts.expiries import earliest_expiries
from app.store.directory.totals import every_tenant
from app.store.log.event import NOTHING_MORE
from app.store.open import outboxes

DAY = timedelta(days=1)


def overview(connection: Connection, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the numbers of each tenant by its name: users, groups, last contact, failures, earliest expiry.

    This takes a handful of queries for any number of tenants; no log is read and nothing is counted.
    """
    now = datetime.now(UTC)
    names = list(names)
    only = names[0] if len(names) == 1 else None
    activity = Activity(connection.database)
    totals = every_tenant(connection.database, outboxes(connection.config), only)
    contacts, failures = activity.last_contacts(only), activity.failures(now - DAY, only)
    ends = earliest_expiries(connection.database, now, only)
    return {
        name: _numbers(totals.get((name, USER_TYPE.name), NOTHING_MORE)) | {
            "groups": totals.get((name, GROUP_TYPE.name), NOTHING_MORE).number,
            "last_contact": contacts.get(name),
            "failures_24h": failures[name],
            "soonest_expiry": min((end for (tenant, _), end in ends.items() if tenant == name), default=None),
        }
        for name in names
    }


def _numbers(users: Any) -> dict[str, int]:
    return {"users": users.number, "active": users.number - users.disabled, "disabled": users.disabled}


def print_overview(facts: dict[str, Any]) -> None:
    """Print the numbers of one tenant for people."""
    say("", f"Users: {facts['users']} ({facts['active']} active, {facts['disabled']} disabled). "
            f"Groups: {facts['groups']}.")
    say(f"Refused or failed in the last 24 hours: {facts['failures_24h']}")
    end = facts["soonest_expiry"]
    if end:
        days = (end - datetime.now(UTC)).days
        say(f"The first credential expires on {cell(end)} UTC, in {days} day{'' if days == 1 else 's'}.")
