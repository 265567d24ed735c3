"""What the tests of the stores share: a prepared database and a clock that can be set."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.config import Config
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.open import collections


class Clock:
    """A clock that stands still at `moment`."""

    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> datetime:
        """Return the time."""
        return self.moment


@pytest.fixture
def database(reused_database: Database) -> Database:
    """Return an empty database with scimd's collections and indexes."""
    reused_database.prepare(collections(Config.from_environment({})))
    return reused_database


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()
