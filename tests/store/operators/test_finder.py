"""The one query over all tenants: what it finds, what it costs, and who may call it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from app.schemas.custom import common_catalogue
from app.store.mongo.database import Database
from app.store.operators.finder import MOST_REFUSALS, Finder, Hit
from tests.blueprints.conftest import USER_URN, Client, application, http_database, new_client
from tests.store.test_costs import profiled
from tests.test_architecture import imports, modules

__all__ = ["application", "http_database", "new_client"]


@pytest.fixture
def finder(http_database: Database) -> Finder:
    return Finder(http_database, common_catalogue(None).types)


@pytest.fixture
def customers(new_client: Callable[[str], Client]) -> list[Client]:
    return [new_client("gallery") for _ in range(3)]


def test_co_12_a_person_is_found_by_any_name_in_all_tenants(finder: Finder, customers: list[Client]) -> None:
    tenants = [each.tenant for each in customers]
    name = f"ann-{uuid.uuid4().hex}@example.com"
    ids = [each.user(name, externalId="E-17", emails=[{"value": "Ann@Example.COM", "type": "work"}])["id"] for each in customers]
    customers[1].patch(f"/Users/{ids[1]}", {"op": "replace", "path": "active", "value": False})
    found = finder.find(name.upper(), tenants)
    assert {(hit.tenant, hit.id, hit.type, hit.name, hit.label) for hit in found} == {
        (tenant, each, "User", name, name) for tenant, each in zip(tenants, ids, strict=True)
    }
    assert {hit.id: hit.active for hit in found} == dict(zip(ids, (True, False, True), strict=True))
    assert [hit.id for hit in finder.find(ids[0], tenants)] == [ids[0]]
    assert {hit.id for hit in finder.find("ann@example.com", tenants)} == {hit.id for hit in finder.find("E-17", tenants)} == set(ids)
    assert finder.find(name[:10], tenants) == finder.find("nobody", tenants) == finder.find(name, []) == []
    assert {hit.id for hit in finder.find(name, tenants[:1])} == {ids[0]}


def test_co_12_deleted_ones_and_groups_are_found_too(finder: Finder, customers: list[Client]) -> None:
    client, tenants = customers[0], [each.tenant for each in customers]
    user, group = client.user("Bob@Example.com")["id"], client.group("Sales")["id"]
    client("DELETE", f"/Users/{user}")
    for text in ("bob@example.com", user):
        [hit] = finder.find(text, tenants)
        assert (hit.tenant, hit.type, hit.id, hit.name) == (client.tenant, "User", user, "Bob@Example.com")
        assert hit.deleted is not None
    assert finder.find("SALES", tenants) == [Hit(client.tenant, "Group", group, "Sales", "Sales")]


def test_co_12_the_beginning_of_a_name(finder: Finder, customers: list[Client]) -> None:
    client, tenants = customers[0], [each.tenant for each in customers]
    start = f"zoë-{uuid.uuid4().hex}"
    for end in ("a", "b"):
        client.user(f"{start}-{end}")
    assert {hit.name for hit in finder.beginning(start.upper(), tenants)} == {f"{start}-a", f"{start}-b"}
    assert finder.beginning(f"{start}-c", tenants) == []
    client.user(f"u-{start}", displayName=f"Shown {start}")
    assert {hit.label for hit in finder.beginning(f"SHOWN {start}", tenants)} == {f"Shown {start}"}


def test_who_was_refused_is_found_in_the_log(finder: Finder, customers: list[Client]) -> None:
    client, tenants = customers[0], [each.tenant for each in customers]
    name = f"svc-{uuid.uuid4().hex}"
    for _ in range(2):
        assert client("POST", "/Users", {"schemas": [USER_URN], "userName": name}).status_code == 400
    client.user("ann")
    for text in (name.upper(), name[:-3]):
        [found] = finder.refused(text, tenants)
        assert (found.tenant, found.name, found.number, found.more) == (client.tenant, name, 2, False)
    assert finder.refused(name, tenants[1:]) == finder.refused("ann", tenants) == finder.refused(f"{name}-", tenants) == []


def test_a_refused_change_of_members_is_found_by_names_and_not_by_the_word_for_members(finder: Finder, customers: list[Client]) -> None:
    client = customers[0]
    group = client.group(f"Sales {uuid.uuid4()}")
    change = {"op": "add", "path": "members", "value": [{"value": str(uuid.uuid4())}]}
    assert client.patch(f"/Groups/{group['id']}", change, If_Match='W/"9"').status_code == 412
    assert [found.name for found in finder.refused("sales", [client.tenant])] == [group["displayName"]]
    assert finder.refused("m", [client.tenant]) == finder.refused("member:", [client.tenant]) == []


def test_many_refusals_are_not_all_counted_and_that_is_said(finder: Finder, customers: list[Client], http_database: Database) -> None:
    tenants, name = [each.tenant for each in customers], f"svc-{uuid.uuid4().hex}"
    assert customers[0]("POST", "/Users", {"schemas": [USER_URN], "userName": name}).status_code == 400
    event = http_database.db.events.find_one({"tenant": tenants[0], "failed": True})
    assert event
    http_database.db.events.insert_many(event | {"_id": uuid.uuid4().hex} for _ in range(MOST_REFUSALS))
    [found] = finder.refused(name[:20], tenants)
    assert (found.number, found.more) == (MOST_REFUSALS, True)


@pytest.mark.parametrize("text", ["", "{$gt: ''}", "$where", "\0", "a" * 10_000, "İ", "%", ".*"])
def test_ca_12_no_text_is_an_operator(finder: Finder, customers: list[Client], text: str) -> None:
    tenants = [each.tenant for each in customers]
    customers[0].user("ann")
    assert finder.find(text, tenants) == []
    assert {hit.name for hit in finder.beginning(text, tenants)} <= {"ann"}


def test_co_12_looking_costs_a_key_for_each_tenant_and_name(
    finder: Finder, customers: list[Client], http_database: Database
) -> None:
    client = customers[0]
    for number in range(100):
        client.user(f"user-{number}")
    tenants = [each.tenant for each in customers]
    with profiled(http_database) as cost:
        assert [hit.name for hit in finder.find("user-7", tenants)] == ["user-7"]
    assert len(cost.commands) == 1, cost
    assert cost.documents <= 10, cost
    assert cost.keys <= 100, cost
    for number in range(20):
        client("POST", "/Users", {"schemas": [USER_URN], "userName": f"refused-{number}"})
    with profiled(http_database) as cost:
        assert [each.number for each in finder.refused("refused-7", tenants)] == [1]
    assert cost.documents <= 2 and cost.keys <= 10 and len(cost.commands) == 2, cost
    with profiled(http_database) as cost:
        assert finder.refused("user-", tenants) == []
    assert len(cost.commands) == 1 and cost.documents == 0 and cost.keys <= 10, cost


def test_co_12_only_the_page_for_it_looks_through_all_tenants() -> None:
    callers = {
        module.name for module in modules() for _, name in imports(module.tree) if name == "app.store.operators.finder"
    }
    assert callers <= {"app/console/frame/parts.py", "app/console/pages/people.py"}
