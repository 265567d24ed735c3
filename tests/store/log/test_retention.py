"""Numbered events go when their time is over, and no reader misses one unawares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.background import janitor
from app.store.log import retention
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from tests.conftest import Fault
from tests.store.log.conftest import COLLECTIONS, an_event, let_expire, numbered, pend, the_lease

NOW = datetime.now(UTC).replace(microsecond=0)
FIRST = 1_795_886_109_123_000


def keep(database: Database, *days: int) -> list[int]:
    """Store numbered events whose time is over in so many days, and return their numbers."""
    rows = [an_event(until=NOW + timedelta(days=each)) | {"seq": FIRST + number} for number, each in enumerate(days)]
    database.db.events.insert_many(rows)
    return [row["seq"] for row in rows]


@pytest.fixture(autouse=True)
def lease(relay: Relay) -> None:
    relay.drain()


def test_ev_50_what_is_over_goes_and_the_horizon_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    seqs = keep(database, -3, -2, -1, 0, 1, 2)
    database.db.events.insert_one({"_id": "refused", "tenant": "t", "expires": NOW - timedelta(days=1)})
    assert retention.delete_expired(database, NOW) == 4
    assert [event["seq"] for event in numbered(database)] == seqs[4:]
    assert the_lease(database)["horizon"] == seqs[3]
    assert database.db.events.find_one({"_id": "refused"}), "MongoDB deletes it itself"
    assert retention.delete_expired(database, NOW) == 0
    assert the_lease(database)["horizon"] == seqs[3]


def test_ev_136_a_shorter_retention_never_leaves_a_gap(database: Database) -> None:
    """EV-136: events of a month, then, after a change of the setting, events of a week: the later ones go first."""
    seqs = keep(database, 30, 30, 7, 7, 30)
    assert retention.delete_expired(database, NOW + timedelta(days=8)) == 2
    # The first two are still there, but who has not read them would miss the next two: they are below the horizon.
    assert the_lease(database)["horizon"] == seqs[3]
    assert [event["seq"] for event in numbered(database)] == [seqs[0], seqs[1], seqs[4]]
    assert retention.delete_expired(database, NOW + timedelta(days=31)) == 3
    assert the_lease(database)["horizon"] == seqs[4]


def test_ev_50_the_horizon_never_goes_back(database: Database) -> None:
    seqs = keep(database, 3, 1)
    retention.delete_expired(database, NOW + timedelta(days=2))
    retention.delete_expired(database, NOW + timedelta(days=4))
    assert the_lease(database)["horizon"] == seqs[1]


def test_ev_50_the_horizon_is_moved_before_anything_is_deleted(database: Database, fault: Fault) -> None:
    [seq] = keep(database, -1)
    with fault(["delete"], "alwaysOn", errorCode=2):
        janitor.once(database, janitor.RETENTION)
    assert (the_lease(database)["horizon"], len(numbered(database))) == (seq, 1)
    janitor.once(database, janitor.RETENTION)
    assert numbered(database) == []


def test_ev_50_nothing_is_deleted_where_the_horizon_cannot_be_kept(database: Database) -> None:
    keep(database, -1)
    database.db.leases.delete_many({})
    assert retention.delete_expired(database, NOW) == 0
    assert len(numbered(database)) == 1


def test_ev_52_a_break_is_kept_as_long_as_the_events_before_it(database: Database) -> None:
    let_expire(database, 11)
    pend(database, "users", "u", an_event(until=NOW - timedelta(days=1)))
    Relay(database, COLLECTIONS).drain()
    assert len(the_lease(database)["breaks"]) == 2
    retention.delete_expired(database, NOW)
    assert the_lease(database)["breaks"] == []


def test_ev_136_after_a_restore_numbers_that_were_given_out_lie_in_a_break(database: Database, relay: Relay) -> None:
    """EV-136: whoever has read what is lost is told so, and whoever has not goes on."""
    pend(database, "users", "u", an_event(), an_event())
    relay.drain()
    kept = the_lease(database)["published"]
    backup = {name: list(database.db[name].find()) for name in ("events", "leases")}
    pend(database, "users", "u", an_event(), an_event(), an_event())
    relay.drain()
    lost = [event["seq"] for event in numbered(database) if event["seq"] > kept]
    for name, rows in backup.items():
        database.db[name].delete_many({})
        database.db[name].insert_many(rows)
    let_expire(database, 11)
    pend(database, "users", "v", an_event())
    relay.drain()
    gap = the_lease(database)["breaks"][-1]
    assert gap["from"] == kept
    assert all(gap["from"] < each < gap["to"] for each in lost)
    assert [event["seq"] for event in numbered(database) if event["seq"] > kept] == [gap["to"] + 1]
