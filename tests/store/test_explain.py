"""What the planner makes of the queries: an index that starts with the tenant, and no document read in vain.

Issue and reliability L5: documents examined within twice those returned.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from app.assembly import collections
from app.config import Config
from app.schemas.group import GROUP_TYPE
from app.schemas.meta import first_meta, now
from app.schemas.user import USER_TYPE
from app.store.database import Database
from app.store.documents import encode
from app.store.opening import open_directory
from app.store.tenants import Tenants
from scim_filter import parse_filter

CONFIG = Config.from_environment({})
NUMBER = 2_000
GROUPS = 300


def identity(tenant: str, number: int, kind: str = "user") -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}/{kind}/{number}"))


@pytest.fixture(scope="module")
def filled(mongod: Database) -> Iterator[Database]:
    """Give a database with two tenants of two thousand users and three hundred groups each."""
    database = Database(mongod.client, f"explain-{uuid.uuid4().hex}")
    database.prepare(collections(CONFIG))
    for tenant in ("a", "b"):
        Tenants(database).create(tenant, "rfc")
        users = [
            {
                "id": identity(tenant, n), "schemas": [USER_TYPE.schema.id], "userName": f"User{n:05}@x.org",
                "displayName": f"Person {n:05}", "externalId": f"ext-{n}", "meta": first_meta("User", now()),
                "emails": [{"value": f"Mail{n:05}@x.org", "type": "work"}, {"value": f"home{n}@y.org", "type": "home"}],
            }
            for n in range(NUMBER)
        ]
        for user in users[-50:]:
            user["meta"] = user["meta"] | {"lastModified": "2030-01-01T00:00:00.000Z"}
        database.db.users.insert_many([encode(user, USER_TYPE.for_profile("rfc"), tenant=tenant) for user in users])
        groups = [
            {"id": identity(tenant, n, "group"), "schemas": [GROUP_TYPE.schema.id], "displayName": f"Group {n:05}",
             "meta": first_meta("Group", now())}
            for n in range(GROUPS)
        ]
        database.db.groups.insert_many([encode(group, GROUP_TYPE.for_profile("rfc"), tenant=tenant) for group in groups])
        database.db.memberships.insert_many([
            {"tenant": tenant, "group": identity(tenant, n % GROUPS, "group"), "member": identity(tenant, n), "type": "User"}
            for n in range(NUMBER)
        ])
    yield database
    mongod.client.drop_database(database.db.name)


def stages(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, list):
        for part in plan:
            yield from stages(part)
    elif isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan
        for key, part in plan.items():
            if key not in ("rejectedPlans", "executionStats"):
                yield from stages(part)


def explained(database: Database, collection: str, query: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Give the scans of the winning plan, and what it cost."""
    pipeline = [{"$match": {"tenant": "a", **query}}, {"$sort": {"_id": 1}}, {"$limit": 100}]
    command = {"aggregate": collection, "pipeline": pipeline, "cursor": {}}
    plan = database.db.command("explain", command, verbosity="executionStats")
    scans = [stage for stage in stages(plan) if stage["stage"] in ("IXSCAN", "COLLSCAN", "IDHACK")]
    cost = plan.get("executionStats") or plan["stages"][0]["$cursor"]["executionStats"]
    return scans, cost


@pytest.mark.parametrize(("kind", "text", "found"), [
    ("users", 'userName eq "USER00007@x.org"', 1), ("users", 'userName sw "user0000"', 10),
    ("users", 'externalId eq "ext-7"', 1), ("users", 'externalId sw "ext-77"', 11),
    ("users", 'displayName eq "person 00007"', 1), ("users", 'displayName sw "Person 0001"', 10),
    ("users", 'emails.value eq "mail00007@X.org"', 1), ("users", 'emails.value sw "mail0001"', 10),
    ("users", 'emails[type eq "work"].value eq "mail00007@x.org"', 1),
    ("users", f'id eq "{identity("a", 7)}"', 1), ("users", f'id eq "{identity("b", 7)}"', 0),
    ("users", f'id eq "{identity("a", 7)}" and userName eq "user00007@x.org"', 1),
    ("users", 'meta.lastModified gt "2029-01-01T00:00:00Z"', 50),
    ("groups", f'members.value eq "{identity("a", 7)}"', 1), ("groups", 'displayName eq "GROUP 00007"', 1),
    ("groups", f'id eq "{identity("a", 7, "group")}" and members eq "{identity("a", 7)}"', 1),
    ("users", f'groups.value eq "{identity("a", 7, "group")}"', 7),
])
def test_a_filter_is_answered_from_an_index(filled: Database, kind: str, text: str, found: int) -> None:
    directory = open_directory(CONFIG, filled, Tenants(filled).require("a"))
    resource_type = directory.catalogue.at(kind)
    scans, cost = explained(filled, kind, directory.query(resource_type, parse_filter(text)))
    assert cost["nReturned"] == found
    assert cost["totalDocsExamined"] <= max(2 * found, 2)
    assert scans
    for scan in scans:
        assert scan["stage"] == "IXSCAN"
        assert next(iter(scan["keyPattern"])) in ("tenant", "_id")
        if next(iter(scan["keyPattern"])) == "_id":  # a look-up of ids, which are unique over all tenants
            assert "id" in text or "value" in text


@pytest.mark.parametrize("text", ['title eq "x"', "not (title pr)", 'name.familyName co "a"', "active eq false", "title pr"])
def test_every_other_plan_begins_with_the_tenant_too(filled: Database, text: str) -> None:
    directory = open_directory(CONFIG, filled, Tenants(filled).require("a"))
    scans, _ = explained(filled, "users", directory.query(USER_TYPE.for_profile("rfc"), parse_filter(text)))
    assert [next(iter(scan["keyPattern"])) for scan in scans] == ["tenant"]
