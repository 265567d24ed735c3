"""What copies by the feed and by webhooks are compared with, and what happens to the processes while they are kept."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest
from pymongo.errors import PyMongoError

from app.config import Config
from app.export_import import export
from app.store.accounts.tenants import Tenants
from app.store.log.lease import read_lease
from app.store.log.outbox import TIME, pending_collections
from app.store.mongo.database import Database
from app.store.open import collections, open_directory
from tests.conftest import Server
from tests.feed.changing import Changing
from tests.processes import children, of_folder, until

UNTOLD = ("schemas", "meta")
"""What follows from the rest of a resource and is in no event."""
PASSWORD = "password"
CONFIG = Config.from_environment({})
HOUR = 3_600
ROUNDS = pytest.mark.parametrize("rounds", [
    pytest.param(1, id="once each", marks=pytest.mark.long),
    pytest.param(400, id="an hour", marks=[pytest.mark.long, pytest.mark.timeout(2 * HOUR)]),
])
TENANTS = ["acme", "globex", "renewed"]
Row = dict[str, Any]
Accident = Callable[[], object]


class Copy(Protocol):
    """A copy in an SQLite file, as examples/copy.py keeps it."""

    def query(self, text: str) -> list[tuple[Any, ...]]: ...


def settled(database: Database) -> bool:
    """Return whether every event has a number."""
    return not any(database.db[name].find_one({TIME: {"$exists": True}}) for name in pending_collections(collections(CONFIG)))


def without(resource: Row) -> Row:
    return {key: value for key, value in resource.items() if key not in (*UNTOLD, PASSWORD)}


def compare(server: Server, copy: Copy, *only: str) -> None:
    """Check that the copy is what an export has."""
    tenants = [tenant for tenant in Tenants(server.database).list() if not only or tenant.name in only]
    rows = copy.query("SELECT tenant, id, version, body FROM resources")
    pairs = copy.query("SELECT tenant, grp, member FROM memberships")
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
    """What happens to a server meanwhile, however its copy is kept; each returns when the process is back."""

    def __init__(self, server: Server, changing: Changing, folder: Path) -> None:
        self.server = server
        self.changing = changing
        self.happened: list[str] = []
        self._folder = folder

    def all(self) -> list[Accident]:
        return [
            self.worker_is_killed, self.relay_is_killed, self.relay_stands_still, self.mongod_is_killed,
            self.tenant_is_made_anew, self.restores, self.imports,
        ]

    def workers(self) -> list[int]:
        assert self.server.process
        keepers = of_folder(self.server.folder, "app.embedded.keeper")
        return [each for each in children(self.server.process.pid) if each not in keepers]

    def worker(self, owner: str | None) -> int | None:
        """Return the worker that owns a lease, None if none of them does."""
        process = int(owner.split()[1]) if owner else 0
        return process if process in self.workers() else None

    def relay(self) -> int | None:
        lease = read_lease(self.server.database)
        return self.worker(lease["owner"]) if lease else None

    def worker_is_killed(self) -> None:
        os.kill(random.choice(self.workers()), signal.SIGKILL)

    def relay_is_killed(self) -> None:
        killed(self.relay())

    def relay_stands_still(self) -> None:
        stands_still(self.relay())

    def mongod_is_killed(self) -> None:
        for process in of_folder(self.server.folder / "data", "--replSet"):
            os.kill(process, signal.SIGKILL)

    def tenant_is_made_anew(self) -> None:
        self.changing.renew_tenant("renewed")

    def restores(self) -> None:
        for name in ("acme", "globex"):
            self.changing.restore(name)

    def imports(self) -> None:
        self.changing.import_into(random.choice(("acme", "globex")), self._folder)

    def happen(self, number: int) -> None:
        """Let every accident happen in each of some rounds, in any order, for an hour at most."""
        begun = time.monotonic()
        for _ in range(number):
            for accident in random.sample(self.all(), len(self.all())):
                self._happen(accident)
                self.pause()
            if time.monotonic() - begun > HOUR:
                break

    def pause(self) -> None:
        """Wait for the next accident."""
        time.sleep(random.uniform(0.2, 1))

    def _happen(self, accident: Accident) -> None:
        until(self._database_answers, 120)  # a mongod that was killed may need longer than a client waits
        self.happened.append(getattr(accident, "__name__", ""))
        with suppress(ProcessLookupError):  # gunicorn has replaced that worker meanwhile
            accident()

    def _database_answers(self) -> bool:
        with suppress(PyMongoError):
            return bool(self.server.database.db.command("ping"))
        return False


def killed(worker: int | None) -> None:
    """Kill the owner of a lease, if there is one."""
    if worker:
        os.kill(worker, signal.SIGKILL)


def stands_still(worker: int | None) -> None:
    """Let the owner of a lease stand still, longer than it may rely on the lease, or shorter."""
    if worker:
        os.kill(worker, signal.SIGSTOP)
        time.sleep(random.choice((0.5, 2, 11)))
        os.kill(worker, signal.SIGCONT)
