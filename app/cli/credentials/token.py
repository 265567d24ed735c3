"""scimd token: the tokens of a tenant, and those of all tenants for consumers of their events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.audit import acting
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.cli.values import Duration, ResourceName, label_option, scope_option
from app.errors import InvalidValue, NotFound
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tokens import EVENTS_READ, Token, Tokens, check_scopes
from app.store.operators.credentials import CredentialActs

_tenant_argument = click.argument("tenant", required=False)
_all_tenants_option = click.option(
    "--all-tenants", is_flag=True, help="In place of TENANT: for a consumer of the events of all tenants."
)


@click.group()
def token() -> None:
    """The Secret Tokens of a tenant, and the tokens of consumers.

    Several may be valid at once, so that one can be replaced without a gap.
    """


@token.command()
@_tenant_argument
@_all_tenants_option
@click.option("--expires", type=Duration(never=True), default="365d", show_default=True,
              help="How long it is valid: a number and s, m, h or d, or never.")
@label_option
@click.option("--user", type=ResourceName(),
              help="The user that /Me refers to: an id, or a name or externalId that only one user has.")
@scope_option
@json_option
@click.pass_obj
def issue(
    connection: Connection, tenant: str | None, all_tenants: bool, expires: timedelta | None, label: str,
    user: str | None, scope: tuple[str, ...], as_json: bool,
) -> None:
    """Issue a token and print it, which is shown only once.

    A token of all tenants has the scope events.read: it reads events and snapshots, and is never accepted for SCIM.
    """
    owner = _owner(connection, tenant, all_tenants=all_tenants)
    check_scopes(owner, scope)
    user_id = None if user is None else _user_id(connection, owner, user)

    text, issued = CredentialActs(connection.database, acting(connection)).issue_token(
        owner, expires, label, scope, user_id
    )
    if as_json:
        print_json({"token": text, "tenant": owner} | _row(issued))
    else:
        say(text)


@token.command("list")
@_tenant_argument
@_all_tenants_option
@json_option
@click.pass_obj
def list_tokens(connection: Connection, tenant: str | None, all_tenants: bool, as_json: bool) -> None:
    """List the tokens of a tenant, or those of all tenants. Their secrets are not shown."""
    owner = _owner(connection, tenant, all_tenants=all_tenants)
    rows = [_row(each) for each in Tokens(connection.database).of_tenant(owner)]
    empty = f"{owner} has no tokens. Next: scimd token issue {owner}"
    if all_tenants:
        empty = f"There are no tokens of all tenants. Next: scimd token issue --all-tenants --scope {EVENTS_READ}"
    print_rows(rows, as_json=as_json, empty=empty)


@token.command()
@click.argument("token_id", metavar="ID")
@click.pass_obj
def revoke(connection: Connection, token_id: str) -> None:
    """Revoke a token; it stops working within five seconds."""
    CredentialActs(connection.database, acting(connection)).revoke_token(token_id)


def _owner(connection: Connection, tenant: str | None, *, all_tenants: bool) -> str:
    """Return the tenant that a token is of, which is `*` for all; raises UsageError, NotFound."""
    if (tenant is not None) is all_tenants:
        raise click.UsageError("Name a tenant, or give --all-tenants in its place.")
    return ALL_TENANTS if tenant is None else Tenants(connection.database).require(tenant).name


def _user_id(connection: Connection, owner: str, user: str) -> str:
    """Return the id of the user with this id, name or externalId; raises NotFound, and InvalidValue for several."""
    if owner == ALL_TENANTS:
        raise click.UsageError("A token of all tenants stands for no user; leave out --user.")
    directory = connection.directory(owner)
    users = directory.resources(directory.catalogue.named(USER_TYPE.name) or USER_TYPE)
    found = list(directory.identities.of([user], [USER_TYPE.name])) or users.named(user, 2)
    if not found:
        raise NotFound(f"{owner} has no user with the id, name or externalId {user!r}.")
    if len(found) > 1:
        raise InvalidValue(f"{owner} has more than one user called {user!r}; give the user's id.")
    return found[0]


def _row(each: Token) -> dict[str, Any]:
    return {
        "id": each.id, "label": each.label, "state": each.state(datetime.now(UTC)), "scopes": each.scopes,
        "created": each.created, "expires": each.expires, "last_used": each.used, "user": each.user,
    }
