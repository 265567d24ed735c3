"""scimd mongo: the database, for access with other tools."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial

import click

from app.cli.connection import Connection
from app.cli.output import json_option, print_json, say
from app.config import ConfigError
from app.embedded.folder import MongodFolder
from app.embedded.private import locked
from app.store.mongo.replica_set import initiate


@click.group()
def mongo() -> None:
    """The database that scimd uses."""


@mongo.command()
@json_option
@click.pass_obj
def uri(connection: Connection, as_json: bool) -> None:
    """Print the connection string for mongosh."""
    config = connection.config
    folder = MongodFolder(config.data_dir)
    text = config.mongodb_uri or folder.uri("directConnection=true")
    if as_json:
        print_json({"uri": text})
    else:
        say(text)
    if not config.mongodb_uri and not locked(folder.keeper_lock):
        say("The private mongod runs only while scimd does; at the moment it does not.", err=True)


@mongo.command(context_settings={"ignore_unknown_options": True})
@click.option("--wait", default=120, show_default=True, help="Seconds to wait at most.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def init(connection: Connection, wait: int, command: tuple[str, ...]) -> None:
    """Initiate the replica set that SCIMD_MONGODB_URI names.

    Missing members are added, and a primary is waited for. If a COMMAND follows, such as `scimd serve`, it then
    replaces this process: that is how a container starts.
    """
    # The first process of a container ignores signals that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    uri = connection.config.mongodb_uri
    if not uri:
        raise ConfigError("SCIMD_MONGODB_URI is not set: set it, or do without `scimd mongo init`, which is not needed "
                          "for the private MongoDB.")
    initiate(uri, wait, partial(say, err=True))
    if command:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - the command of the container, no shell
