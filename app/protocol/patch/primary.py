"""At most one value of a multi-valued attribute is `primary` (RFC 7643 section 2.4, RFC 7644 section 3.5.2)."""

from __future__ import annotations

from typing import Any

from app.errors import InvalidValue, Problem
from app.schemas.attribute import Attribute
from app.schemas.tables.common import PRIMARY


def is_primary(value: Any) -> bool:
    """Return whether a value is the primary one; one without the sub-attribute is not (RFC 7643 section 2.4)."""
    return isinstance(value, dict) and value.get(PRIMARY.name) is True


def sets_primary(value: Any, sub: Attribute | None) -> bool:
    """Return whether an operation sets `primary`: its path ends in this sub-attribute, or its value contains it."""
    if sub is not None:
        return sub.name == PRIMARY.name
    return isinstance(value, dict) and any(name.lower() == PRIMARY.name for name in value)


def keep_last_claim(values: list[Any], claims: list[int], path: str, *, several: bool) -> list[Any]:
    """Return the values with `primary` true only at the last of the claims, which are positions in `values` (D-130).

    Without a claim, nothing changes. Unless `several` is true, raises InvalidValue for more than one claim.
    """
    if not claims:
        return values
    if len(set(claims)) > 1 and not several:
        raise InvalidValue(
            f"{path} must have at most one value with {PRIMARY.name} true.",
            Problem(path, f"at most one value with {PRIMARY.name} true", "several"),
        )
    return [
        {**value, PRIMARY.name: False} if index != claims[-1] and is_primary(value) else value
        for index, value in enumerate(values)
    ]
