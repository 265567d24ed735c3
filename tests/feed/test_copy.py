"""The copy: what examples/copy.py keeps is what there is, whatever changes, and whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from app.config import Config
from app.export_import import export
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.log.lease import read_lease
from app.store.log.outbox import TIME, pending_collections
from app.store.log.retention import delete_expired
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.open import collections, open_directory
from tests.conftest import Server, end_with_parent, make_server
from tests.feed.changing import Changing
from tests.processes import children, of_folder, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "copy.py"
UNTOLD = ("schemas", "meta")
"""What follows from the rest of a resource and is in no event."""
PASSWORD = "password"
CONFIG = Config.from_environment({})
Row = dict[str, Any]


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


def settled(database: Database) -> bool:
    """Return whether every event has a number."""
    return not any(database.db[name].find_one({TIME: {"$exists": True}}) for name in pending_collections(collections(CONFIG)))


def without(resource: Row) -> Row:
    return {key: value for key, value in resource.items() if key not in (*UNTOLD, PASSWORD)}


def compare(server: Server, consumer: Consumer, *only: str) -> None:
    """Check that the copy is what an export has."""
    tenants = [tenant for tenant in Tenants(server.database).list() if not only or tenant.name in only]
    rows = consumer.query("SELECT tenant, id, version, body FROM resources")
    pairs = consumer.query("SELECT tenant, grp, member FROM memberships")
    known = {"-"} if only else {tenant.tenant_id for tenant in tenants}
    assert {row[0] for row in (*rows, *pairs)} <= known, "rows of tenants that are gone"
    for tenant in tenants:
        key = "-" if only else tenant.tenant_id
        lines = list(export(open_directory(CONFIG, server.database, tenant)))
        theirs = {line["resource"]["id"]: line["resource"] for line in lines if "resource" in line}
        ours = {row[1]: json.loads(row[3]) for row in rows if row[0] == key}
        _same({each: without(body) for each, body in ours.items()}, {each: without(body) for each, body in theirs.items()}, server)
        # A member that does not exist is none of the copy's business: it may have been added while it was deleted.
        _same(
            {(group, member): {} for of, group, member in pairs if of == key and {group, member} <= theirs.keys()},
            {(line["group"], line["member"]): {} for line in lines if "member" in line and line["member"] in theirs}, server,
        )
        for each, version in ((row[1], row[2]) for row in rows if row[0] == key):
            newest = int(theirs[each]["meta"]["version"][3:-1])
            # A group has a new version, and no event, when a member is deleted.
            assert version <= newest if theirs[each]["meta"]["resourceType"] == "Group" else version == newest


def _same(ours: dict[Any, Row], theirs: dict[Any, Row], server: Server) -> None:
    """Check that the copy has what the export has; name what differs first, with its events."""
    for each in sorted({*ours, *theirs}):
        if ours.get(each) != theirs.get(each):
            ids = [each] if isinstance(each, str) else list(each)
            told = list(server.database.db.events.find({"resource.id": {"$in": ids}, "seq": {"$exists": True}}, {"keys": 0}, sort=[("seq", 1)]))
            raise AssertionError(f"{each}: {ours.get(each)} in the copy, {theirs.get(each)} in the export; its events: {told}")


class Accidents:
    """What happens to the processes meanwhile; each returns when the process is back."""

    def __init__(self, server: Server, consumer: Consumer, changing: Changing, folder: Path) -> None:
        self._server, self._consumer, self._changing, self._folder = server, consumer, changing, folder
        self.happened: list[str] = []

    def all(self) -> list[Any]:
        return [
            self.worker_is_killed, self.relay_is_killed, self.relay_stands_still, self.mongod_is_killed, self.consumer_is_killed,
            self.consumer_comes_too_late, self.tenant_is_made_anew, self.restores, self.imports,
        ]

    def workers(self) -> list[int]:
        assert self._server.process
        keepers = of_folder(self._server.folder, "app.embedded.keeper")
        return [each for each in children(self._server.process.pid) if each not in keepers]

    def relay(self) -> int | None:
        lease = read_lease(self._server.database)
        owner = int(lease["owner"].split()[1]) if lease and lease["owner"] else 0
        return owner if owner in self.workers() else None

    def worker_is_killed(self) -> None:
        os.kill(random.choice(self.workers()), signal.SIGKILL)

    def relay_is_killed(self) -> None:
        if owner := self.relay():
            os.kill(owner, signal.SIGKILL)

    def relay_stands_still(self) -> None:
        """Longer than it may rely on its lease, or shorter."""
        if owner := self.relay():
            os.kill(owner, signal.SIGSTOP)
            time.sleep(random.choice((0.5, 2, 11)))
            os.kill(owner, signal.SIGCONT)

    def mongod_is_killed(self) -> None:
        for process in of_folder(self._server.folder / "data", "--replSet"):
            os.kill(process, signal.SIGKILL)

    def consumer_is_killed(self) -> None:
        self._consumer.kill()
        time.sleep(random.uniform(0, 1))
        self._consumer.start()

    def consumer_comes_too_late(self) -> None:
        """Its next event has been deleted when it comes back."""
        database = self._server.database
        until(lambda: self._consumer.place() >= 0, 60)
        place = self._consumer.place()
        self._consumer.kill()
        until(lambda: (lease := read_lease(database)) and lease["published"] > place + 10, 60)
        delete_expired(database, now() + timedelta(days=36_500))
        self._consumer.start()

    def tenant_is_made_anew(self) -> None:
        self._changing.renew_tenant("renewed")

    def restores(self) -> None:
        for name in ("acme", "globex"):
            self._changing.restore(name)

    def imports(self) -> None:
        self._changing.import_into(random.choice(("acme", "globex")), self._folder)

    def _database_answers(self) -> bool:
        with suppress(PyMongoError):
            return bool(self._server.database.db.command("ping"))
        return False

    def happen(self, accident: Any) -> None:
        until(self._database_answers, 120)  # a mongod that was killed may need longer than a client waits
        self.happened.append(accident.__name__)
        with suppress(ProcessLookupError):  # gunicorn has replaced that worker meanwhile
            accident()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2")
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("rounds", [
    pytest.param(1, id="once each"),
    pytest.param(400, id="an hour", marks=[pytest.mark.long, pytest.mark.timeout(7_200)]),
])
def test_ev_130_the_copy_is_what_there_is(server: Server, tmp_path: Path, rounds: int) -> None:
    """Every accident happens in each round, in any order; after a minute's worth of them the copy is compared."""
    random.seed()
    changing = Changing(server, ["acme", "globex", "renewed"])
    consumer = Consumer(server)
    with changing:
        accidents = Accidents(server, consumer, changing, tmp_path)
        begun = time.monotonic()
        for _ in range(rounds):
            for accident in random.sample(accidents.all(), len(accidents.all())):
                accidents.happen(accident)
                time.sleep(random.uniform(0.2, 1))
            if time.monotonic() - begun > 3_600:
                break
    finish(server, consumer)
    compare(server, consumer)
    print(f"changes {dict(changing.done)}, refused {dict(changing.refused)}, accidents {accidents.happened}")
    assert "Beginning anew" in consumer.said
    consumer.kill()


def finish(server: Server, *consumers: Consumer) -> None:
    """Wait until every event has a number and has been read."""
    until(lambda: settled(server.database), 60)
    lease = read_lease(server.database)
    assert lease
    until(lambda: all(consumer.place() >= lease["published"] for consumer in consumers), 60)
