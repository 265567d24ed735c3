"""Credentials that expire: warnings 30, 7 and 1 days before, once each, and the earliest of each kind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.store.accounts import credentials, expiries
from app.store.accounts.clients import Clients
from app.store.accounts.expiries import earliest_expiries, warn_of_expiries
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tenants import COLLECTIONS as TENANTS
from app.store.accounts.tokens import Tokens
from app.store.log.events import NO_TENANT, Events, LogSettings
from app.store.mongo.database import Database
from app.store.sign_on import apps
from app.store.sign_on.apps import Apps, Settings
from tests.store.test_costs import profiled

DAY = timedelta(days=1)


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


@pytest.fixture
def prepared(database: Database) -> Database:
    database.prepare(credentials.COLLECTIONS + TENANTS + apps.COLLECTIONS)
    Tenants(database).create("acme", "gallery")
    return database


def told(database: Database, tenant: str = "acme") -> list[str]:
    return [
        event["detail"] for event in Events(database, tenant, LogSettings(90)).find() if event["operation"] == expiries.OPERATION
    ]


def test_a_token_is_warned_of_three_times(prepared: Database) -> None:
    _, token = Tokens(prepared).issue("acme", lifetime=90 * DAY, label="entra-prod")
    now = datetime.now(UTC)
    given = [warn_of_expiries(prepared, now + day * DAY, 90) for day in range(95)]
    assert [day for day, number in enumerate(given) if number] == [60, 83, 89]
    sentences = told(prepared)
    assert len(sentences) == 3
    assert sentences[0] == (
        f'The token {token.id} "entra-prod" expires on {token.expires:%Y-%m-%d %H:%M} UTC. '
        "Issue another: scimd token issue acme"
    )
    assert not Events(prepared, "acme", LogSettings(90)).find(failed=True)


@pytest.mark.parametrize(("tenant", "scopes", "command"), [
    (ALL_TENANTS, ["events.read"], "--all-tenants --scope events.read"),
    ("acme", ["events.read"], "acme --scope events.read"),
    ("acme", ["scim.read", "events.read"], "acme --scope 'events.read scim.read'"),
])
def test_ev_80_the_tokens_of_consumers_are_warned_of(
    prepared: Database, tenant: str, scopes: list[str], command: str
) -> None:
    _, token = Tokens(prepared).issue(tenant, lifetime=90 * DAY, scopes=scopes)
    now = datetime.now(UTC)
    assert [warn_of_expiries(prepared, now + 85 * DAY, 90) for _ in range(2)] == [1, 0]
    [sentence] = told(prepared, NO_TENANT if tenant == ALL_TENANTS else tenant)
    assert sentence.endswith(f"Issue another: scimd token issue {command}")
    assert earliest_expiries(prepared, now) == {(tenant, "token"): token.expires}


def test_a_secret_is_warned_of_and_others_of_the_client_are_not(prepared: Database) -> None:
    client, _ = Clients(prepared).create("acme", lifetime=40 * DAY)
    Clients(prepared).rotate(client.id, 400 * DAY)
    now = datetime.now(UTC)
    assert [warn_of_expiries(prepared, now + day * DAY, 90) for day in (0, 9, 11, 12, 34, 39.5, 41)] == [0, 0, 1, 0, 1, 1, 0]
    assert told(prepared)[0].startswith(f"The secret {client.secrets[0].id} of the client {client.id} expires on")
    assert told(prepared)[0].endswith(f"Make another: scimd client rotate {client.id}")


def test_the_secret_of_an_app_is_warned_of_in_the_log_of_all_tenants(prepared: Database) -> None:
    settings = Settings(name="Portal", redirect_uris=("https://app.example.com/callback",))
    app, _ = Apps(prepared).create(settings, lifetime=40 * DAY)
    Apps(prepared).create(replace(settings, public=True), lifetime=40 * DAY)
    Apps(prepared).rotate(app.id, 400 * DAY)
    now = datetime.now(UTC)
    assert [warn_of_expiries(prepared, now + day * DAY, 90) for day in (9, 11, 12, 34, 39.5, 41)] == [0, 1, 0, 1, 1, 0]
    sentences = told(prepared, NO_TENANT)
    assert sentences[0] == (
        f'The secret {app.secrets[0].id} of the app {app.id} "Portal" expires on {app.secrets[0].expires:%Y-%m-%d %H:%M} UTC. '
        f"Make another: scimd app rotate {app.id}"
    )
    assert told(prepared) == []
    assert earliest_expiries(prepared, now) == {(ALL_TENANTS, "app"): app.secrets[0].expires}
    assert earliest_expiries(prepared, now, "acme") == {}
    assert Apps(prepared).get(app.id).secrets[0] == app.secrets[0]  # type: ignore[union-attr]


@pytest.mark.parametrize(("lifetime", "days"), [(30, [23, 29]), (5, [4]), (1, []), (None, [])])
def test_a_warning_is_for_what_lives_longer(prepared: Database, lifetime: int | None, days: list[int]) -> None:
    Tokens(prepared).issue("acme", lifetime=lifetime * DAY if lifetime else None)
    now = datetime.now(UTC)
    assert [day for day in range(35) if warn_of_expiries(prepared, now + day * DAY, 90)] == days


def test_a_server_that_was_away_gives_the_last_warning_alone(prepared: Database) -> None:
    Tokens(prepared).issue("acme", lifetime=90 * DAY)
    assert [warn_of_expiries(prepared, datetime.now(UTC) + 89.5 * DAY, 90) for _ in range(2)] == [1, 0]


def test_what_is_revoked_or_issued_to_a_client_ends_in_silence(prepared: Database) -> None:
    tokens = Tokens(prepared)
    tokens.revoke(tokens.issue("acme", lifetime=90 * DAY)[1].id)
    tokens.issue("acme", lifetime=2 * DAY, client="client_1")
    assert [warn_of_expiries(prepared, datetime.now(UTC) + day * DAY, 90) for day in (1.5, 60, 89.5)] == [0, 0, 0]
    assert earliest_expiries(prepared, datetime.now(UTC)) == {}


def test_of_many_workers_one_warns(prepared: Database) -> None:
    for _ in range(5):
        Tokens(prepared).issue("acme", lifetime=90 * DAY)
    now = datetime.now(UTC) + 85 * DAY
    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(lambda _: warn_of_expiries(prepared, now, 90), range(6)))
    assert sum(given) == len(told(prepared)) == 5


def test_the_soonest_of_each_kind(prepared: Database) -> None:
    tokens, clients = Tokens(prepared), Clients(prepared)
    first = tokens.issue("acme", lifetime=10 * DAY)[1]
    tokens.issue("acme", lifetime=20 * DAY)
    tokens.issue("acme")
    client, _ = clients.create("acme", lifetime=5 * DAY)
    _, secret, _ = clients.rotate(client.id, 9 * DAY)
    now = datetime.now(UTC)
    assert earliest_expiries(prepared, now) == {
        ("acme", "token"): first.expires, ("acme", "secret"): client.secrets[0].expires,
    }
    assert earliest_expiries(prepared, now + 6 * DAY, "acme")["acme", "secret"] == secret.expires, "what has ended is no end"
    assert earliest_expiries(prepared, now, "other") == {}


def test_d_672_of_very_many_credentials_only_those_are_read_that_expire_first(prepared: Database) -> None:
    tokens, clients = Tokens(prepared), Clients(prepared)
    for number in range(8):
        Tenants(prepared).create(f"t{number}", "rfc")
        for days in (number + 1, number + 1.1, 50):
            tokens.issue(f"t{number}", lifetime=days * DAY)
        clients.create(f"t{number}", lifetime=(20 - number) * DAY)
    now = datetime.now(UTC)
    everything = earliest_expiries(prepared, now)
    with profiled(prepared) as cost:
        first = earliest_expiries(prepared, now, most=3)
    assert first == {(f"t{number}", "token"): everything[f"t{number}", "token"] for number in range(3)} | {
        (f"t{number}", "secret"): everything[f"t{number}", "secret"] for number in (5, 6, 7)
    }
    assert len(everything) == 16 and cost.documents <= 7 + 8 * 2, cost
