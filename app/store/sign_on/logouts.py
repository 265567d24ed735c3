"""The ends of sessions, and the logouts: which app is still to be told of which end.

A session, the lines of the log and the logouts change in one transaction, so that an app is told of each end, whichever
process is killed. A worker claims a logout before it tells the app; if that worker dies, another one takes it a while
later. An app can therefore be told twice, but is never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.expiries import CONNECTIONS
from app.store.accounts.sealing import SPEC as SERVER
from app.store.log.event import Actor, Event, new_id
from app.store.log.events import Events
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now
from app.store.sign_on.sessions import FORGET_AFTER
from app.store.sign_on.sessions import SPEC as SESSIONS

_TEXTS = ("_id", "tenant", "app", "user", "sid", "reason")
_DATES = ("created", "due", "forget")
SPEC = CollectionSpec(
    name="logouts",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": [*_TEXTS, "tries", "created", "forget"],
            "additionalProperties": False,
            "properties": {
                **{each: {"bsonType": "string"} for each in _TEXTS},
                **{each: {"bsonType": "date"} for each in _DATES},
                "tries": {"bsonType": "int"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("due", 1),), name="due", partial={"due": {"$exists": True}}),
        IndexSpec(keys=(("forget", 1),), name="forget", expire_after_seconds=0),
    ),
)
COLLECTIONS = (SPEC,)

DISABLED, DELETED = "disabled", "deleted"
"""Why a session ended, as in the log: its user, or all of the tenant."""
SIGN_OFF = "sign-off"
"""The operation of an end in the log."""
PAUSES = tuple(timedelta(seconds=each) for each in (5, 15, 60, 300, 900, 1_800))
"""The times between two attempts to tell an app."""
CLAIMED = timedelta(seconds=30)
"""How long a worker has for one attempt, before another one takes it."""
_BATCH = 100
_PLACE = "endings"


@dataclass(frozen=True)
class Logout:
    """An app that is to be told of the end of a session."""

    id: str
    tenant: str
    app: str
    user: str
    sid: str
    reason: str
    created: datetime
    """When the session ended."""
    tries: int
    """How many attempts there have been, the present one included."""

    @property
    def is_last(self) -> bool:
        """Whether there is no further attempt."""
        return self.tries > len(PAUSES)


@dataclass(frozen=True)
class End:
    """How a session ends."""

    reason: str
    """One word: app, person, idp, operator, disabled, deleted, not-in-group or suspended."""
    log: Events
    """The log of the tenant."""
    actor: Actor = Actor()
    """Who ends it."""


def end_sessions(database: Database, tenant: str, query: Mapping[str, Any], end: End) -> int:
    """End those of a tenant's sessions that `query` selects, and return how many there were."""
    own, ended = {**query, "tenant": tenant}, 0
    while True:
        number = database.transaction(lambda session: _end_some(database, own, end, session))
        ended += number
        if number < _BATCH:
            return ended


def _end_some(database: Database, query: Mapping[str, Any], end: End, session: Session) -> int:
    """End one batch of sessions, and return how many there were."""
    sessions, moment = database.db[SESSIONS.name], now()
    running = {**query, "ended": {"$exists": False}, "expires": {"$gt": moment}}
    rows = list(sessions.find(running, limit=_BATCH, session=session))
    if not rows:
        return 0
    change = {"$set": {"ended": moment, "reason": end.reason, "forget": moment + FORGET_AFTER}}
    sessions.update_many({"_id": {"$in": [row["_id"] for row in rows]}}, change, session=session)
    for row in rows:
        about = {name: row.get(name, "") for name in ("connection", "sid")}
        event = Event(SIGN_OFF, USER_TYPE.name, row["user"], detail=end.reason, sign_on=about)
        end.log.append(event, end.actor, session)
    # A session that goes on under a new cookie may be here twice.
    logouts = {(row["sid"], app): _row(row, app, end.reason, moment) for row in rows for app in row["apps"]}
    if logouts:
        database.db[SPEC.name].insert_many(logouts.values(), session=session)
    return len(rows)


def _row(session: Mapping[str, Any], app: str, reason: str, moment: datetime) -> dict[str, Any]:
    return {
        "_id": new_id(), "tenant": session["tenant"], "app": app, "user": session["user"], "sid": session["sid"],
        "reason": reason, "tries": 0, "created": moment, "due": moment, "forget": moment + FORGET_AFTER,
    }


def signed_in(database: Database, among: Mapping[str, Iterable[str]] | None = None) -> set[tuple[str, str]]:
    """Return tenant and user of each running session; `among` limits them to some users of some tenants."""
    running: dict[str, Any] = {"ended": {"$exists": False}, "expires": {"$gt": now()}}
    if among is not None:
        if not among:
            return set()
        running["$or"] = [{"tenant": tenant, "user": {"$in": list(users)}} for tenant, users in among.items()]
    found = database.db[SESSIONS.name].find(running, {"_id": 0, "tenant": 1, "user": 1})
    return {(row["tenant"], row["user"]) for row in found}


def anybody_signed_in(database: Database) -> bool:
    """Return whether there is any running session, of whichever tenant."""
    running = {"ended": {"$exists": False}, "expires": {"$gt": now()}}
    return database.db[SESSIONS.name].find_one(running, {"_id": 1}) is not None


def is_used(database: Database) -> bool:
    """Return whether a tenant has a connection, or an app is still to be told of a logout."""
    if database.db[CONNECTIONS].find_one({}, {"_id": 1}) is not None:
        return True
    return database.db[SPEC.name].find_one({"due": {"$exists": True}}, {"_id": 1}) is not None


class Place:
    """How far the events have been read for what ends sessions: the number of the last one."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SERVER.name]

    def get(self) -> int | None:
        """Return the number, None if none has been stored."""
        row = self._collection.find_one({"_id": _PLACE}) or {}
        number: int | None = row.get("number")
        return number

    def advance(self, number: int) -> None:
        """Store the number, unless another worker has come further."""
        self._collection.update_one({"_id": _PLACE}, {"$max": {"number": number}}, upsert=True)

    def begin_anew(self, number: int) -> None:
        """Store the number after the place was lost."""
        self._collection.update_one({"_id": _PLACE}, {"$set": {"number": number}}, upsert=True)


class Logouts:
    """The logouts of all tenants; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def claim(self) -> Logout | None:
        """Take a logout that is due and return it; None if there is none. No other caller gets it for a while."""
        moment = self._clock()
        change = {"$set": {"due": moment + CLAIMED}, "$inc": {"tries": 1}}
        row = self._collection.find_one_and_update(
            {"due": {"$lte": moment}}, change, sort=[("due", 1)], return_document=True
        )
        if row is None:
            return None
        texts = {name: row[name] for name in _TEXTS if name != "_id"}
        return Logout(id=row["_id"], created=aware(row["created"]), tries=row["tries"], **texts)

    def finish(self, logout: Logout, session: Session = None) -> bool:
        """Note that nothing more is to be told, because it was, or cannot be.

        Return False if another worker has the logout by now.
        """
        return self._update(logout, {"$unset": {"due": ""}}, session)

    def postpone(self, logout: Logout) -> None:
        """Note that the app could not be told; there is another attempt after a pause, which grows."""
        pause = PAUSES[min(logout.tries, len(PAUSES)) - 1]
        self._update(logout, {"$set": {"due": self._clock() + pause}}, None)

    def waiting(self, tenant: str) -> int:
        """Return how many logouts of a tenant are still to be told."""
        return self._collection.count_documents({"tenant": tenant, "due": {"$exists": True}})

    def _update(self, logout: Logout, change: Mapping[str, Any], session: Session) -> bool:
        # Only while it is this worker's: of an attempt that took too long another worker may have begun the next one.
        query = {"_id": logout.id, "tries": logout.tries}
        return bool(self._collection.update_one(query, change, session=session).matched_count)
