"""The chart of the relay: how long a change takes until consumers can see it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.charts.chart import Chart, Palette
from bench.charts.measured import Measured, Result

PARTS = (50, 95, 99)


def charts(found: dict[str, Measured]) -> Iterator[Chart]:
    """Yield the chart of the delays."""
    if "bench" not in found:
        return
    bench = found["bench"]
    results = [bench.middle(result["scenario"], "p95_ms") for result in bench.results if _is_delay(result)]
    if results:
        yield _chart(bench, results)


def _is_delay(result: Result) -> bool:
    return result["scenario"].startswith("relay-") and "events" in result


def _chart(bench: Measured, results: list[Result]) -> Chart:
    return Chart(
        name="relay", title="From a change to its event",
        words="Milliseconds from a change until its event is in the log, by the rate of changes; the table has them.",
        shows=(
            "The time from a change until its event has its number in the log, from which on feeds and webhooks have "
            "it: the median, and what 95 and 99 of 100 events take at most. The changes came at random moments, from "
            "other processes."
        ),
        hides=(
            "How long a receiver takes to answer. A relay that has a backlog. The load was on the relay alone; beside "
            "requests, it shares the cores with them."
        ),
        measured=bench.sentence, table=_table(results), height=1.7 + 0.9 * len(results),
        draw=partial(_draw, results=results),
    )


def _rate(result: Result) -> str:
    return f"{int(result['scenario'].removeprefix('relay-')):,} changes a second"


def _table(results: list[Result]) -> list[list[str]]:
    rows = [["load", "events", *(f"{part} of 100 within" for part in PARTS), "goal (50 / 95)", "load of the relay"]]
    for result in results:
        times = [f"{result[f'p{part}_ms']:.0f} ms" for part in PARTS]
        rows.append([_rate(result), f"{result['events']:,}", *times, result["goal"], result["figure"]])
    return rows


def _draw(axes: Any, palette: Palette, results: list[Result]) -> None:
    for place, part in enumerate(PARTS):
        rows = [row + (place - 1) * 0.26 for row in range(len(results))]
        times = [result[f"p{part}_ms"] for result in results]
        axes.barh(rows, times, height=0.24, color=palette.series[place], label=f"{part} of 100 events")
    axes.set_yticks(range(len(results)), [_rate(result) for result in results])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("milliseconds, at most")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=len(PARTS), frameon=False)
