"""The results: a table on the terminal, JSON to compare runs, a plot."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import machine

Result = dict[str, Any]
_TEXTS = ("scenario", "side")
_NUMBERS = (
    "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "mongod ms", "ratio", "by CPU", "CPU", "mongod", "goal", "",
)


def table(results: list[Result]) -> None:
    """Print the results."""
    shown = Table(title="scimd, side by side")
    for heading in _TEXTS:
        shown.add_column(heading)
    for heading in _NUMBERS:
        shown.add_column(heading, justify="right")
    for result in results:
        _rows(shown, result)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(shown)
    for result in results:
        for side in result.get("sides", [result]):
            if side.get("failure"):
                console.print(f"{result['scenario']}, {side.get('side', 'scimd')}: {side['failure']}", markup=False)


def _rows(shown: Table, result: Result) -> None:
    verdict = {True: "[green]pass[/]", False: "[red]FAIL[/]", None: ""}[result["passed"]]
    if "sides" not in result:
        times = [f"{result[key]:.1f}" if key in result else "" for key in ("p50_ms", "p95_ms", "p99_ms")]
        cells = ["", *times, "", "", result["figure"], "", "", "", result["goal"]]
        shown.add_row(result["scenario"], "scimd", *cells, verdict, end_section=True)
        return
    first, second = result["sides"]
    ratios = [_ratio(result), *(f"{result[key] or 0:.2f}" for key in ("ratio_by_cpu", "cpu_ratio", "mongod_ratio"))]
    shown.add_row(result["scenario"], *_figures(first), *ratios, result["goal"], verdict)
    shown.add_row("", *_figures(second), end_section=True)


def _figures(side: Result) -> list[str]:
    times = [f"{side[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms")]
    processor = [f"{side[key]:.2f}" for key in ("server_cpu_ms", "mongod_cpu_ms")]
    return [side["side"], f"{side['rate']:.0f}", *times, *processor]


def _ratio(result: Result) -> str:
    """Return the ratio in the terms of the goal: of the rates, or of the cost of a request."""
    if result["goal"].startswith("cost"):
        return f"{1 / result['ratio']:.2f}x" if result["ratio"] else "-"
    return f"{result['ratio']:.2f}"


def _command() -> str:
    """Return the command that measures, as it was typed."""
    started = sys.modules["__main__"].__spec__
    module = started.name.removesuffix(".__main__") if started else "bench"
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def keep(results: list[Result], path: Path, **settings: Any) -> None:
    """Write the results, and when and where they were measured, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "command": _command(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine.describe(),
        "load": round(os.getloadavg()[0], 2),
        **settings,
        "results": results,
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def plot(results: list[Result], path: Path) -> None:
    """Draw the rates of both sides of each scenario; needs matplotlib (the extra `bench`)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    compared = [result for result in results if "sides" in result]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.7 * len(compared)), layout="constrained")
    for place, result in enumerate(compared):
        best = max(side["rate"] for side in result["sides"]) or 1.0
        for row, (side, colour) in enumerate(zip(result["sides"], ("tab:blue", "tab:gray"), strict=True)):
            height = place + (row - 0.5) * 0.38
            axes.barh(height, side["rate"] / best, height=0.36, color=colour)
            axes.text(side["rate"] / best + 0.01, height, f"{side['side']}: {side['rate']:.0f}/s", va="center", size=8)
    goals = [f"{result['scenario']}\n{_ratio(result)} (goal {result['goal']})" for result in compared]
    axes.set_yticks(range(len(compared)), goals, size=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3)
    axes.set_xlabel("requests a second, as a part of the faster side's")
    axes.set_title("scimd side by side with a bare Flask + PyMongo app")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
