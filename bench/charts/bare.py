"""The chart of what SCIM costs: scimd's rates as parts of those of an app that does nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.charts.chart import Chart, Palette
from bench.charts.measured import Measured, Result


def charts(found: dict[str, Measured]) -> Iterator[Chart]:
    """Yield the chart of the scenarios that are compared with the bare app."""
    if "bench" not in found:
        return
    bench = found["bench"]
    results = [bench.middle(result["scenario"], "ratio") for result in bench.results if _is_compared(result)]
    if results:
        yield _chart(bench, results)


def _is_compared(result: Result) -> bool:
    return "sides" in result and result["sides"][1]["side"] == "bare"


def _chart(bench: Measured, results: list[Result]) -> Chart:
    return Chart(
        name="bare", title="Beside an app without SCIM",
        words="The rate of scimd as a part of that of a bare Flask and PyMongo app, for each request, and its goal.",
        shows=(
            "The rate of scimd as a part of the rate of a bare Flask and PyMongo app with the same users on the same "
            "mongod, under the same gunicorn; 1 is equally fast, and the mark is the goal. Both ran by turns of a "
            f"quarter of a second, {bench.document['seconds']:g} seconds each; the ratio is the median of the turns, "
            "and of the runs where there are several."
        ),
        hides=(
            "What such an app would have to do as well: it has no credentials, no validation, no log and no "
            "transactions. The rates are those of this machine; the ratios travel better."
        ),
        measured=bench.sentence, table=_table(bench, results), height=1.3 + 0.3 * len(results),
        draw=partial(_draw, results=results),
    )


def _table(bench: Measured, results: list[Result]) -> list[list[str]]:
    several = ["each run"] if len(bench.documents) > 1 else []
    rows = [["request", "scimd, requests a second", "bare app", "ratio", "goal", *several]]
    for result in results:
        rates = [f"{side['rate']:,.0f}" for side in result["sides"]]
        runs = [f"{each['ratio']:.2f}" for each in bench.each(result["scenario"])]
        row = [result["scenario"], *rates, f"{result['ratio']:.2f}", result["goal"]]
        rows.append([*row, ", ".join(runs)] if several else row)
    return rows


def _draw(axes: Any, palette: Palette, results: list[Result]) -> None:
    for row, result in enumerate(results):
        axes.barh(row, result["ratio"], height=0.6, color=palette.series[0])
        if result["goal"].startswith(">= "):
            goal = float(result["goal"].removeprefix(">= "))
            axes.plot([goal, goal], [row - 0.42, row + 0.42], color=palette.ink, linewidth=1.6)
    axes.set_yticks(range(len(results)), [result["scenario"] for result in results])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("rate of scimd / rate of the bare app; the marks are the goals")
