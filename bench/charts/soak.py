"""The chart of a soak: the memory of each process while Entra's mix of requests comes in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.charts.chart import Chart, Palette
from bench.charts.measured import Measured, Result


def charts(found: dict[str, Measured]) -> Iterator[Chart]:
    """Yield the chart of the memory."""
    if "soak" in found:
        yield from (_chart(found["soak"], result) for result in found["soak"].each("soak")[:1])


def _chart(soak: Measured, result: Result) -> Chart:
    return Chart(
        name="soak", title="Memory under a steady load",
        words="The memory of scimd's processes and of mongod during a soak; the table has its growth.",
        shows=(
            "The resident memory of each process while Entra's mix of requests came in at a steady rate: "
            f"{result['rate']:g} a second to {result['tenants']} tenants, {result['requests']:,} in all, "
            f"{result['errors']} of which failed. The median response took {result['p50_ms']} ms, 95 of 100 at most "
            f"{result['p95_ms']} ms, and 99 of 100 at most {result['p99_ms']} ms. scimd and mongod together kept "
            f"{result['busy_cores']} cores busy."
        ),
        hides=(
            "Days. mongod keeps what is stored in a cache of its own, and more is stored all the time, so its memory "
            "grows up to the size of that cache (1 GB here)."
        ),
        measured=soak.sentence, table=_table(result), height=3.9, draw=partial(_draw, result=result),
    )


def _table(result: Result) -> list[list[str]]:
    rows = [["process", "MB at the end", "growth in MB, from the second quarter to the last one"]]
    for name, megabytes in result["memory_mb"].items():
        rows.append([name, f"{megabytes:.1f}", f"{result['growth_mb'][name]:+.2f}"])
    return rows


def _draw(axes: Any, palette: Palette, result: Result) -> None:
    apart, series = result["series"]["seconds_apart"], result["series"]["memory_mb"]
    for place, (name, values) in enumerate(series.items()):
        minutes = [number * apart / 60 for number in range(len(values))]
        again, colour = divmod(place, len(palette.series))
        axes.plot(minutes, values, label=name, color=palette.series[colour], linestyle=":" if again else "-")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=palette.lines, linewidth=0.6)
    axes.set_xlabel("minutes")
    axes.set_ylabel("MB")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=len(series), frameon=False)
