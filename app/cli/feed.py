"""scimd feed: how far changes have come on their way to those who follow them, and new numbers after a restore."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from app.cli.audit import audited
from app.cli.connection import Connection
from app.cli.output import cell, json_option, print_json, print_table, print_values, say
from app.store.delivery.delivery_lease import sender
from app.store.delivery.lag import lags
from app.store.delivery.put_aside import BEHIND, GIVEN_UP, WAITING
from app.store.log.batch import oldest_pending
from app.store.log.lease import read_lease, restart
from app.store.log.outbox import SPEC
from app.store.open import outboxes


@click.group()
def feed() -> None:
    """The feed of changes."""


@feed.command("status")
@json_option
@click.pass_obj
def status(connection: Connection, as_json: bool) -> None:
    """Show how far changes have come into the feed. Also which process moves them, what waits, and all endpoints."""
    facts, endpoints = _facts(connection), _endpoints(connection)
    if as_json:
        print_json(facts | {"endpoints": endpoints})
        return
    print_values({name.replace("_", " "): cell(value) for name, value in facts.items()})
    if endpoints:
        say("")
        print_table(endpoints, empty="")
    if not facts["relay"] and facts["oldest_pending_seconds"] is not None:
        say("", "No process moves changes into the feed: start scimd.")


def _facts(connection: Connection) -> dict[str, Any]:
    lease, database = read_lease(connection.database), connection.database
    oldest = oldest_pending(database, outboxes(connection.config))
    waiting = (datetime.now(UTC) - min(oldest.values())).total_seconds() if oldest else None
    return {
        "relay": lease["owner"] if lease and not lease["free"] else None,
        "published": lease["published"] if lease else None,
        "horizon": lease["horizon"] if lease else None,
        "breaks": len(lease["breaks"]) if lease else 0,
        "oldest_pending_seconds": None if waiting is None else round(max(waiting, 0), 1),
        "sender": sender(database),
        "parked": database.db[SPEC.name].count_documents({"parked": True}),
    }


def _endpoints(connection: Connection) -> list[dict[str, Any]]:
    """Return the endpoints and how far they are behind; without their URLs, which may contain secrets."""
    moment = datetime.now(UTC)
    return [
        {
            "endpoint": lag.endpoint.id, "tenant": lag.endpoint.tenant, "form": lag.endpoint.form,
            "state": lag.endpoint.state, "behind_seconds": round(lag.seconds(moment), 1),
            "put_aside": lag.put_aside[WAITING] + lag.put_aside[BEHIND], "given_up": lag.put_aside[GIVEN_UP],
        }
        for lag in lags(connection.database)
    ]


@feed.command("restart")
@json_option
@click.pass_obj
def restart_numbers(connection: Connection, as_json: bool) -> None:
    """Number changes anew. It is for a backup restored within ten seconds, or under a clock that was set back.

    Whoever has read further than the restored database knows is told so, and takes a snapshot.
    """
    with audited(connection, "feed restart", ""):
        gap = restart(connection.database)
        if gap is None:
            raise click.ClickException("No change has been numbered yet, so there is nothing to restart.")
    if as_json:
        print_json(gap)
    else:
        say(f"The next change gets a number above {gap['to']}; the last one has {gap['from']}.")
