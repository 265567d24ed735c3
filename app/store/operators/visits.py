"""The visits: that a browser is in the console, or on the setup pages of a tenant.

The browser's cookie is 256 random bits. Each request reads the visit anew, so that one that has ended lets nobody in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database
from app.store.mongo.moments import aware, now

CONSOLE, SETUP = "console", "setup"
"""The two kinds of visits, and of the links that open them."""
_TEXTS = ("kind", "who", "role", "tenant", "link", "sid", "address", "agent", "back")
_DATES = ("opened", "fresh", "seen", "ends")
SPEC = CollectionSpec(
    name="visits",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "kind", "who", "role", "tenant", "link", *_DATES],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string"},
                **{name: {"bsonType": "string"} for name in _TEXTS},
                **{name: {"bsonType": "date"} for name in _DATES},
                "forms": {"bsonType": "array", "items": {"bsonType": "string"}},
                "exporting": {"bsonType": "date"},
            },
        }
    },
    indexes=(
        IndexSpec(keys=(("link", 1),), name="link"),
        IndexSpec(keys=(("ends", 1),), name="ends", expire_after_seconds=0),
    ),
)
COLLECTIONS = (SPEC,)

LONGEST = timedelta(hours=8)
IDLE = {CONSOLE: timedelta(minutes=30), SETUP: timedelta(hours=2)}
"""How long a visit lasts without a request."""
EXPORT = timedelta(minutes=5)
"""How long a file that a visit exports may stand still before the visit can export another one."""
MOST_FORMS = 200
"""Forms with a secret in their answer that can be sent in one visit."""
ID_LENGTH = 12
"""Characters of the stored hash by which operators name a visit or a link."""
_LONGEST_AGENT = 300


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A visit; unknown parts are ""."""

    kind: str
    who: str
    role: str
    tenant: str = ""
    """The tenant of a setup visit."""
    link: str = ""
    """The id of the link that opened it."""
    sid: str = ""
    """The session of sign-on that opened it."""
    address: str = ""
    agent: str = ""
    opened: datetime
    fresh: datetime
    """When the person last signed in."""
    seen: datetime
    ends: datetime
    back: str = ""
    """The path that the person asked for when another sign-in was needed."""
    key: str = ""
    """The hash of the cookie."""

    @property
    def id(self) -> str:
        """What operators name it by."""
        return self.key[:ID_LENGTH]


class Visits:
    """The visits of all browsers; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._clock = clock

    def open(
        self, *, former: str = "", fresh: datetime | None = None, until: datetime | None = None, **parts: str
    ) -> tuple[str, str]:
        """Open a visit; return the secret for its cookie, and the path that the person came for, or "".

        `former` is the secret of the browser's earlier visit, which ends; `fresh` is when the person signed in, if that
        was not now; `until` is when the visit ends at the latest. `parts` are the texts of a `Visit`.
        """
        moment = self._clock()
        earlier = self._collection.find_one_and_delete({"_id": hash_of(former), "kind": parts["kind"]}) or {}
        secret = secrets.token_urlsafe(32)
        document = {"tenant": "", "link": ""} | parts | {"agent": parts.get("agent", "")[:_LONGEST_AGENT]}
        ends = min(moment + LONGEST, until or moment + LONGEST)
        times = {"opened": moment, "fresh": fresh or moment, "seen": moment, "ends": ends}
        self._collection.insert_one({"_id": hash_of(secret), **document, **times})
        return secret, earlier.get("back", "")

    def get(self, secret: str, kind: str, *, touch: bool = True) -> Visit | None:
        """Return the visit with this secret, or None if it has ended; `touch` prolongs one that is used."""
        moment = self._clock()
        query = {"_id": hash_of(secret), "kind": kind, "ends": {"$gt": moment}, "seen": {"$gt": moment - IDLE[kind]}}
        if not touch:
            document = self._collection.find_one(query)
        else:
            document = self._collection.find_one_and_update(query, {"$max": {"seen": moment}})
        return _visit(document) if document else None

    def come_back(self, visit: Visit, path: str) -> None:
        """Remember the path that the person asked for, for when they have signed in again."""
        self._collection.update_one({"_id": visit.key}, {"$set": {"back": path}})

    def use_form(self, visit: Visit, once: str) -> bool:
        """Use up a form, and return whether it was unused; a visit can use `MOST_FORMS`."""
        room = {"$or": [{"forms": {"$exists": False}}, {f"forms.{MOST_FORMS - 1}": {"$exists": False}}]}
        unused = {"_id": visit.key, "forms": {"$ne": once}, **room}
        return self._collection.update_one(unused, {"$push": {"forms": once}}).modified_count > 0

    def take_export(self, key: str, until: datetime | None = None) -> datetime | None:
        """Take a visit's turn to export a file, or keep the one that lasts `until`.

        Returns until when it lasts, unless it is kept or ended before; None if the visit exports another file.
        """
        moment = self._clock()
        free: dict[str, Any] = {"$or": [{"exporting": {"$exists": False}}, {"exporting": {"$lt": moment}}]}
        query = {"_id": key, **({"exporting": until} if until else free)}
        later = moment + EXPORT
        return later if self._collection.update_one(query, {"$set": {"exporting": later}}).matched_count else None

    def end_export(self, key: str, until: datetime) -> None:
        """End the turn that lasts `until`."""
        self._collection.update_one({"_id": key, "exporting": until}, {"$unset": {"exporting": ""}})

    def end(self, **query: Any) -> int:
        """End the visits that have these fields, all without any, and return how many there were."""
        return self._collection.delete_many(query).deleted_count

    def end_named(self, visit_id: str) -> int:
        """End the visit with this id, and return how many there were."""
        return self.end(_id={"$gte": visit_id, "$lt": f"{visit_id}g"}) if len(visit_id) == ID_LENGTH else 0

    def list(self) -> list[Visit]:
        """Return the visits that have not ended, the most recently used first."""
        moment = self._clock()
        found = map(_visit, self._collection.find({"ends": {"$gt": moment}}, sort=[("seen", -1)]))
        return [visit for visit in found if visit.seen > moment - IDLE[visit.kind]]


def _visit(document: dict[str, Any]) -> Visit:
    parts: dict[str, Any] = {name: document.get(name, "") for name in _TEXTS}
    parts |= {name: aware(document[name]) for name in _DATES}
    return Visit(key=document["_id"], **parts)
