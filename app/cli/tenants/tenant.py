"""scimd tenant: the customers of this server."""

from __future__ import annotations

from time import sleep
from typing import Any

import click

from app.cli.audit import acting
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.cli.sign_on.domain import domain
from app.cli.tenants.connect_page import connect_page, print_connect_page
from app.cli.tenants.guard import facts as guard_facts
from app.cli.tenants.guard import guard, print_found
from app.cli.tenants.overview import overview, print_overview, state_row
from app.config import requests_a_second
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import PROFILES, SYNONYMS, BeingDeleted, Tenant, Tenants
from app.store.guard.guards import Guards
from app.store.mongo.moments import now
from app.store.operators.customers import TenantActs


class _Rate(click.ParamType):
    """Requests a second, or `default`, which becomes None."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "default":
            return None
        try:
            return requests_a_second(value)
        except ValueError as error:
            self.fail(f"{value!r} is neither {error} nor default", param, ctx)


@click.group()
def tenant() -> None:
    """The customers of this server, each with its own SCIM URL."""


tenant.add_command(domain)
tenant.add_command(guard)


@tenant.command()
@click.argument("name")
@click.option("--profile", type=click.Choice((*PROFILES, *SYNONYMS)), default=PROFILES[0], show_default=True,
              help="Which clients it is for. gallery: Entra's gallery app. interop: any other Entra app, Okta, "
              "OneLogin, Google, JumpCloud and all other identity providers. rfc: conformance suites, and clients "
              "that are known to be exact. entra: the older name of interop.")
@click.option("--rate-limit", type=_Rate(), metavar="RATE",
              help="Requests a second that it may make, at least 25; the default is SCIMD_RATE_LIMIT.")
@json_option
@click.pass_obj
def create(connection: Connection, name: str, profile: str, rate_limit: int | None, as_json: bool) -> None:
    """Create a tenant."""
    created = create_tenant(connection, name, profile, rate_limit)
    if as_json:
        print_json(_row(connection, created))
        return
    say(f"Tenant URL: {connection.tenant_url(name)}")
    say(f"Next: scimd token issue {name}   (prints the Secret Token, once)")


@tenant.command("list")
@json_option
@click.pass_obj
def list_tenants(connection: Connection, as_json: bool) -> None:
    """List the tenants."""
    found = Tenants(connection.database).list()
    facts = overview(connection, [each.name for each in found])
    rows = [_listed(connection, each, state_row(facts[each.name], as_json=as_json)) for each in found]
    print_rows(rows, as_json=as_json, empty="There are no tenants. Next: scimd tenant create NAME")


@tenant.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(connection: Connection, name: str, as_json: bool) -> None:
    """Show what to paste into Entra, for each credential there is."""
    found = Tenants(connection.database).require(name)
    page, facts = connect_page(connection, found), overview(connection, [name])[name]
    last = max(filter(None, (facts.pop("last_contact"), page["last_contact"])), default=None)
    page |= facts | {"last_contact": last}
    found_by_guard = Guards(connection.database).get(name)
    if as_json:
        shown = state_row(page, as_json=True) | {"guard": guard_facts(found_by_guard)}
        print_json(_row(connection, found) | shown)
    else:
        print_connect_page(found, page)
        print_overview(page)
        print_found(name, found_by_guard)


@tenant.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(connection: Connection, name: str, yes: bool) -> None:
    """Delete a tenant and everything that belongs to it."""
    deletion = TenantDeletion(connection.prepared)
    if not deletion.is_under_way(name):  # otherwise an interrupted deletion continues
        Tenants(connection.prepared).require(name)
    if not yes and not click.confirm(f"Delete {name} with all its users, groups, credentials and its log?", err=True):
        raise click.ClickException("Nothing was deleted.")
    _acts(connection).delete(name)
    connection.relay()
    say(f"Deleted {name}.", err=True)


@tenant.command()
@click.argument("name")
@click.pass_obj
def suspend(connection: Connection, name: str) -> None:
    """Refuse a tenant's requests with 403 and keep its data."""
    _acts(connection).suspend(name)
    connection.relay()


@tenant.command()
@click.argument("name")
@click.pass_obj
def resume(connection: Connection, name: str) -> None:
    """Accept a tenant's requests again."""
    _acts(connection).resume(name)
    connection.relay()


def create_tenant(connection: Connection, name: str, profile: str, rate_limit: int | None = None) -> Tenant:
    """Create a tenant and return it; if one with this name was just deleted, wait until the name is free.

    Raises InvalidValue for a name that cannot be one, and Conflict for one that is taken.
    """
    while True:
        try:
            created = _acts(connection).create(name, profile, rate_limit)
        except BeingDeleted as error:
            say(f"scimd: {error.detail} Waiting for it.", err=True)
            sleep(max(0.0, (error.until - now()).total_seconds()))
        else:
            connection.relay()
            return created


def _acts(connection: Connection) -> TenantActs:
    return TenantActs(connection.prepared, acting(connection))


@tenant.command()
@click.argument("name")
@click.argument("rate", type=_Rate(), metavar="RATE|default")
@click.pass_obj
def limit(connection: Connection, name: str, rate: int | None) -> None:
    """Let a tenant make RATE requests a second, at least 25. `default` stands for SCIMD_RATE_LIMIT."""
    _acts(connection).limit(name, rate)


def _listed(connection: Connection, each: Tenant, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a tenant's row with what an operator looks for first at its beginning."""
    first = {"name": each.name, **{key: facts[key] for key in ("state", "last_contact", "refused_24h")}}
    return first | _row(connection, each) | facts


def _row(connection: Connection, each: Tenant) -> dict[str, Any]:
    return {
        "name": each.name, "profile": each.profile, "suspended": each.suspended, "created": each.created,
        "rate_limit": each.rate_limit,
        "tenant_url": connection.tenant_url(each.name),
    }
