"""What is written within one millisecond has the order in which it was written."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from app.schemas.tables.user import USER_TYPE
from app.store.log import event as module
from app.store.log.event import Actor, Event, new_id
from app.store.log.events import Events, LogSettings
from app.store.log.outbox import SPEC as OUTBOX
from app.store.log.reading.page import LogFilter
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from app.store.operators import audit
from app.store.operators.audit import AuditLog, Operator
from tests.store.log.conftest import numbered, pend

MOMENT = datetime(2026, 11, 29, 18, 0, 0, 123_000, UTC)
NAMES = [f"user-{number:02}" for number in range(24)]


@pytest.fixture
def _standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything have one time."""
    monkeypatch.setattr(module, "now", lambda: MOMENT)
    monkeypatch.setattr(audit, "now", lambda: MOMENT)


def test_d_590_an_id_begins_with_the_time_and_sorts_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = int(MOMENT.timestamp() * 1_000) * 1_000_000
    found = []
    for nanoseconds in (0, 300, 500_000, 999_999, 1_000_000):
        monkeypatch.setattr(module.time, "time_ns", lambda now=moment + nanoseconds: now)
        found.append(uuid.UUID(new_id()))
    assert [(each.version, each.variant) for each in found] == [(7, uuid.RFC_4122)] * 5
    assert [each.int >> 80 for each in found] == [moment // 1_000_000] * 4 + [moment // 1_000_000 + 1]
    assert [each.int >> 64 & 0xFFF for each in found] == [0, 1, 2048, 4095, 0]
    assert found == sorted(found)
    assert len({new_id() for _ in range(1_000)}) == 1_000


@pytest.mark.usefixtures("_standing_clock")
def test_d_590_events_of_several_documents_are_numbered_in_the_order_of_writing(database: Database, relay: Relay) -> None:
    log = Events(database, "t", LogSettings(30))
    for number, name in enumerate(NAMES):
        event = Event("create", "User", name, name, type="scimd.user.created", status=201)
        pend(database, ("users", "groups", OUTBOX.name)[number % 3], f"{-number}", log.pending(event, Actor()))
    relay.drain()
    assert [event["resource"]["name"] for event in numbered(database)] == NAMES


@pytest.mark.usefixtures("_standing_clock")
def test_d_590_lines_that_were_refused_that_are_pending_and_that_were_moved_have_one_order(
    database: Database, relay: Relay
) -> None:
    log = Events(database, "t", LogSettings(30), sources=("users",))
    for number, name in enumerate(NAMES):
        event = Event("create", USER_TYPE.name, name, name, type="scimd.user.created", status=409 if number % 2 else 201)
        if number % 2:
            log.append(event, Actor())
        else:
            pend(database, "users", f"{-number}", log.pending(event, Actor()))
        if number == len(NAMES) // 2:
            relay.drain()
    assert [line["resource"]["name"] for line in log.find()] == NAMES
    relay.drain()
    assert [line["resource"]["name"] for line in log.find()] == NAMES
    assert [line["resource"]["name"] for line in log.page(LogFilter()).events] == NAMES[::-1]


@pytest.mark.usefixtures("_standing_clock")
def test_d_590_acts_have_the_order_in_which_they_were_begun(database: Database) -> None:
    log = AuditLog(database)
    for name in NAMES:
        with log.begin(Operator("alice", "command line"), "tenant suspend", tenant="acme", object_=name):
            pass
    assert [act["object"] for act in log.find(tenant="acme")] == NAMES
    assert [act["object"] for act in log.find(limit=5)] == NAMES[-5:]
    for tenant in ("", "acme"):
        acts, more = log.page(tenant, None, 100)
        assert ([act["object"] for act in acts], more) == (NAMES[::-1], None)
        acts, _ = log.page(tenant, None, 5)
        assert [act["object"] for act in acts] == NAMES[::-1]
