"""The figures on the terminal: a row for each operation, a column for each server."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show(results: list[dict[str, Any]], servers: Mapping[str, str]) -> None:
    """Print the rates, and what the servers answered that have none."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    for users in dict.fromkeys(result["users"] for result in results):
        there = [result for result in results if result["users"] == users]
        shown = Table(title=f"requests a second at {users:,} users")
        shown.add_column("operation")
        for name in servers:
            shown.add_column(name, justify="right")
        shown.add_column("")
        for result in there:
            verdict = "[green]pass[/]" if result["passed"] else "[red]FAIL[/]"
            cells = {side["side"]: _cell(side) for side in result["sides"]}
            shown.add_row(result["scenario"], *(cells.get(name, "") for name in servers), verdict)
        console.print(shown)
        for result in there:
            for side in result["sides"]:
                for words in filter(None, (side["answered"], side["remark"])):
                    console.print(f"{result['scenario']}, {side['side']}: {words}", markup=False)
    for name, note in servers.items():
        console.print(f"{name}: {note}", markup=False)


def _cell(side: Mapping[str, Any]) -> str:
    """Return a rate, and how many times it scimd's own is."""
    if side["rate"] is None:
        return "-"
    times = f" ({1 / side['ratio']:.2f})" if side["ratio"] else ""
    return f"{side['rate']:.{0 if side['rate'] >= 10 else 1}f}{times}"
