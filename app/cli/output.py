"""How commands print data: as a table for people, or as one JSON document and nothing else."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from io import TextIOWrapper
from typing import Any, TextIO

import click

LONGEST_CELL = 120
"""The most characters in a cell, so that one long name does not push the other columns away; JSON has all of it."""
LONGEST_LAST_CELL = 300

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def escape_unencodable(stream: TextIO | None) -> None:
    """Let a stream write characters that its encoding lacks as JSON escapes."""
    codecs.register_error("json", _as_escapes)
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="json")


def say(*lines: str, err: bool = False) -> None:
    """Print lines for people."""
    click.echo("\n".join(map(printable, lines)), err=err)


def print_json(data: Any) -> None:
    """Print data as one JSON document."""
    click.echo(json_text(data, indent=2))


def json_text(data: Any, *, default: Callable[[Any], Any] | None = None, indent: int | None = None) -> str:
    """Return data as JSON, with JSON escapes for characters that could control the terminal."""
    text = json.dumps(data, default=default or _plain, indent=indent, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def print_table(rows: Sequence[Mapping[str, Any]], *, empty: str, header: bool = True) -> None:
    """Print rows with the same keys as a table, or the sentence `empty` if there are none."""
    if not rows:
        say(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_header=header)
    for key in rows[0]:
        table.add_column(key.replace("_", " "), overflow="fold")
    for row in rows:
        *cells, last = map(cell, row.values())
        table.add_row(*(_short(each, LONGEST_CELL) for each in cells), _short(last, LONGEST_LAST_CELL))
    console = Console(markup=False, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 1_000_000  # no wrapping in a pipe, which has no width
    console.print(table)


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print rows as a JSON array or as a table."""
    if as_json:
        print_json(rows)
    else:
        print_table(rows, empty=empty)


def print_values(values: Mapping[str, str]) -> None:
    """Print named values, one per line, ready to be pasted."""
    width = max(map(len, values))
    for name, value in values.items():
        say(f"  {name:<{width}}  {value}")


def print_changes(before: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Print which of some named values have changed: what each is now, and what it was."""
    found = {
        name.replace("_", " "): f"{value_text(value)} (was {value_text(before[name])})"
        for name, value in changed.items() if value != before[name]
    }
    if found:
        print_values(found)
    else:
        say("Nothing has changed.", err=True)


def value_text(value: Any) -> str:
    """Return a named value as text for people, in the order that it has."""
    if isinstance(value, (list, tuple)):
        return printable(", ".join(map(str, value))) or "-"
    return cell(value) or "-"


def cell(value: Any) -> str:
    """Return a value as text for people."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, (list, tuple, set, frozenset)):
        return printable(" ".join(sorted(value)))
    return printable(str(value))


def printable(text: str) -> str:
    """Return a text with escapes for characters that could control the terminal, since customers choose names."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _as_escapes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}Z"
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} cannot be printed as JSON")
