"""Random changes of everything that there is: users, groups, members in every form, imports, whole tenants."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from app.auth.credential_cache import LIFETIME
from app.errors import Unavailable
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import BeingDeleted
from tests.blueprints.conftest import ENTERPRISE_URN, GROUP_URN, PATCH_URN, USER_URN
from tests.conftest import Server
from tests.processes import until
from tests.tenants import as_a_minute_later

WORDS = ("red", "green", "blue", "black", "white")
SECONDS = 30


class Ids:
    """The ids of one tenant's resources, as far as somebody knows of them; shared by the threads of a test."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, each: str) -> None:
        with self._lock:
            self._of[kind].append(each)

    def move(self, each: str, kind: str, to: str) -> None:
        with self._lock:
            if each in self._of[kind]:
                self._of[kind].remove(each)
                self._of[to].append(each)

    def some(self, kind: str, number: int) -> list[str]:
        with self._lock:
            return random.sample(self._of[kind], min(number, len(self._of[kind])))

    def one(self, kind: str) -> str | None:
        return next(iter(self.some(kind, 1)), None)


class Changing:
    """Threads that change some tenants of a server at random, and whatever a request ends in, go on."""

    def __init__(self, server: Server, tenants: list[str], threads: int = 4) -> None:
        self.server = server
        self.done: dict[str, int] = defaultdict(int)
        """How often each kind of change was acknowledged."""
        self.refused: dict[int, int] = defaultdict(int)
        self._places: dict[str, tuple[str, str, Ids]] = {}
        self._stop = threading.Event()
        self._resume = threading.Event()
        self._resume.set()
        self._threads = [threading.Thread(target=self._change, daemon=True) for _ in range(threads)]
        for tenant in tenants:
            self.begin_tenant(tenant)

    def __enter__(self) -> Changing:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.pause(begins=False)
        for thread in self._threads:
            thread.join(2 * SECONDS)

    def pause(self, *, begins: bool) -> None:
        """Begin or end a pause, in which nothing is changed."""
        (self._resume.clear if begins else self._resume.set)()

    def begin_tenant(self, name: str) -> None:
        """Create a tenant as an operator does, and let it be changed."""
        self.server.command("tenant", "create", name, "--profile", "interop")
        token = json.loads(self.server.command("token", "issue", name, "--json"))["token"]
        self._places[name] = (f"{self.server.url}/{name}/scim/v2", token, Ids())

    def renew_tenant(self, name: str) -> None:
        """Delete a tenant while it is changed, and make it anew as soon as no worker remembers the old one."""
        del self._places[name]
        until(lambda: self._is_deleted(name), SECONDS)
        time.sleep(LIFETIME + 1)
        as_a_minute_later(self.server.database, name)
        until(lambda: self._is_gone(name), SECONDS)
        self.begin_tenant(name)
        self.done["tenant made anew"] += 1

    def _is_deleted(self, name: str) -> bool:
        """Delete a tenant, or go on with it where mongod was killed in the middle."""
        with suppress(Unavailable):
            TenantDeletion(self.server.database).delete(name)
            return True
        return False

    def _is_gone(self, name: str) -> bool:
        try:
            TenantDeletion(self.server.database).finish(name)
        except (BeingDeleted, Unavailable):  # what was pending is being numbered
            return False
        return True

    def import_into(self, name: str, folder: Path) -> None:
        """Import users, a group, and memberships of it and of a group that exists."""
        _, _, ids = self._places[name]
        new = [str(uuid.uuid4()) for _ in range(3)]
        group = str(uuid.uuid4())
        lines: list[dict[str, Any]] = [{"type": "User", "resource": {"schemas": [USER_URN], "id": each, "userName": each}} for each in new]
        lines.append({"type": "Group", "resource": {"schemas": [GROUP_URN], "id": group, "displayName": f"G-{group}"}})
        for of in [group, *ids.some("groups", 1)]:
            lines += [{"type": "Membership", "group": of, "member": each, "kind": "User"} for each in new]
        file = folder / f"{group}.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        if self._command("import", name, str(file)):
            for each in new:
                ids.add("users", each)
            ids.add("groups", group)
            self.done["import"] += 1

    def restore(self, name: str) -> None:
        """Restore something that was deleted."""
        _, _, ids = self._places[name]
        for kind in random.sample(("users", "groups"), 2):
            if (each := ids.one(f"deleted {kind}")) and self._command("restore", name, each):
                ids.move(each, f"deleted {kind}", kind)
                self.done[f"restore {kind}"] += 1

    def _command(self, *arguments: str) -> bool:
        try:
            self.server.command(*arguments)
        except AssertionError:  # the database or the resource is away
            self.refused[-1] += 1
            return False
        return True

    def _change(self) -> None:
        weights = {self._create_user: 4, self._change_user: 6, self._delete: 2, self._create_group: 2, self._change_group: 8}
        changes, shares = list(weights), list(weights.values())
        while not self._stop.is_set():
            self._resume.wait()
            places = list(self._places.items())
            if places:
                _, (url, token, ids) = random.choice(places)
                random.choices(changes, shares)[0](lambda *request, at=(url, token): self._send(*at, *request), ids)
            time.sleep(random.uniform(0, 0.02))

    def _send(self, url: str, token: str, what: str, method: str, path: str, body: Any = None) -> Any:
        """Send a request; return the body of the response, {} where it has none, or None where it was refused."""
        try:
            answer = requests.request(
                method, url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS
            )
        except requests.RequestException:
            self.refused[0] += 1
            return None
        if answer.status_code >= 400:
            self.refused[answer.status_code] += 1
            return None
        self.done[what] += 1
        return answer.json() if answer.content else {}

    def _create_user(self, send: Callable[..., Any], ids: Ids) -> None:
        name = uuid.uuid4().hex
        body = {"schemas": [USER_URN], "userName": name, **_attributes(), **_enterprise()}
        if made := send("create a user", "POST", "/Users", body):
            ids.add("users", made["id"])

    def _change_user(self, send: Callable[..., Any], ids: Ids) -> None:
        user = ids.one("users")
        if user is None:
            return
        if random.random() < 0.3:
            send("replace a user", "PUT", f"/Users/{user}", {"schemas": [USER_URN], "userName": user, **_attributes(), **_enterprise()})
            return
        operations: list[dict[str, Any]] = random.sample([
            {"op": "replace", "path": "title", "value": random.choice(WORDS)},
            {"op": "remove", "path": "title"},
            {"op": "replace", "path": "active", "value": random.random() < 0.5},
            {"op": "add", "path": "emails", "value": [{"value": f"{random.choice(WORDS)}@x", "type": "work"}]},
            {"op": "remove", "path": 'emails[type eq "work"]'},
            {"op": "add", "path": f"{ENTERPRISE_URN}:department", "value": random.choice(WORDS)},
            {"op": "remove", "path": f"{ENTERPRISE_URN}:department"},
            {"op": "replace", "path": "password", "value": f"planted-secret-{random.random()}"},
        ], random.randint(1, 3))
        send("patch a user", "PATCH", f"/Users/{user}", _patch(*operations))

    def _delete(self, send: Callable[..., Any], ids: Ids) -> None:
        kind = random.choice(("users", "users", "groups"))
        if (each := ids.one(kind)) and send(f"delete {kind}", "DELETE", f"/{kind.capitalize()}/{each}") is not None:
            ids.move(each, kind, f"deleted {kind}")

    def _create_group(self, send: Callable[..., Any], ids: Ids) -> None:
        members = [{"value": each} for each in ids.some("users", random.randint(0, 4))]
        body = {"schemas": [GROUP_URN], "displayName": f"G-{uuid.uuid4().hex}", "members": members}
        if made := send("create a group", "POST", "/Groups", body):
            ids.add("groups", made["id"])

    def _change_group(self, send: Callable[..., Any], ids: Ids) -> None:
        group = ids.one("groups")
        if group is None:
            return
        members = [{"value": each} for each in ids.some("users", random.randint(1, 5))]
        members += [{"value": each} for each in ids.some("groups", 1) if random.random() < 0.2 and each != group]
        if not members:
            return
        one = members[0]["value"]
        name = {"op": "replace", "path": "displayName", "value": f"G-{uuid.uuid4().hex}"}
        what, operations = random.choice([
            ("add members", [{"op": "add", "path": "members", "value": members}]),
            ("add a member", [{"op": "add", "path": "members", "value": members[:1]}]),
            ("remove a member by filter", [{"op": "remove", "path": f'members[value eq "{one}"]'}]),
            ("remove members", [{"op": "remove", "path": "members", "value": members}]),
            ("replace members", [{"op": "replace", "path": "members", "value": members}]),
            ("remove all members", [{"op": "remove", "path": "members"}]),
            ("rename a group", [name]),
            ("rename a group and add members", [name, {"op": "add", "path": "members", "value": members}]),
            ("replace a group", []),
        ])
        if operations:
            send(what, "PATCH", f"/Groups/{group}", _patch(*operations))
        else:
            body = {"schemas": [GROUP_URN], "displayName": f"G-{uuid.uuid4().hex}", "members": members}
            send(what, "PUT", f"/Groups/{group}", body)


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH_URN], "Operations": list(operations)}


def _attributes() -> dict[str, Any]:
    every = {
        "title": random.choice(WORDS), "displayName": random.choice(WORDS), "externalId": uuid.uuid4().hex,
        "active": random.random() < 0.8, "emails": [{"value": f"{random.choice(WORDS)}@x", "type": "work"}],
        "name": {"givenName": random.choice(WORDS), "familyName": random.choice(WORDS)}, "password": "planted-secret",
    }
    return {key: every[key] for key in random.sample(sorted(every), random.randint(0, len(every)))}


def _enterprise() -> dict[str, Any]:
    values = {"department": random.choice(WORDS), "employeeNumber": str(random.randrange(100))}
    kept = {key: values[key] for key in random.sample(sorted(values), random.randint(0, 2))}
    return {ENTERPRISE_URN: kept} if kept else {}
