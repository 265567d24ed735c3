"""scimd mongo: the database, for those who look into it with tools of their own."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial

import click

from app.cli.connection import Connection
from app.cli.output import json_option, print_json, say
from app.config import ConfigError
from app.embedded.private import Place, locked
from app.store.mongo.replica_set import initiate


@click.group()
def mongo() -> None:
    """The database that scimd uses."""


@mongo.command()
@json_option
@click.pass_obj
def uri(connection: Connection, as_json: bool) -> None:
    """Print the connection string, as mongosh takes it."""
    config = connection.config
    place = Place(config.data_dir)
    text = config.mongodb_uri or place.uri("directConnection=true")
    if as_json:
        print_json({"uri": text})
    else:
        say(text)
    if not config.mongodb_uri and not locked(place.keeper):
        say("The private mongod answers there while scimd runs; it does not at the moment.", err=True)


@mongo.command(context_settings={"ignore_unknown_options": True})
@click.option("--wait", default=120, show_default=True, help="Seconds until it gives up.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def init(connection: Connection, wait: int, command: tuple[str, ...]) -> None:
    """Initiate the replica set that SCIMD_MONGODB_URI names, and wait for its primary.

    Members that the set lacks are added. Where COMMAND follows, such as `scimd serve`, it then runs in place of this
    process: that is how a container starts.
    """
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    uri = connection.config.mongodb_uri
    if not uri:
        raise ConfigError("SCIMD_MONGODB_URI is not set; the private MongoDB needs no `scimd mongo init`.")
    initiate(uri, wait, partial(say, err=True))
    if command:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - the command of the container, no shell
