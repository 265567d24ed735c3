"""What is asked of the database: nothing more by SCIM, and the same whoever is asked for who does not exist."""

import uuid

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from app.background.sign_on import LOOK_SECONDS, Rest, sign_on_chores
from app.sign_on.flow.sign_on import EXTENSION
from app.sign_on.logout_tokens import Teller
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


@pytest.fixture(scope="module")
def commands():
    return Commands()


@pytest.fixture(scope="module")
def client(mongod_uri, commands):
    with MongoClient(mongod_uri, event_listeners=[commands], tz_aware=True) as made:
        yield made


@pytest.fixture(scope="module")
def world(client):
    """One for all: each test names people of its own."""
    made = World(Database(client, f"test-{uuid.uuid4().hex}"))
    made.tenant("bare", connected=False)
    yield made
    client.drop_database(made.database.db.name)


@pytest.fixture
def world_without_a_connection(client):
    made = World(Database(client, f"test-{uuid.uuid4().hex}"))
    made.database.db.connections.delete_many({})
    yield made
    client.drop_database(made.database.db.name)


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


STATE = "x" * 43


def asked_of(world, commands, method, path, **more):
    """Return the commands that a request sends, and its answer without what differs by the request."""
    client = world.app.test_client()
    commands.seen = []
    answer = client.open(path, method=method, **more)
    seen, commands.seen = commands.seen, None
    return seen, (answer.status_code, answer.get_data(as_text=True).replace(answer.headers["X-Request-Id"], ""))


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/{}/sign-on"), ("HEAD", "/{}/sign-on"), ("GET", "/{}/sign-on/out"), ("GET", f"/{{}}/sign-on/finish?state={STATE}"),
    ("GET", f"/{{}}/sign-on/test/{STATE}"), ("POST", "/{}/sign-on/saml/acs"), ("GET", f"/{{}}/sign-on/oidc/callback?state={STATE}"),
    ("GET", "/{}/sign-on/oidc/logout?sid=x"), ("GET", "/{}/sign-on/saml/logout?SAMLRequest=x"), ("GET", "/{}/oauth/logout"),
    ("GET", "/{}/oauth/logout?id_token_hint=x"),
])
def test_sso_109_an_unknown_tenant_and_one_without_a_connection_cost_the_same_and_look_the_same(world, commands, method, path):
    form = {"data": {"SAMLResponse": "eA==", "RelayState": STATE}} if method == "POST" else {}
    asked_of(world, commands, method, path.format("bare"), **form)  # what is read once
    known, unknown = (asked_of(world, commands, method, path.format(name), **form) for name in ("bare", "zzzz"))
    assert known[0] == unknown[0]
    assert known[1] == (unknown[1][0], unknown[1][1].replace("zzzz", "bare"))


def test_sso_109_unknown_apps_cost_the_same_and_look_the_same(world, commands):
    other, _ = world.register(tenants=(("fabrikam", "1"),))
    browser = world.browser()
    found = []
    for tenant, app in (("contoso", other.id), ("contoso", "app_0000000000000000"), ("zzzz", world.portal.id), ("bare", world.portal.id)):
        query = browser.parameters(client_id=app)
        found.append(asked_of(world, commands, "GET", f"/{tenant}/oauth/authorize", query_string=query))
        form = {"grant_type": "authorization_code", "client_id": app, "client_secret": "x", "code": "y"}
        refused = asked_of(world, commands, "POST", f"/{tenant}/oauth/token", data=form)
        assert refused[1][0] == 401
        found.append((sorted(name for name in refused[0] if name[0] == "find"), refused[1]))
    pages, tokens = found[::2], found[1::2]
    assert pages[1:] == pages[:1] * 3
    assert tokens[1:] == tokens[:1] * 3


def test_sso_109_a_good_hint_at_an_unknown_tenant_costs_what_it_costs_elsewhere(world, commands):
    ann = world.signed_in(name="hint@contoso.com")
    hint = ann.tokens()["id_token"]
    query = {"query_string": {"id_token_hint": hint}}
    asked_of(world, commands, "GET", "/bare/oauth/logout", **query)
    known, unknown = (asked_of(world, commands, "GET", f"/{name}/oauth/logout", **query)[0] for name in ("bare", "zzzz"))
    assert known == unknown
    assert ann.is_signed_in()


def test_sso_07_without_a_connection_the_chores_of_a_worker_look_once_a_minute(world_without_a_connection, commands):
    """Several rounds: one look by both; then, with a connection, each begins with a read of its own."""
    world = world_without_a_connection
    now = [0.0]
    rest = Rest(world.database, lambda: now[0])
    parts = world.app.extensions[EXTENSION]
    teller = Teller(world.database, parts._keys, lambda tenant: tenant, 90)
    chores = sign_on_chores(rest, world.database, teller, parts.refreshing, parts._directory)[:2]

    def rounds():
        commands.seen = []
        for _ in range(5):
            assert [chore.work(world.database) for chore in chores] == [0, 0]
        seen, commands.seen = commands.seen, None
        return seen

    look = [("find", "connections"), ("find", "logouts"), ("find", "leases")]
    assert rounds() == look
    now[0] += LOOK_SECONDS - 1
    assert rounds() == []
    rest.wake()
    work = [("find", "sessions"), ("find", "leases"), ("findAndModify", "logouts")]
    assert rounds() == work * 5
    now[0] += 1
    assert rounds() == look
    world.tenant("again")
    now[0] += LOOK_SECONDS
    assert rounds() == look[:1] + work * 5


def test_an_exchange_reads_everything_once(world, commands):
    ann = world.signed_in(name="exchange@contoso.com")
    ann.tokens(scope="openid profile email")
    code = ann.code(scope="openid profile email")
    commands.seen = []
    answer = world.exchange(code, ann.verifier)
    seen, commands.seen = commands.seen, None
    assert answer.status_code == 200
    assert seen == [
        ("find", "apps"), ("find", "tenants"), ("findAndModify", "codes"), ("findAndModify", "sessions"), ("find", "users"),
        ("insert", "app_tokens"), ("find", "signing_keys"), ("find", "users"), ("find", "codes"), ("insert", "events"),
    ]
