"""scimd stream: the streams of security event tokens, and the key that signs the tokens."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import click

from app.cli.audit import audited_change
from app.cli.connection import Connection
from app.cli.output import cell, json_option, print_json, print_rows, print_table, print_values, say
from app.cli.values import Text
from app.cli.webhooks.acting import attempt_row, changed, check_destination, endpoint_argument, require
from app.errors import InvalidValue
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.delivery import starting
from app.store.delivery.endpoint import POLL, SET, Endpoint
from app.store.delivery.endpoints import Endpoints, Settings
from app.store.delivery.put_aside import PutAsides
from app.store.mongo.database import Session
from app.store.sign_on.signing_keys import EVENT_TOKEN, SigningKey, SigningKeys

authorization_option = click.option(
    "--authorization-stdin", is_flag=True,
    help="Read from stdin what is sent as the header Authorization, such as Bearer and a token.",
)
_FORMS = (SET, POLL)
_WAYS = {SET: "push", POLL: "poll"}


@click.group()
def stream() -> None:
    """The streams of security event tokens (RFC 9967). They are pushed or polled."""


@stream.command()
@click.argument("tenant")
@click.option("--push", "url", metavar="URL", help="Send each token to this URL (RFC 8935).")
@click.option("--poll", is_flag=True, help="Let the receiver ask for the tokens (RFC 8936).")
@click.option("--audience", type=Text(), required=True, help="By what the receiver knows that a token is for it.")
@authorization_option
@click.option("--from-start", is_flag=True, help="Begin with the oldest event that is kept, instead of the next one.")
@json_option
@click.pass_obj
def create(
    connection: Connection, tenant: str, url: str | None, poll: bool, audience: str, authorization_stdin: bool,
    from_start: bool, as_json: bool,
) -> None:
    """Create a stream and print what its receiver has to know."""
    if (url is not None) is poll:
        raise click.UsageError("Give --push with a URL, or --poll.")
    if poll and authorization_stdin:
        raise click.UsageError("--authorization-stdin goes with --push.")
    owner = Tenants(connection.database).require(tenant).name
    settings: Settings = {"audience": audience}
    if url is not None:
        check_destination(connection, url)
        settings["url"] = url
    database = connection.prepared
    if authorization_stdin:
        settings["authorization"] = _authorization(connection)
    place = starting.oldest(database) if from_start else starting.newest(database)

    def work(session: Session) -> Endpoint:
        return Endpoints(database).create(owner, POLL if poll else SET, place=place, session=session, **settings)

    created = changed(connection, "stream create", work, tenant=owner)
    shown = _addresses(connection, created)
    if as_json:
        print_json({"id": created.id, "tenant": owner, "delivery": _WAYS[created.form], **shown})
        return
    print_values({"Stream": created.id, **{_TITLES[name]: value for name, value in shown.items()}})
    if poll:
        say(f"The receiver needs a token: scimd token issue {owner} --scope events.read", err=True)


@stream.command("list")
@click.argument("tenant", required=False)
@json_option
@click.pass_obj
def list_streams(connection: Connection, tenant: str | None, as_json: bool) -> None:
    """List the streams of a tenant, or of all tenants."""
    endpoints = Endpoints(connection.database)
    found = endpoints.all() if tenant is None else endpoints.of(Tenants(connection.database).require(tenant).name)
    rows = [_row(connection, each) for each in found if each.form in _FORMS]
    next_one = f"scimd stream create {tenant or 'TENANT'} --poll --audience AUDIENCE"
    print_rows(rows, as_json=as_json, empty=f"There are no streams. Next: {next_one}")


@stream.command()
@endpoint_argument
@json_option
@click.pass_obj
def show(connection: Connection, endpoint_id: str, as_json: bool) -> None:
    """Show a stream, and what its receiver has refused lately."""
    found = require(connection, endpoint_id, *_FORMS)
    facts = _row(connection, found) | _addresses(connection, found) | {
        "created": found.created, "has_authorization": bool(found.authorization), "failed_attempts": found.failed,
        "put_aside": PutAsides(connection.database).numbers(found.id), "gap": found.gap,
    }
    if as_json:
        print_json(facts | {"attempts": list(found.attempts)})
        return
    aside = ", ".join(f"{number} {state}" for state, number in facts.pop("put_aside").items() if number)
    gap = facts.pop("gap")
    shown = {name.replace("_", " "): cell(value) for name, value in facts.items()}
    left_out = f"events were left out on {cell(gap['time'])}" if gap else "-"
    print_values(shown | {"put aside": aside or "-", "gap": left_out})
    say("")
    print_table([attempt_row(each) for each in reversed(found.attempts)], empty="No attempt is on record.")


@stream.command()
@endpoint_argument
@click.option("--push", "url", metavar="URL", help="Where to send from now on.")
@authorization_option
@json_option
@click.pass_obj
def change(
    connection: Connection, endpoint_id: str, url: str | None, authorization_stdin: bool, as_json: bool
) -> None:
    """Change where a stream is pushed to, or with which credential. Its place stays."""
    require(connection, endpoint_id, SET)
    settings: Settings = {}
    if url is not None:
        check_destination(connection, url)
        settings["url"] = url
    if authorization_stdin:
        settings["authorization"] = _authorization(connection)
    if not settings:
        raise click.UsageError("Say what to change: --push or --authorization-stdin.")
    endpoint = changed(
        connection, "stream change",
        lambda session: Endpoints(connection.database).change(endpoint_id, session=session, **settings),
        object_=endpoint_id,
    )
    if as_json:
        print_json(_row(connection, endpoint))


@stream.command()
@endpoint_argument
@json_option
@click.pass_obj
def delete(connection: Connection, endpoint_id: str, as_json: bool) -> None:
    """Delete a stream, with what its receiver has not accepted."""
    require(connection, endpoint_id, *_FORMS)
    deleted = changed(
        connection, "stream delete",
        lambda session: Endpoints(connection.database).delete(endpoint_id, session=session), object_=endpoint_id,
    )
    if as_json:
        print_json(_row(connection, deleted))


@dataclass(frozen=True)
class _Key:
    """A key as the subject of a change; it is the server's."""

    id: str
    label: str
    tenant: str = ALL_TENANTS


@stream.command("rotate-key")
@click.option("--now", "at_once", is_flag=True, help="Sign with the new key at once and withdraw all others.")
@json_option
@click.pass_obj
def rotate_key(connection: Connection, at_once: bool, as_json: bool) -> None:
    """Make a new key for the tokens of all streams. It is published at once and signs after a day.

    The old key stays published for 30 days more.
    """
    keys = SigningKeys(connection.prepared, Sealer(connection.prepared, connection.config.sealing_keys))

    def work(session: Session) -> tuple[_Key, SigningKey]:
        made = keys.rotate(EVENT_TOKEN, at_once=at_once, session=session)
        return _Key(made.id, made.use), made

    made = audited_change(connection, "stream rotate-key", work)
    if as_json:
        print_json({"key_id": made.id, "signs_from": made.signs_from, "keys_url": _keys_url(connection)})
    else:
        say(f"The key {made.id} signs from {made.signs_from:%Y-%m-%d %H:%M} UTC on.")


_TITLES = {
    "url": "URL", "poll_url": "Poll URL", "audience": "Audience", "issuer": "Issuer", "keys_url": "Keys URL",
}


def _addresses(connection: Connection, each: Endpoint) -> dict[str, str]:
    """Return what the receiver of a stream has to know."""
    issuer = f"{connection.config.base_url}/{each.tenant}"
    where = {"url": each.url} if each.form == SET else {"poll_url": f"{issuer}/streams/{each.id}/poll"}
    return {**where, "audience": each.audience, "issuer": issuer, "keys_url": _keys_url(connection)}


def _keys_url(connection: Connection) -> str:
    return f"{connection.config.base_url}/jwks"


def _row(connection: Connection, each: Endpoint) -> dict[str, Any]:
    aside = PutAsides(connection.database).numbers(each.id)
    return {
        "id": each.id, "tenant": each.tenant, "delivery": _WAYS[each.form], "audience": each.audience,
        "url": each.url or None, "state": each.state, "since": each.since, "reason": each.reason or None,
        "delivered": each.delivered, "put_aside": sum(aside.values()),
    }


def _authorization(connection: Connection) -> str:
    """Return the value of a header on stdin, sealed; raises InvalidValue."""
    text = sys.stdin.readline().rstrip("\r\n")
    if not text.isascii() or not text.isprintable() or not text.strip() or text != text.strip():
        raise InvalidValue("Give the value of the header on stdin, as one line of printable ASCII characters.")
    return Sealer(connection.database, connection.config.sealing_keys).seal(text.encode())
