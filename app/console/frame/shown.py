"""How values are shown: times, ages, numbers, and bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from app.advice import wording
from app.advice.explain import short, title_of
from app.advice.wording import day, number, plural, utc
from app.blueprints.pages.shown import shown, within
from app.store.mongo.moments import now
from app.store.operators.reports.lines import parts, result, what
from app.store.operators.reports.values import compared, external_id, indented, readable

WIDTH, HEIGHT = 112, 24
"""Of bars, in pixels."""


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, or how far ahead it is."""
    return wording.ago(moment, now())


def bars(values: Sequence[int], most: int) -> str:
    """Return the outline of a bar for each value, in SVG's notation; the one of `most` is as high as the picture.

    The style draws the gaps between them, since a page has a hundred of these pictures, and each gap is ten characters.
    """
    step = WIDTH // max(len(values), 1)
    heights = [max(round(HEIGHT * value / most), 1) if value and most else 0 for value in values]
    outline = "".join(f"V{HEIGHT - height}h{step * len([*same])}" for height, same in groupby(heights))
    return f"M0 {HEIGHT}{outline}V{HEIGHT}" if any(heights) else ""


FILTERS: tuple[Callable[..., Any], ...] = (
    shown, utc, day, ago, number, plural, bars, result, parts, what, readable, indented, short, title_of, external_id,
    compared, within,
)
"""The filters of templates."""
