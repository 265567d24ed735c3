"""How many webhooks a second one sender delivers to one endpoint on this machine, signed, and what one costs."""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_network
from typing import Any

from app.config import Config
from app.delivery.sending.attempt import Attempts
from app.delivery.sending.sender import Parts, Sender
from app.delivery.signing import new_key, sealed
from app.delivery.webhook import webhook_form
from app.feed.cloud_event import CloudEvents
from app.feed.current import CurrentResources
from app.schemas.custom import load_catalogue
from app.store.accounts import sealing
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import ALL_TENANTS
from app.store.delivery import endpoints
from app.store.delivery.endpoint import ED25519, WEBHOOK, Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.log.relay import Relay
from app.store.mongo.database import Database, connect
from app.store.mongo.moments import now
from bench.relay import COLLECTIONS, SPECS, cpu, document

EVENTS = 3_000
GOAL = 200
"""Webhooks a second."""
PATIENCE = 120.0
_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
Result = dict[str, Any]


def deliver(uri: str, mongod: int) -> Result:
    """Deliver many events to one endpoint and return how many there were a second; `mongod` is its process."""
    with contextlib.closing(connect(uri, threads=4, name="bench-webhooks")) as database, receiver(len) as url:
        database.prepare([*SPECS, *sealing.COLLECTIONS, *endpoints.COLLECTIONS])
        try:
            endpoint = _filled(database, url)
            return _measured(database, endpoint, mongod)
        finally:
            database.client.drop_database(database.db.name)


def _filled(database: Database, url: str) -> Endpoint:
    """Fill the log with events of as many users, and return an endpoint that is to get them."""
    for _ in range(EVENTS // 1_000):
        database.db.users.insert_many([document() for _ in range(1_000)])
    Relay(database, COLLECTIONS).drain()
    key, text = new_key(ED25519)
    keys = [sealed(key, text, Sealer(database), now())]
    return Endpoints(database).create(ALL_TENANTS, place=0, url=url, keys=keys)


def _measured(database: Database, endpoint: Endpoint, mongod: int) -> Result:
    catalogue = partial(load_catalogue, None)
    events = CloudEvents(Config.from_environment({}).scim_url, catalogue)
    current = CurrentResources(database, catalogue)
    attempts = Attempts(events, current, {WEBHOOK: webhook_form(Sealer(database))}, (ip_network("127.0.0.0/8"),))
    sender = Sender(Parts(database, attempts.make, days=30))
    if not sender.take():
        raise RuntimeError("another process sends")
    begun, before, own = time.monotonic(), cpu(mongod), time.process_time()
    while _delivered(database, endpoint) < EVENTS:
        if time.monotonic() - begun > PATIENCE:
            raise RuntimeError(f"only {_delivered(database, endpoint)} events were delivered")
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            sender.round(0.05)
    seconds = time.monotonic() - begun
    python, server = (time.process_time() - own) * 1_000 / EVENTS, (cpu(mongod) - before) * 1_000 / EVENTS
    sender.give_back(5)
    return {
        "scenario": "webhooks", "goal": f"> {GOAL}/s", "figure": f"{EVENTS / seconds:.0f}/s",
        "passed": seconds * GOAL < EVENTS, "rate": round(EVENTS / seconds), "python_ms": round(python, 2),
        "mongod_ms": round(server, 2),
    }


def _delivered(database: Database, endpoint: Endpoint) -> int:
    stored = Endpoints(database).get(endpoint.id)
    return stored.delivered if stored else 0


@contextlib.contextmanager
def receiver(take: Callable[[bytes], object]) -> Iterator[str]:
    """Yield the URL of a receiver in a process of its own that accepts everything; `take` gets each body there."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        process = multiprocessing.get_context("fork").Process(target=_receive, args=(listening, take), daemon=True)
        process.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        process.terminate()
        process.join()


def _receive(listening: socket.socket, take: Callable[[bytes], object]) -> None:
    for _ in range(8):
        threading.Thread(target=_answer, args=(listening, take), daemon=True).start()
    threading.Event().wait()


def _answer(listening: socket.socket, take: Callable[[bytes], object]) -> None:
    while True:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65_536)
            head, _, body = received.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(65_536)
            take(body)
            connection.sendall(_ANSWER)
