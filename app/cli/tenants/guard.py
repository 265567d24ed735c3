"""scimd tenant guard: what happens if many users of a tenant are disabled or deleted at once."""

from __future__ import annotations

from typing import Any

import click

from app.cli.audit import TenantItself, audited_change
from app.cli.connection import Connection
from app.cli.output import cell, json_option, print_json, say
from app.store.guard.deactivations import WATCHED
from app.store.guard.guards import SHARE, Guard, Guards
from app.store.mongo.database import Session


@click.command()
@click.argument("name")
@click.option("--share", type=click.IntRange(1, 100), metavar="N",
              help=f"The share of the users, in per cent, above which it is unusual; {SHARE} unless set. 100 never is.")
@click.option("--stop/--no-stop", default=None, help="Refuse further deactivations with 503, or only warn.")
@click.option("--allow", is_flag=True, help="Let deactivations through again, and count anew from now on.")
@json_option
@click.pass_obj
def guard(
    connection: Connection, name: str, share: int | None, stop: bool | None, allow: bool, as_json: bool
) -> None:
    """Warn if unusually many users are disabled or deleted, or stop it.

    It is unusual if more than a share of the users, and at least 50, is disabled or deleted within an hour. You are
    warned once an hour: in the log, by a metric, in `tenant show`, and by an event for consumers of all tenants. With
    --stop, further ones are refused until you allow them. Without an option, show what is set.
    """
    guards = Guards(connection.database, connection.config.log_days)
    if share is not None or stop is not None or allow:

        def work(session: Session) -> tuple[TenantItself, None]:
            if share is not None or stop is not None:
                guards.set(name, share, stop, session)
            if allow:
                guards.allow(name, session)
            return TenantItself(name, "allow" if allow else ""), None

        audited_change(connection, "tenant guard", work, tenant=name, object_=name)
    found = guards.get(name)
    if as_json:
        print_json(facts(found))
        return
    say(f"More than {found.share} % of the users, and at least {WATCHED}, disabled or deleted within an hour: "
        f"{'further ones are refused' if found.stop else 'a warning'}.")
    print_found(name, found)


def facts(found: Guard) -> dict[str, Any]:
    """Return what is set and what was found, for JSON."""
    return dict(vars(found))


def print_found(name: str, found: Guard) -> None:
    """Print what the guard of a tenant has found, if it has, for people."""
    if found.warned is not None:
        say(f"Unusual: {found.sentence}, on {cell(found.warned)}.")
    if found.stopped is not None:
        say(f"Refused since {cell(found.stopped)}: that users are disabled or deleted. If it is intended: "
            f"scimd tenant guard {name} --allow")
