"""scimd setup: links by which a customer's administrator connects their identity provider."""

from __future__ import annotations

from datetime import timedelta

import click

from app.cli.audit import acting
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.cli.values import Duration
from app.cli.web.served import warn_unless_served
from app.store.accounts.tenants import Tenants
from app.store.operators.links import LONGEST, SHORTEST, LinkActs, Links

MAY = ("setup", "status")


@click.group()
def setup() -> None:
    """Links to the setup pages for a customer's administrator. There they connect their identity provider."""


@setup.command()
@click.argument("tenant")
@click.option("--may", type=click.Choice(MAY), default=MAY[0], show_default=True,
              help="setup: connect the identity provider, tokens included; status: only see the state.")
@click.option("--expires", type=Duration(longest=LONGEST), default="72h", show_default=True,
              help="How long the link is valid, from 5m to 30d.")
@click.option("--code", is_flag=True,
              help="Ask for an eight-digit code, to be sent separately; five wrong codes end the link.")
@json_option
@click.pass_obj
def link(connection: Connection, tenant: str, may: str, expires: timedelta, code: bool, as_json: bool) -> None:
    """Print a setup link for a tenant. It can be opened any number of times until it expires.

    With --json, an application of yours can redirect its administrator at once: a visit may then outlast the link.
    """
    if expires < SHORTEST:
        raise click.UsageError("--expires must be at least 5m.")
    Tenants(connection.prepared).require(tenant)
    acts = LinkActs(connection.database, acting(connection))
    made = acts.make(tenant, may, expires, coded=code, handover=as_json)
    url = f"{connection.config.base_url}/setup/enter/{made.secret}"
    warn_unless_served(connection.config, "setup")
    if as_json:
        also = {"code": made.code} if code else {}
        print_json({"url": url, "id": made.link.id, "may": may, "expires": made.link.expires, **also})
        return
    say(url)
    if code:
        say(f"Code: {made.code}")
    say(f"Its id is {made.link.id}; to revoke it: scimd setup revoke {made.link.id}", err=True)


@setup.command("list")
@click.argument("tenant")
@json_option
@click.pass_obj
def list_(connection: Connection, tenant: str, as_json: bool) -> None:
    """List the valid setup links of a tenant."""
    Tenants(connection.prepared).require(tenant)
    rows = [
        {"id": each.id, "may": each.role, "made_by": each.who, "expires": each.expires, "opened": each.opened,
         "last": each.last, "code": bool(each.code)}
        for each in Links(connection.database).of_tenant(tenant)
    ]
    print_rows(rows, as_json=as_json, empty=f"{tenant} has no setup link. Create one: scimd setup link {tenant}")


@setup.command()
@click.argument("link_id", metavar="ID")
@click.pass_obj
def revoke(connection: Connection, link_id: str) -> None:
    """Revoke a setup link, and end the visits that it has opened."""
    revoked = LinkActs(connection.prepared, acting(connection)).revoke(link_id)
    connection.relay()
    say(f"The setup link {link_id} of {revoked.tenant} is no longer valid.")
