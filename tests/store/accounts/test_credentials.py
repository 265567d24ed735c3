"""OAuth clients and trusts as the database keeps them, on mongomock and on the real MongoDB."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import InvalidValue, NotFound
from app.store.accounts import credentials
from app.store.accounts.clients import MOST_SECRETS, Clients
from app.store.accounts.credentials import credentials_of
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import COLLECTIONS as TENANTS
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens, is_secret
from app.store.accounts.trusts import Conditions, Trusts

DAY = timedelta(days=1)


@pytest.fixture(params=["mongomock", pytest.param("mongod", marks=pytest.mark.process)])
def store(request):
    """A database with the collections of this file; the real one has their validators as well."""
    if request.param == "mongomock":
        return request.getfixturevalue("mock_database")
    database = request.getfixturevalue("database")
    database.prepare(credentials.COLLECTIONS + TENANTS)
    return database


def soon(get):
    """Return what `get` returns as soon as it returns something: readers see no write before a majority has it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = get()
        if found:
            return found
        time.sleep(0.01)
    return None


@pytest.fixture
def clients(store):
    return Clients(store)


def test_a_client_has_a_secret_that_is_not_stored(clients, store):
    client, secret = clients.create("acme", lifetime=365 * DAY, label="entra", token_lifetime=timedelta(hours=2))
    assert clients.find(client.id) == client
    assert secret.startswith("scimd_secret_")
    assert len(secret) == len("scimd_secret_") + 64
    assert is_secret(secret, client.secrets[0].hash)
    assert secret.removeprefix("scimd_secret_") not in repr(list(store.db.clients.find()))
    assert client.secrets[0].expires - client.secrets[0].created == 365 * DAY


@pytest.mark.parametrize("days", [1097, 100_000])
def test_a_secret_lives_at_most_three_years(clients, days):
    with pytest.raises(InvalidValue, match="at most three years"):
        clients.create("acme", lifetime=days * DAY)
    client, _ = clients.create("acme", lifetime=1096 * DAY)
    with pytest.raises(InvalidValue, match="at most three years"):
        clients.rotate(client.id, days * DAY)


@pytest.mark.parametrize("seconds", [0, 3_599, 21_601])
def test_an_access_token_lives_one_to_six_hours(clients, seconds):
    with pytest.raises(InvalidValue, match="must be from 1h to 6h"):
        clients.create("acme", lifetime=DAY, token_lifetime=timedelta(seconds=seconds))


def test_secrets_are_added_and_deleted_one_at_a_time(clients):
    client, _ = clients.create("acme", lifetime=DAY)
    _, row, _ = clients.rotate(client.id, 2 * DAY)
    assert [secret.id for secret in clients.find(client.id).secrets] == [client.secrets[0].id, row.id]
    clients.delete_secret(client.id, client.secrets[0].id)
    assert [secret.id for secret in clients.find(client.id).secrets] == [row.id]
    with pytest.raises(NotFound, match="has no secret"):
        clients.delete_secret(client.id, client.secrets[0].id)


def test_secrets_are_bounded(clients):
    client, _ = clients.create("acme", lifetime=DAY)
    for _ in range(MOST_SECRETS - 1):
        clients.rotate(client.id, DAY)
    with pytest.raises(InvalidValue, match="at most 10 secrets"):
        clients.rotate(client.id, DAY)
    assert len(clients.find(client.id).secrets) == MOST_SECRETS


def test_clients_of_one_tenant(clients):
    ids = [clients.create("acme", lifetime=DAY)[0].id for _ in range(2)]
    clients.create("globex", lifetime=DAY)
    assert sorted(client.id for client in clients.of_tenant("acme")) == sorted(ids)


@pytest.mark.parametrize("act", [
    lambda clients: clients.rotate("x", DAY), lambda clients: clients.delete("x"), lambda clients: clients.require("x"),
    lambda clients: clients.delete_secret("x", "y"),
])
def test_unknown_client(clients, act):
    with pytest.raises(NotFound, match="no client 'x'"):
        act(clients)


def test_a_deleted_client_takes_its_tokens_along(clients, store):
    client, _ = clients.create("acme", lifetime=DAY)
    tokens = Tokens(store)
    _, token = tokens.issue("acme", client=client.id, lifetime=DAY)
    clients.delete(client.id)
    assert clients.find(client.id) is None
    assert tokens.find(token.id).revoked


def test_the_credentials_of_a_tenant_with_the_last_use_of_each(database):
    tokens, clients, trusts = Tokens(database), Clients(database), Trusts(database)
    conditions = Conditions("assertion", "https://login.example.com", ("api://scimd",), "subject")
    _, issued = tokens.issue("acme", label="entra")
    first, second = (clients.create("acme", lifetime=DAY)[0] for _ in range(2))
    trust, bearer = trusts.add("acme", conditions), trusts.add("acme", replace(conditions, kind="bearer"))
    others = tokens.issue("globex"), clients.create("globex", lifetime=DAY), trusts.add("globex", conditions)
    found = credentials_of(database, "acme")
    assert ({each.id for each in found.tokens}, found.used) == ({issued.id}, {})
    assert ({each.id for each in found.clients}, {each.id for each in found.trusts}) == ({first.id, second.id}, {trust.id, bearer.id})
    assert found.tokens == (tokens.find(issued.id),)
    got = [tokens.issue("acme", client=each.id, lifetime=DAY)[1] for each in (first, first, trust)]
    for each in (*got, issued, others[0][1]):
        tokens.record_use(each)
    trusts.record_use(bearer)
    uses = soon(lambda: each if len(each := credentials_of(database, "acme").used) == 4 else None)
    assert uses == {
        first.id: max(tokens.find(each.id).used for each in got[:2]), trust.id: tokens.find(got[2].id).used,
        bearer.id: trusts.find(bearer.id).used, issued.id: tokens.find(issued.id).used,
    }


def test_a_trust(store):
    trusts = Trusts(store)
    trust = trusts.add(
        "acme", Conditions("bearer", issuer="https://sts.windows.net/x/", audiences=["a", "b", "a"], subject="s", app_id="p", jwks_uri="https://login.microsoftonline.com/x/keys?appid=y"), label="l",
    )
    assert trusts.find(trust.id) == trust
    assert trust.audiences == ("a", "b")
    assert trusts.of_tenant("acme") == [trust]
    assert trusts.of_tenant("globex") == []
    trusts.record_use(trust)
    assert soon(lambda: trusts.find(trust.id).used)
    assert trusts.delete(trust.id).tenant == "acme"
    with pytest.raises(NotFound, match="no trust"):
        trusts.delete(trust.id)


def test_keys_are_asked_for_by_one_at_a_time(store):
    trusts = Trusts(store)
    trust = trusts.add("acme", Conditions("bearer", issuer="https://example.com", audiences=["a"]))
    moment, pause = datetime.now(UTC).replace(microsecond=0), timedelta(minutes=1)
    assert trusts.claim_fetch(trust, moment, pause)
    assert not trusts.claim_fetch(trust, moment + timedelta(seconds=59), pause)
    assert trusts.find(trust.id).fetching
    trusts.record_fault(trust.id, "down")
    assert (trusts.find(trust.id).fault, trusts.find(trust.id).fetching) == ("down", False)
    assert trusts.claim_fetch(trust, moment + pause, pause)
    trusts.store_keys(trust.id, [{"kid": "a", "kty": "RSA", "n": "n", "e": "e"}], moment, first=True)
    kept = trusts.find(trust.id)
    assert (kept.keys, kept.fetched, kept.attempted, kept.fault, kept.fetching) == (
        ({"kid": "a", "kty": "RSA", "n": "n", "e": "e"},), moment, None, "", False)
    assert not trusts.claim_fetch(trust, moment, pause)  # whoever has read it before does not know the keys yet
    assert trusts.claim_fetch(kept, moment, pause)


def test_everything_goes_with_the_tenant(store):
    tenants = Tenants(store)
    tenants.create("acme", "gallery")
    Tokens(store).issue("acme", label="l", user="u", lifetime=DAY)
    Clients(store).create("acme", lifetime=DAY, label="l")
    Trusts(store).add("acme", Conditions("assertion", issuer="https://example.com", audiences=["a"]))
    tenants.suspend("acme")
    TenantDeletion(store).delete("acme")
    for name in ("tokens", "clients", "trusts"):
        assert store.db[name].count_documents({}) == 0


def test_views_are_left_alone(database):
    """Deleting a tenant meets the read-only views of operators (MongoDB alone has views)."""
    tenants = Tenants(database)
    tenants.create("acme", "gallery")
    database.db.users.insert_one({"_id": "u", "tenant": "acme"})
    database.db.create_collection("a_view", viewOn="users", pipeline=[])
    TenantDeletion(database).delete("acme")
    assert database.db.users.count_documents({}) == 0
