"""scimd sso: how a tenant's people sign in, and who is signed in."""

from __future__ import annotations

from typing import Any

import click

from app.cli.audit import actor, audited, audited_change
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.cli.sign_on.choosing import chosen, connection_option, users_named
from app.cli.sign_on.connecting import set_connection
from app.cli.sign_on.portal import facts, print_facts, print_portal
from app.cli.sign_on.trial import try_connection
from app.schemas.tables.user import USER_TYPE
from app.sign_on.connecting import is_tested, obstacles
from app.sign_on.endings import OPERATOR, Endings
from app.sign_on.flow.urls import Urls
from app.sign_on.refreshing import Refreshing
from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Session
from app.store.mongo.moments import now
from app.store.sign_on import connection as stored
from app.store.sign_on.apps import Apps
from app.store.sign_on.connections import Connections
from app.store.sign_on.links import forget, forget_connection
from app.store.sign_on.sessions import Sessions


@click.group()
def sso() -> None:
    """How the people of a tenant sign in."""


sso.add_command(set_connection)
sso.add_command(try_connection)


@sso.command()
@click.argument("tenant")
@connection_option
@json_option
@click.pass_obj
def show(connection: Connection, tenant: str, connection_id: str | None, as_json: bool) -> None:
    """Show what to paste into Entra, and the state of each connection."""
    Tenants(connection.database).require(tenant)
    found = Connections(connection.database).of_tenant(tenant)
    if connection_id is not None:
        found = [chosen(connection, tenant, connection_id)]
    if as_json:
        print_json([facts(connection, each) for each in found])
        return
    if not found:
        say(f"{tenant} has no connection. Next: scimd sso set {tenant} saml --metadata-url URL")
    for number, each in enumerate(found):
        if number:
            say("")
        print_portal(connection, each)
        print_facts(facts(connection, each))


@sso.command()
@click.argument("tenant")
@click.option("--untested", is_flag=True, help="Also without a test that was passed within seven days.")
@connection_option
@click.pass_obj
def on(connection: Connection, tenant: str, untested: bool, connection_id: str | None) -> None:
    """Turn a connection on, and the other one off in the same moment."""
    found = chosen(connection, tenant, connection_id, among=lambda each: not each.on)
    obstructing = obstacles(found, connection.config.base_url, now())
    if obstructing:
        raise click.ClickException(" ".join(obstructing))
    if not untested and not is_tested(found, now()):
        raise click.ClickException(f"It was not tested within seven days: scimd sso test {tenant}, or add --untested.")

    def work(session: Session) -> tuple[stored.Connection, None]:
        return Connections(connection.database).turn_on(tenant, found.id, session), None

    audited_change(connection, "connection on", work, tenant=tenant, object_=found.id)
    say(f"On. People sign in at {Urls(connection.config.base_url, tenant).sign_on}", err=True)


@sso.command()
@click.argument("tenant")
@click.pass_obj
def off(connection: Connection, tenant: str) -> None:
    """Turn the connection off, and end all sessions. Those by the connection that was on before it end, too."""
    found = chosen(connection, tenant, None, among=lambda each: each.on)

    def work(session: Session) -> tuple[stored.Connection, None]:
        return Connections(connection.database).turn_off(tenant, found.id, session), None

    audited_change(connection, "connection off", work, tenant=tenant, object_=found.id)
    _end(connection, tenant, {})


@sso.command()
@click.argument("tenant")
@connection_option
@click.pass_obj
def refresh(connection: Connection, tenant: str, connection_id: str | None) -> None:
    """Read the metadata of the identity provider now."""
    Tenants(connection.database).require(tenant)
    every = Connections(connection.database).of_tenant(tenant)
    found = [each for each in every if connection_id in (None, each.id) and each.can_be_read_again]
    if not found:
        raise click.ClickException(f"{tenant} has no connection whose metadata has a URL.")
    for each in found:
        with audited(connection, "connection refresh", tenant, each.id):
            fault = Refreshing(connection.database).attempt(each)
            if fault:
                raise click.ClickException(fault)
        say(f"The metadata of {each.provider} was read.", err=True)


@sso.command()
@click.argument("tenant")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_option
@click.pass_obj
def delete(connection: Connection, tenant: str, yes: bool, connection_id: str | None) -> None:
    """Delete a connection, and end all its sessions."""
    found = chosen(connection, tenant, connection_id)
    if not yes and not click.confirm(f"Delete the connection of {tenant} to {found.provider}?", err=True):
        raise click.ClickException("Nothing was deleted.")

    def work(session: Session) -> tuple[stored.Connection, None]:
        forget_connection(connection.database, tenant, found.id, session)
        return Connections(connection.database).delete(tenant, found.id, session), None

    audited_change(connection, "connection delete", work, tenant=tenant, object_=found.id)
    _end(connection, tenant, {"connection": found.id})


@sso.command()
@click.argument("tenant")
@click.option("--user", metavar="NAME", help="Only this user's sessions.")
@json_option
@click.pass_obj
def sessions(connection: Connection, tenant: str, user: str | None, as_json: bool) -> None:
    """List who is signed in, since when, and to which apps."""
    directory = connection.directory(tenant)
    apps = {each.id: each.settings.name for each in Apps(connection.database).all()}
    store = Sessions(connection.database)
    every = store.running(tenant) if user is None else [
        each for user_id in users_named(connection, tenant, user) for each in store.running(tenant, user_id)
    ]
    rows = []
    for each in every:
        found = directory.get(USER_TYPE, each.user, frozenset({USER_TYPE.identifier})) or {}
        rows.append({
            "user": found.get(USER_TYPE.identifier), "user_id": each.user, "signed_in": each.auth_time,
            "until": each.expires, "apps": [apps.get(app, app) for app in each.apps], "address": each.address or None,
        })
    print_rows(rows, as_json=as_json, empty="No one is signed in.")


@sso.command()
@click.argument("tenant")
@click.option("--user", metavar="NAME", help="The sessions of this user.")
@click.option("--all", "everybody", is_flag=True, help="The sessions of everyone.")
@click.pass_obj
def end(connection: Connection, tenant: str, user: str | None, everybody: bool) -> None:
    """End sessions; the apps are told."""
    if (user is None) == (not everybody):
        raise click.UsageError("Give --user NAME or --all.")
    Tenants(connection.database).require(tenant)
    query = {} if user is None else {"user": {"$in": users_named(connection, tenant, user)}}
    with audited(connection, "session end", tenant, user or "all"):
        _end(connection, tenant, query)


@sso.command()
@click.argument("tenant")
@click.option("--user", required=True, metavar="NAME", help="The user, by userName or id.")
@click.pass_obj
def unlink(connection: Connection, tenant: str, user: str) -> None:
    """Forget by which id the identity provider knows a user. The next sign-in writes down another one."""
    Tenants(connection.database).require(tenant)
    users = users_named(connection, tenant, user)
    with audited(connection, "session unlink", tenant, user):
        number = sum(forget(connection.database, tenant, each) for each in users)
    if not number:
        raise click.ClickException(f"Nothing was written down for {user!r}.")
    say(f"Forgotten: {user} can sign in by another id.", err=True)


def _end(connection: Connection, tenant: str, query: dict[str, Any]) -> None:
    endings = Endings(connection.database, connection.config.log_days)
    number = endings.end(tenant, query, OPERATOR, actor())
    say(f"Ended {number} session{'' if number == 1 else 's'}.", err=True)
