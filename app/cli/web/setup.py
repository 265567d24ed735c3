"""scimd setup: links by which a customer's administrator connects their identity provider."""

from __future__ import annotations

from datetime import timedelta

import click

from app.cli.audit import audited, operator
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.cli.values import Duration
from app.store.accounts.tenants import Tenants
from app.store.mongo.moments import now
from app.store.operators.links import LONGEST, SHORTEST, Links
from app.store.operators.visits import Visits

MAY = ("setup", "status")


@click.group()
def setup() -> None:
    """Setup links: pages on which a customer's administrator connects their identity provider."""


@setup.command()
@click.argument("tenant")
@click.option("--may", type=click.Choice(MAY), default=MAY[0], show_default=True,
              help="setup: make tokens, too; status: only see the state.")
@click.option("--expires", type=Duration(longest=LONGEST), default="72h", show_default=True,
              help="How long the link is good, from 5m to 30d.")
@click.option("--code", is_flag=True,
              help="Ask for eight digits, to be sent another way; five wrong ones end the link.")
@json_option
@click.pass_obj
def link(connection: Connection, tenant: str, may: str, expires: timedelta, code: bool, as_json: bool) -> None:
    """Print a setup link for a tenant; until it expires, it can be opened as often as one likes."""
    if expires < SHORTEST:
        raise click.UsageError("--expires can be no less than 5m")
    Tenants(connection.prepared).require(tenant)
    with audited(connection, "setup link", tenant) as entry:
        links = Links(connection.database)
        secret, digits = links.make_setup(tenant, may, operator().who, expires, coded=code)
        found = links.get(secret, "setup")
        entry.object = found.id if found else ""
    url = f"{connection.config.base_url}/setup/enter/{secret}"
    if as_json:
        also = {"code": digits} if code else {}
        print_json({"url": url, "id": entry.object, "may": may, "expires": now() + expires, **also})
        return
    say(url)
    if code:
        say(f"Code: {digits}")
    say(f"Its id is {entry.object}; to take it back: scimd setup revoke {entry.object}", err=True)


@setup.command("list")
@click.argument("tenant")
@json_option
@click.pass_obj
def list_(connection: Connection, tenant: str, as_json: bool) -> None:
    """List the setup links of a tenant that are good."""
    Tenants(connection.prepared).require(tenant)
    rows = [
        {"id": each.id, "may": each.role, "made_by": each.who, "expires": each.expires, "opened": each.opened,
         "last": each.last, "code": bool(each.code)}
        for each in Links(connection.database).of_tenant(tenant)
    ]
    print_rows(rows, as_json=as_json, empty=f"{tenant} has no setup link. Make one: scimd setup link {tenant}")


@setup.command()
@click.argument("link_id", metavar="ID")
@click.pass_obj
def revoke(connection: Connection, link_id: str) -> None:
    """Make a setup link good for nothing, and end the visits that it has opened."""
    with audited(connection, "setup revoke", "", link_id) as entry:
        revoked = Links(connection.prepared).revoke(link_id)
        entry.tenant = revoked.tenant
        Visits(connection.database).end(link=revoked.id)
    say(f"The setup link {link_id} of {revoked.tenant} is not good any more.")
