"""The people and groups of the measurements: made from a number, so that every process knows everybody's id."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


FRESH = 10_000_000
"""From here on are the numbers of the people that a measurement creates."""


@dataclass(frozen=True)
class Population:
    """The people and groups of one tenant, or of the bare app."""

    name: str
    users: int
    circles: int = 20
    """Groups that the connected half of the people are in, two each."""
    tens: int = 200
    """Groups of ten."""
    empties: int = 400
    """Groups of nobody."""
    crowds: tuple[int, ...] = ()
    """Groups of as many members as are given here."""

    @property
    def alone(self) -> range:
        """The numbers of the people without a group and a manager."""
        return range(self.users // 2)

    @property
    def connected(self) -> range:
        """The numbers of the people with a manager and in two groups."""
        return range(self.users // 2, self.users)

    def circles_of(self, number: int) -> tuple[str, str]:
        """Give the two groups that a connected person is in."""
        first = number % self.circles
        return self.group_id("circle", first), self.group_id("circle", (first + 7) % self.circles)

    def manager_of(self, number: int) -> str:
        """Give the id of a connected person's manager."""
        return self.user_id(number // 2)

    def user_id(self, number: int) -> str:
        """Give a person's id."""
        return self._id(f"user/{number}")

    def extra_id(self, number: int) -> str:
        """Give the id of a member who is no user here: groups may be larger than the number of people."""
        return self._id(f"extra/{number}")

    def group_id(self, kind: str, number: int) -> str:
        """Give a group's id."""
        return self._id(f"{kind}/{number}")

    def groups(self, kind: str, number: int) -> tuple[str, ...]:
        """Give the ids of all groups of a kind."""
        return tuple(self.group_id(kind, place) for place in range(number))

    def _id(self, what: str) -> str:
        return _uuid(f"{self.name}/{what}")


def user_name(number: int) -> str:
    """Give the userName of a person."""
    return f"Person.{number:07d}@bench.example"


def user(number: int) -> dict[str, Any]:
    """Give a person with every attribute that Entra's default mapping sends, as Entra sends it."""
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number // len(_GIVEN) % len(_FAMILY)]
    return {
        "schemas": [USER_URN, ENTERPRISE_URN],
        "externalId": _uuid(f"external/{number}"),
        "userName": user_name(number),
        "active": True,
        "displayName": f"{given} {family}",
        "title": _TITLES[number % len(_TITLES)],
        "preferredLanguage": "en-US",
        "emails": [{"primary": True, "type": "work", "value": f"{given}.{family}.{number}@bench.example"}],
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


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Give a PATCH body, as Entra writes it."""
    return {"schemas": [PATCH_URN], "Operations": list(operations)}


def _uuid(text: str) -> str:
    """Give a UUID: random to look at, the same in every process and every run."""
    digits = blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


_GIVEN = ("Ada", "Bjørn", "Chloé", "Dmitri", "Emeka", "Fatima", "Grace", "Hiroshi", "Inés", "Jürgen", "Kwame", "Łukasz")
_FAMILY = ("Almeida", "Berg", "Chen", "Dubois", "Eriksson", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kovač")
_TITLES = ("Engineer", "Accountant", "Head of Sales", "Buyer", "Team Lead", "Analyst")
_DEPARTMENTS = ("Research", "Finance", "Sales", "Purchasing", "Support")
