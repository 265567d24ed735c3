"""scimd app: the apps that people sign in to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.audit import audited_change
from app.cli.connection import Connection
from app.cli.credentials.client import expires_option
from app.cli.output import json_option, print_changes, print_json, print_rows, print_values, say, value_text
from app.cli.sign_on.choosing import check_scopes, warn_of_group
from app.cli.values import Text
from app.sign_on.connecting import check_text
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.mongo.database import Session
from app.store.sign_on.apps import BY_ID, BY_NAME, App, Apps, Settings

_TENANT = "{tenant}"


@dataclass(frozen=True)
class _Subject:
    """An app as the subject of a change; it belongs to no tenant."""

    id: str
    label: str
    tenant: str = ALL_TENANTS


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what an app is."""
    scopes = "openid, profile, email, phone, address, groups, roles, enterprise, external"
    for option in reversed((
        click.option("--redirect-uri", multiple=True,
                     help="Where people may return to from signing in; can be given several times."),
        click.option("--tenant", "tenants", multiple=True,
                     help="A tenant that the app is for; can be given several times; all without it."),
        click.option("--logout-uri", multiple=True, help="Where a browser may be sent after a logout."),
        click.option("--backchannel-logout-uri", help="Where the app is told that a session has ended."),
        click.option("--initiate-login-uri", help="Where the app begins a login that starts at the identity provider."),
        click.option("--scope", "scopes", multiple=True, type=Text(),
                     help=f"A scope that the app may ask for; can be given several times: {scopes}."),
        click.option("--groups", "groups_by", type=click.Choice((BY_NAME, BY_ID)),
                     help="Whether the app is told groups by name or by id."),
        click.option("--group", help="The provisioned group whose members may use the app; '' for everyone."),
    )):
        command = option(command)
    return command


@click.group()
def app() -> None:
    """The apps that people sign in to by OpenID Connect."""


@app.command()
@click.argument("name", type=Text())
@_options
@click.option("--public", is_flag=True, help="The app runs where a secret cannot be kept, as in a browser.")
@expires_option
@json_option
@click.pass_obj
def create(
    connection: Connection, name: str, public: bool, expires: timedelta, as_json: bool, **options: Any
) -> None:
    """Register an app and print what it needs. Its secret is shown only once."""
    base = Settings(name=name, redirect_uris=(), scopes=("openid", "profile", "email"), public=public)
    settings = _settings(connection, base, options)
    apps = Apps(connection.prepared)

    def work(session: Session) -> tuple[_Subject, tuple[App, str]]:
        created = apps.create(settings, lifetime=expires, session=session)
        return _subject(created[0]), created

    created, secret = audited_change(connection, "app create", work)
    _print_secret(connection, created, secret, as_json=as_json)
    warn_of_group(connection, created)


@app.command("list")
@json_option
@click.pass_obj
def list_apps(connection: Connection, as_json: bool) -> None:
    """List the apps, without their secrets."""
    rows = [_row(each) for each in Apps(connection.database).all()]
    if not as_json:
        rows = [{name: row[name] for name in ("app_id", "name", "tenants", "scopes", "created")} for row in rows]
    print_rows(rows, as_json=as_json, empty="There are no apps. Next: scimd app create NAME --redirect-uri URL")


@app.command()
@click.argument("app_id", metavar="ID")
@json_option
@click.pass_obj
def show(connection: Connection, app_id: str, as_json: bool) -> None:
    """Show what an app is, without its secrets."""
    found = Apps(connection.database).require(app_id)
    row = _row(found) | _addresses(connection, found)
    if as_json:
        print_json(row)
        return
    secrets = [f"{each['secret_id']} ({each['state']}, {each['expires']:%Y-%m-%d})" for each in row["secrets"]]
    shown = row | {"secrets": secrets}
    print_values({name.replace("_", " "): value_text(value) for name, value in shown.items()})


@app.command()
@click.argument("app_id", metavar="ID")
@click.option("--name", type=Text(), help="Its name for people.")
@_options
@json_option
@click.pass_obj
def change(connection: Connection, app_id: str, name: str | None, as_json: bool, **options: Any) -> None:
    """Change what an app is. An option replaces all values that there were; what is not named stays."""
    apps = Apps(connection.prepared)

    def work(session: Session) -> tuple[_Subject, tuple[App, App]]:
        before = apps.require(app_id, session)
        settings = _settings(connection, replace(before.settings, name=name or before.settings.name), options)
        changed = apps.change(app_id, settings, session)
        return _subject(changed), (before, changed)

    before, changed = audited_change(connection, "app change", work, object_=app_id)
    if as_json:
        print_json(_row(changed))
    else:
        print_changes(_row(before), _row(changed))
    if before.settings.group != changed.settings.group:
        warn_of_group(connection, changed)


@app.command()
@click.argument("app_id", metavar="ID")
@expires_option
@json_option
@click.pass_obj
def rotate(connection: Connection, app_id: str, expires: timedelta, as_json: bool) -> None:
    """Add a secret and print it. It is shown only once; the others stay valid until they expire or are deleted."""
    apps = Apps(connection.database)

    def work(session: Session) -> tuple[_Subject, tuple[App, str]]:
        rotated, _, secret = apps.rotate(app_id, expires, session)
        return _subject(rotated), (rotated, secret)

    rotated, secret = audited_change(connection, "app rotate", work, object_=app_id)
    _print_secret(connection, rotated, secret, as_json=as_json)


@app.command()
@click.argument("app_id", metavar="ID")
@click.pass_obj
def delete(connection: Connection, app_id: str) -> None:
    """Delete an app; its codes and access tokens are worthless at once."""
    apps = Apps(connection.database)

    def work(session: Session) -> tuple[_Subject, None]:
        return _subject(apps.delete(app_id, session)), None

    audited_change(connection, "app delete", work, object_=app_id)


@app.group()
def secret() -> None:
    """The secrets of an app."""


@secret.command("delete")
@click.argument("app_id", metavar="APP_ID")
@click.argument("secret_id", metavar="SECRET_ID")
@click.pass_obj
def delete_secret(connection: Connection, app_id: str, secret_id: str) -> None:
    """Delete a secret, so that it is accepted no more."""
    apps = Apps(connection.database)

    def work(session: Session) -> tuple[_Subject, None]:
        return _subject(apps.delete_secret(app_id, secret_id, session)), None

    audited_change(connection, "app delete secret", work, object_=app_id)


def _settings(connection: Connection, base: Settings, options: dict[str, Any]) -> Settings:
    """Return the settings with what the options say; raises NotFound for an unknown tenant, InvalidValue."""
    changes = {name: value for name, value in options.items() if value not in (None, ()) and name != "tenants"}
    if changes.get("group"):
        check_text(changes["group"], "The group")
    renamed = {"redirect_uri": "redirect_uris", "logout_uri": "logout_uris"}
    changes = {renamed.get(name, name): value for name, value in changes.items()}
    if "scopes" in changes:
        changes["scopes"] = tuple(dict.fromkeys(("openid", *" ".join(changes["scopes"]).split())))
        check_scopes(connection, changes["scopes"])
    if options["tenants"]:
        found = [Tenants(connection.database).require(name) for name in dict.fromkeys(options["tenants"])]
        changes["tenants"] = tuple((each.name, each.tenant_id) for each in found)
    return replace(base, **changes)


def _subject(each: App) -> _Subject:
    return _Subject(each.id, each.settings.name)


def _addresses(connection: Connection, each: App) -> dict[str, str]:
    """Return where an app finds everything; the name of its tenant stands in it if it is for one alone."""
    tenants = each.settings.tenants or ()
    issuer = f"{connection.config.base_url}/{tenants[0][0] if len(tenants) == 1 else _TENANT}"
    return {"issuer": issuer, "discovery_url": f"{issuer}/.well-known/openid-configuration"}


def _print_secret(connection: Connection, each: App, secret: str, *, as_json: bool) -> None:
    addresses = _addresses(connection, each)
    if as_json:
        made = {"client_secret": secret} if secret else {}
        print_json({"client_id": each.id, **made, **addresses, "name": each.settings.name})
        return
    shown = {"Client Secret": secret} if secret else {}
    print_values({
        "Client ID": each.id, **shown, "Issuer": addresses["issuer"], "Discovery URL": addresses["discovery_url"],
    })
    if _TENANT in addresses["issuer"]:
        say(f"{_TENANT} stands for the name of the tenant whose people sign in.", err=True)
    if secret:
        latest = max(row.expires for row in each.secrets)
        say(f"The secret is shown only this once; it expires on {latest:%Y-%m-%d}.", err=True)


def _row(each: App) -> dict[str, Any]:
    now, settings = datetime.now(UTC), each.settings
    return {
        "app_id": each.id, "name": settings.name, "public": settings.public,
        "tenants": ["*"] if settings.tenants is None else [name for name, _ in settings.tenants],
        "redirect_uris": settings.redirect_uris, "logout_uris": settings.logout_uris,
        "backchannel_logout_uri": settings.backchannel_logout_uri, "initiate_login_uri": settings.initiate_login_uri,
        "scopes": settings.scopes, "groups_by": settings.groups_by, "group": settings.group, "created": each.created,
        "secrets": [
            {"secret_id": row.id, "state": "valid" if now < row.expires else "expired", "expires": row.expires}
            for row in each.secrets
        ],
    }
