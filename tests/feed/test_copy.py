"""The copy: what examples/copy.py keeps is what there is, whatever changes, and whatever is killed meanwhile."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.store.accounts.tenants import ALL_TENANTS
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.log.lease import read_lease
from app.store.log.retention import delete_expired
from app.store.mongo.moments import now
from tests.conftest import Server, end_with_parent, make_server
from tests.feed.changing import Changing
from tests.feed.copies import ROUNDS, TENANTS, Accident, Accidents, compare, settled
from tests.processes import until

EXAMPLE = Path(__file__).parents[2] / "examples" / "copy.py"


class Consumer:
    """A process that keeps a copy."""

    def __init__(self, server: Server, *tenant: str) -> None:
        self.file = server.folder / f"copy-{'-'.join(tenant) or 'all'}.sqlite"
        token = Tokens(server.database).issue(tenant[0] if tenant else ALL_TENANTS, scopes=[EVENTS_READ])[0]
        self._environ = {**os.environ, "SCIM_SERVER": server.url, "SCIM_EVENTS_TOKEN": token}
        self._command = [sys.executable, str(EXAMPLE), str(self.file), *tenant]
        self._log = server.folder / "consumer.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environ, stderr=log, preexec_fn=end_with_parent)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return self._log.read_text()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=30) as db:
            return db.execute(text).fetchall()

    def place(self) -> int:
        """Return the place that the copy has come to, -1 before there is one."""
        assert self.process and self.process.poll() is None, self.said
        try:
            return int(self.query("SELECT cursor FROM place")[0][0].partition(".")[0])
        except (IndexError, sqlite3.OperationalError):
            return -1


class FeedAccidents(Accidents):
    """Those of a consumer of the feed, too."""

    def __init__(self, server: Server, consumer: Consumer, changing: Changing, folder: Path) -> None:
        super().__init__(server, changing, folder)
        self._consumer = consumer

    def all(self) -> list[Accident]:
        return [*super().all(), self.consumer_is_killed, self.consumer_comes_too_late]

    def consumer_is_killed(self) -> None:
        self._consumer.kill()
        time.sleep(random.uniform(0, 1))
        self._consumer.start()

    def consumer_comes_too_late(self) -> None:
        """Its next event has been deleted when it comes back."""
        database = self.server.database
        until(lambda: self._consumer.place() >= 0, 60)
        place = self._consumer.place()
        self._consumer.kill()
        until(lambda: (lease := read_lease(database)) and lease["published"] > place + 10, 60)
        delete_expired(database, now() + timedelta(days=36_500))
        self._consumer.start()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2")
    server.start()
    yield server
    server.stop()


@ROUNDS
def test_ev_130_the_copy_is_what_there_is(server: Server, tmp_path: Path, rounds: int) -> None:
    random.seed()
    changing = Changing(server, TENANTS)
    consumer = Consumer(server)
    accidents = FeedAccidents(server, consumer, changing, tmp_path)
    with changing:
        accidents.happen(rounds)
    finish(server, consumer)
    print(f"changes {dict(changing.done)}, refused {dict(changing.refused)}, accidents {accidents.happened}")
    compare(server, consumer)
    assert "Beginning anew" in consumer.said
    consumer.kill()


def finish(server: Server, *consumers: Consumer) -> None:
    """Wait until every event has a number and has been read."""
    until(lambda: settled(server.database), 60)
    lease = read_lease(server.database)
    assert lease
    until(lambda: all(consumer.place() >= lease["published"] for consumer in consumers), 60)
