"""How the text of a dateTime is read (RFC 7643 section 2.3.5); `timestamp` in meta.py writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# xsd:dateTime, the years that Python and BSON both have. The separators and the Z are capitals there.
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,32}))?"
    r"(?:(Z)|([+-])([0-9]{2}):([0-9]{2}))?"
)


def read_moment(text: str) -> datetime:
    """Give the moment in UTC, cut to milliseconds as BSON keeps it; without an offset it is UTC already.

    Raises ValueError for anything that is no xsd:dateTime.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("must be a dateTime such as 2011-05-13T04:42:34Z")
    year, month, day, hour, minute, second, fraction, _, sign, offset_hours, offset_minutes = match.groups()
    midnight_after = hour == "24" and minute == second == "00" and not (fraction or "").strip("0")
    milliseconds = int((fraction or "0")[:3].ljust(3, "0"))
    try:
        offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
        zone = timezone(-offset if sign == "-" else offset)
        moment = datetime(
            int(year), int(month), int(day), 0 if midnight_after else int(hour), int(minute), int(second),
            milliseconds * 1000, zone,
        )
        return (moment + timedelta(days=midnight_after)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a date and a time that exist") from None
