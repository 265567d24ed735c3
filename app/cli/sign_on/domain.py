"""scimd tenant domain: the mail domains of a tenant, whose addresses apps may take for verified."""

from __future__ import annotations

import click

from app.cli.audit import TenantItself, audited_change
from app.cli.connection import Connection
from app.cli.output import json_option, print_rows
from app.store.accounts.domains import Domains
from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Session


@click.group()
def domain() -> None:
    """The mail domains of a tenant. Apps are told that its addresses there are verified."""


@domain.command()
@click.argument("tenant")
@click.argument("name", metavar="DOMAIN")
@click.pass_obj
def add(connection: Connection, tenant: str, name: str) -> None:
    """Add a domain of which you know that it belongs to the customer."""
    _change(connection, tenant, name, "add")


@domain.command()
@click.argument("tenant")
@click.argument("name", metavar="DOMAIN")
@click.pass_obj
def remove(connection: Connection, tenant: str, name: str) -> None:
    """Remove a domain; addresses there are not verified from now on."""
    _change(connection, tenant, name, "remove")


@domain.command("list")
@click.argument("tenant")
@json_option
@click.pass_obj
def list_domains(connection: Connection, tenant: str, as_json: bool) -> None:
    """List the domains of a tenant."""
    Tenants(connection.database).require(tenant)
    rows = [{"domain": each} for each in sorted(Domains(connection.database).of(tenant))]
    print_rows(rows, as_json=as_json, empty=f"{tenant} has no domains. Next: scimd tenant domain add {tenant} DOMAIN")


def _change(connection: Connection, tenant: str, name: str, operation: str) -> None:
    domains = Domains(connection.prepared)
    act = domains.add if operation == "add" else domains.remove

    def work(session: Session) -> tuple[TenantItself, None]:
        act(tenant, name, session)
        return TenantItself(tenant, name), None

    audited_change(connection, f"domain {operation}", work, tenant=tenant, object_=name)
