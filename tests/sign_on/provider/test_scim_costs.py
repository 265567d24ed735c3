"""What sign-on costs SCIM: nothing."""

import uuid

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from app.store.mongo.database import Database
from tests.sign_on.provider.world import World


class Commands(CommandListener):
    """The commands for some collections, by name, while it listens."""

    def __init__(self):
        self.seen = None

    def started(self, event):
        if self.seen is not None:
            self.seen.append((event.command_name, event.command.get(event.command_name)))

    def succeeded(self, event):
        """Every command is noted where it starts."""

    failed = succeeded


@pytest.fixture
def commands():
    return Commands()


@pytest.fixture
def world(mongod_uri, commands):
    client = MongoClient(mongod_uri, event_listeners=[commands], tz_aware=True)
    database = Database(client, f"test-{uuid.uuid4().hex}")
    made = World(database)
    made.tenant("bare", connected=False)
    yield made
    client.drop_database(database.db.name)
    client.close()


def test_sso_124_a_user_is_disabled_by_the_same_commands_with_and_without_sign_on(world, commands):
    def disable(tenant, *, sessions):
        user = world.provision(f"{uuid.uuid4().hex}@contoso.com", tenant=tenant)
        for _ in range(sessions):
            world.session(user, tenant=tenant)
        world.disable(world.provision(f"{uuid.uuid4().hex}@contoso.com", tenant=tenant), tenant)  # what is read once
        commands.seen = []
        world.disable(user, tenant)
        seen, commands.seen = commands.seen, None
        return seen

    without = disable("bare", sessions=0)
    assert without
    assert disable("contoso", sessions=0) == without
    assert disable("contoso", sessions=2) == without
