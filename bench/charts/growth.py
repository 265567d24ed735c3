"""The chart of growth: what requests cost in a large tenant, as a multiple of what they cost in a small one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.charts.chart import Chart, Palette
from bench.charts.measured import Measured, Result

COST = "cost <= "
"""How a goal begins that compares two sizes."""


def charts(found: dict[str, Measured]) -> Iterator[Chart]:
    """Yield the chart of the scenarios that compare two sizes of a tenant."""
    results = [result for result in found["scale"].results if _is_compared(result)] if "scale" in found else []
    if results:
        yield _chart(found["scale"], results)


def _is_compared(result: Result) -> bool:
    return bool(result["goal"].startswith(COST) and result.get("ratio"))


def _chart(scale: Measured, results: list[Result]) -> Chart:
    return Chart(
        name="growth", title="Growth",
        words="What each request costs in a large tenant as a multiple of its cost in a small one, and the limit.",
        shows=(
            "What a request costs in a large tenant as a multiple of what it costs in a small one, which is 1 if size "
            "does not matter; the mark is the limit. The two were driven by turns in one run; the table names them."
        ),
        hides=(
            "Filters on attributes without an index, which have to read every user. How long a tenant of this size "
            "takes to come in."
        ),
        measured=scale.sentence, table=_table(results), height=1.3 + 0.3 * len(results),
        draw=partial(_draw, results=results),
    )


def _cost(result: Result) -> float:
    return float(1 / result["ratio"])


def _table(results: list[Result]) -> list[list[str]]:
    rows = [["request", "large", "requests a second", "small", "requests a second", "cost", "limit"]]
    for result in results:
        sides = [word for side in result["sides"] for word in (side["side"], f"{side['rate']:,.0f}")]
        rows.append([result["scenario"], *sides, f"{_cost(result):.2f}", result["goal"].removeprefix(COST)])
    return rows


def _draw(axes: Any, palette: Palette, results: list[Result]) -> None:
    for row, result in enumerate(results):
        axes.barh(row, _cost(result), height=0.6, color=palette.series[0])
        limit = float(result["goal"].removeprefix(COST).rstrip("x"))
        axes.plot([limit, limit], [row - 0.42, row + 0.42], color=palette.ink, linewidth=1.6)
    axes.axvline(1, color=palette.lines, linewidth=1.2)
    axes.set_yticks(range(len(results)), [result["scenario"] for result in results])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("cost in the large tenant / cost in the small one; the marks are the limits")
