"""scimd sso test: one trial of a connection by an operator, who signs in at the identity provider."""

from __future__ import annotations

import time
from typing import Any

import click

from app.advice.explain import explain, numbered
from app.cli.connection import Connection
from app.cli.events import provider_at
from app.cli.output import json_option, print_json, print_table, say
from app.cli.sign_on.choosing import chosen, connection_option
from app.sign_on.connecting import obstacles
from app.sign_on.flow.record import TEST
from app.sign_on.flow.urls import Urls
from app.store.mongo.moments import now
from app.store.sign_on.tickets import LIFETIME, Tickets

_POLL = 1.0


@click.command("test")
@click.argument("tenant")
@click.option("--no-wait", is_flag=True, help="Only print the link.")
@connection_option
@json_option
@click.pass_obj
def try_connection(
    connection: Connection, tenant: str, no_wait: bool, connection_id: str | None, as_json: bool
) -> None:
    """Test a connection by a link, and show each check. The connection may be off."""
    try:
        found = chosen(connection, tenant, connection_id, among=lambda each: not each.on)
    except click.ClickException:
        found = chosen(connection, tenant, connection_id)  # there is one, and it is on
    for obstacle in obstacles(found, connection.config.base_url, now()):
        say(f"Warning: {obstacle}", err=True)
    tickets = Tickets(connection.prepared)
    secret = tickets.create(tenant, found.id)
    say("Open this link within 15 minutes and sign in; it works once:", err=True)
    link = f"{Urls(connection.config.base_url, tenant).sign_on}/test/{secret}"
    if no_wait and as_json:
        print_json({"link": link})
    else:
        say(link, err=as_json)
    if no_wait:
        return
    _report(connection, tenant, _awaited(tickets, tenant, secret), as_json=as_json)


def _awaited(tickets: Tickets, tenant: str, secret: str) -> dict[str, Any]:
    """Return what the trial has found, once it has; raises ClickException."""
    deadline = time.monotonic() + LIFETIME.total_seconds()
    while (outcome := tickets.outcome(tenant, secret)) is None:
        if time.monotonic() >= deadline:
            raise click.ClickException("No one has finished the sign-in within 15 minutes.")
        time.sleep(_POLL)
    return outcome


def _report(connection: Connection, tenant: str, outcome: dict[str, Any], *, as_json: bool) -> None:
    """Print what a trial has found, and how to fix it; raises ClickException if it was not passed."""
    if as_json:
        print_json(outcome)
    else:
        _print_outcome(outcome)
    if not outcome["passed"]:
        refused = {"operation": TEST, "tenant": tenant, "detail": f"{outcome['reason']}: {outcome['detail']}"}
        say("", *numbered(explain(refused, provider_at(connection, tenant)).steps), err=True)
        raise click.ClickException(f"The test has failed: {outcome['reason']}. {outcome['detail']}")
    say(f"Passed. Next: scimd sso on {tenant}", err=True)


def _print_outcome(outcome: dict[str, Any]) -> None:
    rows = [
        {"check": each["name"], "expected": each["expected"], "received": each["received"], "ok": each["passed"]}
        for each in outcome["checks"]
    ]
    print_table(rows, empty="No checks.")
    say("")
    print_table([{"came": each["name"], "values": ", ".join(each["values"])} for each in outcome["values"]], empty="")
    if outcome["passed"]:
        say("", f"User: {outcome['name']} ({outcome['user']})")
