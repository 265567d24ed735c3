"""Moments finer than the millisecond that MongoDB keeps: what is compared in their place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

_MILLISECOND = 1_000


def compared_in_milliseconds(operator: str, value: Any) -> tuple[str, Any]:
    """Return an operator and a value that MongoDB can compare with, for the same result.

    A moment between two milliseconds is equal to none: `eq` becomes "never", `ne` "always".
    """
    if not isinstance(value, datetime) or value.microsecond % _MILLISECOND == 0:
        return operator, value
    before = value.replace(microsecond=value.microsecond // _MILLISECOND * _MILLISECOND)
    return {"eq": "never", "ne": "always", "lt": "le", "ge": "gt"}.get(operator, operator), before
