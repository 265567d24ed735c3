"""What the tests of the provider share."""

import pytest

from app.store.accounts.tenants import Tenants
from tests.sign_on.provider.world import World


@pytest.fixture
def world(reused_database):
    return World(reused_database)


@pytest.fixture
def ann(world):
    """A browser in which Ann is signed in to contoso."""
    return world.signed_in()


@pytest.fixture
def fabrikam(world):
    """A second tenant, with a connection of its own."""
    world.tenant("fabrikam")
    return Tenants(world.database).require("fabrikam")
