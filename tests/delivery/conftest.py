"""Fixtures for tests of the sender."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.config import Config
from app.delivery.sending import turns, unwritten
from app.delivery.sending.sender import Sender
from app.store.delivery import delivery_lease
from app.store.mongo.database import Database
from app.store.open import prepare
from tests.delivery.target import Target, running_target
from tests.delivery.world import World

OFTEN = 0.05
"""The seconds after which a sender of these tests looks for changed endpoints, and writes places; else it is one."""


PATIENCE = 60
"""The seconds for which a lease lasts here, and can be relied on: a busy machine may take long from round to round."""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the senders of these tests do at once what they do each second, and keep their lease meanwhile."""
    monkeypatch.setattr(delivery_lease, "OWN_SECONDS", PATIENCE)
    monkeypatch.setattr(delivery_lease, "_UNTIL", {"$add": ["$$NOW", PATIENCE * 1_000]})
    monkeypatch.setattr(turns, "REFRESH_SECONDS", OFTEN)
    monkeypatch.setattr(unwritten, "WRITE_EVERY", timedelta(seconds=OFTEN))


@pytest.fixture
def target() -> Iterator[Target]:
    """Yield a consumer's endpoint, which accepts everything."""
    with running_target() as target:
        yield target


@pytest.fixture
def sending(reused_database: Database) -> World:
    """Return a database with the tenant contoso."""
    prepare(Config.from_environment({}), reused_database)
    world = World(reused_database)
    world.tenant()
    return world


@pytest.fixture
def sender(sending: World) -> Iterator[Sender]:
    """Yield a sender that has the lease."""
    sender = sending.sender()
    assert sender.take()
    yield sender
    sender.give_back(30)
