"""A write load that remembers what was acknowledged, and the check that it is there, whole, and in the log."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from app.schemas.tables.user import USER_TYPE
from app.store.directory.totals import Totals
from app.store.mongo.database import Database
from tests.blueprints.conftest import GROUP_URN, PATCH_URN, USER_URN
from tests.relay import logged

ATTEMPT_SECONDS = 30


@dataclass
class Load:
    """Writers on one tenant: each creates a user, makes it a member of one group, and renames it."""

    url: str
    token: str
    database: Database
    tenant: str
    writers: int = 4
    created: dict[str, str] = field(default_factory=dict)
    """userName -> id, acknowledged."""
    asked: set[str] = field(default_factory=set)
    """Every userName that was sent."""
    members: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    broken: int = 0
    """Requests that ended in no answer."""
    slowest: float = 0.0
    """The longest time between two acknowledged writes, in seconds."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._threads: list[threading.Thread] = []
        answer = self._send("POST", "/Groups", {"schemas": [GROUP_URN], "displayName": f"G-{uuid.uuid4().hex}"})
        assert answer is not None
        self.group = answer.json()["id"]

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(self.writers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, number: int, seconds: float = 60) -> None:
        """Wait until so many more users have been acknowledged."""
        goal = len(self.created) + number
        deadline = time.monotonic() + seconds
        while len(self.created) < goal:
            assert time.monotonic() < deadline, f"no writes any more; answers {self.statuses}, broken {self.broken}"
            time.sleep(0.02)

    def _write(self) -> None:
        while not self._stop.is_set():
            name = f"u-{uuid.uuid4().hex}"
            self.asked.add(name)
            answer = self._send("POST", "/Users", {"schemas": [USER_URN], "userName": name, "title": "first"})
            if answer is None or answer.status_code != 201:
                time.sleep(0.1)
                continue
            user = answer.json()["id"]
            with self._lock:
                self.created[name] = user
                now = time.monotonic()
                self.slowest, self._last = max(self.slowest, now - self._last), now
            add = {"op": "Add", "path": "members", "value": [{"value": user}]}
            if self._patched(f"/Groups/{self.group}", add):
                self.members.add(user)
            if self._patched(f"/Users/{user}", {"op": "Replace", "path": "title", "value": "second"}):
                self.renamed[user] = "second"

    def _patched(self, path: str, operation: dict[str, Any]) -> bool:
        answer = self._send("PATCH", path, {"schemas": [PATCH_URN], "Operations": [operation]})
        return answer is not None and answer.status_code in (200, 204)

    def _send(self, method: str, path: str, body: Any) -> requests.Response | None:
        try:
            answer = requests.request(
                method, self.url + path, json=body, headers={"Authorization": f"Bearer {self.token}"},
                timeout=ATTEMPT_SECONDS,
            )
        except requests.RequestException:
            with self._lock:
                self.broken += 1
            return None
        with self._lock:
            self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
        return answer

    def check(self) -> None:
        """Check that every acknowledged write is there, that none is half there, and that each has its log line."""
        db, tenant = self.database.db, {"tenant": self.tenant}
        users = {row["userName"]: row for row in db.users.find(tenant)}
        assert self.created.keys() <= users.keys() <= self.asked
        assert all(users[name]["_id"] == identity for name, identity in self.created.items())
        titles = {row["_id"]: row["title"] for row in users.values()}
        assert all(titles[user] == title for user, title in self.renamed.items())
        memberships = {row["member"] for row in db.memberships.find(tenant | {"group": self.group})}
        assert self.members <= memberships
        events = logged(self.database, **tenant, type={"$exists": True})  # an operator's act has none
        events.sort(key=lambda event: event["seq"])
        assert len({event["seq"] for event in events}) == len(events)
        created = sorted(event["resource"]["id"] for event in events if event["operation"] == "create")
        assert created == sorted([row["_id"] for row in users.values()] + [self.group])
        added = [member for event in events for member in event.get("members", {}).get("added", ())]
        assert sorted(added) == sorted(memberships)
        changes = dict.fromkeys(titles, 1) | {self.group: 1}
        for event in events:
            if event["operation"] == "patch":
                changes[event["resource"]["id"]] += 1
        versions = {row["_id"]: row["meta"]["version"] for row in [*users.values(), *db.groups.find(tenant)]}
        for one, last in versions.items():
            assert [event["version"] for event in events if event["resource"]["id"] == one] == [*range(1, last + 1)]
        assert versions == changes
        assert Totals(self.database, self.tenant).of(USER_TYPE).number == len(users)
        assert set(self.statuses) <= {200, 201, 204, 409, 503}, self.statuses
