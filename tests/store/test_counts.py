"""The numbers of resources: right whoever writes them, and no two who write at once wait for each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from app.store.counts import SPEC, Counts
from app.store.database import Database

THREADS = 16


def test_threads_at_once_write_parts_of_their_own(database: Database) -> None:
    database.prepare([SPEC])
    counts, together = Counts(database, "t"), Barrier(THREADS)

    def create(_: int) -> None:
        together.wait(30)  # each thread has one
        database.transaction(lambda session: counts.add("User", 1, session))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(create, range(THREADS)))
    assert database.db.counts.count_documents({"tenant": "t", "type": "User", "number": 1}) == THREADS
    assert counts.of("User") == THREADS


def test_what_there_is_none_of_is_none(mock_database: Database) -> None:
    counts = Counts(mock_database, "t")
    assert counts.of("User") == 0
    for number in (1, 1, -1):
        counts.add("User", number)
    Counts(mock_database, "other").add("User", 5)
    counts.add("Group", 7)
    assert counts.of("User") == 1
    counts.set("User", 12)
    assert counts.of("User") == 12
