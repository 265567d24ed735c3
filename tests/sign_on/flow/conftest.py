"""A tenant for each test, on the one server of the run."""

import pytest

from tests.conftest import Server
from tests.sign_on.flow.world import World


@pytest.fixture
def world(live_server: Server) -> World:
    made = World(live_server)
    made.user_id = made.user()
    return made
