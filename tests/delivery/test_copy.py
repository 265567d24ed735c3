"""The copy by webhooks alone: it is what there is, whatever changes, fails, and is killed meanwhile."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from app.errors import NotFound, ScimError
from app.store.accounts.tenants import ALL_TENANTS
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.delivery.delivery_lease import sender
from app.store.delivery.endpoint import STANDING_STILL, Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import BEHIND, GIVEN_UP, WAITING, PutAsides
from app.store.delivery.requests import resend
from app.store.log.lease import read_lease
from app.store.mongo.moments import now
from tests.conftest import Server, make_server
from tests.delivery.copying import Copying, served
from tests.feed.changing import Changing
from tests.feed.copies import ROUNDS, TENANTS, Accident, Accidents, compare, killed, settled, stands_still
from tests.processes import until

RESEND_SECONDS = 1
PATIENCE = timedelta(seconds=8)
"""How long an endpoint may stand still: it is tried again after 5 seconds, and then after 30."""
SOME, MUCH = 50, 300
"""Events that arrive between two accidents; events that are put aside, after which nothing is changed for a while."""


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

    @property
    def accepted(self) -> int:
        """How many requests it has accepted."""
        return self.arrived - self.failed + self.now.arrived - self.now.failed

    def endpoint(self) -> Endpoint:
        endpoint = Endpoints(self._server.database).get(self.id)
        assert endpoint
        return endpoint


@pytest.fixture
def consumer(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Consumer]:
    consumer = Consumer(server, monkeypatch)
    yield consumer
    consumer.go()


class DeliveryAccidents(Accidents):
    """Those of the sender and of the endpoint, too."""

    def __init__(self, server: Server, consumer: Consumer, changing: Changing, folder: Path) -> None:
        super().__init__(server, changing, folder)
        self._consumer = consumer

    def all(self) -> list[Accident]:
        return [
            *super().all(), self.sender_is_killed, self.sender_stands_still, self.consumer_is_gone_for_a_while, self.replay,
        ]

    def pause(self) -> None:
        """Let some events arrive before the next accident, or as many as do."""
        begun, before = time.monotonic(), self._consumer.accepted
        while self._consumer.accepted < before + SOME and time.monotonic() - begun < random.uniform(2, 8):
            time.sleep(0.1)

    def sender(self) -> int | None:
        return self.worker(sender(self.server.database))

    def sender_is_killed(self) -> None:
        killed(self.sender())

    def sender_stands_still(self) -> None:
        stands_still(self.sender())

    def consumer_is_gone_for_a_while(self) -> None:
        self._consumer.go()
        time.sleep(random.uniform(2, 8))
        self._consumer.come_back(failing=1 / 3)

    def replay(self) -> None:
        """An operator sends the last events again."""
        endpoint = self._consumer.endpoint()
        recent = self.server.database.db.events.find({"seq": {"$lte": endpoint.place}}, {"seq": 1}, sort=[("seq", -1)], limit=50)
        if numbers := [row["seq"] for row in recent]:
            Endpoints(self.server.database).set_place(endpoint.id, numbers[-1])


class Operator:
    """Looks after the endpoint until the block ends.

    Sends again what failed, which would else be tried again after 5 seconds and then after minutes, and turns the endpoint
    on that stands still for some time, as if it had been mended. While much is put aside, nothing is changed: otherwise the
    endpoint would fall behind further and further, and get most of it when it fails no more.
    """

    def __init__(self, server: Server, consumer: Consumer, changing: Changing) -> None:
        self._server, self._consumer, self._changing = server, consumer, changing
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Operator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopping.wait(RESEND_SECONDS):
            with suppress(ScimError, PyMongoError):  # mongod was killed
                send_again(self._server, self._consumer, least=random.choice((1, 2)))
                endpoint = self._consumer.endpoint()
                if endpoint.state == STANDING_STILL and now() - endpoint.since > PATIENCE:
                    Endpoints(self._server.database).enable(endpoint.id)
                waits = PutAsides(self._server.database).numbers(endpoint.id)
                self._changing.pause(begins=waits[WAITING] + waits[BEHIND] > MUCH)


@ROUNDS
def test_ev_130_the_copy_by_webhooks_is_what_there_is(
    server: Server, consumer: Consumer, tmp_path: Path, rounds: int
) -> None:
    """A third of all requests fail meanwhile."""
    random.seed()
    changing = Changing(server, TENANTS, threads=2)
    consumer.now.failing = 1 / 3
    accidents = DeliveryAccidents(server, consumer, changing, tmp_path)
    with changing, Operator(server, consumer, changing):
        accidents.happen(rounds)
    consumer.now.failing = 0
    finish(server, consumer)
    print(f"changes {dict(changing.done)}, refused {dict(changing.refused)}, accidents {accidents.happened}")
    print(f"arrived {consumer.now.arrived + consumer.arrived}, failed {consumer.now.failed + consumer.failed}")
    compare(server, consumer.now)
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


def send_again(server: Server, consumer: Consumer, least: int = 1) -> None:
    """Let everything be tried again at once that was refused so often, or given up."""
    endpoint = consumer.endpoint()
    for aside in PutAsides(server.database).of(endpoint.id, (WAITING, GIVEN_UP)):
        if aside.attempts >= least:
            with suppress(NotFound):
                resend(server.database, endpoint, aside.event)
