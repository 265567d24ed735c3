"""Credentials that expire: the earliest of each tenant, and warnings in its log 30, 7 and 1 days before.

The certificates of identity providers are warned of in the same way, while their connection is on. The secrets of apps
are of no tenant: they are counted and logged as the tokens for all tenants are.

A warning and the mark that it was given are one transaction, so that only one worker gives it, once.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.store.accounts.clients import SPEC as CLIENTS
from app.store.accounts.tenants import ALL_TENANTS, log_of
from app.store.accounts.tokens import DEFAULT_SCOPES
from app.store.accounts.tokens import SPEC as TOKENS
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware

log = logging.getLogger("scimd")
WARNINGS = (1, 7, 30)
"""Days before a credential expires; a warning is given only for one that was valid for longer than that."""
OPERATION = "credential.expiring"
TOKEN, SECRET, APP, CONNECTION = "token", "secret", "app", "connection"  # noqa: S105 - kinds, no secrets
APPS = "apps"
"""The collection of the apps, which have secrets as clients do."""
CONNECTIONS = "connections"
"""The collection of the connections to identity providers, whose `expires` is when the last certificate does."""
_COLLECTIONS = {TOKEN: TOKENS.name, SECRET: CLIENTS.name, APP: APPS, CONNECTION: CONNECTIONS}
_ISSUED = {"client": None, "revoked": None}
"""Selects the tokens that operators issued; access tokens expire within hours and need no warning."""


@dataclass(frozen=True)
class ExpiringCredential:
    """A credential that expires within the longest of `WARNINGS`."""

    tenant: str
    kind: str
    """`token`, `secret`, `app` for the secret of one, or `connection`."""
    id: str
    """The id of the token, of the client or app that has the secret, or of the connection."""
    created: datetime
    expires: datetime
    label: str = ""
    secret: str = ""
    """The id of the secret."""
    warned: int | None = None
    """The last of `WARNINGS` that was given."""
    scopes: frozenset[str] = frozenset(DEFAULT_SCOPES)
    """What a token may be used for."""

    def due(self, now: datetime) -> int | None:
        """Return which of `WARNINGS` is due now, None if none is."""
        left, life = self.expires - now, self.expires - self.created
        days = next((each for each in WARNINGS if left <= timedelta(days=each) < life), None)
        return days if days is not None and (self.warned is None or days < self.warned) else None

    def sentence(self) -> str:
        """Return the warning: what expires, when, and the command that helps."""
        named = f' "{self.label}"' if self.label else ""
        day = f"{self.expires:%Y-%m-%d %H:%M} UTC"
        if self.kind == TOKEN:
            return f"The token {self.id}{named} expires on {day}. Issue another: scimd token issue {self._options()}"
        if self.kind == CONNECTION:
            return (
                f"The last certificate of the identity provider at the connection {self.id}{named} expires on {day}; "
                f"nobody can sign in after that. Read its metadata: scimd sso refresh {self.tenant}, or make a second "
                f"connection with the next one: scimd sso set {self.tenant} saml ..."
            )
        owner = "app" if self.kind == APP else "client"
        which = f"The secret {self.secret} of the {owner} {self.id}{named}"
        return f"{which} expires on {day}. Make another: scimd {owner} rotate {self.id}"

    def _options(self) -> str:
        """Return what `scimd token issue` needs for another token like this one."""
        whose = "--all-tenants" if self.tenant == ALL_TENANTS else self.tenant
        if self.scopes == set(DEFAULT_SCOPES):
            return whose
        return f"{whose} --scope {shlex.quote(' '.join(sorted(self.scopes)))}"


def earliest_expiries(
    database: Database, now: datetime, tenant: str | None = None, most: int = 0
) -> dict[tuple[str, str], datetime]:
    """Return when the first valid credential of each tenant and kind expires, by (tenant, kind).

    `tenant` limits it to one tenant, without the secrets of apps; `most` to so many of each kind, those that expire
    first, for which an index is read from its beginning (D-672).
    """
    mine = {"tenant": tenant} if tenant else {}
    found: dict[tuple[str, str], datetime] = {}
    query, fields = mine | _ISSUED | {"expires": {"$gt": now}}, {"_id": 0, "tenant": 1, "expires": 1}
    for row in database.db[TOKENS.name].find(query, fields, sort=[("expires", 1)], batch_size=most):
        found.setdefault((row["tenant"], TOKEN), aware(row["expires"]))
        if len(found) == most:
            break
    first: list[dict[str, Any]] = [{"$sort": {"expires": 1}}, {"$limit": most}] if most else []
    for kind, whose in ((SECRET, "$tenant"), *([] if tenant else [(APP, {"$literal": ALL_TENANTS})])):
        rows = database.db[_COLLECTIONS[kind]].aggregate([
            {"$match": mine | {"secrets.expires": {"$gt": now}}}, {"$unwind": "$secrets"},
            {"$match": {"secrets.expires": {"$gt": now}}},
            {"$group": {"_id": whose, "expires": {"$min": "$secrets.expires"}}}, *first,
        ])
        found |= {(row["_id"], kind): aware(row["expires"]) for row in rows}
    return found


def warn_of_expiries(database: Database, now: datetime, days: int) -> int:
    """Write the warnings that are due and return how many there were; `days` is how long a log is kept."""
    given = 0
    for credential in _expiring(database, now):
        due = credential.due(now)
        if due is not None and _warn(database, credential, due, days):
            log.warning("tenant %s: %s", credential.tenant, credential.sentence())
            given += 1
    return given


def _expiring(database: Database, now: datetime) -> Iterator[ExpiringCredential]:
    soon = {"$gt": now, "$lte": now + timedelta(days=max(WARNINGS))}
    for row in database.db[TOKENS.name].find(_ISSUED | {"expires": soon}):
        yield ExpiringCredential(
            row["tenant"], TOKEN, row["_id"], aware(row["created"]), aware(row["expires"]), row.get("label", ""),
            warned=row.get("warned"), scopes=frozenset(row["scopes"]),
        )
    for kind, name in ((SECRET, "label"), (APP, "name")):
        for row in database.db[_COLLECTIONS[kind]].find({"secrets.expires": soon}):
            for each in row["secrets"]:
                if now < aware(each["expires"]):
                    yield ExpiringCredential(
                        row.get("tenant", ALL_TENANTS), kind, row["_id"], aware(each["created"]),
                        aware(each["expires"]), row.get(name, ""), each["id"], each.get("warned"),
                    )
    for row in database.db[CONNECTIONS].find({"expires": soon, "state": "on"}):
        last = max(row["saml"]["certificates"], key=lambda each: each["notAfter"])
        yield ExpiringCredential(
            row["tenant"], CONNECTION, row["_id"], aware(last["notBefore"]), aware(row["expires"]),
            row.get("label", ""), warned=row.get("warned"),
        )


def _warn(database: Database, credential: ExpiringCredential, due: int, days: int) -> bool:
    """Write the warning and mark it as given; return False if another worker was first."""
    unwarned: dict[str, Any] = {"warned": {"$not": {"$lte": due}}}
    event = Event(
        OPERATION, resource_type=credential.kind, resource_id=credential.id, name=credential.label,
        detail=credential.sentence(),
    )

    def work(session: Session) -> bool:
        query, mark = {"_id": credential.id, **unwarned}, "warned"
        if credential.secret:
            query = {"_id": credential.id, "secrets": {"$elemMatch": {"id": credential.secret, **unwarned}}}
            mark = "secrets.$.warned"
        collection = database.db[_COLLECTIONS[credential.kind]]
        marked = collection.update_one(query, {"$set": {mark: due}}, session=session)
        if marked.matched_count:
            Events(database, log_of(credential.tenant), LogSettings(days)).append(event, Actor("scimd"), session)
        return bool(marked.matched_count)

    return database.transaction(work)
