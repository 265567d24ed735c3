"""Entra sends requests over many connections at once: nothing is created twice, and nothing is lost."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.entra.client import Answer, Client
from tests.entra.laws import broken_laws
from tests.entra.tenancy import new_tenant

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
AT_ONCE = 12


class Tenant:
    """A tenant that gets each request over a connection of its own."""

    def __init__(self, server: Any) -> None:
        self.where = new_tenant(server, "entra")

    def all(self, *requests: tuple[Any, ...]) -> list[Answer]:
        """Send all requests at the same time; return the responses in the order of the requests."""
        clients = [Client(*self.where) for _ in requests]
        with ThreadPoolExecutor(len(requests)) as pool:
            answers = list(pool.map(_sent, clients, requests))
        for client in clients:
            client.close()
        assert not [fault for answer in answers for fault in broken_laws(answer)]
        return answers

    def one(self, *request: Any) -> Answer:
        """Send one request and return the response."""
        return self.all(request)[0]


def _sent(client: Client, request: tuple[Any, ...]) -> Answer:
    """Send a request, and repeat it while the tenant has too many at once; return the response."""
    while (answer := client.send(*request)).status == 429:
        time.sleep(int(answer.headers["Retry-After"]))
    return answer


@pytest.fixture
def tenant(live_server: Any) -> Tenant:
    return Tenant(live_server)


def test_one_of_many_equal_users_is_created(tenant: Tenant) -> None:
    names = ["ada@contoso.com", "ADA@contoso.com", "Ada@Contoso.com"]
    bodies = [{"schemas": [USER], "userName": names[n % 3], "externalId": str(n)} for n in range(AT_ONCE)]
    answers = tenant.all(*(("POST", "/Users", body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201] + [409] * (AT_ONCE - 1)
    assert {answer.json["scimType"] for answer in answers if answer.status == 409} == {"uniqueness"}
    assert tenant.one("GET", "/Users").json["totalResults"] == 1


def test_one_of_many_equal_groups_is_created(tenant: Tenant) -> None:
    answers = tenant.all(*[("POST", "/Groups", {"schemas": [GROUP], "displayName": "Sales"})] * AT_ONCE)
    assert sorted(answer.status for answer in answers) == [201] + [409] * (AT_ONCE - 1)


def test_no_member_is_lost(tenant: Tenant) -> None:
    group = tenant.one("POST", "/Groups", {"schemas": [GROUP], "displayName": "Everybody"}).json["id"]

    def change(operation: str, member: str) -> tuple[str, str, dict[str, Any]]:
        operations = [{"op": operation, "path": "members", "value": [{"$ref": None, "value": member}]}]
        return "PATCH", f"/Groups/{group}", {"schemas": [PATCH_OP], "Operations": operations}

    for start in range(0, 5 * AT_ONCE, AT_ONCE):
        answers = tenant.all(*(change("Add", f"m{n}") for n in range(start, start + AT_ONCE)))
        assert {answer.status for answer in answers} == {204}
    answers = tenant.all(*(change("Remove", f"m{n}") for n in range(AT_ONCE)))
    assert {answer.status for answer in answers} == {204}
    members = tenant.one("GET", f"/Groups/{group}").json["members"]
    assert sorted(member["value"] for member in members) == sorted(f"m{n}" for n in range(AT_ONCE, 5 * AT_ONCE))


def test_no_attribute_is_lost(tenant: Tenant) -> None:
    user = tenant.one("POST", "/Users", {"schemas": [USER], "userName": "ada@contoso.com"}).json["id"]
    names = ("title", "displayName", "nickName", "userType", "locale", "timezone", "preferredLanguage", "externalId")
    patches = [{"schemas": [PATCH_OP], "Operations": [{"op": "Add", "path": name, "value": name}]} for name in names]
    answers = tenant.all(*(("PATCH", f"/Users/{user}", body) for body in patches))
    assert {answer.status for answer in answers} == {200}
    shown = tenant.one("GET", f"/Users/{user}").json
    assert {name: shown.get(name) for name in names} == {name: name for name in names}


def test_sixty_members_at_the_same_time_are_all_kept(tenant: Tenant) -> None:
    users = [tenant.one("POST", "/Users", {"schemas": [USER], "userName": f"u{n}"}).json["id"] for n in range(60)]
    group = tenant.one("POST", "/Groups", {"schemas": [GROUP], "displayName": "Everybody"})
    path = f"/Groups/{group.json['id']}"
    adds = [{"op": "Add", "path": "members", "value": [{"value": user}]} for user in users]
    answers = tenant.all(*(("PATCH", path, {"schemas": [PATCH_OP], "Operations": [add]}) for add in adds))
    assert {answer.status for answer in answers} == {204}
    shown = tenant.one("GET", path).json
    assert sorted(member["value"] for member in shown["members"]) == sorted(users)
    assert shown["meta"]["version"] == 'W/"61"'


def test_of_six_replacements_of_one_version_one_takes_place(tenant: Tenant) -> None:
    user = tenant.one("POST", "/Users", {"schemas": [USER], "userName": "ada@contoso.com"}).json
    titles = [f"T{n}" for n in range(6)]
    bodies = [{"schemas": [USER], "userName": "ada@contoso.com", "title": title} for title in titles]
    path, condition = f"/Users/{user['id']}", {"If-Match": user["meta"]["version"]}
    answers = tenant.all(*(("PUT", path, body, condition) for body in bodies))
    assert sorted(answer.status for answer in answers) == [200] + [412] * 5
    winner = next(title for title, answer in zip(titles, answers, strict=True) if answer.status == 200)
    shown = tenant.one("GET", path).json
    assert (shown["title"], shown["meta"]["version"]) == (winner, 'W/"2"')
