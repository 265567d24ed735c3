"""scimd console: links into the console, and who is signed in."""

from __future__ import annotations

import click

from app.cli.audit import audited, operator
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.cli.values import Text
from app.cli.web.served import warn_unless_served
from app.store.mongo.moments import now
from app.store.operators.links import CONSOLE_LIFETIME, Links
from app.store.operators.visits import Visits

ROLES = ("operator", "viewer")


@click.group()
def console() -> None:
    """The web console: links into it, and who is signed in."""


@console.command()
@click.option("--role", type=click.Choice(ROLES), default=ROLES[0], show_default=True,
              help="An operator can make changes; a viewer can only look.")
@click.option("--as", "name", type=Text(), help="The name under which acts are recorded; by default the login name.")
@json_option
@click.pass_obj
def link(connection: Connection, role: str, name: str | None, as_json: bool) -> None:
    """Print a link into the console; it works once, within five minutes."""
    who = name or operator().who
    with audited(connection, "console link", "", who):
        secret = Links(connection.prepared).make_console(role, who)
    url = f"{connection.config.base_url}/console/enter/{secret}"
    warn_unless_served(connection.config, "console")
    if as_json:
        print_json({"url": url, "role": role, "who": who, "expires": now() + CONSOLE_LIFETIME})
        return
    say(url)
    say("Open it within five minutes; it works once.", err=True)


@console.command()
@json_option
@click.pass_obj
def visits(connection: Connection, as_json: bool) -> None:
    """List the browsers that are in the console or on setup pages. The most recently used comes first."""
    rows = [
        {"id": each.id, "kind": each.kind, "who": each.who, "role": each.role, "tenant": each.tenant or None,
         "address": each.address or None, "opened": each.opened, "seen": each.seen, "ends": each.ends}
        for each in Visits(connection.prepared).list()
    ]
    print_rows(rows, as_json=as_json, empty="No one is signed in.")


@console.command()
@click.argument("visit_id", metavar="ID", required=False, type=Text())
@click.option("--all", "everybody", is_flag=True, help="All visits, those of setup pages included.")
@click.pass_obj
def end(connection: Connection, visit_id: str | None, everybody: bool) -> None:
    """End a visit, or all of them. The next click in that browser is refused."""
    if (visit_id is None) != everybody:
        raise click.UsageError("Name a visit, as `scimd console visits` lists them, or give --all.")
    with audited(connection, "console end", "", visit_id or "all") as entry:
        ended = Visits(connection.prepared).end_named(visit_id) if visit_id else Visits(connection.prepared).end()
        entry.object = visit_id or f"all, {ended}"
        if visit_id and not ended:
            raise click.ClickException(f"There is no visit {visit_id}; `scimd console visits` lists them.")
    say(f"{ended} visit{'' if ended == 1 else 's'} ended.")
