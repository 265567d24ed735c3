"""A database with events in its log, endpoints, and a sender whose rounds a test runs itself, by its own clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

from app.config import Config
from app.delivery.message import Form
from app.delivery.sending.attempt import Attempts
from app.delivery.sending.sender import Parts, Sender
from app.delivery.signing import new_key, sealed
from app.delivery.webhook import webhook_form
from app.feed.cloud_event import CloudEvents
from app.feed.current import CurrentResources
from app.schemas.custom import load_catalogue
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenants
from app.store.delivery.endpoint import ED25519, WEBHOOK, Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import PutAside, PutAsides
from app.store.log.event import Actor, Event, new_id
from app.store.log.events import Events, LogSettings
from app.store.log.lease import read_lease
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from tests.delivery.target import Target
from tests.relay import relay

LOOPBACK = (ip_network("127.0.0.0/8"),)
CONFIG = Config.from_environment({})


class Clock:
    """The time, which a test can set forward."""

    def __init__(self) -> None:
        self._later = timedelta()

    def __call__(self) -> datetime:
        return now() + self._later

    def forward(self, **by: float) -> None:
        self._later += timedelta(**by)


class World:
    """The database, and what is in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.endpoints = Endpoints(database)
        self.asides = PutAsides(database)
        self.observed: list[tuple[str, str]] = []
        self._all_moved = False
        """Whether what happened is in the log; to look takes 0.01 s of processor time."""

    def tenant(self, name: str = "contoso") -> str:
        self._all_moved = False
        return Tenants(self.database).create(name, "gallery").name

    def endpoint(self, target: Target, tenant: str = "contoso", **settings: Any) -> Endpoint:
        """Create an endpoint that begins with what happens from now on, with a key of its own."""
        key, text = new_key(ED25519)
        keys = [sealed(key, text, Sealer(self.database), now())]
        if not self._all_moved:
            relay(self.database)
            self._all_moved = True
        lease = read_lease(self.database)
        place = settings.pop("place", lease["published"] if lease else 0)
        return self.endpoints.create(tenant, place=place, **{"url": target.url, "keys": keys} | settings)

    def change(self, *resources: str, tenant: str = "contoso", **fields: Any) -> list[str]:
        """Let a change of each resource come into the log, in this order; return the ids of the events."""
        found = Tenants(self.database).get(tenant)
        assert found
        log = Events(self.database, tenant, LogSettings(90, tenant_id=found.tenant_id))
        events = []
        for number, resource in enumerate(resources):
            changes = [{"attribute": "title", "new": str(number)}]
            usual = {"name": resource, "type": "scimd.user.updated", "version": number + 2, "changes": changes}
            event = Event("patch", "User", resource, **usual | fields)
            pending = log.pending(event, Actor("abcdef012345", new_id()))
            pending["time"] += timedelta(microseconds=1000 * number)
            events.append(pending)
        self.database.db.outbox.insert_one({"_id": new_id(), "tenant": tenant, "_outbox": events})
        relay(self.database)
        return [event["_id"] for event in events]

    def sender(self, form: Form | None = None, **parts: Any) -> Sender:
        """Return a sender, which has not taken the lease."""
        catalogue = partial(load_catalogue, None)
        events, current = CloudEvents(CONFIG.scim_url, catalogue), CurrentResources(self.database, catalogue)
        forms = {WEBHOOK: form or webhook_form(Sealer(self.database), self.clock)}
        make = Attempts(events, current, forms, LOOPBACK).make
        observe = lambda endpoint, result, seconds: self.observed.append((endpoint, result))  # noqa: E731
        return Sender(Parts(self.database, **{"attempt": make, "days": 90, "observe": observe, "clock": self.clock} | parts))

    def read(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint as it is stored."""
        stored = self.endpoints.get(endpoint.id)
        assert stored
        return stored

    def put_aside(self, endpoint: Endpoint) -> list[PutAside]:
        return self.asides.of(endpoint.id)

    def published(self) -> int:
        lease = read_lease(self.database)
        assert lease
        return lease["published"]

    def caught_up(self, endpoint: Endpoint) -> bool:
        """Return whether the endpoint has, by what is stored, got or put aside all events."""
        return self.read(endpoint).place == self.published()

    def has_all(self, endpoint: Endpoint) -> bool:
        """Return whether the endpoint has, by what is stored, got all events: nothing is put aside any more.

        What was put aside is sent first, and taken out of the store up to a second later.
        """
        return self.caught_up(endpoint) and not self.put_aside(endpoint)


def run_until(sender: Sender, condition: Callable[[], object], seconds: float = 60) -> None:
    """Run rounds until the condition holds; raise AssertionError after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s: {[vars(run) for run in sender._turns]}"
        sender.round(0.02)


def run_for(sender: Sender, seconds: float) -> None:
    """Run rounds for some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sender.round(0.02)


class Background:
    """A sender that runs by itself until the block ends."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Background:
        assert self._sender.take()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._sender.round(0.02)
        self._sender.give_back(30)
