"""scimd signing-key: the keys that sign tokens and requests, and those that seal what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from app.cli.audit import audited_change
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_rows, say
from app.store.accounts.sealing import Sealer, new_key
from app.store.accounts.tenants import ALL_TENANTS
from app.store.mongo.database import Session
from app.store.mongo.moments import now
from app.store.sign_on.signing_keys import ID_TOKEN, SAML, SigningKey, SigningKeys

_USES = {"tokens": ID_TOKEN, "saml": SAML}


@dataclass(frozen=True)
class _Subject:
    """A key as the subject of a change; it is the server's."""

    id: str
    label: str
    tenant: str = ALL_TENANTS


@click.group("signing-key")
def signing_key() -> None:
    """The keys of the server."""


@signing_key.command("list")
@json_option
@click.pass_obj
def list_keys(connection: Connection, as_json: bool) -> None:
    """List the signing keys, without their private parts."""
    keys = _keys(connection)
    rows = [_row(each) for each in keys.all()]
    print_rows(rows, as_json=as_json, empty="There are no keys yet; the first is made when it is needed.")


@signing_key.command()
@click.option("--now", "at_once", is_flag=True, help="Sign with the new key at once and withdraw all others.")
@click.option("--use", type=click.Choice(tuple(_USES)), default="tokens", show_default=True,
              help="What is signed: tokens for apps, or requests to identity providers.")
@json_option
@click.pass_obj
def rotate(connection: Connection, at_once: bool, use: str, as_json: bool) -> None:
    """Make a new key. It is published at once and signs after a day; the old one stays for a day more."""
    keys = SigningKeys(connection.prepared, Sealer(connection.prepared, connection.config.sealing_keys))

    def work(session: Session) -> tuple[_Subject, SigningKey]:
        made = keys.rotate(_USES[use], at_once=at_once, session=session)
        return _Subject(made.id, made.use), made

    made = audited_change(connection, "signing-key rotate", work)
    if as_json:
        print_json(_row(made))
        return
    say(f"The key {made.id} signs from {made.signs_from:%Y-%m-%d %H:%M} UTC on.")
    if use == "saml":
        say("Upload its certificate where an identity provider verifies requests: scimd sso show TENANT", err=True)


@signing_key.command()
def seal() -> None:
    """Print a new key for SCIMD_SEALING_KEYS. Put it before those that are there, which still open what they sealed."""
    say(new_key())


def _keys(connection: Connection) -> SigningKeys:
    return SigningKeys(connection.database, Sealer(connection.database, connection.config.sealing_keys))


def _row(key: SigningKey) -> dict[str, Any]:
    moment = now()
    state = "waits" if moment < key.signs_from else "published"
    if key.published_until is not None:
        state = "withdrawn" if key.published_until <= moment else "ends"
    return {
        "key_id": key.id, "use": key.use, "state": state, "created": key.created, "signs_from": key.signs_from,
        "published_until": key.published_until,
    }
