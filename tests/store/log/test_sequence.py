"""The sequence of numbered events as readers see it: as of one moment, with the bounds of that moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from app.errors import Gone, Unavailable
from app.store.log.sequence import MOST_NEWS, Bounds, EventSequence, News, Reading, Scope
from app.store.mongo.database import Database
from tests.conftest import Fault

ACME = Scope("acme", "1a")


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture
def sequence(database: Database) -> EventSequence:
    return EventSequence(database)


def number(database: Database, first: int, count: int, tenant: str = "acme") -> None:
    """Store events with numbers, and publish the last one."""
    rows = [{"_id": f"{tenant}-{seq}", "tenant": tenant, "tenantId": "1a", "type": "t", "seq": seq} for seq in range(first, first + count)]
    database.db.events.insert_many(rows)
    lease(database, published=first + count - 1)


def lease(database: Database, **fields: Any) -> None:
    database.db.leases.update_one({"_id": "relay"}, {"$set": fields}, upsert=True)


def numbers(documents: Iterable[dict[str, Any]]) -> list[int]:
    return [document["seq"] for document in documents]


def test_a_reading_is_of_one_moment(database: Database, sequence: EventSequence) -> None:
    """What is published or deleted between the reading of the bounds and that of the events changes nothing."""
    number(database, 1, 5)
    with sequence.reading() as reading:
        number(database, 6, 1)
        lease(database, horizon=3)
        database.db.events.delete_many({"seq": {"$lte": 3}})
        assert reading.bounds == Bounds(published=5)
        assert reading.read(reading.start(0), 100, ACME, (), numbers) == [1, 2, 3, 4, 5]
        assert reading.read(0, 100, None, (), numbers) == [1, 2, 3, 4, 5]
    with sequence.reading() as reading, pytest.raises(Gone):
        reading.start(0)


def test_ev_51_the_bounds_refuse_lost_places() -> None:
    bounds = Bounds(published=100, horizon=10, breaks=((20, 50), (60, 62)))
    for place in (9, 0, 21, 49, 61, 101):
        with pytest.raises(Gone):
            bounds.check(place)
    for place in (10, 20, 50, 55, 60, 62, 100):
        bounds.check(place)


def test_a_primary_that_does_not_know_yet_what_was_published(database: Database, sequence: EventSequence) -> None:
    """A place is refused only if the lease does not have it when it is read with the strictest read concern."""
    lease(database, published=5)
    with database.snapshot_session() as session:
        behind = Reading(database, Bounds(published=3), session)
        assert behind.start(5) == 5
        assert behind.read(5, 3, None, (), numbers) == []
        with pytest.raises(Gone):
            behind.start(6)


def test_a_primary_that_is_behind_what_the_reader_has_seen(database: Database, sequence: EventSequence) -> None:
    lease(database, published=5)
    assert sequence.latest() == 5
    with sequence.reading(at_least=5) as reading:
        assert reading.bounds.published == 5
    with pytest.raises(Unavailable), sequence.reading(at_least=6):
        raise AssertionError("it is read all the same")


def test_without_a_relay_there_is_nothing(sequence: EventSequence) -> None:
    with sequence.reading() as reading:
        assert reading.bounds == Bounds()
        assert reading.start(None) == 0
        assert reading.read(0, 0, None, (), numbers) == []
    assert sequence.news(None) == News(0, None)


def test_a_reader_takes_as_many_as_it_needs(database: Database, sequence: EventSequence) -> None:
    number(database, 1, 500)

    def three(documents: Iterable[dict[str, Any]]) -> list[int]:
        return [document["seq"] for document, _ in zip(documents, range(3), strict=False)]

    with sequence.reading() as reading:
        assert reading.read(10, 500, ACME, (), three) == [11, 12, 13]
        assert reading.read(10, 450, ACME, (), numbers) == [*range(11, 451)]


def test_an_index_that_an_operator_has_dropped(database: Database, sequence: EventSequence) -> None:
    number(database, 1, 5)
    for name in ("seq", "tenant_seq"):
        if name in database.db.events.index_information():
            database.db.events.drop_index(name)
    with sequence.reading() as reading:
        assert reading.read(2, 5, None, (), numbers) == [3, 4, 5]
        assert reading.reach(2, ACME) == 5
    database.db.drop_collection("events")


def test_news_name_the_tenants_with_new_events(database: Database, sequence: EventSequence) -> None:
    number(database, 1, 3)
    number(database, 4, 2, "globex")
    assert sequence.news(None) == News(5, None)
    assert sequence.news(2) == News(5, {"acme": 3, "globex": 5})
    assert sequence.news(5) == News(5, {})
    number(database, 6, MOST_NEWS)
    assert sequence.news(5) == News(5 + MOST_NEWS, None)


def test_a_reading_that_the_database_interrupts(database: Database, sequence: EventSequence, fault: Fault) -> None:
    number(database, 1, 5)
    with fault(["find"], 1, closeConnection=True), sequence.reading() as reading:
        assert reading.read(0, 5, None, (), numbers) == [1, 2, 3, 4, 5]
