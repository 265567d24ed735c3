"""scimd webhook test, failures, replay, resend, enable and disable: what is sent to an endpoint, and what is not."""

from __future__ import annotations

import time
from datetime import timedelta

import click

from app.cli.connection import Connection
from app.cli.output import cell, json_option, print_json, print_rows, say
from app.cli.values import Duration, Text
from app.cli.webhooks.acting import changed, endpoint_argument, require, row, scope_of
from app.errors import Gone, InvalidValue
from app.feed.cursors import read_cursor
from app.store.delivery import requests, starting
from app.store.delivery.delivery_lease import sender
from app.store.delivery.endpoint import OFF, POLL, WEBHOOK, Attempt, Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import PutAside, PutAsides
from app.store.mongo.database import Session
from app.store.mongo.moments import now

TEST_SECONDS = 40.0
"""For a test event: an attempt takes up to 15 seconds, and others may be under way."""
START_SECONDS = 5.0
"""After this time without a process that sends events, none is coming."""
PAUSE = 0.1
MOST_FAILURES = 1_000


@click.command()
@endpoint_argument
@json_option
@click.pass_context
def test(context: click.Context, endpoint_id: str, as_json: bool) -> None:
    """Send a test event, and say what became of it. It goes the way that all events go, once."""
    connection: Connection = context.obj
    if require(connection, endpoint_id, WEBHOOK).state == OFF:
        raise click.ClickException(f"{endpoint_id} is off. Next: scimd webhook enable {endpoint_id}")
    tests: list[PutAside] = []

    def work(session: Session) -> Endpoint:
        endpoint = require(connection, endpoint_id, WEBHOOK)
        tests[:] = [requests.send_test(connection.database, endpoint, session)]
        return endpoint

    changed(connection, "webhook test", work, object_=endpoint_id)
    attempt = _attempt(connection, endpoint_id, tests[0].event)
    if as_json:
        print_json(attempt)
    elif not attempt["reason"]:
        say(f"Delivered: {attempt['status']} after {attempt['seconds']:.2f} seconds.")
    if attempt["reason"]:
        say(f"scimd: The test event was not accepted: {attempt['reason']}", err=True)
        context.exit(1)


def _attempt(connection: Connection, endpoint_id: str, event_id: str) -> Attempt:
    """Wait for the attempt to deliver an event, and return it; raises ClickException if there is none in time."""
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < TEST_SECONDS:
        for each in require(connection, endpoint_id).attempts:
            if each["event"] == event_id:
                return each
        if passed > START_SECONDS and sender(connection.database) is None:
            raise click.ClickException("No process sends events: start scimd.")
        time.sleep(PAUSE)
    raise click.ClickException(f"The test event was not sent within {TEST_SECONDS:g} seconds.")


@click.command()
@endpoint_argument
@json_option
@click.pass_obj
def failures(connection: Connection, endpoint_id: str, as_json: bool) -> None:
    """List what an endpoint has not accepted, and what waits behind. At most a thousand events are shown."""
    require(connection, endpoint_id)
    rows = [
        {"event": each.event, "type": each.type, "tenant": each.tenant, "time": each.time, "state": each.state,
         "attempts": each.attempts, "status": each.status or None, "reason": each.reason or None,
         "next": each.next if each.forget is None else None}
        for each in PutAsides(connection.database).of(endpoint_id, limit=MOST_FAILURES)
    ]
    print_rows(rows, as_json=as_json, empty="Nothing is put aside.")


@click.command()
@endpoint_argument
@click.option("--since", type=Duration(), help="Send again what happened in the last while, such as 2h.")
@click.option("--after", "cursor", type=Text(), help="Send again what comes after this cursor.")
@json_option
@click.pass_obj
def replay(
    connection: Connection, endpoint_id: str, since: timedelta | None, cursor: str | None, as_json: bool
) -> None:
    """Send events again, in their order: from a time or a cursor on. Events have the same ids as before."""
    endpoint, database = require(connection, endpoint_id), connection.database
    if (since is None) is (cursor is None):
        raise click.UsageError("Say from where: --since, such as 2h, or --after with a cursor.")
    if cursor is not None:
        place = starting.checked(database, read_cursor(cursor, scope_of(database, endpoint)))
    else:
        assert since is not None
        place = starting.since(database, now() - since)
    if place > endpoint.place:
        if cursor is not None:
            raise InvalidValue(f"{endpoint_id} has not come as far as this cursor.")
        place = endpoint.place  # all since then is still to come
    if cursor is None and place <= (kept := starting.oldest(database)) and kept:
        say("scimd: Some of the events since then may be no longer kept, and left out.", err=True)
    replayed = changed(
        connection, "webhook replay",
        lambda session: Endpoints(database).set_place(endpoint_id, place, session=session), object_=endpoint_id,
    )
    _print_repeated(connection, replayed, as_json=as_json)


@click.command()
@endpoint_argument
@click.argument("event_id", metavar="EVENT")
@json_option
@click.pass_obj
def resend(connection: Connection, endpoint_id: str, event_id: str, as_json: bool) -> None:
    """Send one event again, by its id. It was given up, or the receiver has lost it."""

    if require(connection, endpoint_id).form == POLL:
        raise click.ClickException(f"The receiver of {endpoint_id} asks for its tokens. Next: scimd webhook replay")

    def work(session: Session) -> Endpoint:
        endpoint = require(connection, endpoint_id)
        requests.resend(connection.database, endpoint, event_id, session)
        return endpoint

    _print_repeated(connection, changed(connection, "webhook resend", work, object_=endpoint_id), as_json=as_json)


@click.command()
@endpoint_argument
@click.option("--from", "start", type=click.Choice(["now"]), help="Leave out what has happened until now.")
@json_option
@click.pass_obj
def enable(connection: Connection, endpoint_id: str, start: str | None, as_json: bool) -> None:
    """Turn an endpoint on, and try what waits at once.

    It goes on from its place, or from the oldest event that is kept if that is later.
    """
    require(connection, endpoint_id)
    place = starting.newest(connection.database) if start else None
    endpoint = changed(
        connection, "webhook enable",
        lambda session: Endpoints(connection.database).enable(endpoint_id, place=place, session=session),
        object_=endpoint_id,
    )
    try:
        starting.checked(connection.database, endpoint.place)
    except Gone:
        say("scimd: Some of the events since then are no longer kept, and are left out.", err=True)
    _print_state(connection, endpoint, as_json=as_json)


@click.command()
@endpoint_argument
@json_option
@click.pass_obj
def disable(connection: Connection, endpoint_id: str, as_json: bool) -> None:
    """Turn an endpoint off; events wait for it while they are kept."""
    endpoint = changed(
        connection, "webhook disable",
        lambda session: Endpoints(connection.database).disable(endpoint_id, "turned off", session=session),
        object_=endpoint_id,
    )
    _print_state(connection, endpoint, as_json=as_json)


def _print_repeated(connection: Connection, endpoint: Endpoint, *, as_json: bool) -> None:
    """Print an endpoint to which something is sent again; a person is told if it is off."""
    if as_json:
        print_json(row(connection.database, endpoint))
    elif endpoint.state == OFF:
        say(f"Events are sent again as soon as it is on. Next: scimd webhook enable {endpoint.id}")


def _print_state(connection: Connection, endpoint: Endpoint, *, as_json: bool) -> None:
    if as_json:
        print_json(row(connection.database, endpoint))
    else:
        say(f"{endpoint.id} is {endpoint.state}, since {cell(endpoint.since)}.")
