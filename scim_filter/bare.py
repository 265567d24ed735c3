"""Filter values whose meaning the attribute decides: for a string attribute, a number, true, false or null is text."""

from __future__ import annotations

import json
import math
import re

_INT64 = range(-(2**63), 2**63)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Bare(str):
    """A value without quotes that JSON would not read as a string, or a number in quotes (D-706)."""

    __slots__ = ()

    def as_json(self) -> bool | int | float | None:
        """Return the value that JSON reads; raises ValueError for a number of more than 64 bits."""
        return json.loads(self) if self in ("true", "false", "null") else number_in(self)


def unquoted(text: str) -> str:
    """Return the text of a string as it is without quotes, if it spells a number; any other text unchanged (D-706)."""
    return Bare(text) if _NUMBER.fullmatch(text) else text


def number_in(text: str) -> int | float:
    """Return the number in a text that the grammar accepts as one; raises ValueError for more than 64 bits."""
    if text.lstrip("-").isdigit():
        if len(text) <= 20 and int(text) in _INT64:
            return int(text)
    elif math.isfinite(float(text)):
        return float(text)
    raise ValueError("a number of at most 64 bits")
