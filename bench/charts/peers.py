"""The charts of scimd beside other servers: one for each size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.charts.chart import Chart, Palette
from bench.charts.measured import Measured, Result


def charts(found: dict[str, Measured]) -> Iterator[Chart]:
    """Yield a chart for each size of directory."""
    if "peers" not in found:
        return
    peers = found["peers"]
    for users in dict.fromkeys(result["users"] for result in peers.results):
        results = [result for result in peers.results if result["users"] == users]
        yield _chart(peers, users, results)


def _chart(peers: Measured, users: int, results: list[Result]) -> Chart:
    servers = peers.document["servers"]
    titles = [result["title"] for result in results]
    return Chart(
        name=f"peers-{users}", title=f"Beside other servers, at {users:,} users",
        words=f"Requests a second of {', '.join(servers)} at {users:,} users, for each operation; the table has them.",
        shows=(
            f"Requests a second at {users:,} users, on a scale on which each line is ten times the one before. Each "
            f"server got the same {len(titles)} operations over 8 connections, by turns of a quarter of a second, for "
            f"{peers.document['seconds']:g} seconds each. Every answer was looked at, and what was written was read "
            "back; a server that refuses an operation or answers wrongly has no point. In brackets: the rate as a "
            "multiple of scimd's."
        ),
        hides=(
            "What else a server does: scimd also writes a log, keeps tenants apart and sends events. More cores: the "
            "load generator and MongoDB take a part of these."
        ),
        measured=peers.sentence, table=_table(results, list(servers)), height=1.5 + 0.34 * len(results),
        draw=partial(_draw, results=results, servers=list(servers)),
        remarks=[_list(f"{name}: {note}." for name, note in servers.items()), *_answers(results)],
    )


def _table(results: list[Result], servers: list[str]) -> list[list[str]]:
    rows = [["requests a second", *servers]]
    for result in results:
        rates = {side["side"]: side for side in result["sides"]}
        rows.append([result["title"], *(_cell(rates[name]) if name in rates else "" for name in servers)])
    return rows


def _cell(side: Result) -> str:
    """Return a rate, and in brackets which multiple of scimd's own it is."""
    if side["rate"] is None:
        return "-"
    part = f" ({1 / side['ratio']:.2f})" if side["ratio"] else ""
    return f"{side['rate']:,.{0 if side['rate'] >= 10 else 1}f}{part}"


def _answers(results: list[Result]) -> list[str]:
    """Return what those answered that have no rate, and what is remarked on the others."""
    lines = [
        f"{side['side']}, {result['title']}: {words}." if words is side["remark"] else
        f"{side['side']}, {result['title']}: no rate. It answered `{words.replace('`', '')}`."
        for result in results for side in result["sides"] for words in (side["answered"], side["remark"]) if words
    ]
    return [_list(lines)] if lines else []


def _list(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _draw(axes: Any, palette: Palette, results: list[Result], servers: list[str]) -> None:
    for place, name in reversed(list(enumerate(servers))):
        points = [
            (side["rate"], row) for row, result in enumerate(results) for side in result["sides"]
            if side["side"] == name and side["rate"]
        ]
        axes.scatter(
            [rate for rate, _ in points], [row for _, row in points], label=name, color=palette.series[place],
            s=90 if place == 0 else 45, marker="oDs^"[place], zorder=3 + (place == 0),
        )
    axes.grid(axis="y", color=palette.lines, linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.set_yticks(range(len(results)), [result["title"] for result in results])
    axes.invert_yaxis()
    axes.set_xlabel("requests a second: further right is faster")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=len(servers), frameon=False
    )
