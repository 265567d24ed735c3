"""The `meta` of a resource as the API shows it (RFC 7643 section 3.1): dates in milliseconds, versions as ETags."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def now() -> datetime:
    """Give the time of now, cut to the milliseconds that MongoDB keeps, so that what is shown first is shown always."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def timestamp(time: datetime) -> str:
    """Give a time as SCIM shows it: UTC, milliseconds, `Z`."""
    return time.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def version_number(version: str) -> int:
    """Give the number in a version such as `W/"3"`, or -1 where it is none of ours."""
    digits = version.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 18 else -1


def first_meta(resource_type: str, time: datetime) -> dict[str, Any]:
    """Give the meta of a resource that is created at `time`."""
    text = timestamp(time)
    return {"resourceType": resource_type, "created": text, "lastModified": text, "version": 'W/"1"'}


def next_meta(meta: dict[str, Any], time: datetime) -> dict[str, Any]:
    """Give the meta after one more change at `time`; `lastModified` never goes back, whatever the clock does."""
    version = f'W/"{version_number(meta["version"]) + 1}"'
    return meta | {"lastModified": max(meta["lastModified"], timestamp(time)), "version": version}
