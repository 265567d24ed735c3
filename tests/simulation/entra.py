"""A simulated Entra provisioning service: it knows what it has exported, and brings the server up to the source.

One `cycle` is one run of the service: probe, users, then what refers to users (managers, memberships). The first is the
initial cycle; one of a new service on a server that is full already is what "Restart provisioning" does.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.entra.client import Answer, Client
from tests.entra.laws import broken_laws
from tests.simulation.directory import Directory, Person, Team
from tests.simulation.mapping import GROUP, Default, Values, create_body, mapped, patch

CONNECTIONS = 4


@dataclass
class Exported:
    """What the service knows of an object on the server: its id, and what it has written there."""

    id: str
    values: Values
    manager: str | None = None
    members: set[str] = field(default_factory=set)


class Entra:
    """The service, for one server, one dialect and one number of members in a PATCH."""

    def __init__(self, base_url: str, token: str, dialect: Default, batch: int) -> None:
        self.dialect, self.batch = dialect, batch
        self.users: dict[str, Exported] = {}
        self.groups: dict[str, Exported] = {}
        self.escrow: set[str] = set()
        """The object ids of those that the server refused; they are tried again in the next cycle."""
        self.requests: Counter[str] = Counter()
        self._where = base_url, token
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(CONNECTIONS)

    def cycle(self, source: Directory) -> None:
        """Bring the server up to the source: objects first, references after (quirk 53)."""
        self.escrow.clear()
        self.probe()
        self._each(self._user, source.people.values())
        self._each(self._purge_user, set(self.users) - set(source.people))
        self._each(self._manager, source.people.values())
        self._each(self._group, source.teams.values())
        self._each(self._purge_group, set(self.groups) - set(source.teams))
        self._each(self._members, source.teams.values())

    def probe(self) -> None:
        """Test the connection, as the portal does."""
        for path in ("/Users?filter=userName", "/Groups?excludedAttributes=members&filter=displayName"):
            found = self._send("GET", f"{path}+eq+%22{uuid.uuid4()}%22", 200).json
            assert found["totalResults"] == 0 and found["Resources"] == []

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    # Users

    def _user(self, person: Person) -> None:
        known, values = self.users.get(person.object_id), mapped(person)
        if known is None:
            found = self._match("/Users?filter=userName", person.upn)
            if found is None:
                if not person.soft_deleted:
                    self._create_user(person, values)
                return
            known = self.users[person.object_id] = Exported(found["id"], flat(found))
            known.manager = found.get(MANAGER_URN, {}).get("manager", {}).get("value")
        if operations := self.dialect.update(known.values, values):
            if values["active"] and not known.values["active"]:  # a restore starts with the lookup
                found = self._match("/Users?filter=userName", known.values["userName"])
                assert found is not None and found["id"] == known.id and found["active"] is False
            self._send("GET", f"/Users/{known.id}", 200)
            shown = self._send("PATCH", f"/Users/{known.id}", 200, patch(*operations)).json
            assert shown["id"] == known.id and shown["active"] is values["active"]
            known.values |= values

    def _create_user(self, person: Person, values: Values) -> None:
        answer = self._send("POST", "/Users", (201, 400), create_body(values))
        if answer.status == 400:
            self.escrow.add(person.object_id)
        else:
            self.users[person.object_id] = Exported(answer.json["id"], values)

    def _purge_user(self, object_id: str) -> None:
        known = self.users.pop(object_id)
        self._send("DELETE", f"/Users/{known.id}", 204)
        self._send("GET", f"/Users/{known.id}", 404)

    def _manager(self, person: Person) -> None:
        known = self.users.get(person.object_id)
        if known is None or person.soft_deleted:
            return
        manager = self.users[person.manager].id if person.manager in self.users else None
        if manager == known.manager:
            return
        self._send("GET", f"/Users/{known.id}", 200)
        if manager is None:
            operation = self.dialect.clear_manager()
        else:
            check = f"/Users?attributes=id&filter=id+eq+%22{known.id}%22+and+manager+eq+%22{manager}%22"
            assert self._send("GET", check, 200).json["totalResults"] == 0
            operation = self.dialect.set_manager(manager, first=known.manager is None)
        self._send("PATCH", f"/Users/{known.id}", 200, patch(operation))
        known.manager = manager

    # Groups

    def _group(self, team: Team) -> None:
        known = self.groups.get(team.object_id)
        if known is None:
            found = self._match("/Groups?excludedAttributes=members&filter=displayName", team.display_name)
            if found is None:
                body = {"schemas": [GROUP, ADSCIM], "externalId": team.object_id, "displayName": team.display_name}
                found = self._send("POST", "/Groups", 201, body | {"meta": {"resourceType": "Group"}}).json
            assert "members" not in found
            known = self.groups[team.object_id] = Exported(found["id"], {"displayName": found["displayName"]})
        if known.values["displayName"] != team.display_name:
            self._send("PATCH", f"/Groups/{known.id}", 204, patch(self.dialect.rename(team.display_name)))
            known.values["displayName"] = team.display_name

    def _purge_group(self, object_id: str) -> None:
        self._send("DELETE", f"/Groups/{self.groups.pop(object_id).id}", 204)

    def _members(self, team: Team) -> None:
        known = self.groups[team.object_id]
        wanted = {self.users[member].id for member in team.members if member in self.users}
        # A deleted user has left his groups with the deletion.
        known.members &= {user.id for user in self.users.values()}
        if wanted == known.members:
            return
        self._send("GET", f"/Groups/{known.id}?excludedAttributes=members", 200)
        changes = ((wanted - known.members, self.dialect.add_members), (known.members - wanted, self.dialect.remove_members))
        for members, operations in changes:
            ids = sorted(members)
            for start in range(0, len(ids), self.batch):
                body = patch(*operations(ids[start : start + self.batch]))
                self._send("PATCH", f"/Groups/{known.id}", 204, body)
        known.members = wanted

    # HTTP

    def _match(self, query: str, value: str) -> dict[str, Any] | None:
        # Blanks between the words are +, in the value %20.
        quoted = quote(value, safe="'()*!")
        found = self._send("GET", f"{query}+eq+%22{quoted}%22", 200).json
        assert found["totalResults"] <= 1, found
        return found["Resources"][0] if found["Resources"] else None

    def _send(self, method: str, path: str, expected: int | tuple[int, ...], body: Any = None) -> Answer:
        if not hasattr(self._local, "client"):
            self._local.client = Client(*self._where)
        answer: Answer = self._local.client.send(method, path, body)
        self.requests[method] += 1
        allowed = expected if isinstance(expected, tuple) else (expected,)
        assert answer.status in allowed, f"{method} {path}\n{body}\n{answer.status} {answer.text}"
        assert not (faults := list(broken_laws(answer))), f"{method} {path}\n{body}\n{answer.text}\n{faults}"
        return answer

    def _each(self, work: Callable[[Any], None], things: Iterable[Any]) -> None:
        """Do the work for all things, several at a time; those of one thing stay in their order."""
        list(self._pool.map(work, list(things)))


ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
MANAGER_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def flat(resource: dict[str, Any]) -> Values:
    """Return a user that the server has shown as target attributes, as the mappings name them."""
    values: Values = {}
    for name, value in deepcopy(resource).items():
        if name in ("schemas", "id", "meta", "groups"):
            continue
        if isinstance(value, list):
            for element in value:
                kind = element.pop("type")
                element.pop("primary", None)
                values |= {f'{name}[type eq "{kind}"].{sub}': inner for sub, inner in element.items()}
        elif isinstance(value, dict):
            glue = ":" if name.startswith("urn:") else "."
            values |= {f"{name}{glue}{sub}": inner for sub, inner in value.items() if sub != "manager"}
        else:
            values[name] = value
    return values
