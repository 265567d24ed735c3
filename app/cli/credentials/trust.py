"""scimd trust: the issuers whose JSON Web Tokens a tenant accepts."""

from __future__ import annotations

from typing import Any

import click

from app.auth.keys import Keys
from app.cli.audit import acting
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, print_values, say
from app.cli.values import Filled, label_option, scope_option
from app.store.accounts.tenants import Tenants
from app.store.accounts.trusts import ASSERTION, KINDS, Conditions, Trust, Trusts, audience_forms
from app.store.operators.credentials import CredentialActs


@click.group()
def trust() -> None:
    """The issuers whose JWTs a tenant accepts in place of a secret."""


@trust.command()
@click.argument("tenant")
@click.option("--kind", type=click.Choice(KINDS), required=True,
              help="assertion: is exchanged for an access token (workload identity federation). bearer: is sent "
              "with each request.")
@click.option("--issuer", required=True, metavar="URL", help="The exact iss of its tokens.")
@click.option("--audience", "audiences", type=Filled(), required=True, multiple=True,
              help="An accepted aud; repeat the option for more. For an assertion, an app id stands for its three "
              "forms: <app id>, api://<app id> and api://<app id>/.default.")
@click.option("--subject", type=Filled(), help="The only accepted sub.")
@click.option("--app-id", type=Filled(), help="The only accepted appid or azp.")
@click.option("--jwks-uri", default="", metavar="URL", help="Where its keys are, if its metadata does not say so.")
@label_option
@scope_option
@json_option
@click.pass_obj
def add(
    connection: Connection, tenant: str, kind: str, issuer: str, audiences: tuple[str, ...], subject: str | None,
    app_id: str | None, jwks_uri: str, label: str, scope: tuple[str, ...], as_json: bool,
) -> None:
    """Trust an issuer."""
    Tenants(connection.database).require(tenant)

    conditions = Conditions(kind, issuer, audiences, subject or "", app_id or "", jwks_uri)
    added = CredentialActs(connection.database, acting(connection)).add_trust(tenant, conditions, label, scope)
    if not (subject or app_id):
        say("Warning: without --subject or --app-id every application of that issuer has access.", err=True)
    fault = Keys(connection.database).refresh(added)
    if fault:
        say(f"Warning: its keys could not be fetched yet: {fault}.", err=True)
    if as_json:
        print_json(_row(added) | {"token_endpoint": connection.token_endpoint(tenant)})
    elif kind == ASSERTION:
        print_values({
            "Tenant URL": connection.tenant_url(tenant), "OAuth token endpoint": connection.token_endpoint(tenant),
            "Client ID": added.id,
        })
        say(*(f"Audience {each}, accepted as {_either(audience_forms(each))}" for each in audiences))
    else:
        print_values({"Tenant URL": connection.tenant_url(tenant), "Secret Token": "(leave it empty)"})


@trust.command("list")
@click.argument("tenant")
@json_option
@click.pass_obj
def list_trusts(connection: Connection, tenant: str, as_json: bool) -> None:
    """List a tenant's trusts, and whether their keys could be fetched."""
    Tenants(connection.database).require(tenant)
    rows = [_row(each) | _keys(each) for each in Trusts(connection.database).of_tenant(tenant)]
    print_rows(rows, as_json=as_json, empty=f"{tenant} trusts no issuer. Next: scimd trust add {tenant} ...")


@trust.command()
@click.argument("trust_id", metavar="ID")
@click.pass_obj
def delete(connection: Connection, trust_id: str) -> None:
    """Delete a trust; its tokens stop working within five seconds."""
    CredentialActs(connection.database, acting(connection)).delete_trust(trust_id)


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _row(each: Trust) -> dict[str, Any]:
    row: dict[str, Any] = {"id": each.id}
    if each.kind == ASSERTION:
        row |= {"client_id": each.id, "last_audience": each.last_audience or None}
    return row | {
        "kind": each.kind, "issuer": each.issuer, "audiences": list(each.audiences), "subject": each.subject or None,
        "app_id": each.app_id or None, "jwks_uri": each.jwks_uri or None, "scopes": each.scopes, "label": each.label,
        "created": each.created,
    }


def _keys(each: Trust) -> dict[str, Any]:
    return {"keys": len(each.keys or ()), "keys_fetched": each.fetched, "fault": each.fault or None}
