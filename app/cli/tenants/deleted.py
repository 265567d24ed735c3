"""scimd deleted, scimd restore: deleted users and groups are kept for a while and can be restored."""

from __future__ import annotations

import click

from app.cli.audit import acting
from app.cli.connection import Connection
from app.cli.output import json_option, print_rows, say


@click.group()
def deleted() -> None:
    """Deleted users and groups that can be restored."""


@deleted.command("list")
@click.argument("tenant")
@json_option
@click.pass_obj
def list_deleted(connection: Connection, tenant: str, as_json: bool) -> None:
    """List the deleted users and groups of a tenant, the latest first."""
    directory = connection.directory(tenant)
    rows = [
        {
            "id": row["_id"], "type": row["type"], "name": row["name"], "deleted": row["deleted"],
            "kept_until": row["expires"],
        }
        for row in directory.deleted.list()
    ]
    print_rows(rows, as_json=as_json, empty="There is nothing to restore.")


@click.command()
@click.argument("tenant")
@click.argument("resource_id", metavar="ID")
@click.pass_obj
def restore(connection: Connection, tenant: str, resource_id: str) -> None:
    """Restore a deleted user or group with its memberships."""
    change = acting(connection).restore(connection.directory(tenant), resource_id)
    connection.relay()
    say(f"Restored {change.name}.", err=True)
