"""The facts about customers, gathered in one command, and which customers may need attention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.advice.facts import Contact, Denial
from app.advice.state import attention, state_of
from app.config import Config
from app.store.accounts.activity import Activity, AnsweredRequest, PendingActivity
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Conditions, Trusts
from app.store.mongo.database import Database
from app.store.open import collections
from app.store.operators.audit import AuditLog, Operator
from app.store.operators.facts import CustomerFacts
from app.store.operators.links import Links
from tests.store.test_costs import profiled

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class World:
    def __init__(self, database: Database) -> None:
        database.prepare(collections(Config.from_environment({})))
        self.database = database
        self.tenants, self.tokens, self.activity = Tenants(database), Tokens(database), Activity(database)
        self.facts = CustomerFacts(database)
        for name in ("acme", "globex"):
            self.tenants.create(name, "gallery")

    def answered(self, tenant: str, hours: float, kind: str = "reads", credential: str = "t", **more: str) -> None:
        """Write a request that was answered some hours ago."""
        sums = PendingActivity()
        status = {"reads": 200, "done": 201, "refused": 409, "failed": 503, "denied": 401}[kind]
        sums.add(AnsweredRequest(NOW - hours * HOUR, "POST", "User", status, credential, kind, **more))
        self.activity.write({tenant: sums})

    def state(self, tenant: str) -> str:
        return str(state_of(self.facts.of([tenant], NOW)[tenant], NOW).key)


@pytest.fixture
def world(reused_database: Database) -> World:
    return World(reused_database)


def test_co_60_facts_of_what_clients_did(world: World) -> None:
    world.answered("acme", 30, "done")
    world.answered("acme", 5, "refused", cause="taken userName")
    for hours in (3, 2):
        world.answered("acme", hours, "refused", cause="required name.givenName")
    world.answered("acme", 50, "refused", cause="taken userName")
    world.answered("acme", 0.001, "failed", cause="unavailable")
    world.answered("globex", 1, "denied", cause="expired", credential="")
    facts = world.facts.of(["acme", "globex", "nobody"], NOW)
    assert facts.keys() == {"acme", "globex"}
    acme = facts["acme"]
    assert (acme.refused, acme.commonest, acme.failed) == (3, "required name.givenName", 1)
    assert acme.last == NOW - 0.001 * HOUR and acme.last_write == NOW - 30 * HOUR
    assert facts["globex"].denied == Denial(NOW - HOUR, "expired", 1)
    assert facts["globex"].contacts == (Contact(NOW - HOUR, let_in=False),)
    assert facts["globex"].last is None and world.state("globex") == "locked-out"


def test_co_60_facts_of_credentials(world: World) -> None:
    text, token = world.tokens.issue("acme", lifetime=5 * DAY, label="entra")
    world.tokens.record_use(token)
    world.tokens.issue("acme", scopes=["events.read"])
    world.tokens.revoke(world.tokens.issue("acme")[1].id)
    client, _ = Clients(world.database).create("acme", lifetime=90 * DAY)
    _, access = world.tokens.issue("acme", lifetime=HOUR, client=client.id)
    trust = Trusts(world.database).add("acme", Conditions("bearer", issuer="http://127.0.0.1:1/x", audiences=["a"], subject="s"))
    found = {each.id: each for each in world.facts.of(["acme"], NOW)["acme"].credentials}
    assert found.keys() == {token.id, client.id, trust.id}
    assert (found[token.id].kind, found[token.id].label, found[token.id].expires) == ("token", "entra", token.expires)
    assert found[token.id].used is not None and found[client.id].used is None and found[trust.id].expires is None
    world.answered("acme", 0)
    assert world.state("acme") == "ends-soon", "the only one in use"
    world.tokens.record_use(access)
    assert {each.id for each in world.facts.of(["acme"], NOW)["acme"].credentials if each.used} == {token.id, client.id}
    assert world.state("acme") == "healthy"
    assert text


def test_co_60_facts_of_a_suspension_and_of_setup_links(world: World) -> None:
    assert world.state("acme") == "never"
    Links(world.database).make_setup("acme", "setup", "alice", DAY)
    assert "A setup link is valid until" in state_of(world.facts.of(["acme"], NOW)["acme"], NOW).sentence
    with AuditLog(world.database).begin(Operator("alice", "command line"), "tenant suspend", tenant="acme"):
        world.tenants.suspend("acme")
    facts = world.facts.of(["acme"], NOW)["acme"]
    assert facts.suspended_by == "alice" and facts.suspended_at is not None and world.state("acme") == "suspended"


def test_co_60_the_chosen_provider_counts(world: World) -> None:
    for hours in (6, 5, 4):
        world.answered("acme", hours)
    assert world.state("acme") == "silent"
    world.tenants.choose_provider("acme", "okta")
    assert world.state("acme") == "healthy"


BAD: dict[str, Any] = {
    "refused": lambda w, t: w.answered(t, 2, "refused", cause="taken userName"),
    "failed": lambda w, t: w.answered(t, 0, "failed", cause="unavailable"),
    "denied": lambda w, t: w.answered(t, 1, "denied", cause="expired", credential=""),
    "a token that ends": lambda w, t: w.tokens.issue(t, lifetime=6 * DAY),
    "a secret that ends": lambda w, t: Clients(w.database).create(t, lifetime=6 * DAY),
    "silent": lambda w, t: [w.answered(t, hours) for hours in (6, 5, 4)],
    "once a day, lately": lambda w, t: [w.answered(t, hours) for hours in (50, 49, 25, 1)],
    "once a day": lambda w, t: [w.answered(t, hours) for hours in (60, 59, 35, 11)],
}


@pytest.mark.parametrize("name", BAD)
def test_co_61_who_needs_attention_is_a_candidate(world: World, name: str) -> None:
    world.tokens.issue("globex", lifetime=90 * DAY)
    world.answered("globex", 0.5)
    BAD[name](world, "acme")
    candidates = world.facts.candidates(NOW)
    assert candidates == {"acme"}
    [(facts, state)] = attention(world.facts.of(candidates, NOW).values(), NOW)
    assert facts.name == "acme" and state.needs_attention


def test_of_more_tenants_than_are_asked_for_those_that_may_need_attention_are_found(world: World) -> None:
    BAD["refused"](world, "acme")
    assert set(world.facts.some(2, NOW)) == {"acme", "globex"}
    assert set(world.facts.some(1, NOW)) == {"acme"}


def test_co_61_the_attention_list_costs_what_is_on_it(world: World) -> None:
    """The healthy customers are not looked at, however many there are."""
    for number in range(300):
        name = f"healthy-{number}"
        world.tenants.create(name, "gallery")
        world.database.db.tokens.insert_one({
            "_id": f"t{number}", "tenant": name, "hash": "0" * 64, "scopes": ["scim.read"], "created": NOW, "expires": NOW + 90 * DAY,
        })
        world.database.db.pulses.insert_one({
            "_id": name, "tenant": name, "last": NOW, "oldest": NOW - HOUR, "contacts": [{"began": NOW - HOUR, "letIn": True}],
        })
        world.database.db.days.insert_one({"_id": f"{name} d", "tenant": name, "day": f"{NOW:%Y-%m-%d}", "hours": {"00": {"done": 5}}})
    for name in ("refused", "denied", "silent"):
        BAD[name](world, "acme" if name != "silent" else "globex")
    with profiled(world.database) as cost:
        found = attention(world.facts.of(world.facts.candidates(NOW), NOW).values(), NOW)
    assert [facts.name for facts, _ in found] == ["acme", "globex"]
    assert cost.documents <= 40, cost
    assert cost.keys <= 80, cost


def test_co_61_of_very_many_those_are_looked_at_that_were_refused_most(world: World) -> None:
    """A third of two thousand customers had a refusal today; the list shows twenty."""
    for number in range(300):
        name = f"refused-{number:03}"
        world.tenants.create(name, "gallery")
        hours = {f"{NOW:%H}": {"refused": number + 1}}
        world.database.db.days.insert_one({
            "_id": f"{name} d", "tenant": name, "day": f"{NOW:%Y-%m-%d}", "hours": hours, "refused": number + 1,
        })
    with profiled(world.database) as cost:
        candidates = world.facts.candidates(NOW)
        found = attention(world.facts.of(candidates, NOW).values(), NOW)
    assert candidates == {f"refused-{number:03}" for number in range(270, 300)}
    assert [facts.name for facts, _ in found] == [f"refused-{number:03}" for number in range(299, 279, -1)]
    assert cost.documents <= 300 + 4 * 30, cost
