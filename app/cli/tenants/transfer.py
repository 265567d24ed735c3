"""scimd export, scimd import: a tenant as JSON lines."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import click

from app.cli.audit import actor, audited
from app.cli.connection import Connection
from app.cli.output import printable, say
from app.cli.tenants.progress import Progress
from app.cli.tenants.reading import read_ahead
from app.export_import import MOST_TOLD, Importer
from app.export_import import export as lines_of
from app.schemas.custom import all_types
from app.store.accounts.domains import Domains
from app.store.accounts.tenants import Tenants
from app.store.delivery.endpoints import Endpoints
from app.store.mongo.database import Database
from app.store.open import open_directory, unknown
from app.store.roles.role_maps import RoleMaps
from app.store.sign_on.connections import Connections

STEP = 1_000
"""Lines between two updates of the progress of an export."""
STRICT_PROFILE = "rfc"
UNRELAYED = 4
"""Batches of memberships whose events are moved to the log together: one of 500 makes five or six (D-669)."""


@click.command()
@click.argument("tenant")
@click.option("--output", type=click.Path(dir_okay=False), default="-", help="A file; else standard output.")
@click.pass_obj
def export(connection: Connection, tenant: str, output: str) -> None:
    """Write a tenant's users, groups and memberships as JSON lines.

    A change made meanwhile may be in the export or not. For a consistent export, suspend the tenant, and wait half a
    minute for requests that are under way.
    """
    directory = connection.directory(tenant)
    total = sum(directory.count(each) for each in directory.catalogue.types)
    number = resources = 0
    left_out = unknown(connection.config, connection.database)
    if left_out:
        say(f"Warning: {left_out} They are not in the export.", err=True)
    with audited(connection, "export", tenant), _opened(output) as file, Progress("Exporting", total) as progress:
        for line in lines_of(directory):
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            number += 1
            resources += "resource" in line
            if number % STEP == 0:
                progress.advance(resources, STEP)
                resources = 0
    click.echo(f"Exported {number} lines.", err=True)
    if others := _others(connection.database, tenant):
        say(f"Not exported: {', '.join(others)}. A backup has them.", err=True)


def _others(database: Database, tenant: str) -> list[str]:
    """Return what a tenant has beside what is exported; credentials are left out, since each has some."""
    found = (
        ("the connection to the identity provider, sessions and apps", Connections(database).of_tenant(tenant)),
        ("roles by groups", not RoleMaps(database).get(tenant).is_empty),
        ("mail domains", Domains(database).of(tenant)), ("webhooks and streams", Endpoints(database).of(tenant)),
    )
    return [what for what, there in found if there]


@click.command("import")
@click.argument("tenant")
@click.argument("source", type=click.File("rb"))
@click.pass_obj
def import_(connection: Connection, tenant: str, source: IO[bytes]) -> None:
    """Import the lines of an export into a tenant. An interrupted import can be repeated."""
    found = Tenants(connection.prepared).require(tenant)
    directory = open_directory(connection.config, connection.prepared, found)
    strict = found.profile == STRICT_PROFILE
    importer = Importer(
        directory, all_types=all_types(connection.config.schemas_dir), strict=strict, actor=actor(), refused=_report,
    )
    with (
        audited(connection, "import", tenant), Progress("Importing", _size(source)) as progress,
        closing(read_ahead(source, directory.catalogue, strict=strict)) as batches, ThreadPoolExecutor(1) as beside,
    ):
        relayed = beside.submit(connection.relay)
        for number, read in enumerate(batches, 1):
            if read.batch.members:  # a group's outbox is not emptied while the group gets members: they conflict
                relayed.result()
            importer.write(read.batch)
            relayed.result()  # the log is never more than some batches behind
            if not read.batch.members or number % UNRELAYED == 0:
                relayed = beside.submit(connection.relay)
            progress.advance(read.size, read.lines)
        relayed.result()  # `audited` moves what is left
    done = importer.report
    click.echo(f"Imported {done.imported}, already present {done.present}, refused {done.refused}.", err=True)
    others = done.imported or done.present
    if done.refused > MOST_TOLD and not others:
        raise click.ClickException(
            f"No line was imported, so only the first {MOST_TOLD} are listed. Is this a file of `scimd export`?"
        )
    if done.refused:
        what = "line was" if done.refused == 1 else "lines were"
        rest = "the others were imported" if others else "there are no others"
        raise click.ClickException(f"{done.refused} {what} refused; {rest}.")


@contextmanager
def _opened(output: str) -> Iterator[IO[str]]:
    """Open the output; a regular file gets its name when it is complete, a pipe or a device is written directly."""
    if output == "-":
        if sys.stdout is None:
            raise click.ClickException("Standard output is closed: name a file with --output.")
        with click.open_file("-", "w", encoding="utf-8") as file:
            yield file
        return
    path = Path(os.path.realpath(output))
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("w", encoding="utf-8") as file:
                yield file
            return
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                yield file
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise click.FileError(output, error.strerror or str(error)) from error


def _report(number: int, why: str) -> None:
    click.echo(printable(f"line {number}: {why}"), err=True)


def _size(source: IO[bytes]) -> int | None:
    """Return the number of bytes to read, None if that is not known."""
    try:
        status = os.fstat(source.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
