"""Draw the charts of docs/performance.md and write its figures, from what the benches have written.

    python -m bench.charts    everything that there are files for in bench/results/

A chart whose file is not there is left out; docs/performance.md says which command writes each file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.charts import bare, growth, page, peers, relay, soak
from bench.charts.chart import DARK, FOLDER, LIGHT, Chart
from bench.charts.measured import COMMANDS, Measured, read
from bench.processes import ROOT

RESULTS = ROOT / "bench" / "results"


def charts(found: dict[str, Measured]) -> list[Chart]:
    """Return all charts that there are figures for, in the order of the page."""
    return [chart for part in (peers, bare, growth, soak, relay) for chart in part.charts(found)]


def write(results: Path, root: Path) -> list[Chart]:
    """Draw all charts, write both pages below a folder, and remove the files of charts that are no longer there."""
    from bench.charts.draw import draw

    drawn = charts(read(results))
    for chart in drawn:
        draw(chart, root)
    kept = {root / chart.file(palette) for chart in drawn for palette in (LIGHT, DARK)}
    for file in set((root / FOLDER).glob("*.svg")) - kept:
        file.unlink()
    for name, part in ((page.PAGE, page.whole(drawn)), (page.README, page.short(drawn))):
        (root / name).write_text(page.written((root / name).read_text(), part))
    return drawn


def main() -> int:
    """Write everything, and say what is missing."""
    drawn = write(RESULTS, ROOT)
    for name in COMMANDS.keys() - read(RESULTS).keys():
        print(f"`{COMMANDS[name]}` has not written its file: its charts are left out.", file=sys.stderr)
    print(f"{len(drawn)} charts: {', '.join(chart.name for chart in drawn)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
