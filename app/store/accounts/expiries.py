"""Credentials that end: which ends soonest, and a warning in the tenant's log 30, 7 and 1 days before.

A warning and the mark that it was given are one transaction, so that of all workers one gives it, once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.store.accounts.clients import SPEC as CLIENTS
from app.store.accounts.tokens import SPEC as TOKENS
from app.store.log.events import Actor, Event, Events
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware

log = logging.getLogger("scimd")
WARNINGS = (1, 7, 30)
"""Days before the end of a credential, for credentials that live longer than that."""
OPERATION = "credential.expiring"
TOKEN, SECRET = "token", "secret"  # noqa: S105 - kinds, no secrets
_ISSUED = {"client": None, "revoked": None}
"""The tokens that operators issued; access tokens end within hours, as they should."""


@dataclass(frozen=True)
class Ending:
    """A credential that ends within the longest of `WARNINGS`."""

    tenant: str
    kind: str
    """`token` or `secret`."""
    id: str
    """Of the token, or of the client that has the secret."""
    created: datetime
    expires: datetime
    label: str = ""
    secret: str = ""
    """The id of the secret."""
    warned: int | None = None
    """The shortest of `WARNINGS` that was given."""

    def due(self, now: datetime) -> int | None:
        """Return the days of the warning that is to be given now, None where there is none."""
        left, life = self.expires - now, self.expires - self.created
        days = next((each for each in WARNINGS if left <= timedelta(days=each) < life), None)
        return days if days is not None and (self.warned is None or days < self.warned) else None

    def sentence(self) -> str:
        """Return what ends, when, and the command that makes another."""
        named = f' "{self.label}"' if self.label else ""
        day = f"{self.expires:%Y-%m-%d %H:%M} UTC"
        if self.kind == TOKEN:
            return f"The token {self.id}{named} expires on {day}. Issue another: scimd token issue {self.tenant}"
        which = f"The secret {self.secret} of the client {self.id}{named}"
        return f"{which} expires on {day}. Make another: scimd client rotate {self.id}"


def soonest(database: Database, now: datetime, tenant: str | None = None) -> dict[tuple[str, str], datetime]:
    """Return for each tenant, or one, and each kind of credential when the first of those that are valid ends."""
    mine = {"tenant": tenant} if tenant else {}
    ends = {"_id": "$tenant", "expires": {"$min": "$expires"}}
    tokens = database.db[TOKENS.name].aggregate([
        {"$match": mine | _ISSUED | {"expires": {"$gt": now}}}, {"$group": ends},
    ])
    secrets = database.db[CLIENTS.name].aggregate([
        {"$match": mine | {"secrets.expires": {"$gt": now}}}, {"$unwind": "$secrets"},
        {"$project": {"tenant": 1, "expires": "$secrets.expires"}}, {"$match": {"expires": {"$gt": now}}},
        {"$group": ends},
    ])
    kinds = ((TOKEN, tokens), (SECRET, secrets))
    return {(row["_id"], kind): aware(row["expires"]) for kind, rows in kinds for row in rows}


def warn(database: Database, now: datetime, days: int) -> int:
    """Give the warnings that are due and return how many those were; `days` is how long a log is kept."""
    given = 0
    for ending in _ending(database, now):
        due = ending.due(now)
        if due is not None and _warn(database, ending, due, days):
            log.warning("tenant %s: %s", ending.tenant, ending.sentence())
            given += 1
    return given


def _ending(database: Database, now: datetime) -> Iterator[Ending]:
    soon = {"$gt": now, "$lte": now + timedelta(days=max(WARNINGS))}
    for row in database.db[TOKENS.name].find(_ISSUED | {"expires": soon}):
        yield Ending(
            row["tenant"], TOKEN, row["_id"], aware(row["created"]), aware(row["expires"]), row.get("label", ""),
            warned=row.get("warned"),
        )
    for row in database.db[CLIENTS.name].find({"secrets.expires": soon}):
        for each in row["secrets"]:
            if now < aware(each["expires"]):
                yield Ending(
                    row["tenant"], SECRET, row["_id"], aware(each["created"]), aware(each["expires"]),
                    row.get("label", ""), each["id"], each.get("warned"),
                )


def _warn(database: Database, ending: Ending, due: int, days: int) -> bool:
    """Write the warning and that it was given; return False where another worker was first."""
    unwarned: dict[str, Any] = {"warned": {"$not": {"$lte": due}}}
    event = Event(
        OPERATION, resource_type=ending.kind, resource_id=ending.id, name=ending.label, detail=ending.sentence()
    )

    def work(session: Session) -> bool:
        if ending.kind == TOKEN:
            marked = database.db[TOKENS.name].update_one(
                {"_id": ending.id, **unwarned}, {"$set": {"warned": due}}, session=session
            )
        else:
            marked = database.db[CLIENTS.name].update_one(
                {"_id": ending.id, "secrets": {"$elemMatch": {"id": ending.secret, **unwarned}}},
                {"$set": {"secrets.$.warned": due}}, session=session,
            )
        if marked.matched_count:
            Events(database, ending.tenant, days=days).append(event, Actor("scimd"), session)
        return bool(marked.matched_count)

    return database.transaction(work)
