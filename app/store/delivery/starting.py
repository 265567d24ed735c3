"""Where an endpoint begins: with the next event, with the oldest that is kept, or with those since a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from app.store.log.events import BY_SEQUENCE, SPEC
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import by_index
from app.store.mongo.moments import aware

MARGIN = timedelta(minutes=2)
"""Events are numbered nearly in the order of their times: clocks differ, and a transaction may take a minute."""


def newest(database: Database) -> int:
    """Return the place after all events so far."""
    return EventSequence(database).latest()


def oldest(database: Database) -> int:
    """Return the place before the oldest event that is certainly kept."""
    with EventSequence(database).reading() as reading:
        return reading.start(None)


def checked(database: Database, place: int) -> int:
    """Return a place behind which nothing is missing; raises Gone for any other."""
    with EventSequence(database).reading() as reading:
        return reading.start(place)


def since(database: Database, moment: datetime) -> int:
    """Return a place before all events since a moment that are kept; a few earlier ones may come after it, too."""
    begin = moment - MARGIN
    with EventSequence(database).reading() as reading:
        low, high = reading.bounds.horizon, reading.bounds.published
        # All up to `low` are before the moment, and the first one after `high`, if there is one, is not.
        while low < high:
            middle = (low + high) // 2
            found = _first(database, middle, high, reading.session)
            if found is None or aware(found["time"]) >= begin:
                high = middle
            else:
                low = found["seq"]
        return low


def _first(database: Database, after: int, to: int, session: Session) -> dict[str, Any] | None:
    """Return number and time of the first event with a number in a range, or None."""
    events = database.db[SPEC.name]
    query, fields = {"seq": {"$gt": after, "$lte": to}}, {"_id": 0, "seq": 1, "time": 1}
    find = partial(events.find, query, fields, sort=[("seq", 1)], limit=1, session=session)
    found = by_index(events, BY_SEQUENCE, lambda **named: list(find(**named)))
    return found[0] if found else None
