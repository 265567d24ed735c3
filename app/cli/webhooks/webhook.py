"""scimd webhook create, list, show, change, rotate and delete: the endpoints that events are pushed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import click

from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, print_values, say
from app.cli.values import Duration
from app.cli.webhooks import sending
from app.cli.webhooks.acting import (
    changed,
    check_destination,
    endpoint_argument,
    new_key,
    owner_of,
    print_endpoint,
    require,
    row,
)
from app.errors import Conflict
from app.feed.parameters import CURRENT, read_types
from app.store.accounts.tenants import ALL_TENANTS
from app.store.delivery import starting
from app.store.delivery.endpoint import ED25519, HMAC, MOST_PARALLEL, PARALLEL, WEBHOOK, Endpoint, SigningKey
from app.store.delivery.endpoints import Endpoints, Settings
from app.store.mongo.database import Session
from app.store.mongo.moments import now

all_tenants_option = click.option(
    "--all-tenants", is_flag=True, help="In place of TENANT: for the events of all tenants."
)
parallel_type = click.IntRange(1, MOST_PARALLEL)
MOST_KEYS = 5
"""Keys that sign at once: many servers refuse requests whose headers have more than 8 KiB."""
MOST_ENDING = 2 * MOST_KEYS
"""The same for a minute, since keys that end within one do not count for `MOST_KEYS`."""
SHORTLY = timedelta(minutes=1)
resource_type = click.Choice(["none", CURRENT])
RESOURCE_HELP = "Send with each event the resource as it is then (current), or not (none)."
TYPES_HELP = "Only events of these types, with commas; a * at the end stands for any end, as in scimd.user.*."


@click.group()
def webhook() -> None:
    """The endpoints that get events as webhooks. These are signed, in order, and sent until they are accepted."""


for each in (sending.test, sending.failures, sending.replay, sending.resend, sending.enable, sending.disable):
    webhook.add_command(each)


@webhook.command()
@click.argument("where", metavar="[TENANT] URL", nargs=-1, required=True)
@all_tenants_option
@click.option("--types", default="*", help=TYPES_HELP)
@click.option("--hmac", "with_hmac", is_flag=True, help="Sign with a shared secret instead of an Ed25519 key.")
@click.option("--parallel", type=parallel_type, default=PARALLEL, show_default=True,
              help="The most events that are sent at once.")
@click.option("--resource", type=resource_type, default="none", show_default=True, help=RESOURCE_HELP)
@click.option("--from-start", is_flag=True, help="Begin with the oldest event that is kept, instead of the next one.")
@json_option
@click.pass_obj
def create(
    connection: Connection, where: tuple[str, ...], all_tenants: bool, types: str, with_hmac: bool, parallel: int,
    resource: str, from_start: bool, as_json: bool,
) -> None:
    """Create an endpoint and print its id and its key. By the key it verifies what it gets.

    Of an Ed25519 key this is the public half, which `show` prints again; the secret of --hmac is shown only once.
    """
    *names, url = where
    if len(names) > 1:
        raise click.UsageError("Give a tenant and a URL, or --all-tenants and a URL.")
    owner = owner_of(connection, names[0] if names else None, all_tenants=all_tenants)
    settings: Settings = {
        "url": url, "types": read_types(types), "parallel": parallel, "current": resource == CURRENT,
    }
    check_destination(connection, url)
    database = connection.prepared
    key, text = new_key(connection, HMAC if with_hmac else ED25519)
    settings["keys"] = [key]
    place = starting.oldest(database) if from_start else starting.newest(database)

    def work(session: Session) -> Endpoint:
        return Endpoints(database).create(owner, WEBHOOK, place=place, session=session, **settings)

    created = changed(connection, "webhook create", work, tenant=owner)
    _print_key(created, text, as_json=as_json)


@webhook.command("list")
@click.argument("tenant", required=False)
@all_tenants_option
@json_option
@click.pass_obj
def list_endpoints(connection: Connection, tenant: str | None, all_tenants: bool, as_json: bool) -> None:
    """List the endpoints of a tenant, or all. With --all-tenants, list those for all tenants."""
    endpoints = Endpoints(connection.database)
    if tenant is None and not all_tenants:
        found = endpoints.all()
    else:
        found = endpoints.of(owner_of(connection, tenant, all_tenants=all_tenants))
    rows = [row(connection.database, each) for each in found if each.form == WEBHOOK]
    owner = "--all-tenants" if tenant is None else tenant
    print_rows(rows, as_json=as_json, empty=f"There are no webhooks. Next: scimd webhook create {owner} URL")


@webhook.command()
@endpoint_argument
@json_option
@click.pass_obj
def show(connection: Connection, endpoint_id: str, as_json: bool) -> None:
    """Show an endpoint, its public keys, and its last twenty attempts."""
    print_endpoint(connection.database, require(connection, endpoint_id, WEBHOOK), as_json=as_json)


@webhook.command()
@endpoint_argument
@click.option("--url", help="Where to send from now on.")
@click.option("--types", help=TYPES_HELP)
@click.option("--parallel", type=parallel_type, help="The most events that are sent at once.")
@click.option("--resource", type=resource_type, help=RESOURCE_HELP)
@json_option
@click.pass_obj
def change(
    connection: Connection, endpoint_id: str, url: str | None, types: str | None, parallel: int | None,
    resource: str | None, as_json: bool,
) -> None:
    """Change the settings of an endpoint. Its keys and its place stay."""
    require(connection, endpoint_id, WEBHOOK)
    settings: Settings = {}
    if url is not None:
        check_destination(connection, url)
        settings["url"] = url
    if types is not None:
        settings["types"] = read_types(types)
    if parallel is not None:
        settings["parallel"] = parallel
    if resource is not None:
        settings["current"] = resource == CURRENT
    if not settings:
        raise click.UsageError("Say what to change: --url, --types, --parallel or --resource.")
    endpoint = changed(
        connection, "webhook change",
        lambda session: Endpoints(connection.database).change(endpoint_id, session=session, **settings),
        object_=endpoint_id,
    )
    if as_json:
        print_json(row(connection.database, endpoint))


@webhook.command()
@endpoint_argument
@click.option("--overlap", type=Duration(longest=timedelta(days=365)), default="24h", show_default=True,
              help="How long the old key signs beside the new one.")
@json_option
@click.pass_obj
def rotate(connection: Connection, endpoint_id: str, overlap: timedelta, as_json: bool) -> None:
    """Make a new key of the same kind and print it. Both keys sign until the overlap is over."""
    endpoint = require(connection, endpoint_id, WEBHOOK)
    key, text = new_key(connection, endpoint.keys[-1].kind)

    def work(session: Session) -> Endpoint:
        endpoints = Endpoints(connection.database)
        current = endpoints.get(endpoint_id, session)
        keys = _rotated(current.keys if current else (), key, overlap)
        return endpoints.change(endpoint_id, session=session, keys=keys)

    _print_key(changed(connection, "webhook rotate", work, object_=endpoint_id), text, as_json=as_json)


@webhook.command()
@endpoint_argument
@json_option
@click.pass_obj
def delete(connection: Connection, endpoint_id: str, as_json: bool) -> None:
    """Delete an endpoint, with its keys and what it has not accepted."""
    require(connection, endpoint_id, WEBHOOK)
    deleted = changed(
        connection, "webhook delete",
        lambda session: Endpoints(connection.database).delete(endpoint_id, session=session), object_=endpoint_id,
    )
    if as_json:
        print_json(row(connection.database, deleted))


def _rotated(keys: Sequence[SigningKey], new: SigningKey, overlap: timedelta) -> list[SigningKey]:
    """Return the keys after a rotation, without those that sign no more; raises Conflict if there are too many."""
    moment = now()
    old = [_ending(each, moment + overlap) for each in keys]
    ends = [each.until for each in old if each.until and each.until > moment]
    if sum(each > moment + SHORTLY for each in ends) >= MOST_KEYS:
        raise Conflict(
            f"{MOST_KEYS} keys of this endpoint sign already, and each makes requests longer. Wait until one ends, or "
            "end them all with a short overlap, such as --overlap 1s."
        )
    if len(ends) >= MOST_ENDING:
        raise Conflict(f"{MOST_ENDING} keys of this endpoint sign for a minute more; try again when it is over.")
    return [*(each for each in old if each.until in ends), new]


def _ending(key: SigningKey, until: datetime) -> SigningKey:
    """Return a key that signs until a time, or until its own end if that is earlier."""
    return replace(key, until=min(key.until, until) if key.until else until)


def _print_key(endpoint: Endpoint, text: str, *, as_json: bool) -> None:
    is_secret = not endpoint.keys[-1].public
    name = "secret" if is_secret else "public_key"
    shown: dict[str, Any] = {"id": endpoint.id, "tenant": endpoint.tenant, "url": endpoint.url, name: text}
    if as_json:
        print_json(shown)
        return
    tenant = "all" if endpoint.tenant == ALL_TENANTS else endpoint.tenant
    print_values({
        "Endpoint": endpoint.id, "Tenant": tenant, "URL": endpoint.url, "Secret" if is_secret else "Public key": text,
    })
    if is_secret:
        say("The secret is shown only this once.", err=True)
