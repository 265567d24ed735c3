"""scimd token: the Secret Tokens of a tenant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.audit import audited_change
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.cli.values import Duration, ResourceName, label_option, scope_option
from app.errors import InvalidValue, NotFound
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Token, Tokens
from app.store.mongo.database import Session


@click.group()
def token() -> None:
    """The Secret Tokens of a tenant; several may be valid at once, so that one can be replaced without a gap."""


@token.command()
@click.argument("tenant")
@click.option("--expires", type=Duration(never=True), default="365d", show_default=True,
              help="How long it is valid: a number and s, m, h or d, or never.")
@label_option
@click.option("--user", type=ResourceName(),
              help="The user that /Me refers to: an id, or a name or externalId that only one user has.")
@scope_option
@json_option
@click.pass_obj
def issue(
    connection: Connection, tenant: str, expires: timedelta | None, label: str, user: str | None,
    scope: tuple[str, ...], as_json: bool,
) -> None:
    """Issue a token and print it, which is shown only once."""
    Tenants(connection.database).require(tenant)
    user_id = None if user is None else _user_id(connection, tenant, user)

    def work(session: Session) -> tuple[Token, tuple[str, Token]]:
        issued = Tokens(connection.database).issue(
            tenant, lifetime=expires, label=label, scopes=scope, user=user_id, session=session
        )
        return issued[1], issued

    text, issued = audited_change(connection, "token issue", work, tenant=tenant)
    if as_json:
        print_json({"token": text, "tenant": tenant} | _row(issued))
    else:
        say(text)


@token.command("list")
@click.argument("tenant")
@json_option
@click.pass_obj
def list_tokens(connection: Connection, tenant: str, as_json: bool) -> None:
    """List the tokens of a tenant, without their secrets."""
    Tenants(connection.database).require(tenant)
    rows = [_row(each) for each in Tokens(connection.database).of_tenant(tenant)]
    print_rows(rows, as_json=as_json, empty=f"{tenant} has no tokens. Next: scimd token issue {tenant}")


@token.command()
@click.argument("token_id", metavar="ID")
@click.pass_obj
def revoke(connection: Connection, token_id: str) -> None:
    """Revoke a token; it stops working within five seconds."""
    tokens = Tokens(connection.database)
    audited_change(
        connection, "token revoke", lambda session: (tokens.revoke(token_id, session), None), object_=token_id
    )


def _user_id(connection: Connection, tenant: str, user: str) -> str:
    """Return the id of the user with this id, name or externalId; raises NotFound, and InvalidValue for several."""
    directory = connection.directory(tenant)
    users = directory.resources(directory.catalogue.named(USER_TYPE.name) or USER_TYPE)
    found = list(directory.identities.of([user], [USER_TYPE.name])) or users.named(user, 2)
    if not found:
        raise NotFound(f"{tenant} has no user with the id, name or externalId {user!r}.")
    if len(found) > 1:
        raise InvalidValue(f"{tenant} has more than one user called {user!r}; give the user's id.")
    return found[0]


def _row(each: Token) -> dict[str, Any]:
    return {
        "id": each.id, "label": each.label, "state": each.state(datetime.now(UTC)), "scopes": each.scopes,
        "created": each.created, "expires": each.expires, "last_used": each.used, "user": each.user,
    }
