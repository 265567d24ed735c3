"""The copy by webhooks alone: it is what there is, whatever changes, fails, and is killed meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from app.errors import NotFound, ScimError
from app.store.accounts.tenants import ALL_TENANTS
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.delivery.delivery_lease import sender
from app.store.delivery.endpoint import Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import BEHIND, GIVEN_UP, WAITING, PutAsides
from app.store.delivery.requests import resend
from app.store.log.lease import read_lease
from tests.conftest import Server, make_server
from tests.delivery.copying import Copying, served
from tests.feed.changing import Changing
from tests.feed.test_copy import compare, settled
from tests.processes import children, of_folder, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_WEBHOOK_NETWORKS="127.0.0.0/8")
    server.start()
    yield server
    server.stop()


class Consumer:
    """The consumer's endpoint, which can go away and come back at the same address with what it has stored."""

    def __init__(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SCIM_SERVER", server.url)
        monkeypatch.setenv("SCIM_EVENTS_TOKEN", Tokens(server.database).issue(ALL_TENANTS, scopes=[EVENTS_READ])[0])
        self._server = server
        self._stack = ExitStack()
        self._file = server.folder / "copy.sqlite"
        self.wrong: list[str] = []
        self.arrived = self.failed = self.repeated = 0
        self.now = self._stack.enter_context(served(Copying(self._file, "")))
        self.address = self.now.server_address[:2]
        url = f"http://127.0.0.1:{self.address[1]}/hook"
        made = json.loads(server.command("webhook", "create", "--all-tenants", url, "--from-start", "--json"))
        self.id, self._key = made["id"], made["public_key"]
        self.now.key = Copying.public(self._key)

    def go(self) -> None:
        self._stack.close()
        for name in ("arrived", "failed", "repeated"):
            setattr(self, name, getattr(self, name) + getattr(self.now, name))
        self.wrong += self.now.wrong

    def come_back(self, failing: float = 0.0) -> None:
        self._stack = ExitStack()
        self.now = self._stack.enter_context(served(Copying(self._file, self._key, ("127.0.0.1", self.address[1]))))
        self.now.failing = failing

    def endpoint(self) -> Endpoint:
        endpoint = Endpoints(self._server.database).get(self.id)
        assert endpoint
        return endpoint


@pytest.fixture
def consumer(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Consumer]:
    consumer = Consumer(server, monkeypatch)
    yield consumer
    consumer.go()


class Accidents:
    """What happens to the processes and to the endpoint meanwhile; each returns when all is back."""

    def __init__(self, server: Server, consumer: Consumer, changing: Changing, folder: Path) -> None:
        self._server, self._consumer, self._changing, self._folder = server, consumer, changing, folder
        self.happened: list[str] = []

    def all(self) -> list[Any]:
        return [
            self.worker_is_killed, self.sender_is_killed, self.sender_stands_still, self.mongod_is_killed,
            self.consumer_is_gone_for_a_while, self.tenant_is_made_anew, self.restores, self.imports, self.replay,
        ]

    def workers(self) -> list[int]:
        assert self._server.process
        keepers = of_folder(self._server.folder, "app.embedded.keeper")
        return [each for each in children(self._server.process.pid) if each not in keepers]

    def sender(self) -> int | None:
        owner = sender(self._server.database)
        process = int(owner.split()[1]) if owner else 0
        return process if process in self.workers() else None

    def worker_is_killed(self) -> None:
        os.kill(random.choice(self.workers()), signal.SIGKILL)

    def sender_is_killed(self) -> None:
        if owner := self.sender():
            os.kill(owner, signal.SIGKILL)

    def sender_stands_still(self) -> None:
        """Longer than it may rely on its lease, or shorter."""
        if owner := self.sender():
            os.kill(owner, signal.SIGSTOP)
            time.sleep(random.choice((0.5, 2, 11)))
            os.kill(owner, signal.SIGCONT)

    def mongod_is_killed(self) -> None:
        for process in of_folder(self._server.folder / "data", "--replSet"):
            os.kill(process, signal.SIGKILL)

    def consumer_is_gone_for_a_while(self) -> None:
        self._consumer.go()
        time.sleep(random.uniform(2, 8))
        self._consumer.come_back(failing=1 / 3)

    def tenant_is_made_anew(self) -> None:
        self._changing.renew_tenant("renewed")

    def restores(self) -> None:
        for name in ("acme", "globex"):
            self._changing.restore(name)

    def imports(self) -> None:
        self._changing.import_into(random.choice(("acme", "globex")), self._folder)

    def replay(self) -> None:
        """An operator sends the last events again."""
        endpoint = self._consumer.endpoint()
        recent = self._server.database.db.events.find({"seq": {"$lte": endpoint.place}}, {"seq": 1}, sort=[("seq", -1)], limit=50)
        if numbers := [row["seq"] for row in recent]:
            Endpoints(self._server.database).set_place(endpoint.id, numbers[-1])

    def resend(self) -> None:
        """An operator sends again what failed more than once, and would else be tried again after minutes."""
        with suppress(ScimError, PyMongoError):
            send_again(self._server, self._consumer)

    def _database_answers(self) -> bool:
        with suppress(PyMongoError):
            return bool(self._server.database.db.command("ping"))
        return False

    def happen(self, accident: Any) -> None:
        until(self._database_answers, 120)
        self.happened.append(accident.__name__)
        with suppress(ProcessLookupError):  # gunicorn has replaced that worker meanwhile
            accident()


@pytest.mark.parametrize("rounds", [
    pytest.param(1, id="once each"),
    pytest.param(400, id="an hour", marks=[pytest.mark.long, pytest.mark.timeout(7_200)]),
])
def test_ev_130_the_copy_by_webhooks_is_what_there_is(
    server: Server, consumer: Consumer, tmp_path: Path, rounds: int
) -> None:
    """Every accident happens in each round, while a third of all requests fail; then the copy is compared."""
    random.seed()
    changing = Changing(server, ["acme", "globex", "renewed"])
    consumer.now.failing = 1 / 3
    with changing:
        accidents = Accidents(server, consumer, changing, tmp_path)
        begun = time.monotonic()
        for _ in range(rounds):
            for accident in random.sample(accidents.all(), len(accidents.all())):
                accidents.happen(accident)
                time.sleep(random.uniform(0.2, 1))
                accidents.happen(accidents.resend)
            if time.monotonic() - begun > 3_600:
                break
    consumer.now.failing = 0
    finish(server, consumer)
    print(f"changes {dict(changing.done)}, refused {dict(changing.refused)}, accidents {accidents.happened}")
    print(f"arrived {consumer.now.arrived + consumer.arrived}, failed {consumer.now.failed + consumer.failed}")
    compare(server, consumer.now)  # type: ignore[arg-type]
    consumer.go()
    assert consumer.wrong == []
    assert consumer.failed > 0


def finish(server: Server, consumer: Consumer) -> None:
    """Wait until every event has a number and was accepted; an operator sends again what failed twice or more often."""
    database, asides = server.database, PutAsides(server.database)
    until(lambda: settled(database), 60)

    def done() -> bool:
        send_again(server, consumer)
        endpoint, lease = consumer.endpoint(), read_lease(database)
        assert lease
        return endpoint.place >= lease["published"] and not asides.of(endpoint.id, (WAITING, BEHIND))

    until(done, 180, pause=1)


def send_again(server: Server, consumer: Consumer) -> None:
    """Let everything be tried again at once that was refused."""
    endpoint = consumer.endpoint()
    for aside in PutAsides(server.database).of(endpoint.id, (WAITING, GIVEN_UP)):
        if aside.attempts:
            with suppress(NotFound):
                resend(server.database, endpoint, aside.event)
