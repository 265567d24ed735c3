"""Reads the text of a dateTime (RFC 7643 section 2.3.5); `timestamp` in meta.py writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# xsd:dateTime (XML Schema part 2, section 3.3.7), with the years that Python and BSON both support. There, "T" and "Z"
# are capitals, offsets end at 14:00, and there are no leap seconds.
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,32}))?"
    r"(?:Z|([+-])(0[0-9]|1[0-3]|14(?=:00)):([0-5][0-9]))?"
)
_MILLISECOND = 1_000


def read_moment(text: str) -> datetime:
    """Return the time in UTC, truncated to milliseconds as in BSON; raises ValueError as `exact_moment` does."""
    moment = exact_moment(text)
    return moment.replace(microsecond=moment.microsecond // _MILLISECOND * _MILLISECOND)


def exact_moment(text: str) -> datetime:
    """Return the time in UTC, for comparison with times in milliseconds; text without an offset is in UTC.

    A time with a finer fraction, of any number of digits, lies between two milliseconds. Raises ValueError for text
    that is not an xsd:dateTime.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("must be a dateTime such as 2011-05-13T04:42:34Z")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    digits = (fraction or "").rstrip("0")
    midnight_after = hour == "24" and minute == second == "00" and not digits
    microsecond = int(digits[:6].ljust(6, "0"))
    if len(digits) > 6 and microsecond % _MILLISECOND == 0:
        microsecond += 1  # finer than Python's datetime; only the side of the millisecond matters
    try:
        offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
        zone = timezone(-offset if sign == "-" else offset)
        moment = datetime(
            int(year), int(month), int(day), 0 if midnight_after else int(hour), int(minute), int(second),
            microsecond, zone,
        )
        return (moment + timedelta(days=midnight_after)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a date and a time that exist") from None
