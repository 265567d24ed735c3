"""The operations that write. What each one has changed is read back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from bench import people
from bench.peers.operation import Answer, Operation, Read, Sent, expect
from bench.requests import CONNECTIONS, Requests

_ACTIVE = re.compile(rb'"active": ?(?:true|false)')


@dataclass(frozen=True)
class Create(Operation):
    """POST of a user with all that Entra sends."""

    name: ClassVar[str] = "post"
    title: ClassVar[str] = "create a user"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        name = people.user_name(people.FRESH + turn * CONNECTIONS + connection)
        return b" 201 " in response[:20] and name.encode() in response

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        expect(answer.status == 201, f"answered with {answer.status}")
        stored = read(f"/Users/{answer.body['id']}").body
        expect(stored["userName"] == sent.body["userName"], f"stored {stored['userName']} as userName")
        expect(stored["active"] is True, f"stored {stored['active']} as active")
        names = {people.ENTERPRISE_URN: "the enterprise extension"}
        lost = sorted(names.get(key, key) for key in sent.body if key not in stored and key != "schemas")
        return f"does not store {', '.join(lost)}" if lost else ""


class Switch(Requests):
    """PATCH that disables a user, another one each turn; after the last one, each is enabled again, and so on."""

    WORDS: ClassVar[tuple[object, object]] = (False, True)
    PART: ClassVar[int] = 0
    """The half of the users, so that no other operation has changed them before."""
    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        among = self.population.alone[self.PART::2]
        times, place = divmod(turn * CONNECTIONS + connection, len(among))
        active = self.WORDS[times % 2]
        path = ("/Users/" if self.token else "/users/") + self.population.user_id(among[place])
        if not self.token:
            return self.send("PATCH", path, {"active": active})
        return self.send("PATCH", path, people.patch({"op": "Replace", "path": "active", "value": active}))


class SwitchByText(Switch):
    """The same as Entra's older dialect has it."""

    WORDS: ClassVar[tuple[object, object]] = ("False", "True")
    PART: ClassVar[int] = 1


@dataclass(frozen=True)
class Disable(Operation):
    """PATCH that sets `active` to false."""

    name: ClassVar[str] = "disable"
    title: ClassVar[str] = "disable a user"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        return b" 204 " in response[:20] or bool(_ACTIVE.search(response))

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        wanted = str(sent.body["Operations"][0]["value"]) == "True"
        active = read(f"/Users/{sent.id}").body["active"]
        expect(active is wanted, f"answered with {answer.status}, and active is {active!r} instead of {wanted}")
        return ""


@dataclass(frozen=True)
class DisableByText(Disable):
    """PATCH that sets `active` to "False", as Entra does without the flag `aadOptscim062020`."""

    name: ClassVar[str] = "disable-text"
    title: ClassVar[str] = "disable a user in Entra's older dialect"


@dataclass(frozen=True)
class Delete(Operation):
    """DELETE of a user."""

    name: ClassVar[str] = "delete"
    title: ClassVar[str] = "delete a user"

    @property
    def most(self) -> int:
        return len(self.of.leavers)

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        return b" 204 " in response[:20]

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        expect(answer.status == 204, f"answered with {answer.status}")
        left = read(f"/Users/{sent.id}").status
        expect(left == 404, f"answered with 204, and a GET of the user with {left}")
        return ""


@dataclass(frozen=True)
class CreateGroup(Operation):
    """POST of a group without members."""

    name: ClassVar[str] = "group-create"
    title: ClassVar[str] = "create a group"

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        sent = Sent.read(self.source(connection, turn)).body
        return b" 201 " in response[:20] and sent["displayName"].encode() in response

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        expect(answer.status == 201, f"answered with {answer.status}")
        stored, wanted = read(f"/Groups/{answer.body['id']}").body["displayName"], sent.body["displayName"]
        expect(stored == wanted, f"stored {stored} as displayName instead of {wanted}")
        return ""


@dataclass(frozen=True)
class AddMember(Operation):
    """PATCH that adds one member."""

    name: ClassVar[str] = "add-member"
    title: ClassVar[str] = "add a member to a group"

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        added = {member["value"] for member in sent.body["Operations"][0]["value"]}
        members = {member["value"] for member in read(f"/Groups/{sent.id}").body.get("members") or ()}
        there = len(added & members)
        expect(there == len(added), f"answered with {answer.status}, and {there} of {len(added)} are members")
        return ""


@dataclass(frozen=True)
class AddMembers(AddMember):
    """PATCH that adds twenty members."""

    name: ClassVar[str] = "add-members"
    title: ClassVar[str] = "add 20 members to a group"
