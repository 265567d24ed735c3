"""Times finer than the milliseconds that MongoDB stores, and what is compared in their place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

_MILLISECOND = 1_000


def compared_in_milliseconds(operator: str, value: Any) -> tuple[str, Any]:
    """Return an operator and a value in milliseconds that select the same stored times.

    A time between two milliseconds equals none of them: `eq` becomes "never", `ne` becomes "always".
    """
    if not isinstance(value, datetime) or value.microsecond % _MILLISECOND == 0:
        return operator, value
    before = value.replace(microsecond=value.microsecond // _MILLISECOND * _MILLISECOND)
    return {"eq": "never", "ne": "always", "lt": "le", "ge": "gt"}.get(operator, operator), before
