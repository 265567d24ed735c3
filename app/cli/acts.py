"""scimd acts: what operators did, and who they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.connection import Connection
from app.cli.output import json_option, print_rows
from app.cli.values import Duration
from app.store.operators.audit import AuditLog


@click.command()
@click.option("--tenant", help="Only what was done to this tenant, which may be deleted.")
@click.option("--since", type=Duration(), help="Only the last while, such as 7d.")
@json_option
@click.pass_obj
def acts(connection: Connection, tenant: str | None, since: timedelta | None, as_json: bool) -> None:
    """List what operators did. It shows the newest thousand acts of the last 400 days, oldest first."""
    start = datetime.now(UTC) - since if since else None
    rows = [_row(each) for each in AuditLog(connection.database).find(tenant=tenant, since=start)]
    print_rows(rows, as_json=as_json, empty="There are no acts.")


def _row(each: dict[str, Any]) -> dict[str, Any]:
    order = ("time", "who", "how", "address", "act", "tenant", "object", "outcome", "reason", "role", "request")
    return {name: each.get(name) or None for name in order}
