"""How the text of a dateTime is read (RFC 7643 section 2.3.5); `timestamp` in meta.py writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# xsd:dateTime (XML Schema part 2, section 3.3.7), the years that Python and BSON both have. "T" and "Z" are capitals
# there, an offset ends at 14:00, and there are no leap seconds.
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,32}))?"
    r"(?:Z|([+-])(0[0-9]|1[0-3]|14(?=:00)):([0-5][0-9]))?"
)
_MILLISECOND = 1_000


def read_moment(text: str) -> datetime:
    """Return the moment in UTC, cut to milliseconds as BSON keeps it; raises ValueError as `exact_moment` does."""
    moment = exact_moment(text)
    return moment.replace(microsecond=moment.microsecond // _MILLISECOND * _MILLISECOND)


def exact_moment(text: str) -> datetime:
    """Return the moment in UTC, for comparison with moments in milliseconds; without an offset it is UTC already.

    One with a finer fraction, of any number of digits, lies between the two milliseconds around it.
    Raises ValueError for anything that is not an xsd:dateTime.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("must be a dateTime such as 2011-05-13T04:42:34Z")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    digits = (fraction or "").rstrip("0")
    midnight_after = hour == "24" and minute == second == "00" and not digits
    microsecond = int(digits[:6].ljust(6, "0"))
    if len(digits) > 6 and microsecond % _MILLISECOND == 0:
        microsecond += 1  # finer than Python can say; all that counts is on which side of a millisecond it is
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
