"""scimd events: the provisioning log, for whoever has to find out why a user did not sync."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.connection import Connection
from app.cli.output import print_table
from app.cli.values import Span
from app.store.events import NO_TENANT, Events
from app.store.tenants import Tenants

PAUSE = 1.0
_LONGEST_CELL = 300


@click.command()
@click.argument("tenant")
@click.option("--user", metavar="NAME", help="Only what concerns this user or group: its name or its id.")
@click.option("--failed", is_flag=True, help="Only what was refused or failed.")
@click.option("--since", type=Span(), help="Only the last while, such as 2h.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="The newest so many.")
@click.option("--follow", is_flag=True, help="Go on with what comes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")
@click.pass_obj
def events(
    connection: Connection, tenant: str, user: str | None, failed: bool, since: timedelta | None, limit: int,
    follow: bool, as_json: bool,
) -> None:
    """Show what was changed, by whom, and what was refused, and why.

    The tenant - stands for all that there are none of: who has mistyped a Tenant URL.
    """
    if tenant != NO_TENANT:
        Tenants(connection.database).require(tenant)
    log = Events(connection.database, tenant, days=connection.config.log_days)
    start = datetime.now(UTC) - since if since else None
    found = log.find(name=user, failed=failed, since=start, limit=limit)
    _print(found, as_json=as_json, empty="There is nothing in the log." if not follow else "")
    while follow:
        time.sleep(PAUSE)
        start = found[-1]["time"] if found else start or datetime.now(UTC) - timedelta(seconds=PAUSE)
        found = log.find(name=user, failed=failed, since=start, limit=limit) or found[-1:]
        new = [event for event in found if start is None or event["time"] > start]
        _print(new, as_json=as_json, empty="")


def _print(found: list[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    if as_json:
        for event in found:
            click.echo(json.dumps(event, default=_plain, ensure_ascii=False))
    elif found or empty:
        print_table([_row(event) for event in found], empty=empty)


def _row(event: dict[str, Any]) -> dict[str, Any]:
    resource = event.get("resource", {})
    return {
        "time": f"{event['time']:%Y-%m-%d %H:%M:%S}",
        "operation": event["operation"],
        "what": " ".join(part for part in (resource.get("type"), resource.get("name") or resource.get("id")) if part),
        "status": event["status"],
        "credential": event.get("credential") or None,
        "details": _details(event)[:_LONGEST_CELL],
    }


def _details(event: dict[str, Any]) -> str:
    if event.get("detail"):
        return " ".join(part for part in (event.get("scimType"), event["detail"]) if part)
    parts = [_change(change) for change in event.get("changes", ())]
    members = event.get("members", {})
    for word, key in (("+", "added"), ("-", "removed")):
        if members.get(f"{key}Count"):
            parts.append(f"members {word}{members[f'{key}Count']}: {', '.join(members.get(key, [])[:3])}")
    return "; ".join(parts)


def _change(change: dict[str, Any]) -> str:
    if "old" not in change and "new" not in change:
        return str(change["attribute"])
    old, new = (json.dumps(change.get(key), default=_plain, ensure_ascii=False) for key in ("old", "new"))
    return f"{change['attribute']}: {old} -> {new}" if "old" in change else f"{change['attribute']}: {new}"


def _plain(value: Any) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" if isinstance(value, datetime) else str(value)
