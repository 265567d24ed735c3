"""How far an export or an import has come, on standard error: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

EVERY = 10.0
"""Seconds between two lines where standard error is no terminal."""


class Progress:
    """Shows the lines that are done, how many a second, and the time left.

    `total` is the size of all the work, in any unit; None where it is not known, and then no time left is shown.
    """

    def __init__(self, what: str, total: int | None) -> None:
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"),
            TextColumn("{task.fields[lines]}"), TimeRemainingColumn(),
            console=console, disable=not console.is_terminal, transient=True,
        )
        self._task = self._bar.add_task(what, total=total, lines="")
        self._what, self._total = what, total
        self._done = self._lines = 0
        self._start = self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, size: int, lines: int) -> None:
        """Add lines that are done, and the size of the work that they were."""
        self._done += size
        self._lines += lines
        now = time.monotonic()
        if not self._bar.disable:
            self._bar.update(self._task, advance=size, lines=self._rate(now))
        elif now - self._said >= EVERY:
            self._said = now
            click.echo(f"{self._what}: {self._rate(now)}{self._left(now)}", err=True)

    def _rate(self, now: float) -> str:
        return f"{self._lines:,} lines, {self._lines / max(now - self._start, 0.001):,.0f} a second"

    def _left(self, now: float) -> str:
        """Return the part that is done and the time left, by the speed so far."""
        if not (self._total and self._done):
            return ""
        seconds = (now - self._start) * max(self._total - self._done, 0) / self._done
        return f", {min(self._done / self._total, 1):.0%}, {timedelta(seconds=round(seconds))} left"
