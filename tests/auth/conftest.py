"""What the tests of this room share: a database in memory, two tenants, and a clock that they set."""

import time

import mongomock
import pytest

from app.auth import Authenticator
from app.auth.credential_cache import CredentialCache
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Trusts
from tests.auth.issuer import running_issuer


class Clock:
    """Time as a test wants it."""

    def __init__(self):
        self.offset = 0.0

    def __call__(self):
        return time.time() + self.offset

    def forward(self, seconds):
        self.offset += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(mock_database):
    return mock_database


@pytest.fixture
def real_database(reused_database):
    """An empty database on the real MongoDB, for what mongomock cannot do."""
    return reused_database


@pytest.fixture
def tenants(database):
    tenants = Tenants(database)
    tenants.create("acme", "gallery")
    tenants.create("globex", "rfc")
    return tenants


@pytest.fixture
def tokens(database):
    return Tokens(database)


@pytest.fixture
def authenticator(database, tenants, clock):
    return Authenticator(database, clock=clock, cache=CredentialCache(clock))


@pytest.fixture
def reads(database, monkeypatch):
    """The names of the collections that are read, in order."""
    names = []
    find_one = mongomock.Collection.find_one

    def counted(self, *args, **kwargs):
        names.append(self.name)
        return find_one(self, *args, **kwargs)

    monkeypatch.setattr(mongomock.Collection, "find_one", counted)
    return names


@pytest.fixture
def issuer():
    with running_issuer() as running:
        yield running


@pytest.fixture
def trusts(database):
    return Trusts(database)
