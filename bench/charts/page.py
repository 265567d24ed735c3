"""The marked parts of pages, which the command rewrites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.charts.chart import Chart

PAGE, README = Path("docs/performance.md"), Path("README.md")
FIRST = "peers-100000"
"""The chart that the README shows."""
BEGIN, END = "<!-- From here on, python -m bench.charts writes. -->", "<!-- Up to here. -->"
NOTHING = "\nNo figures have been committed yet: the commands above write them.\n\n"
_PART = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)


def written(text: str, part: str) -> str:
    """Return a page with another marked part; raises ValueError if it does not have one."""
    if len(_PART.findall(text)) != 1:
        raise ValueError("a page has one marked part")
    return _PART.sub(lambda _: f"{BEGIN}\n{part}{END}", text)


def whole(charts: Sequence[Chart]) -> str:
    """Return the marked part of docs/performance.md, which says so if nothing was measured."""
    if not charts:
        return NOTHING
    return "".join(f"\n{chart.section(PAGE)}\n\n" for chart in charts)


def short(charts: Sequence[Chart]) -> str:
    """Return the marked part of the README: one chart, if it was measured."""
    return "".join(f"\n{chart.picture(README)}\n\n" for chart in charts if chart.name == FIRST)
