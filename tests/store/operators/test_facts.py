"""The facts about customers, gathered in one command, and which customers may need attention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.advice.facts import Contact, Credential, Denial
from app.advice.state import attention, state_of
from app.config import Config
from app.store.accounts.activity import Activity, AnsweredRequest, PendingActivity
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Conditions, Trusts
from app.store.mongo.database import Database
from app.store.open import collections
from app.store.operators import facts as facts_module
from app.store.operators.acting import Acting
from app.store.operators.audit import AuditLog, Operator
from app.store.operators.credentials import ENDINGS, CredentialActs
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
    assert facts["globex"].denied == Denial(NOW - HOUR, "expired", 1, NOW - HOUR)
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
    world.tokens.issue("acme")
    for hours in (6, 5, 4):
        world.answered("acme", hours)
    assert world.state("acme") == "silent"
    world.tenants.choose_provider("acme", "okta")
    assert world.state("acme") == "healthy"


def ended(world: World, tenant: str, hours: float, kind: str = "expired", **more: Any) -> str:
    """Issue a token, of which a client made use, and let it end some hours ago; return its id."""
    acts = CredentialActs(world.database, Acting(world.database, Operator("alice", "command line"), 90))
    token = acts.issue_token(tenant, 90 * DAY, "entra", **more)[1].id
    world.answered(tenant, hours + 0.001)
    world.tokens.record_use(world.tokens.find(token))  # type: ignore[arg-type]
    moment = NOW - hours * HOUR
    if kind == "revoked":
        acts.revoke_token(token)
        world.database.db.acts.update_many({"tenant": tenant}, {"$set": {"time": moment}})
    world.database.db.tokens.update_one({"_id": token}, {"$set": {{"revoked": "revoked", "expired": "expires"}[kind]: moment}})
    return token


def secret_ended(world: World, tenant: str, hours: float) -> str:
    """The same with the secret of an OAuth client."""
    client, _ = Clients(world.database).create(tenant, lifetime=DAY, label="okta")
    world.database.db.clients.update_one({"_id": client.id}, {"$set": {"secrets.0.expires": NOW - hours * HOUR}})
    world.answered(tenant, hours)
    return client.id


def trust_deleted(world: World, tenant: str, hours: float) -> None:
    """The same with a trust, which is deleted."""
    acts = CredentialActs(world.database, Acting(world.database, Operator("alice", "command line"), 90))
    trust = acts.add_trust(tenant, Conditions("bearer", issuer="http://127.0.0.1:1/x", audiences=["a"], subject="s"))
    acts.delete_trust(trust.id)
    world.answered(tenant, hours)
    world.database.db.acts.update_many({"tenant": tenant}, {"$set": {"time": NOW - hours * HOUR}})


@pytest.mark.parametrize("kind", ["revoked", "expired"])
def test_a_customer_whose_last_token_ended_is_locked_out_before_it_asks(world: World, kind: str) -> None:
    token = ended(world, "acme", 0, kind)
    [found] = world.facts.of(["acme"], NOW).values()
    assert found.ended == Credential("token", token, "entra", NOW, found.ended and found.ended.used, revoked=kind == "revoked")
    assert world.state("acme") == "locked-out"
    state = state_of(found, NOW)
    assert state.needs_attention and f"The token {token} “entra” " in state.sentence and kind in state.sentence
    world.tokens.issue("acme", scopes=["events.read"])
    assert world.state("acme") == "locked-out", "this one lets no SCIM in"
    world.tokens.issue("acme")
    assert world.state("acme") == "healthy"


def test_a_customer_whose_last_secret_expired_is_locked_out_once_its_access_tokens_did(world: World) -> None:
    client = secret_ended(world, "acme", 0)
    [found] = world.facts.of(["acme"], NOW).values()
    assert (found.ended and (found.ended.kind, found.ended.id, found.ended.label)) == ("client", client, "okta")
    assert world.state("acme") == "locked-out"
    world.tokens.record_use(world.tokens.issue("acme", lifetime=HOUR, client=client)[1])
    assert world.state("acme") == "ends-soon", "an access token is valid for an hour"


def test_who_never_had_a_credential_and_who_never_used_one_never_connected(world: World) -> None:
    assert world.state("acme") == "never"
    world.tokens.revoke(world.tokens.issue("globex", label="setup")[1].id)
    assert world.state("globex") == "never"
    assert "“setup” was revoked on" in state_of(world.facts.of(["globex"], NOW)["globex"], NOW).sentence


def test_of_several_the_credential_that_ended_last_is_named(world: World) -> None:
    earlier, last = (ended(world, "acme", hours, kind) for hours, kind in ((50, "revoked"), (3, "expired")))
    client = secret_ended(world, "acme", 40)
    [found] = world.facts.of(["acme"], NOW).values()
    assert found.ended and found.ended.id == last and not found.ended.revoked and earlier != client


BAD: dict[str, Any] = {
    "refused": lambda w, t: w.answered(t, 2, "refused", cause="taken userName"),
    "failed": lambda w, t: w.answered(t, 0, "failed", cause="unavailable"),
    "denied": lambda w, t: w.answered(t, 1, "denied", cause="expired", credential=""),
    "a token that ends": lambda w, t: w.tokens.issue(t, lifetime=6 * DAY),
    "a secret that ends": lambda w, t: Clients(w.database).create(t, lifetime=6 * DAY),
    "silent": lambda w, t: [w.answered(t, hours) for hours in (6, 5, 4)],
    "once a day, lately": lambda w, t: [w.answered(t, hours) for hours in (50, 49, 25, 1)],
    "the last token was revoked": lambda w, t: ended(w, t, 1, "revoked"),
    "the last token was revoked weeks ago": lambda w, t: ended(w, t, 29 * 24, "revoked"),
    "the last token expired": lambda w, t: ended(w, t, 1),
    "the last token expired weeks ago": lambda w, t: ended(w, t, 29 * 24),
    "the last secret expired": lambda w, t: secret_ended(w, t, 1),
    "the last trust was deleted": lambda w, t: trust_deleted(w, t, 1),
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
    for number in range(100):
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
    """A hundred customers had a refusal today; the list shows twenty."""
    for number in range(100):
        name = f"refused-{number:03}"
        world.tenants.create(name, "gallery")
        hours = {f"{NOW:%H}": {"refused": number + 1}}
        world.database.db.days.insert_one({
            "_id": f"{name} d", "tenant": name, "day": f"{NOW:%Y-%m-%d}", "hours": hours, "refused": number + 1,
        })
    with profiled(world.database) as cost:
        candidates = world.facts.candidates(NOW)
        found = attention(world.facts.of(candidates, NOW).values(), NOW)
    assert candidates == {f"refused-{number:03}" for number in range(70, 100)}
    assert [facts.name for facts, _ in found] == [f"refused-{number:03}" for number in range(99, 79, -1)]
    assert cost.documents <= 100 + 4 * 30, cost


def test_d_600_customers_that_have_come_since_a_credential_ended_cost_little(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 600 customers each has another credential in place of one that ended; only so many are looked at."""
    monkeypatch.setattr(facts_module, "MOST_ENDED", 50)
    pulses, acts, tokens = [], [], []
    for number in range(600):
        name, moment = f"back-{number:03}", NOW - DAY - timedelta(minutes=number)
        pulses.append({"_id": name, "tenant": name, "last": NOW, "oldest": NOW - HOUR, "contacts": [{"began": NOW - HOUR, "letIn": True}]})
        acts.append({"_id": name, "time": moment, "tenant": name, "act": ENDINGS[number % 4], "outcome": "done",
                     **dict.fromkeys(("who", "role", "how", "address", "object", "request"), "")})
        tokens.append({"_id": name, "tenant": name, "hash": "0" * 64, "scopes": ["scim.write"], "created": moment - DAY, "expires": moment})
    for collection, rows in ((world.database.db.pulses, pulses), (world.database.db.acts, acts), (world.database.db.tokens, tokens)):
        collection.insert_many(rows)
    ended(world, "acme", 1, "revoked")
    ended(world, "globex", 2)
    with profiled(world.database) as cost:
        assert world.facts.candidates(NOW) == {"acme", "globex"}
    assert cost.documents <= 6 * 50, cost
