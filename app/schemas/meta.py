"""The `meta` of a resource in responses (RFC 7643 section 3.1): dates in milliseconds, versions as ETags."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def now() -> datetime:
    """Return the current time in UTC, truncated to the milliseconds that MongoDB stores.

    The response to a write then shows the same time as later ones.
    """
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def timestamp(time: datetime) -> str:
    """Return a UTC time as text: `2011-05-13T04:42:34.000Z`."""
    return time.isoformat("T", "milliseconds")[:23] + "Z"


def version_number(version: str) -> int:
    """Return the number in a version such as `W/"3"`, or -1 if the version is not one of ours."""
    digits = version.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 18 else -1


def version_text(number: int) -> str:
    """Return the version with a number, as an entity tag."""
    return f'W/"{number}"'


def first_meta(resource_type: str, time: datetime) -> dict[str, Any]:
    """Return the meta of a resource created at `time`."""
    text = timestamp(time)
    return {"resourceType": resource_type, "created": text, "lastModified": text, "version": version_text(1)}


def next_meta(meta: dict[str, Any], time: datetime) -> dict[str, Any]:
    """Return the meta after one more change at `time`; `lastModified` never decreases, even if the clock does."""
    version = version_text(version_number(meta["version"]) + 1)
    return meta | {"lastModified": max(meta["lastModified"], timestamp(time)), "version": version}
