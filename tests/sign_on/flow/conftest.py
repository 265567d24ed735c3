"""A tenant for each test, on the one server of the run."""

import pytest

from tests.conftest import Server
from tests.sign_on.apps import running_receiver
from tests.sign_on.flow.world import World


@pytest.fixture
def world(live_server: Server) -> World:
    made = World(live_server)
    made.user_id = made.user()
    return made


@pytest.fixture
def receiver():
    """A small app that is told of logouts."""
    with running_receiver() as one:
        yield one
