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
_LOST = (400, 401, 403, 404)
"""The statuses of a request about no resource that was refused for its credential or address."""
_WORDS = {"GET": "asked for", "POST": "created", "PUT": "changed", "PATCH": "changed", "DELETE": "deleted"}


@dataclass(frozen=True)
class Arrival:
    """A request: what it did, or why it was refused."""

    time: datetime
    words: str
    resource_type: str = ""
    writes: bool = False
    why: Explanation | None = None
    lost: bool = False
    """Whether it was refused for its credential or address."""


def arrivals(activity: Activity, events: Events, tenant: str, since: datetime, provider: str) -> Sequence[Arrival]:
    """Return what has arrived since, the newest last; `provider` is a key of `PROVIDERS`.

    That users or groups were asked for is there even if `MOST` came since.
    """
    pulse = activity.pulse(tenant)
    accepted = [_accepted(row) for row in pulse.get("recent", ()) if row["status"] < 400]
    found = events.page(LogFilter(failed=True, since=since), Window(limit=MOST)).events
    refused = [_refused(event, provider) for event in found]
    newest = sorted([each for each in (*accepted, *refused) if each.time >= since], key=_time)[-MOST:]
    there = {each.resource_type for each in newest if each.why is None}
    asked = [_accepted({"time": time, "method": "GET", "type": kind}) for kind, time in pulse.get("asked", {}).items()]
    before = [each for each in asked if each.time >= since and each.resource_type not in there]
    return [*sorted(before, key=_time), *newest]


def _time(arrival: Arrival) -> datetime:
    return arrival.time


def works(found: Sequence[Arrival]) -> bool:
    """Return whether the connection works: a request was accepted, and none after it had a wrong credential or address.
    """
    telling = [each for each in found if each.why is None or each.lost]
    return bool(telling) and not telling[-1].lost


def has_passed(found: Sequence[Arrival], provider: str) -> bool:
    """Return whether the connection works, and the test has passed: Entra asks for a user and a group.

    Once users or groups are sent, no one waits for a test any more.
    """
    accepted = [each for each in found if each.why is None]
    types = {each.resource_type for each in accepted}
    asked = provider != ENTRA or {USER_TYPE.name, GROUP_TYPE.name} <= types
    return works(found) and (asked or any(each.writes for each in accepted))


def _accepted(row: dict[str, Any]) -> Arrival:
    kind = row["type"]
    what, writes = f"a {kind.lower()}" if kind else "something else", bool(kind) and row["method"] != "GET"
    return Arrival(aware(row["time"]), f"{_WORDS.get(row['method'], 'sent')} {what}", kind, writes)


def _refused(event: dict[str, Any], provider: str) -> Arrival:
    why, about = explain(event, provider, customer=True), event.get("resource", {})
    name, kind = about.get("name") or about.get("id") or "", about.get("type", "")
    words = ": ".join(each for each in (name, why.sentence or why.title) if each)
    lost = not kind and event["status"] in _LOST
    return Arrival(aware(event["time"]), words, kind, why=why, lost=lost)
