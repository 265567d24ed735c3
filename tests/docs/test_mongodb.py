"""The queries of docs/mongodb.md, run against a real MongoDB: each finds what it should and uses an index."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import WriteError

from app.assembly import assemble
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import ENTERPRISE_URN, PATCH_URN, USER_URN, Client
from tests.relay import relay

DOC = (Path(__file__).parents[2] / "docs" / "mongodb.md").read_text()
QUESTION = re.compile(r"\*\*(\d+)\. (.*?)\*\*\n```js\n(.*?)\n```", re.DOTALL)
SHELL = re.compile(r"db\.(\w+)\.(find|aggregate)\((.*?)\)(?:\.sort\(([^()]*)\))?$", re.DOTALL)
QUESTIONS = {int(number): code for number, _, code in QUESTION.findall(DOC)}


def python(text: str) -> Any:
    """Read JavaScript of the shell: keys without quotes, ISODate, false."""
    text = re.sub(r"ISODate\(\"([^\"]+)\"\)", lambda m: f"date({m[1]!r})", text)
    text = re.sub(r"([{,]\s*)([$\w]+):", r"\1'\2':", text)
    names = {"date": lambda t: datetime.fromisoformat(t), "true": True, "false": False, "null": None}
    return eval(text, {"__builtins__": {}}, names)  # noqa: S307 - our own document


def parse(code: str) -> tuple[str, str, list[Any], dict[str, int] | None]:
    match = SHELL.fullmatch(code.strip())
    assert match, code
    collection, verb, arguments, sort = match.groups()
    return collection, verb, list(python(f"[{arguments}]")), python(sort) if sort else None


@pytest.fixture(scope="module")
def filled(mongod: Database) -> Any:
    """Yield a database with a tenant `demo`, in which each question has an answer, and another tenant."""
    database = Database(mongod.client, f"docs-{id(object())}")
    app = assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database)
    for name in ("demo", "other"):
        Tenants(database).create(name, "gallery")
        client = Client(app, name, Tokens(database).issue(name)[0])
        fill(client, database)
    relay(database)
    multiply(database)
    yield database
    mongod.client.drop_database(database.db.name)


def fill(client: Client, database: Database) -> None:
    jane = client.user("Jane@Example.com", displayName="Janet", externalId="0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
                       emails=[{"value": "Jane@example.com", "type": "work"}])
    john = client.user("john@example.com", emails=[{"value": "jane@EXAMPLE.com"}], active=False, **{
        ENTERPRISE_URN: {"manager": {"value": "11111111-1111-4111-8111-111111111111"}}})
    inner = client.group("Inner", john["id"])
    client.group("Sales", jane["id"], inner["id"])
    gone = client.user("gone@example.com")
    client("DELETE", f"/Users/{gone['id']}")
    client("POST", "/Users", {"schemas": [USER_URN], "userName": "jane@example.com"})
    client("PATCH", f"/Users/{jane['id']}", {"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "title", "value": "T"}]})


def multiply(database: Database) -> None:
    """Multiply the documents of the tenant `other` by 2,000, with ids of `demo` in them."""
    db, copies = database.db, 2_000
    demo = [db[name].find_one({"tenant": "demo"})["_id"] for name in ("users", "groups")]
    for name in ("users", "groups", "events", "deleted", "memberships"):
        one = db[name].find_one({"tenant": "other"})
        rows = [one | {"_id": f"{name}-{number}"} for number in range(copies)]
        for number, row in enumerate(rows):
            if "_unique" in row:
                row["_unique"] = dict.fromkeys(row["_unique"], f"{number}")
            if name == "memberships":
                row |= {"member": demo[0], "group": f"{number}"} if number % 2 else {"member": f"{number}", "group": demo[1]}
        db[name].insert_many(rows)


def answer(database: Database, number: int, change: Callable[[str], str] = str) -> list[dict[str, Any]]:
    collection, verb, arguments, sort = parse(change(QUESTIONS[number]))
    if verb == "aggregate":
        return list(database.db[collection].aggregate(arguments[0], **options(arguments)))
    cursor = database.db[collection].find(*arguments)
    return list(cursor.sort(list(sort.items())) if sort else cursor)


def test_there_are_twenty_questions() -> None:
    assert sorted(QUESTIONS) == list(range(1, 21))
    assert DOC.count("```js") == 20


@pytest.mark.parametrize("number", sorted(QUESTIONS))
def test_each_question_is_answered_for_its_tenant_only(filled: Database, number: int) -> None:
    sales = filled.db.groups.find_one({"tenant": "demo", "displayName": "Sales"})["_id"]

    def change(code: str) -> str:
        today = re.sub(r"ISODate\(\"[^\"]+\"\)", 'ISODate("2020-01-01T00:00:00Z")', code)
        return today.replace("22222222-2222-4222-8222-222222222222", sales)

    found = answer(filled, number, change)
    assert found, QUESTIONS[number]
    assert all(row.get("tenant", "demo") == "demo" for row in found)
    expected = {1: 1, 2: 1, 5: 1, 6: 2, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1, 12: 2, 14: 2, 15: 1, 16: 1, 20: 1}
    if number in expected:
        assert len(found) == expected[number], found
    if number == 10:
        assert [group["name"] for group in found[0]["groups"]] == ["Sales"]
    if number == 12:
        assert {row["memberName"] for row in found} == {"Janet", "Inner"}


def options(arguments: list[Any]) -> dict[str, Any]:
    return dict(arguments[1]) if len(arguments) > 1 else {}


@pytest.mark.parametrize("number", sorted(QUESTIONS))
def test_sc_10_each_question_reads_only_data_of_its_tenant(filled: Database, number: int) -> None:
    """SC-10: the view `user_groups` read the memberships of all tenants for one user."""
    db = filled.db
    users, groups = (db[name].find_one({"tenant": "demo"})["_id"] for name in ("users", "groups"))
    db.command("profile", 0)
    db.system.profile.drop()
    db.command("profile", 2)
    answer(filled, number, lambda code: code.replace("22222222-2222-4222-8222-222222222222", groups).replace("11111111-1111-4111-8111-111111111111", users))
    db.command("profile", 0)
    read = list(db.system.profile.find({"docsExamined": {"$exists": True}}))
    assert read
    assert sum(row["docsExamined"] for row in read) <= 50, [(row["ns"], row["planSummary"], row["docsExamined"]) for row in read]
    assert sum(row["keysExamined"] for row in read) <= 50


def narrowed(scan: dict[str, Any]) -> bool:
    """Return whether only the tenant's part of an index is read."""
    fields = list(scan["keyPattern"])
    bounds = scan["indexBounds"]
    if scan["stage"] == "COUNT_SCAN":
        return fields[0] == "tenant" and bounds["startKey"]["tenant"] == bounds["endKey"]["tenant"] == "demo"
    before = [each.strip("[]").split(", ") for field in fields[: fields.index("tenant")] for each in bounds[field]]
    return bounds["tenant"] == ['["demo", "demo"]'] and all(low == high for low, high in before)


def stages(plan: Any) -> list[dict[str, Any]]:
    if isinstance(plan, list):
        return [stage for part in plan for stage in stages(part)]
    if not isinstance(plan, dict):
        return []
    here = [plan] if isinstance(plan.get("stage"), str) else []
    return here + [stage for key, part in plan.items() if key != "rejectedPlans" for stage in stages(part)]


@pytest.mark.parametrize("number", sorted(QUESTIONS))
def test_each_question_uses_an_index_that_starts_with_the_tenant(filled: Database, number: int) -> None:
    collection, verb, arguments, _ = parse(QUESTIONS[number])
    command = {"aggregate": collection, "pipeline": arguments[0] if verb == "aggregate" else [
        {"$match": arguments[0]}], "cursor": {}} | (options(arguments) if verb == "aggregate" else {})
    plan = filled.db.command("explain", command, verbosity="queryPlanner")
    scans = [stage for stage in stages(plan) if stage["stage"] in ("IXSCAN", "COLLSCAN", "COUNT_SCAN")]
    assert scans
    assert all(stage["stage"] != "COLLSCAN" and narrowed(stage) for stage in scans), scans


@pytest.mark.parametrize("change", [
    {"$set": {"active": "yes"}}, {"$unset": {"userName": ""}}, {"$set": {"$surprise": 1}}, {"$set": {"surprise": 1}},
    {"$unset": {"meta": ""}}, {"$unset": {"_folded": ""}}, {"$set": {"emails": "x"}}, {"$set": {"tenant": 5}},
])
def test_the_validator_refuses_a_mistake_of_an_operator(filled: Database, change: dict[str, Any]) -> None:
    with pytest.raises(WriteError):
        filled.db.users.update_one({"tenant": "demo", "_folded.userName": "john@example.com"}, change)
