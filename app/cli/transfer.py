"""scimd export, scimd import: a tenant as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import Progress

from app.cli.connection import Connection
from app.store.events import Actor
from app.store.opening import open_directory
from app.store.tenants import Tenants
from app.store.transfer import Importer
from app.store.transfer import export as lines_of

LONGEST_LINE = 16 * 1024 * 1024
STRICT_PROFILE = "rfc"
MOST_SHOWN = 20


@click.command()
@click.argument("tenant")
@click.option("--output", type=click.File("w", encoding="utf-8", lazy=True), default="-",
              help="A file; else standard output.")
@click.pass_obj
def export(connection: Connection, tenant: str, output: IO[str]) -> None:
    """Write every user, group and membership of a tenant, one JSON object a line."""
    found = Tenants(connection.database).require(tenant)
    directory = open_directory(connection.config, connection.database, found)
    total = sum(directory.count(each, {}) for each in directory.catalogue.types)
    number = 0
    with _progress() as progress:
        task = progress.add_task("Exporting", total=total)
        for line in lines_of(connection.database, tenant, directory.catalogue):
            output.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            number += 1
            if "resource" in line:
                progress.advance(task)
    click.echo(f"Exported {number} lines.", err=True)


@click.command("import")
@click.argument("tenant")
@click.argument("source", type=click.File("rb"))
@click.pass_obj
def import_(connection: Connection, tenant: str, source: IO[bytes]) -> None:
    """Bring the lines of an export into a tenant; can be started again where it was interrupted."""
    found = Tenants(connection.database).require(tenant)
    directory = open_directory(connection.config, connection.database, found)
    importer = Importer(
        connection.database, tenant, directory.catalogue, ignore_unknown=found.profile != STRICT_PROFILE,
        events=directory.events,
        actor=Actor("scimd import"),
    )
    with _progress() as progress:
        task = progress.add_task("Importing", total=None)
        report = importer.run(_read(source), lambda number: progress.advance(task, number))
    click.echo(f"Imported {report.imported}, there already {report.present}, refused {len(report.refused)}.", err=True)
    for number, reason in report.refused[:MOST_SHOWN]:
        click.echo(f"line {number}: {reason}", err=True)
    if report.refused:
        raise click.ClickException(f"{len(report.refused)} lines were refused; the others went in.")


def _read(source: IO[bytes]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    number = 0
    while text := source.readline(LONGEST_LINE):
        number += 1
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        yield number, line if isinstance(line, dict) else "the line is no JSON object"


def _progress() -> Progress:
    """Give a progress bar, on a terminal only."""
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal, transient=True)
