"""Draw the charts of docs/performance.md and write its figures, from what the benches have written.

    python -m bench.charts    everything that there are files for in bench/results/

A chart whose file is not there is left out; docs/performance.md says which command writes each file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.charts import bare, growth, page, peers, relay, soak
from bench.charts.chart import DARK, FOLDER, LIGHT, Chart
from bench.charts.measured import COMMANDS, Measured, read
from bench.processes import ROOT

RESULTS = ROOT / "bench" / "results"
PARTS: tuple[tuple[Callable[[dict[str, Measured]], Iterator[Chart]], str], ...] = (
    (peers.charts, "peers"), (bare.charts, "bench"), (growth.charts, "scale"), (soak.charts, "soak"),
    (relay.charts, "bench"),
)
"""What makes charts, in the order of the page, and from which file."""


def charts(found: dict[str, Measured]) -> list[Chart]:
    """Return all charts that there are figures for, in the order of the page."""
    return [chart for part, _ in PARTS for chart in part(found)]


def missing(found: dict[str, Measured]) -> list[str]:
    """Return a sentence for each file that is not there, or has nothing that its chart could show."""
    sentences = {name: f"There is no {name}.json; `{command}` writes it." for name, command in COMMANDS.items()}
    absent = [sentence for name, sentence in sentences.items() if name not in found]
    empty = [
        f"{name}.json has no results for the charts of {part.__module__.rpartition('.')[2]}."
        for part, name in PARTS if name in found and not list(part(found))
    ]
    return absent + empty


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
    for sentence in missing(read(RESULTS)):
        print(sentence, file=sys.stderr)
    print(f"{len(drawn)} charts: {', '.join(chart.name for chart in drawn)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
