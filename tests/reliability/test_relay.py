"""The relay while the primary of three members is killed and paused: nothing lost, nothing twice, all in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest
from pymongo.errors import PyMongoError

from app.background.relay import Bell, RelayThread
from app.errors import Unavailable
from app.store.log.relay import Relay
from app.store.mongo.database import Database, connect
from app.store.open import collections
from tests.processes import until
from tests.reliability.test_replica_set import ReplicaSet, three
from tests.store.log.conftest import COLLECTIONS, CONFIG, created, left, numbered, pend

__all__ = ["three"]
DOCUMENTS = ("a", "b", "c")


class Writer(threading.Thread):
    """Changes one document again and again."""

    def __init__(self, database: Database, document: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._database, self._document, self._stopping = database, document, stop
        self.sent: list[str] = []
        self.acknowledged: set[str] = set()
        self.start()

    def run(self) -> None:
        """Send events until it is stopped; of one that failed it is not known whether it was stored."""
        while not self._stopping.is_set():
            event = created(resource={"type": "User", "id": self._document})
            self.sent.append(event["_id"])
            try:
                with self._database.budget(20):
                    pend(self._database, "users", self._document, event)
                self.acknowledged.add(event["_id"])
            except (PyMongoError, Unavailable):
                continue
            time.sleep(0.005)


def advances(number: Callable[[], int], by: int) -> None:
    """Wait until a number has grown."""
    before = number()
    until(lambda: number() >= before + by, seconds=120)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ev_133_the_primary_is_killed_and_paused_in_mid_batch(three: ReplicaSet) -> None:
    database = connect(three.uri)
    database.prepare(collections(CONFIG))
    relays = [RelayThread(own := connect(three.uri), Relay(own, COLLECTIONS)) for _ in range(2)]
    for relay in relays:
        relay.start(Bell())
    stop = threading.Event()
    writers = [Writer(database, document, stop) for document in DOCUMENTS]

    def written() -> int:
        return sum(len(writer.acknowledged) for writer in writers)

    advances(written, 50)
    for kind in (signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL):
        primary = three.primary()
        assert primary.process
        os.kill(primary.process.pid, kind)
        advances(written, 50)
        if kind == signal.SIGKILL:
            primary.process.wait(10)
            primary.start()
        else:
            os.kill(primary.process.pid, signal.SIGCONT)
        time.sleep(3)
    stop.set()
    for writer in writers:
        writer.join(60)
    until(lambda: not left(database), seconds=60)
    for relay in relays:
        relay.stop()
    found = numbered(database)
    for writer, document in zip(writers, DOCUMENTS, strict=True):
        ids = [event["_id"] for event in found if event["resource"]["id"] == document]
        assert writer.acknowledged <= set(ids)
        assert ids == [event for event in writer.sent if event in set(ids)]
    assert len({event["seq"] for event in found}) == len(found)
    assert database.db.counts.find_one({"_id": "t User"})["number"] == len(found)
