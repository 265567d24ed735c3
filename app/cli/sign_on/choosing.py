"""Which connection of a tenant, and which of its users, a command is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click

from app.cli.connection import Connection
from app.cli.output import say
from app.errors import InvalidValue, NotFound
from app.schemas.custom import all_types
from app.schemas.storage.columns import columns
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.sign_on.provider.claims import scopes_of
from app.store.accounts.tenants import Tenants
from app.store.sign_on import connection as stored
from app.store.sign_on.apps import App
from app.store.sign_on.connections import Connections

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
connection_option = click.option(
    "--connection", "connection_id", metavar="ID", help="The connection, if the tenant has two that it could be."
)


def _any(_: stored.Connection) -> bool:
    return True


def chosen(
    connection: Connection, tenant: str, connection_id: str | None,
    among: Callable[[stored.Connection], bool] = _any,
) -> stored.Connection:
    """Return the connection with this id, without one the only connection that `among` accepts.

    Raises NotFound for an unknown tenant, and ClickException if there is none or more than one.
    """
    Tenants(connection.database).require(tenant)
    found = Connections(connection.database).of_tenant(tenant)
    if connection_id is not None:
        found = [each for each in found if each.id == connection_id]
        if not found:
            raise click.ClickException(f"{tenant} has no connection {connection_id!r}.")
        return found[0]
    if not found:
        raise click.ClickException(f"{tenant} has no connection. Next: scimd sso set {tenant} saml --metadata-url URL")
    fitting = [each for each in found if among(each)]
    if not fitting:
        state = "on" if all(each.on for each in found) else "off"
        raise click.ClickException(f"The connection of {tenant} is {state} already.")
    if len(fitting) > 1:
        names = ", ".join(f"{each.id} ({each.label or each.provider})" for each in fitting)
        raise click.ClickException(f"{tenant} has two connections it could be; say which with --connection: {names}")
    return fitting[0]


def has_group(connection: Connection, tenant: str, name: str) -> bool:
    """Return whether a group with this name has been provisioned."""
    column = columns(GROUP_TYPE)(GROUP_TYPE.label)
    assert column is not None
    return bool(connection.directory(tenant).resources(GROUP_TYPE).ids({column.field: column.key(name)}, 1))


def warn_of_group(connection: Connection, app: App) -> None:
    """Say which of the tenants that an app names have no such group; an app for all tenants is not looked up."""
    group = app.settings.group
    for tenant, _ in (app.settings.tenants or ()) if group else ():
        if not has_group(connection, tenant, group):
            missing = f"{tenant} has no group {group!r} yet"
            say(f"{missing}, so no one there can use the app until it is provisioned.", err=True)


def users_named(connection: Connection, tenant: str, name: str) -> list[str]:
    """Return the ids of the users with this name, or what is given if it is an id: the user may be deleted.

    Raises NotFound.
    """
    directory = connection.directory(tenant)
    column = columns(USER_TYPE)(USER_TYPE.identifier)
    assert column is not None
    found = directory.resources(USER_TYPE).ids({column.field: column.key(name)}, 10)
    if not found and not _ID.fullmatch(name):
        raise NotFound(f"{tenant} has no user {name!r}.")
    return list(found) or [name]


def check_scopes(connection: Connection, scopes: Iterable[str]) -> None:
    """Check that attributes of users have these scopes, in any tenant; raises InvalidValue."""
    users = [each for each in all_types(connection.config.schemas_dir) if each.name == USER_TYPE.name]
    known = list(dict.fromkeys(scope for each in users for scope in scopes_of(each)))
    for scope in scopes:
        if scope not in known:
            raise InvalidValue(f"There is no scope {scope!r}; there are {', '.join(known)}.")
