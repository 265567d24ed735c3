"""What an administrator pastes into Entra, under the names that Entra's own page uses, for each way that is set up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from app.cli.connection import Connection
from app.cli.output import cell
from app.store.tenants import Tenant
from app.store.tokens import Tokens


def connect_page(connection: Connection, tenant: Tenant) -> dict[str, Any]:
    """Give the ways in that a tenant has, each with its values; those shown once are told how to get anew."""
    now = datetime.now(UTC)
    tokens = [
        {"id": token.id, "label": token.label, "expires": token.expires, "last_used": token.used}
        for token in Tokens(connection.database).of_tenant(tenant.name)
        if token.state(now) == "valid"
    ]
    return {"tenant_url": connection.tenant_url(tenant.name), "tokens": tokens}


def print_connect_page(tenant: Tenant, page: dict[str, Any]) -> None:
    """Print the ways in for people."""
    click.echo(f"{tenant.name}: profile {tenant.profile}, {'suspended' if tenant.suspended else 'active'}")
    click.echo("\nTenant URL and Secret Token")
    _values({"Tenant URL": page["tenant_url"], "Secret Token": f"scimd token issue {tenant.name}   (prints it, once)"})
    for each in page["tokens"]:
        used = f"last used {cell(each['last_used'])}" if each["last_used"] else "never used"
        ends = f"expires {cell(each['expires'])}" if each["expires"] else "never expires"
        click.echo(f"  valid token {each['id']} {each['label']!r}: {ends}, {used}")


def _values(values: dict[str, str]) -> None:
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"  {name:<{width}}  {value}")
