"""How commands find an endpoint, change it with a line in both logs, and show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from app.cli.audit import acting
from app.cli.connection import Connection
from app.cli.output import cell, print_json, print_table, print_values, say
from app.delivery import signing
from app.errors import NotFound
from app.feed.cursors import cursor_text
from app.feed.parameters import CURRENT
from app.outgoing.addresses import check_url
from app.outgoing.failures import OutgoingError
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.delivery.endpoint import POLL, SET, WEBHOOK, Attempt, Endpoint, SigningKey
from app.store.delivery.endpoints import Endpoints, missing
from app.store.delivery.put_aside import PutAsides
from app.store.log.sequence import Scope
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now
from app.store.operators.acting import change_endpoint

_KINDS = {WEBHOOK: "a webhook", SET: "a stream by push", POLL: "a stream by poll"}
endpoint_argument = click.argument("endpoint_id", metavar="ID")


def changed(
    connection: Connection, act: str, work: Callable[[Session], Endpoint], *, tenant: str = "", object_: str = ""
) -> Endpoint:
    """Do `work` in one transaction with its entries in both logs, and return the endpoint as `work` returns it."""
    endpoint = change_endpoint(acting(connection), act, work, tenant=tenant, object_=object_)
    connection.relay()
    return endpoint


def require(connection: Connection, endpoint_id: str, *forms: str) -> Endpoint:
    """Return an endpoint, of one of the forms if any are given; raises NotFound."""
    endpoint = Endpoints(connection.database).get(endpoint_id)
    if endpoint is None:
        raise missing(endpoint_id)
    if forms and endpoint.form not in forms:
        raise NotFound(f"This command is not for {endpoint_id}, which is {_KINDS[endpoint.form]}.")
    return endpoint


def owner_of(connection: Connection, tenant: str | None, *, all_tenants: bool) -> str:
    """Return the tenant that an endpoint is of, `ALL_TENANTS` for all; raises UsageError, NotFound."""
    if (tenant is not None) is all_tenants:
        raise click.UsageError("Name a tenant, or give --all-tenants in its place.")
    return ALL_TENANTS if tenant is None else Tenants(connection.database).require(tenant).name


def check_destination(connection: Connection, url: str) -> None:
    """Check that events may be sent to a URL, and warn if its name cannot be resolved; raises InvalidValue."""
    try:
        check_url(url, connection.config.webhook_networks)
    except OutgoingError as error:
        say(f"scimd: {error} at the moment; events wait until it can.", err=True)


def new_key(connection: Connection, kind: str) -> tuple[SigningKey, str]:
    """Return a new key of a kind, sealed, and its text for receivers."""
    key, text = signing.new_key(kind)
    sealer = Sealer(connection.database, connection.config.sealing_keys)
    return signing.sealed(key, text, sealer, now()), text


def scope_of(database: Database, endpoint: Endpoint) -> Scope | None:
    """Return the scope of the events that an endpoint gets; None means all tenants."""
    if endpoint.tenant == ALL_TENANTS:
        return None
    tenant = Tenants(database).require(endpoint.tenant)
    return Scope(tenant.name, tenant.tenant_id)


def row(database: Database, endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as a row of a list."""
    return {
        "id": endpoint.id, "tenant": endpoint.tenant, "url": endpoint.url, "types": list(endpoint.types) or ["*"],
        "state": endpoint.state, "since": endpoint.since, "reason": endpoint.reason or None,
        "delivered": endpoint.delivered, "put_aside": sum(PutAsides(database).numbers(endpoint.id).values()),
    }


def facts(database: Database, endpoint: Endpoint) -> dict[str, Any]:
    """Return all that there is to know about an endpoint, but no secret."""
    return row(database, endpoint) | {
        "created": endpoint.created, "parallel": endpoint.parallel,
        "resource": CURRENT if endpoint.current else None, "failed_attempts": endpoint.failed,
        "put_aside": PutAsides(database).numbers(endpoint.id),
        "cursor": cursor_text(endpoint.place, scope_of(database, endpoint)),
        "keys": [_key(key) for key in endpoint.keys], "gap": endpoint.gap, "attempts": list(endpoint.attempts),
    }


def print_endpoint(database: Database, endpoint: Endpoint, *, as_json: bool) -> None:
    """Print an endpoint with its keys and its last attempts."""
    found = facts(database, endpoint)
    if as_json:
        print_json(found)
        return
    attempts, gap, keys = found.pop("attempts"), found.pop("gap"), found.pop("keys")
    aside = ", ".join(f"{number} {state}" for state, number in found.pop("put_aside").items() if number)
    print_values({name.replace("_", " "): cell(value) for name, value in found.items()} | {"put aside": aside or "-"})
    for key in keys:
        until = f", signs until {cell(key['until'])}" if key["until"] else ""
        say(f"  key         {key['public'] or key['kind']} (of {cell(key['created'])}{until})")
    if gap:
        say(f"  gap         events were left out on {cell(gap['time'])}, because the log did not have them any more")
    say("")
    print_table([attempt_row(each) for each in reversed(attempts)], empty="Nothing has been sent yet.")


def _key(key: SigningKey) -> dict[str, Any]:
    return {"kind": key.kind, "public": key.public or None, "created": key.created, "until": key.until}


def attempt_row(each: Attempt) -> dict[str, Any]:
    """Return an attempt as a row of a table for people."""
    return {
        "time_(UTC)": f"{each['time']:%Y-%m-%d %H:%M:%S}", "event": each["event"], "status": each["status"] or None,
        "seconds": f"{each['seconds']:.2f}", "result": each["reason"] or "delivered",
    }
