"""The people of the demo, as their identity provider knows them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

DIRECTORY = "dea11111-0000-4000-8000-000000000001"
"""The id of the identity provider's directory, as in the issuer URLs of large providers."""


@dataclass(frozen=True)
class Person:
    """A person who can sign in at the identity provider."""

    login: str
    """The name by which the person signs in, in the form of a mail address."""
    name: str
    remark: str = ""
    """What the page of the identity provider says besides."""

    @property
    def id(self) -> str:
        """The person's immutable id."""
        return str(uuid.uuid5(uuid.UUID(DIRECTORY), self.login))


PEOPLE = (
    Person("ada@demo.example", "Ada Lovelace", "provisioned"),
    Person("grace@demo.example", "Grace Hopper", "provisioned"),
    Person("niklaus@demo.example", "Niklaus Wirth", "provisioned, but disabled"),
    Person("edsger@demo.example", "Edsger Dijkstra", "not provisioned"),
)
