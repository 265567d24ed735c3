"""The users and groups of the measurements, made from numbers, so that every process knows their ids."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


FRESH = 10_000_000
"""The first number of the users and groups that a measurement creates."""


@dataclass(frozen=True)
class Population:
    """The users and groups of one tenant, or of the bare app."""

    name: str
    users: int
    first: int = 0
    """The number in the name of the first user."""
    circles: int = 20
    """Groups of the connected users (the second half, but for those who leave), two for each; 0 for none."""
    tens: int = 200
    """Groups of ten."""
    empties: int = 400
    """Empty groups."""
    teams: int = 0
    """Empty groups that get twenty members at a time."""
    leaving: int = 0
    """Users without a group and a manager, the last ones, who are disabled or deleted."""
    crowds: tuple[int, ...] = ()
    """The sizes of the large groups."""

    @property
    def path(self) -> str:
        """The path of the tenant's SCIM URL."""
        return f"/{self.name}/scim/v2"

    @property
    def alone(self) -> range:
        """The numbers of the users without a group and a manager."""
        return range(self.users // 2 if self.circles else self.users)

    @property
    def leavers(self) -> range:
        """The numbers of the users who are disabled or deleted; they join no group, which would change with them."""
        return range(self.users - self.leaving, self.users)

    def joiner(self, number: int) -> str:
        """Return the id of a user who may join a group; the numbers begin again where there are no more."""
        return self.user_id(number % self.leavers.start)

    @property
    def connected(self) -> range:
        """The numbers of the users with a manager and two groups."""
        return range(len(self.alone), self.leavers.start)

    def circles_of(self, number: int) -> tuple[str, str]:
        """Return the ids of the two groups of a connected user."""
        first = number % self.circles
        return self.group_id("circle", first), self.group_id("circle", (first + 7) % self.circles)

    def manager_of(self, number: int) -> str:
        """Return the id of a connected user's manager."""
        return self.user_id(number // 2)

    def user_id(self, number: int) -> str:
        """Return a user's id."""
        return self._id(f"user/{number}")

    def extra_id(self, number: int) -> str:
        """Return the id of a member that is no user here: a group may be larger than the population."""
        return self._id(f"extra/{number}")

    def group_id(self, kind: str, number: int) -> str:
        """Return a group's id."""
        return self._id(f"{kind}/{number}")

    def groups(self, kind: str, number: int) -> tuple[str, ...]:
        """Return the ids of all groups of a kind."""
        return tuple(self.group_id(kind, place) for place in range(number))

    def _id(self, what: str) -> str:
        return _uuid(f"{self.name}/{what}")


def user_name(number: int) -> str:
    """Return a user's userName."""
    return f"Person.{number:07d}@bench.example"


def email(number: int) -> str:
    """Return a user's work e-mail address; it is in ASCII, since not every server takes another one."""
    return f"person.{number}@mail.bench.example"


def external_id(number: int) -> str:
    """Return a user's externalId."""
    return _uuid(f"external/{number}")


def user(number: int) -> dict[str, Any]:
    """Return a user with every attribute of Entra's default mapping, as Entra sends it."""
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number // len(_GIVEN) % len(_FAMILY)]
    return {
        "schemas": [USER_URN, ENTERPRISE_URN],
        "externalId": external_id(number),
        "userName": user_name(number),
        "active": True,
        "displayName": f"{given} {family}",
        "title": _TITLES[number % len(_TITLES)],
        "preferredLanguage": "en-US",
        "emails": [{"primary": True, "type": "work", "value": email(number)}],
        "addresses": [{
            "type": "work", "formatted": f"{number} Example Way", "streetAddress": f"{number} Example Way",
            "locality": "Redmond", "region": "WA", "postalCode": "98052", "country": "US",
        }],
        "phoneNumbers": [
            {"type": "work", "value": f"+1 425 {number:07d}"},
            {"type": "mobile", "value": f"+1 206 {number:07d}"},
            {"type": "fax", "value": f"+1 360 {number:07d}"},
        ],
        "name": {"formatted": f"{given} {family}", "familyName": family, "givenName": given},
        ENTERPRISE_URN: {"employeeNumber": str(number), "department": _DEPARTMENTS[number % len(_DEPARTMENTS)]},
    }


def group(number: int) -> dict[str, Any]:
    """Return a group without members, as Entra creates it."""
    return {"schemas": [GROUP_URN], "externalId": _uuid(f"group/{number}"), "displayName": f"Group {number:07d}"}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a PATCH, as Entra writes it."""
    return {"schemas": [PATCH_URN], "Operations": list(operations)}


def _uuid(text: str) -> str:
    """Return a UUID that looks random and is the same in every process and every run."""
    digits = blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


_GIVEN = ("Ada", "Bjørn", "Chloé", "Dmitri", "Emeka", "Fatima", "Grace", "Hiroshi", "Inés", "Jürgen", "Kwame", "Łukasz")
_FAMILY = ("Almeida", "Berg", "Chen", "Dubois", "Eriksson", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kovač")
_TITLES = ("Engineer", "Accountant", "Head of Sales", "Buyer", "Team Lead", "Analyst")
_DEPARTMENTS = ("Research", "Finance", "Sales", "Purchasing", "Support")
