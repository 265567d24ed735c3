"""scimd client: the OAuth 2.0 clients of a tenant and their secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.audit import acting
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, print_values, say
from app.cli.values import Duration, label_option, scope_option
from app.store.accounts.clients import LONGEST_SECRET, LONGEST_TOKEN, Client, Clients, Secret
from app.store.accounts.tenants import Tenants
from app.store.operators.credentials import CredentialActs

expires_option = click.option(
    "--expires", type=Duration(longest=LONGEST_SECRET), default="365d", show_default=True,
    help="How long the secret is valid: a number and s, m, h or d; at most three years.",
)


@click.group()
def client() -> None:
    """The OAuth 2.0 clients of a tenant (client credentials grant)."""


@client.command()
@click.argument("tenant")
@expires_option
@label_option
@click.option("--token-lifetime", type=Duration(longest=LONGEST_TOKEN), default="1h", show_default=True,
              help="How long its access tokens are valid: 1h to 6h.")
@scope_option
@json_option
@click.pass_obj
def create(
    connection: Connection, tenant: str, expires: timedelta, label: str, token_lifetime: timedelta,
    scope: tuple[str, ...], as_json: bool,
) -> None:
    """Create a client and print its first secret. It is shown only once."""
    Tenants(connection.database).require(tenant)
    acts = CredentialActs(connection.database, acting(connection))
    created, secret = acts.create_client(tenant, expires, label, scope, token_lifetime)
    _print_secret(connection, created, created.secrets[0], secret, as_json=as_json)


@client.command("list")
@click.argument("tenant")
@json_option
@click.pass_obj
def list_clients(connection: Connection, tenant: str, as_json: bool) -> None:
    """List the clients of a tenant, without their secrets."""
    Tenants(connection.database).require(tenant)
    rows = [_row(each) for each in Clients(connection.database).of_tenant(tenant)]
    if not as_json:
        rows = [row | {"secrets": [_secret_text(secret) for secret in row["secrets"]]} for row in rows]
    print_rows(rows, as_json=as_json, empty=f"{tenant} has no clients. Next: scimd client create {tenant}")


@client.command()
@click.argument("client_id", metavar="ID")
@expires_option
@json_option
@click.pass_obj
def rotate(connection: Connection, client_id: str, expires: timedelta, as_json: bool) -> None:
    """Add a secret and print it. It is shown only once; the others stay valid until they expire or are deleted."""
    acts = CredentialActs(connection.database, acting(connection))
    found, row, secret = acts.rotate_client(client_id, expires)
    _print_secret(connection, found, row, secret, as_json=as_json)


@client.command()
@click.argument("client_id", metavar="ID")
@click.pass_obj
def delete(connection: Connection, client_id: str) -> None:
    """Delete a client, and end its access tokens within five seconds."""
    CredentialActs(connection.database, acting(connection)).delete_client(client_id)


@client.group()
def secret() -> None:
    """The secrets of a client."""


@secret.command("delete")
@click.argument("client_id", metavar="CLIENT_ID")
@click.argument("secret_id", metavar="SECRET_ID")
@click.pass_obj
def delete_secret(connection: Connection, client_id: str, secret_id: str) -> None:
    """Delete a secret, so that it gets no more access tokens."""
    CredentialActs(connection.database, acting(connection)).delete_secret(client_id, secret_id)


def _print_secret(connection: Connection, each: Client, row: Secret, secret: str, *, as_json: bool) -> None:
    endpoint = connection.token_endpoint(each.tenant)
    if as_json:
        print_json({
            "client_id": each.id, "client_secret": secret, "secret_id": row.id, "token_endpoint": endpoint,
            "expires": row.expires, "scope": " ".join(sorted(each.scopes)), "tenant": each.tenant, "label": each.label,
        })
        return
    print_values({
        "Tenant URL": connection.tenant_url(each.tenant), "OAuth token endpoint": endpoint, "Client ID": each.id,
        "Client Secret": secret,
    })
    say(f"The secret is shown only this once; it expires on {row.expires:%Y-%m-%d}.", err=True)


def _row(each: Client) -> dict[str, Any]:
    now = datetime.now(UTC)
    secrets = [
        {"secret_id": row.id, "state": "valid" if now < row.expires else "expired", "created": row.created,
         "expires": row.expires}
        for row in each.secrets
    ]
    return {
        "client_id": each.id, "label": each.label, "scopes": each.scopes, "created": each.created,
        "token_seconds": int(each.token_lifetime.total_seconds()), "secrets": secrets,
    }


def _secret_text(row: dict[str, Any]) -> str:
    return f"{row['secret_id']}({row['state']}, {row['expires']:%Y-%m-%d})"
