"""Several provisioning jobs, and account discovery, use one tenant at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.store.accounts.tokens import Tokens
from tests.entra.client import Client
from tests.entra.tenancy import database_of, new_tenant

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture
def jobs(live_server: Any) -> tuple[Client, Client]:
    """Two jobs of one tenant, each with a credential of its own."""
    url, first = new_tenant(live_server, "interop")
    second, _ = Tokens(database_of(live_server)).issue(url.split("/")[-3])
    return Client(url, first), Client(url, second)


def create(client: Client, name: str) -> str:
    """Create a user and return its id."""
    answer = client.send("POST", "/Users", {"schemas": [USER], "userName": name, "externalId": name})
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def test_n_04_account_discovery_sees_everybody_once(jobs: tuple[Client, Client]) -> None:
    first, second = jobs
    everybody = [create(first, f"user{n}@contoso.com") for n in range(23)]
    for count in (1, 4, 5, 23, 100):
        seen: list[str] = []
        total = 1
        while len(seen) < total:
            page = second.send("GET", f"/Users?startIndex={len(seen) + 1}&count={count}").json
            assert (page["startIndex"], page["itemsPerPage"]) == (len(seen) + 1, len(page["Resources"]))
            total = page["totalResults"]
            assert page["Resources"], "a page that leads nowhere"
            seen += [each["id"] for each in page["Resources"]]
        assert sorted(seen) == sorted(everybody), count
        assert second.send("GET", f"/Users?startIndex={total + 1}&count={count}").json["Resources"] == []


def test_n_05_users_and_members_come_from_two_jobs_at_once(jobs: tuple[Client, Client]) -> None:
    users, groups = jobs
    made = groups.send("POST", "/Groups", {"schemas": [GROUP], "displayName": "Everybody"})
    group = made.json["id"]
    early = [create(users, f"early{n}@contoso.com") for n in range(20)]

    def add(member: str) -> int:
        operation = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": member}]}
        return groups.send("PATCH", f"/Groups/{group}", {"schemas": [PATCH_OP], "Operations": [operation]}).status

    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(lambda: [create(users, f"late{n}@contoso.com") for n in range(20)])
        assert set(pool.submit(lambda: [add(member) for member in early]).result()) == {204}
    assert set(map(add, late.result())) == {204}
    members = {each["value"] for each in users.send("GET", f"/Groups/{group}").json["members"]}
    assert members == {*early, *late.result()}
    assert users.send("GET", "/Users?count=1").json["totalResults"] == 40
