"""Memberships that are added to whatever is there: which of them are new, also beside another transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from app.store.directory.memberships import COLLECTIONS, Memberships
from app.store.mongo.database import Database, Session

USER = "User"


@pytest.fixture
def database(reused_database: Database) -> Database:
    reused_database.prepare(COLLECTIONS)
    return reused_database


def stored(database: Database) -> list[tuple[str, str, str | None]]:
    rows = database.db.memberships.find({"tenant": "acme"}, sort=[("group", 1), ("member", 1)])
    return [(row["group"], row["member"], row.get("type")) for row in rows]


def test_new_ones_are_told_once_and_in_their_order(database: Database) -> None:
    memberships = Memberships(database, "acme")
    Memberships(database, "other").put([("g", "c", USER), ("g", "a", USER)])
    assert memberships.put([("h", "b", USER), ("g", "a", None)]) == [("h", "b"), ("g", "a")]
    rows = [("g", "c", USER), ("h", "b", None), ("g", "a", USER), ("g", "b", None), ("g", "c", USER), ("f", "a", USER)]
    assert database.transaction(lambda session: memberships.put(rows, session)) == [("g", "c"), ("g", "b"), ("f", "a")]
    wanted = [("f", "a", USER), ("g", "a", None), ("g", "b", None), ("g", "c", USER), ("h", "b", USER)]
    assert stored(database) == wanted
    assert memberships.put(rows) == []
    assert memberships.put([]) == []
    assert stored(database) == wanted


def test_two_transactions_add_each_membership_once(database: Database) -> None:
    memberships = Memberships(database, "acme")
    rows = [("g", f"m{number}", USER) for number in range(20)]
    has_added, both = Event(), Event()

    def first(session: Session) -> list[tuple[str, str]]:
        new = memberships.put(rows[:15], session)
        has_added.set()
        both.wait(20)
        return new

    def second(session: Session) -> list[tuple[str, str]]:
        has_added.wait(20)
        try:
            return memberships.put(rows[5:], session)
        finally:
            both.set()  # it conflicts, and is run again

    with ThreadPoolExecutor(2) as pool:
        one, other = (pool.submit(database.transaction, work) for work in (first, second))
        assert one.result() == [row[:2] for row in rows[:15]]
        assert other.result() == [row[:2] for row in rows[15:]]
    assert stored(database) == sorted(rows)
