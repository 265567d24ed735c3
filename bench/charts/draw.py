"""Charts as SVG files, drawn by matplotlib (the extra `bench`); the same figures make the same bytes."""

from __future__ import annotations

from pathlib import Path

import matplotlib

from bench.charts.chart import DARK, LIGHT, Chart, Palette

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "scimd", "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False}


def draw(chart: Chart, root: Path) -> None:
    """Draw both files of a chart below a folder."""
    for palette in (LIGHT, DARK):
        file = root / chart.file(palette)
        file.parent.mkdir(parents=True, exist_ok=True)
        _draw(chart, palette, file)


def _draw(chart: Chart, palette: Palette, file: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, chart.height), layout="constrained", facecolor=palette.ground)
    axes.set_facecolor(palette.ground)
    axes.tick_params(colors=palette.ink, which="both")
    for spine in axes.spines.values():
        spine.set_color(palette.lines)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=palette.lines, linewidth=0.6)
    chart.draw(axes, palette)
    for words in (axes.xaxis.label, axes.yaxis.label):
        words.set_color(palette.ink)
    if legend := axes.get_legend():
        legend.get_frame().set(facecolor=palette.ground, edgecolor=palette.lines)
        for words in legend.get_texts():
            words.set_color(palette.ink)
    figure.suptitle(chart.title, color=palette.ink, fontsize=11)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
