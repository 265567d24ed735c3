"""The plans of queries: which index answers, how much is looked at, and that the tenant always comes first."""

from __future__ import annotations

import random
import re
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.config import Config
from app.protocol.cursor import Cursors
from app.protocol.profile import PROFILES
from app.protocol.search_request import SearchRequest
from app.provider import Provider
from app.queries import Queries
from app.schemas.meta import timestamp
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import ENTERPRISE_URN as ENT
from app.schemas.tables.user import USER_TYPE
from app.schemas.tables.user import USER_URN as CORE
from app.store.accounts.tenants import Tenants
from app.store.directory.documents import encode
from app.store.log.event import Actor
from app.store.log.outbox import TIME
from app.store.mongo.database import Database
from app.store.open import collections, open_directory

PEOPLE, TEAMS, TEAM = 1_300, 40, 25
CONFIG = Config.from_environment({})
START = datetime(2026, 1, 1, tzinfo=UTC)


def person(number: int, tenant: str) -> dict[str, Any]:
    at = timestamp(START + timedelta(minutes=number))
    return {
        "schemas": [CORE, ENT], "id": identity(tenant, "u", number), "userName": f"User{number:05d}@Example.com",
        "externalId": f"ext-{number:05d}", "displayName": f"Person {number:05d}", "active": number % 2 == 0,
        "name": {"familyName": f"Family {number % 100}", "givenName": "Ann"}, "title": f"Title {number % 10}",
        "emails": [{"value": f"work{number:05d}@example.com", "type": "work", "primary": True},
                   {"value": f"home{number:05d}@example.org", "type": "home"}],
        ENT: {"department": f"D{number % 10}", "manager": {"value": identity(tenant, "u", number // 10)}},
        "meta": {"resourceType": "User", "created": at, "lastModified": at, "version": 'W/"1"'},
    }  # fmt: skip


def team(number: int, tenant: str) -> dict[str, Any]:
    at = timestamp(START)
    return {
        "schemas": [GROUP_TYPE.schema.id], "id": identity(tenant, "g", number), "displayName": f"Team {number:05d}",
        "externalId": f"team-{number:05d}", "meta": {"resourceType": "Group", "created": at, "lastModified": at, "version": 'W/"1"'},
    }  # fmt: skip


def identity(tenant: str, kind: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{tenant} {kind} {number}"))


def fill(database: Database, tenant: str, people: int, teams: int) -> None:
    """Create a tenant with people and teams, as `encode` makes them, in an order that is not that of their names."""
    Tenants(database).create(tenant, "rfc")
    numbers = list(range(people))
    random.Random(1).shuffle(numbers)
    for first in range(0, people, 5_000):
        rows = [encode(person(number, tenant), USER_TYPE, tenant=tenant) for number in numbers[first : first + 5_000]]
        database.db.users.insert_many(rows, ordered=False)
    if teams:
        database.db.groups.insert_many([encode(team(number, tenant), GROUP_TYPE, tenant=tenant) for number in range(teams)])
        database.db.memberships.insert_many([
            {"tenant": tenant, "group": identity(tenant, "g", number), "member": identity(tenant, "u", number * TEAM + place), "type": "User"}
            for number in range(teams) for place in range(TEAM)
        ])  # fmt: skip


def provider_of(database: Database, name: str) -> Callable[[], Provider]:
    tenant = Tenants(database).require(name)
    directory = open_directory(CONFIG, database, tenant, dangling=False)
    queries = Queries(directory, Cursors(b"0" * 43 + b"="), name)
    return lambda: Provider(directory, queries, PROFILES["rfc"], Actor("token", "request"))


@pytest.fixture(scope="module")
def filled(mongod: Database) -> Iterator[Database]:
    database = Database(mongod.client, f"test-{uuid.uuid4().hex}")
    database.prepare(collections(CONFIG))
    for tenant in ("ours", "theirs"):
        fill(database, tenant, PEOPLE, TEAMS)
    yield database
    mongod.client.drop_database(database.db.name)


@pytest.fixture(scope="module")
def provider(filled: Database) -> Callable[[], Provider]:
    return provider_of(filled, "ours")


def answer(provider: Callable[[], Provider], kind: str, condition: str, **parameters: str) -> dict[str, Any]:
    one = provider()
    given = {"filter": [condition], **{name: [value] for name, value in parameters.items()}}
    return one.query([one.catalogue.named(kind)], SearchRequest.from_query(given))


def plans(database: Database, work: Callable[[], object]) -> list[dict[str, Any]]:
    """Return what MongoDB noted about every query of `work` on collections of resources and memberships."""
    db = database.db
    db.command("profile", 0)
    db.system.profile.drop()
    db.command("profile", 2)
    try:
        work()
    finally:
        db.command("profile", 0)
    names = [f"{db.name}.{name}" for name in ("users", "groups", "memberships")]
    return list(db.system.profile.find({"ns": {"$in": names}, "planSummary": {"$exists": True}}))


def begins(plan: dict[str, Any]) -> set[str]:
    """Return the first field of every index that a plan looks into, and the names of what is no index."""
    found = {field or scan for scan, field in re.findall(r"([A-Z]{2,}[A-Z_]*)(?: \{ ([^:]+):)?", plan["planSummary"])}
    if found == {"_id"} and _asks_for_ids(plan):
        return {"tenant"}  # an id is one tenant's alone
    return found


def _asks_for_ids(plan: dict[str, Any]) -> bool:
    command = plan.get("originatingCommand", plan["command"])
    return bool(plan["keysExamined"] <= 2 * _ids(command.get("filter") or command.get("pipeline")) + 1)


def _ids(query: Any) -> int:
    """Return how many ids a query or a pipeline names."""
    if isinstance(query, list):
        return sum(map(_ids, query))
    if not isinstance(query, dict):
        return 0
    named = query.get("_id")
    inside = len(named.get("$in", ())) if isinstance(named, dict) else 0
    return inside + sum(_ids(part) for part in query.values())


NUMBER = 1_234
ME = identity("ours", "u", NUMBER)
INDEXED = [
    ("User", f'userName eq "user{NUMBER:05d}@example.COM"', 1), ("User", 'userName sw "USER0123"', 10),
    ("User", f'externalId eq "ext-{NUMBER:05d}"', 1), ("User", 'externalId sw "ext-0123"', 10),
    ("User", f'displayName eq "PERSON {NUMBER:05d}"', 1), ("User", 'displayName sw "person 0123"', 10),
    ("User", f'emails.value eq "home{NUMBER:05d}@example.org"', 1), ("User", 'emails.value sw "WORK0123"', 10),
    ("User", f'emails co "x" and emails eq "work{NUMBER:05d}@example.com"', 1),
    ("User", f'emails[type eq "work" and value eq "work{NUMBER:05d}@example.com"]', 1),
    ("User", f'emails[type eq "work"].value eq "work{NUMBER:05d}@example.com"', 1),
    ("User", 'emails[value sw "home0123" and type eq "home"]', 10),
    ("User", f'id eq "{ME}"', 1), ("User", f'id sw "{ME[:12]}"', 1), ("User", f'id eq "{ME}" and {ENT}:manager eq "{identity("ours", "u", 123)}"', 1),
    ("User", f'{ENT}:manager eq "{identity("ours", "u", 123)}"', 10), ("User", f'groups.value eq "{identity("ours", "g", 3)}"', TEAM),
    ("User", f'meta.lastModified gt "{timestamp(START + timedelta(minutes=PEOPLE - 11))}"', 10),
    ("User", f'userName eq "user{NUMBER:05d}@example.com" or externalId eq "ext-00001"', 2),
    ("Group", 'displayName eq "TEAM 00003"', 1), ("Group", 'displayName sw "team 0001"', 10), ("Group", 'externalId eq "team-00003"', 1),
    ("Group", f'members eq "{identity("ours", "u", 30)}"', 1), ("Group", f'members.value eq "{identity("ours", "u", 30)}"', 1),
    ("Group", f'members[value eq "{identity("ours", "u", 30)}"]', 1),
    ("Group", f'id eq "{identity("ours", "g", 1)}" and members eq "{identity("ours", "u", 30)}"', 1),
    ("Group", f'members[value eq "{identity("ours", "u", 30)}" and type eq "User"]', 1),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "condition", "found"), INDEXED)
def test_an_index_answers(kind, condition, found, provider, filled):
    answers = []
    noted = plans(filled, lambda: answers.append(answer(provider, kind, condition, attributes="userName")))
    assert answers[0]["totalResults"] == found
    assert noted
    for plan in noted:
        assert begins(plan) == {"tenant"}, plan["planSummary"]
        assert plan["docsExamined"] <= 2 * max(plan.get("nreturned", 0), found), (plan["planSummary"], plan["docsExamined"])
        assert plan["keysExamined"] <= 3 * found + 3, (plan["planSummary"], plan["keysExamined"])


OTHERS = [
    ("User", "title pr"), ("User", 'title co "1"'), ("User", "not (title pr)"), ("User", 'userName ne "x"'), ("User", 'userName co "1234"'),
    ("User", "emails pr"), ("User", "name.familyName eq \"family 7\""), ("User", f"{ENT} pr"), ("User", "active eq false"), ("User", "groups pr"),
    ("User", 'groups.display sw "Team 0000"'), ("User", "not (groups pr)"), ("User", f'title eq "title 1" or schemas eq "{ENT}"'), ("User", "title eq null"),
    ("Group", "members pr"), ("Group", 'members.display eq "Person 00030"'), ("Group", "not (members pr)"), ("Group", 'members.type eq "Group"'), ("Group", "displayName pr"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "condition"), OTHERS)
def test_whatever_the_filter_nobody_else_is_looked_at(kind, condition, provider, filled):
    noted = plans(filled, lambda: answer(provider, kind, condition, startIndex="2", count="7"))
    assert noted
    for plan in noted:
        assert begins(plan) == {"tenant"}, plan["planSummary"]
        assert plan["docsExamined"] <= PEOPLE + 20, (plan["planSummary"], plan["docsExamined"])


@pytest.mark.parametrize("name", [f"USER{NUMBER:05d}@example.com", f"Person {NUMBER:05d}", f"ext-{NUMBER:05d}", "TEAM 00003"])
def test_whose_a_name_of_the_log_is_an_index_tells(name, filled):
    log = open_directory(CONFIG, filled, Tenants(filled).require("ours")).events
    noted = plans(filled, lambda: log.find(name=name))
    assert noted
    for plan in noted:
        assert begins(plan) <= {"tenant", TIME}, plan["planSummary"]
        assert plan["docsExamined"] <= 1, (plan["planSummary"], plan["docsExamined"])


@pytest.mark.long
def test_looking_for_one_of_200_000_costs_what_it_costs_among_1_000(mongod):
    database = Database(mongod.client, f"test-{uuid.uuid4().hex}")
    database.prepare(collections(CONFIG))
    sizes = {"small": 1_000, "large": 200_000}
    try:
        for tenant, people in sizes.items():
            fill(database, tenant, people, 0)
        providers = {tenant: provider_of(database, tenant) for tenant in sizes}
        times: dict[str, list[float]] = {tenant: [] for tenant in sizes}
        numbers = random.Random(2)
        for turn in range(1_200):
            for tenant, people in sizes.items():  # by turns: whatever else the machine does, it does to both
                condition = f'userName eq "USER{numbers.randrange(people):05d}@example.com"'
                start = time.perf_counter()
                found = answer(providers[tenant], "User", condition)
                if turn >= 200:
                    times[tenant].append(time.perf_counter() - start)
                assert found["totalResults"] == 1
        small, large = (statistics.median(times[tenant]) for tenant in sizes)
        print(f"among 1,000: {small * 1e3:.3f} ms, among 200,000: {large * 1e3:.3f} ms, {large / small:.2f} times")
        assert large <= 1.2 * small
    finally:
        mongod.client.drop_database(database.db.name)
