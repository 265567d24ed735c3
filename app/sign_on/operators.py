"""Which of a tenant's people operate the server: those in a group of the vendor's own tenant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.sign_on.people import People, Person
from app.store.accounts.tenants import Tenant
from app.store.directory.directory import Directory
from app.store.mongo.database import Database
from app.store.sign_on.sessions import Sessions

OPERATOR, VIEWER = "operator", "viewer"


@dataclass(frozen=True)
class Groups:
    """The groups whose members may use the console, and the tenant that they are in; `viewers` may be ""."""

    tenant: str
    operators: str
    viewers: str = ""


class Operators:
    """The operators who sign in; `directory` opens the directory of a tenant."""

    def __init__(self, database: Database, directory: Callable[[Tenant], Directory], groups: Groups) -> None:
        self.tenant = groups.tenant
        self._groups = groups
        self._people = People(database, Sessions(database), directory)

    def by_cookie(self, cookie: str) -> tuple[Person, str] | None:
        """Return who is signed in by the browser with this cookie, and their role or ""; None for nobody."""
        person = self._people.by_cookie(self.tenant, cookie)
        return (person, self._role(person)) if person else None

    def role_of(self, sid: str) -> str:
        """Return the role of the person with this session, "" if they have none any more, or are not signed in."""
        person = self._people.by_sid(self.tenant, sid)
        return self._role(person) if person else ""

    def _role(self, person: Person) -> str:
        for group, role in ((self._groups.operators, OPERATOR), (self._groups.viewers, VIEWER)):
            if group and person.is_in(group):
                return role
        return ""
