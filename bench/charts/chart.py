"""A chart and its section of the page: what is drawn, what it shows and does not show, and the figures as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("docs/performance")
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Palette:
    """The colours of one of the two files of a chart."""

    name: str
    ground: str
    ink: str
    lines: str
    series: tuple[str, str, str, str]
    """The first one is that of scimd."""


LIGHT = Palette("light", "#ffffff", "#1f2328", "#d1d9e0", ("#0969da", "#6e7781", "#bc4c00", "#1a7f37"))
DARK = Palette("dark", "#0d1117", "#e6edf3", "#3d444d", ("#58a6ff", "#9198a1", "#f0883e", "#3fb950"))


@dataclass(frozen=True)
class Chart:
    """One chart."""

    name: str
    """That of its files."""
    title: str
    words: str
    """What it shows, in a sentence, for those who cannot see it."""
    shows: str
    """What was measured and how."""
    hides: str
    """What it does not show."""
    measured: str
    """When and where it was measured."""
    table: Rows
    """The heading and the rows."""
    draw: Callable[[Any, Palette], None]
    """Draws into the axes of matplotlib."""
    height: float
    """Of the drawing, in inches; it is nine wide."""
    remarks: Sequence[str] = ()
    """Sentences below the table."""

    def file(self, palette: Palette) -> Path:
        """Return the path of one of its two files, from the project's folder."""
        return FOLDER / f"{self.name}-{palette.name}.svg"

    def picture(self, page: Path) -> str:
        """Return the HTML that shows the chart on a page, light or dark as the reader's screen is."""
        dark, light = (self.file(palette).relative_to(page.parent) for palette in (DARK, LIGHT))
        return (
            f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{dark}">\n'
            f'  <img alt="{self.words}" src="{light}">\n</picture>'
        )

    def section(self, page: Path) -> str:
        """Return the section of the page."""
        rows = [f"| {' | '.join(row)} |" for row in self.table]
        rows.insert(1, f"|{' --- |' * len(self.table[0])}")
        parts = [
            f"## {self.title}", self.picture(page), f"**What it shows.** {self.shows} {self.measured}",
            f"**What it does not show.** {self.hides}", "\n".join(rows), *self.remarks,
        ]
        return "\n\n".join(parts)
