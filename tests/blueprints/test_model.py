"""A live server against a small model in memory: random creates, replaces, patches, deletes, queries, pages and bulks.

The model is a dict of users and a dict of groups, written from the RFC alone. Status and content must agree.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.blueprints.test_bulk import BULK_URN
from tests.conftest import Server

NAMES = st.sampled_from(["ann", "Ann", "bob", "BOB", "cem", "Ç", "ç", "dora", "eve", "50%_x", 'q"t', "a\\b"])
TITLES = st.one_of(st.none(), st.sampled_from(["", "T", "t", "Boss"]))
GONE = "00000000-0000-4000-8000-000000000000"


def folded(text: str) -> str:
    return text.lower()


class Machine(RuleBasedStateMachine):
    """The rules; `server` is set by the test."""

    server: Server
    users = Bundle("users")
    groups = Bundle("groups")

    def __init__(self) -> None:
        super().__init__()
        url, self.token = self.server.create_tenant(profile="rfc")
        parts = urlsplit(url)
        self.base = parts.path
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self.people: dict[str, dict[str, Any]] = {}
        self.teams: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        self.connection.close()

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        self.connection.request(method, self.base + path, data, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def taken(self, name: str, but: str = "") -> bool:
        return any(folded(user["userName"]) == folded(name) for key, user in self.people.items() if key != but)

    def same(self, shown: dict[str, Any], expected: dict[str, Any]) -> None:
        for key in ("userName", "title", "active"):
            assert shown.get(key) == expected.get(key), (shown, expected)

    @rule(target=users, name=NAMES, title=TITLES)
    def create_user(self, name: str, title: str | None) -> Any:
        status, answer = self.send("POST", "/Users", {"schemas": [USER_URN], "userName": name, "title": title})
        if self.taken(name):
            assert (status, answer["scimType"]) == (409, "uniqueness")
            return multiple()
        assert status == 201
        self.people[answer["id"]] = {"userName": name, "active": True} | ({} if title is None else {"title": title})
        self.same(answer, self.people[answer["id"]])
        return answer["id"]

    @rule(user=users, name=NAMES, title=TITLES, active=st.sampled_from([None, True, False]))
    def replace_user(self, user: str, name: str, title: str | None, active: bool | None) -> None:
        body = {"schemas": [USER_URN], "userName": name, "title": title, "active": active}
        status, answer = self.send("PUT", f"/Users/{user}", body)
        if user not in self.people:
            assert status == 404
        elif self.taken(name, user):
            assert status == 409
        else:
            assert status == 200
            kept = self.people[user]["active"] if active is None else active
            self.people[user] = {"userName": name, "active": kept} | ({} if title is None else {"title": title})
            self.same(answer, self.people[user])

    @rule(user=users, name=NAMES, title=TITLES)
    def patch_user(self, user: str, name: str, title: str | None) -> None:
        operations = [{"op": "replace", "path": "userName", "value": name},
                      {"op": "replace", "path": "title", "value": title}]
        status, answer = self.send("PATCH", f"/Users/{user}", {"schemas": [PATCH_URN], "Operations": operations})
        if user not in self.people:
            assert status == 404
        elif self.taken(name, user):
            assert status == 409
        else:
            assert status == 200, answer
            self.people[user]["userName"] = name
            self.people[user].pop("title", None)
            if title is not None:
                self.people[user]["title"] = title
            self.same(answer, self.people[user])

    @rule(user=consumes(users))
    def delete_user(self, user: str) -> None:
        status, _ = self.send("DELETE", f"/Users/{user}")
        assert status == (204 if self.people.pop(user, None) else 404)
        for team in self.teams.values():
            team["members"].discard(user)

    @rule(target=groups, name=NAMES, members=st.lists(users, max_size=3))
    def create_group(self, name: str, members: list[str]) -> Any:
        body = {"schemas": [GROUP_URN], "displayName": name, "members": [{"value": member} for member in members]}
        status, answer = self.send("POST", "/Groups", body)
        if any(member not in self.people for member in members):
            assert (status, answer["scimType"]) == (400, "invalidValue")
            return multiple()
        assert status == 201
        self.teams[answer["id"]] = {"displayName": name, "members": set(members)}
        return answer["id"]

    @rule(group=groups, add=st.lists(users, max_size=3), remove=st.lists(users, max_size=2), clear=st.booleans())
    def patch_members(self, group: str, add: list[str], remove: list[str], clear: bool) -> None:
        operations: list[dict[str, Any]] = [{"op": "remove", "path": "members"}] if clear else []
        operations.append({"op": "add", "path": "members", "value": [{"value": member} for member in add]})
        operations += [{"op": "remove", "path": f'members[value eq "{member}"]'} for member in remove]
        status, answer = self.send("PATCH", f"/Groups/{group}", {"schemas": [PATCH_URN], "Operations": operations})
        if group not in self.teams:
            assert status == 404
            return
        before = set() if clear else self.teams[group]["members"]
        after = (before | set(add)) - set(remove)
        if any(member not in self.people for member in after - self.teams[group]["members"]):
            assert (status, answer["scimType"]) == (400, "invalidValue")
            return
        assert status == 200, answer
        self.teams[group]["members"] = after
        assert {member["value"] for member in answer.get("members", ())} == after

    @rule(group=consumes(groups))
    def delete_group(self, group: str) -> None:
        status, _ = self.send("DELETE", f"/Groups/{group}")
        assert status == (204 if self.teams.pop(group, None) else 404)

    @rule(user=users)
    def read_user(self, user: str) -> None:
        status, answer = self.send("GET", f"/Users/{user}")
        if user not in self.people:
            assert status == 404
            return
        self.same(answer, self.people[user])
        expected = {key for key, team in self.teams.items() if user in team["members"]}
        assert {group["value"] for group in answer.get("groups", ())} == expected

    @rule(name=NAMES, operator=st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "le"]))
    def query(self, name: str, operator: str) -> None:
        text = json.dumps(name, ensure_ascii=False)
        status, answer = self.send("GET", f"/Users?filter={quote(f'userName {operator} {text}')}")
        assert status == 200
        wanted = folded(name)
        holds = {
            "eq": lambda v: v == wanted, "ne": lambda v: v != wanted, "co": lambda v: wanted in v,
            "sw": lambda v: v.startswith(wanted), "ew": lambda v: v.endswith(wanted), "gt": lambda v: v > wanted,
            "le": lambda v: v <= wanted,
        }[operator]
        expected = {key for key, user in self.people.items() if holds(folded(user["userName"]))}
        assert {user["id"] for user in answer["Resources"]} == expected
        assert answer["totalResults"] == len(expected)

    @rule(size=st.integers(1, 3), descending=st.booleans(), by_cursor=st.booleans())
    def pages(self, size: int, descending: bool, by_cursor: bool) -> None:
        order = f"sortBy=title&sortOrder={'descending' if descending else 'ascending'}&count={size}"
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None and len(found) <= len(self.people):
            where = f"cursor={cursor}" if by_cursor else f"startIndex={len(found) + 1}"
            status, answer = self.send("GET", f"/Users?{order}&{where}")
            assert (status, answer["totalResults"]) == (200, len(self.people))
            found += [user["id"] for user in answer["Resources"]]
            cursor = answer.get("nextCursor") if by_cursor else "" if answer["Resources"] else None
        titles = {key: user.get("title") for key, user in self.people.items()}

        def rank(key: str) -> tuple[bool, str, str]:
            return titles[key] is None, folded(titles[key] or ""), key

        assert found == sorted(titles, key=rank, reverse=descending)

    @rule(target=users, names=st.lists(NAMES, min_size=1, max_size=4))
    def bulk(self, names: list[str]) -> Any:
        operations = [{"method": "POST", "path": "/Users", "bulkId": f"b{n}",
                       "data": {"schemas": [USER_URN], "userName": name}} for n, name in enumerate(names)]
        status, answer = self.send("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": operations})
        assert status == 200
        made = []
        for name, result in zip(names, answer["Operations"], strict=True):
            assert result["status"] == ("409" if self.taken(name) else "201")
            if result["status"] == "201":
                made.append(result["location"].rpartition("/")[2])
                self.people[made[-1]] = {"userName": name, "active": True}
        return multiple(*made)

    @invariant()
    def nobody_is_there_who_was_not_made(self) -> None:
        assert self.send("GET", f"/Users/{GONE}")[0] == 404


@pytest.mark.parametrize("examples", [8, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_the_server_agrees_with_the_model(live_server: Server, examples: int) -> None:
    Machine.server = live_server
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(Machine, settings=settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=checks))
