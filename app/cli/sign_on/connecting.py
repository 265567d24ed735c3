"""scimd sso set: what an operator says about the identity provider of a tenant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.cli.audit import audited_change
from app.cli.connection import Connection
from app.cli.output import say
from app.cli.sign_on.choosing import chosen, connection_option
from app.cli.sign_on.portal import print_portal, warnings
from app.cli.values import Filled, Label, Text
from app.errors import InvalidValue, NotFound, ScimError
from app.sign_on.connecting import by_hand, certificate_in, check_text, match_of
from app.sign_on.refreshing import MOST_METADATA, discovered, fetch_metadata, with_metadata
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenant, Tenants
from app.store.accounts.trusts import check_url
from app.store.mongo.database import Session
from app.store.sign_on import connection as stored
from app.store.sign_on.apps import Apps
from app.store.sign_on.connection import KINDS, OIDC, SAML, OidcPart, SamlPart
from app.store.sign_on.connections import Connections
from app.store.sign_on.links import forget_connection

_OF_SAML = ("metadata_url", "metadata_file", "entity_id", "sso_url", "certificate", "our_entity_id", "sign_requests")
_OF_OIDC = ("issuer", "client_id", "secret_stdin", "key", "scope")
_WAYS = "Give --metadata-url, or --metadata-file, or all of --entity-id, --sso-url and --certificate."
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what a connection is."""
    for option in reversed((
        click.option("--metadata-url", metavar="URL", help="SAML: Entra's App Federation Metadata Url."),
        click.option("--metadata-file", type=_FILE,
                     help="SAML: the identity provider's metadata; it is then not read again."),
        click.option("--entity-id", type=Text(),
                     help="SAML: the identity provider's name; chooses one of several in the metadata."),
        click.option("--sso-url", metavar="URL",
                     help="SAML: where the identity provider takes requests, if there is no metadata."),
        click.option("--certificate", type=_FILE,
                     help="SAML: what the identity provider signs with, if there is no metadata."),
        click.option("--our-entity-id", type=Text(), help="SAML: an Identifier of ours other than the usual one."),
        click.option("--sign-requests/--no-sign-requests", default=None,
                     help="SAML: sign the requests to the identity provider."),
        click.option("--issuer", metavar="URL", help="OpenID Connect: the identity provider's exact iss."),
        click.option("--client-id", type=Filled(), help="OpenID Connect: the Application (client) ID."),
        click.option("--secret-stdin", is_flag=True, help="OpenID Connect: read the client secret from stdin."),
        click.option("--key", is_flag=True, help="OpenID Connect: the server's key takes the place of a secret."),
        click.option("--scope", multiple=True, type=Text(), help="OpenID Connect: a further scope to ask for."),
        click.option("--match", type=Text(), metavar="A=SOURCE", help="How a user is found, such as userName=NameID."),
        click.option("--subject", type=Text(), metavar="CLAIM", help="The claim that has the person's immutable id."),
        click.option("--require-mfa/--no-require-mfa", default=None,
                     help="Let in only people who have used a second factor."),
        click.option("--group", type=click.STRING,
                     help="Let in only members of this provisioned group; '' for everyone."),
        click.option("--app", type=click.STRING, metavar="ID", help="The app that the Sign on URL leads to."),
        click.option("--label", type=Label(), help="A name by which you will recognize it."),
    )):
        command = option(command)
    return command


@click.command("set")
@click.argument("tenant")
@click.argument("kind", type=click.Choice(KINDS))
@_options
@connection_option
@click.pass_obj
def set_connection(connection: Connection, tenant: str, kind: str, connection_id: str | None, **options: Any) -> None:
    """Connect an identity provider, or change the one that is off.

    What is not given stays as it is. A second connection to the same identity provider begins as the one that is on.
    """
    found = Tenants(connection.prepared).require(tenant)
    foreign = [name for name in (_OF_OIDC if kind == SAML else _OF_SAML) if options[name] not in (None, False, ())]
    if foreign:
        raise click.UsageError(f"--{foreign[0].replace('_', '-')} is not an option of {kind}.")
    before = _changed(connection, tenant, connection_id)
    wanted = _wanted(connection, found, kind, before, options)
    moved = before is not None and (before.kind, before.provider) != (wanted.kind, wanted.provider)

    def work(session: Session) -> tuple[stored.Connection, stored.Connection]:
        connections = Connections(connection.database)
        if before is not None and moved:  # what is known of people by the old provider does not hold for the new one
            connections.delete(tenant, before.id, session)
            forget_connection(connection.database, tenant, before.id, session)
        saved = connections.save(replace(wanted, id="") if moved else wanted, session)
        return saved, saved

    act = "connection add" if before is None or moved else "connection change"
    saved = audited_change(connection, act, work, tenant=tenant, object_=wanted.id)
    if before is not None and moved:
        say(f"This replaces the connection {before.id} ({before.label or before.provider}), which was off.", err=True)
    print_portal(connection, saved)
    for sentence in warnings(connection, saved):
        say("", f"Warning: {sentence}", err=True)
    say("", f"Next: scimd sso test {tenant}, and then scimd sso on {tenant}", err=True)


def _changed(connection: Connection, tenant: str, connection_id: str | None) -> stored.Connection | None:
    """Return the connection that is changed, None for a new one; raises ClickException."""
    found = Connections(connection.database).of_tenant(tenant)
    if connection_id is None and all(each.on for each in found):
        return None
    return chosen(connection, tenant, connection_id, among=lambda each: not each.on)


def _wanted(
    connection: Connection, tenant: Tenant, kind: str, before: stored.Connection | None, options: Mapping[str, Any]
) -> stored.Connection:
    """Return the connection as the options say, and as it was where they do not; raises InvalidValue, Unusable."""
    said = _said_saml(options) if kind == SAML else None
    model = _model(connection, tenant, kind, before, said.entity_id if said else options["issuer"])
    attribute, source = match_of(kind, options["match"])
    if model and options["match"] is None:
        attribute, source = model.match_attribute, model.match_source
    base = model or stored.Connection(tenant=tenant.name, kind=kind, match_attribute="", match_source="")
    base = replace(base, id=before.id if before else "")
    names = ("subject", "require_mfa", "sign_requests", "group", "app", "label")
    settings = {name: options[name] for name in names if options[name] is not None}
    if settings.get("app") and not Apps(connection.database).require(settings["app"]).serves(tenant):
        raise NotFound(f"The app {settings['app']} is not for {tenant.name}.")
    if kind == SAML:
        part: dict[str, Any] = {SAML: _saml(said, model.saml if model else None, options["our_entity_id"])}
    else:
        part = {OIDC: _oidc(connection, model.oidc if model else None, options)}
    return replace(base, match_attribute=attribute, match_source=source, **settings, **part)


def _model(
    connection: Connection, tenant: Tenant, kind: str, before: stored.Connection | None, provider: str | None
) -> stored.Connection | None:
    """Return the connection that stays as it is where the options say nothing, or None (D-730).

    That is the one that is changed, and for another identity provider, or a new connection, the one that is on if it is
    to this `provider`, which is None if the options name none.
    """
    found = Connections(connection.database).of_tenant(tenant.name)
    same = [each for each in (before, *(each for each in found if each.on)) if each and each.kind == kind]
    fitting = [each for each in same if provider in (None, each.provider)]
    return next(iter(fitting), before if before in same else None)


def _said_saml(options: Mapping[str, Any]) -> SamlPart | None:
    """Return the identity provider that the options describe, None if they do not; raises InvalidValue, Unusable."""
    url, file, entity_id = options["metadata_url"], options["metadata_file"], options["entity_id"]
    by_options = (options["sso_url"], options["certificate"])
    ways = [bool(url), bool(file), any(by_options)]
    if sum(ways) > 1 or (any(by_options) and not (all(by_options) and entity_id)):
        raise click.UsageError(_WAYS)
    named = SamlPart(entity_id=entity_id or "", sso_url="", certificates=(), metadata_url=url or "")
    if url:
        check_url(url, "The metadata URL", query=True)
        content = fetch_metadata(url)
        with _naming(url):
            return with_metadata(named, content)
    if file:
        with _reading(file) as content:
            return with_metadata(named, content)
    if any(by_options):
        with _reading(options["certificate"]) as content:
            certificate = certificate_in(content)
        return by_hand(entity_id, options["sso_url"], certificate)
    return None


def _saml(said: SamlPart | None, before: SamlPart | None, our_entity_id: str | None) -> SamlPart:
    part = said or before
    if part is None:
        raise click.UsageError(_WAYS)
    ours = our_entity_id or (before.our_entity_id if before else "")
    if ours:
        check_text(ours, "Our entity id")
    return replace(part, our_entity_id=ours)


def _oidc(connection: Connection, before: OidcPart | None, options: Mapping[str, Any]) -> OidcPart:
    issuer = options["issuer"] or (before.issuer if before else "")
    client_id = options["client_id"] or (before.client_id if before else "")
    if not (issuer and client_id):
        raise click.UsageError("Give --issuer and --client-id.")
    if options["secret_stdin"] and options["key"]:
        raise click.UsageError("Give --secret-stdin or --key, and not both.")
    secret = before.secret if before else ""
    if options["secret_stdin"]:
        text = _secret()
        check_text(text, "The secret on stdin")
        secret = Sealer(connection.database, connection.config.sealing_keys).seal(text.encode())
    elif options["key"]:
        secret = ""
    elif before is None:
        raise click.UsageError("Give --secret-stdin, and the client secret on stdin; or --key.")
    scopes = options["scope"] or (before.scopes if before else ())
    return discovered(OidcPart(issuer=issuer, client_id=client_id, secret=secret, scopes=tuple(scopes)))


def _secret() -> str:
    """Return the line on stdin, and ask for it where that is a terminal."""
    if sys.stdin.isatty():
        asked: str = click.prompt("Client secret", hide_input=True, err=True)
        return asked.strip()
    return sys.stdin.readline().strip()


@contextmanager
def _reading(path: Path) -> Iterator[bytes]:
    """Hand out the content of a file; an error inside the block is raised as InvalidValue, which names the file."""
    with _naming(str(path)):
        try:
            if path.stat().st_size > MOST_METADATA:
                raise InvalidValue(f"It is larger than {MOST_METADATA} bytes.")
            content = path.read_bytes()
        except OSError as error:
            raise InvalidValue(f"{error.strerror}.") from error
        yield content


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Raise an error inside the block as InvalidValue that names the file or URL."""
    try:
        yield
    except ScimError as error:
        raise InvalidValue(f"{source}: {error.detail}") from error
