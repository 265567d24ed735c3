"""What has arrived from a tenant's identity provider since a moment, for the people who set it up and wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.advice.explain import Explanation, explain
from app.advice.guides import ENTRA
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.activity import Activity
from app.store.log.events import Events
from app.store.log.reading.page import LogFilter, Window
from app.store.mongo.moments import aware

MOST = 20
_WORDS = {"GET": "asked for", "POST": "created", "PUT": "changed", "PATCH": "changed", "DELETE": "deleted"}


@dataclass(frozen=True)
class Arrival:
    """A request: what it did, or why it was refused."""

    time: datetime
    words: str
    resource_type: str = ""
    writes: bool = False
    why: Explanation | None = None


def arrivals(activity: Activity, events: Events, tenant: str, since: datetime, provider: str) -> Sequence[Arrival]:
    """Return what has arrived since, the newest last; `provider` is a key of `PROVIDERS`."""
    accepted = [_accepted(row) for row in activity.pulse(tenant).get("recent", ()) if row["status"] < 400]
    found = events.page(LogFilter(failed=True, since=since), Window(limit=MOST)).events
    refused = [_refused(event, provider) for event in found]
    return sorted([each for each in (*accepted, *refused) if each.time >= since], key=lambda each: each.time)[-MOST:]


def has_passed(found: Sequence[Arrival], provider: str) -> bool:
    """Return whether the test has passed: Entra asks for a user and a group, others for anything.

    Once users and groups are sent, nobody waits for a test any more.
    """
    if any(each.why is None and each.writes for each in found):
        return True
    types = {each.resource_type for each in found if each.why is None}
    return {USER_TYPE.name, GROUP_TYPE.name} <= types if provider == ENTRA else any(e.why is None for e in found)


def _accepted(row: dict[str, Any]) -> Arrival:
    kind = row["type"]
    what, writes = f"a {kind.lower()}" if kind else "something else", bool(kind) and row["method"] != "GET"
    return Arrival(aware(row["time"]), f"{_WORDS.get(row['method'], 'sent')} {what}", kind, writes)


def _refused(event: dict[str, Any], provider: str) -> Arrival:
    why = explain(event, provider, customer=True)
    return Arrival(aware(event["time"]), why.sentence or why.title, why=why)
