"""scimd mongo: the database, for those who look into it with tools of their own."""

from __future__ import annotations

import click

from app.cli.connection import Connection
from app.cli.output import json_option, print_json, say
from app.store.embedded import Place, locked


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
